//! The daily statement (Tagesabschluss): for one calendar day, what was accepted for each subscription and what became of it.
//!
//! *Promise*: for each day one statement, signed, chained to the one before it, made by exactly one process, and made up for
//! if nobody was there when the day ended. Each subscription opens where the statement before closed it, and what moved is the
//! difference of the two: nothing falls between two days. The cut is one of positions, not of clocks: every closing names the
//! last position of each log that is in it. *Refuses*: to sign without a key of the bus, and to change what was made.
//! *Why a JWS*: any library of JOSE verifies it, and what is signed are the very bytes that are sent ([`signed`]).

mod day;
mod make;
pub mod signed;
mod store;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

pub use day::Zone;
pub use make::Statements;
use serde::{Deserialize, Serialize};
use stadtbus_broker::Position;
pub use store::Kept;

use crate::{
    completeness::Report,
    lanes::Balance,
    written::{from_millis, rfc3339},
};

/// One statement, as it is signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statement {
    /// The calendar day, `2026-11-28`.
    pub day: String,
    /// The zone of the calendar.
    pub zone: String,
    /// When the day began, RFC 3339.
    pub begins: String,
    /// When it ended.
    pub ends: String,
    /// When the statement was made. What was settled between the end of the day and this moment is in it, too; the positions
    /// say exactly what is.
    pub made: String,
    /// The statement before.
    pub previous: Option<Previous>,
    /// Whether every account adds up.
    pub even: bool,
    /// Whether no source lacks anything.
    pub complete: bool,
    /// The account of each subscription.
    pub subscriptions: Vec<Account>,
    /// Subscriptions that stood in the statement before and are gone.
    pub ended: Vec<String>,
    /// Each log, as the witness knows it.
    pub logs: Vec<LogHead>,
    /// What each source published, and what is missing: the stretches of the logs since the statement before.
    pub sources: Vec<Report>,
    /// Stretches of logs in which too many sources published to be told of.
    pub unchecked: Vec<String>,
}

/// The statement before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Previous {
    /// Its day.
    pub day: String,
    /// SHA-256 of its compact form, hexadecimal.
    pub sha256: String,
}

/// The account of one subscription over the day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// The subscription.
    pub subscription: String,
    /// Whose it is.
    pub partner: String,
    /// Since when its events are counted.
    pub since: String,
    /// As the statement before closed it; nothing if it is new.
    pub opening: Heads,
    /// What moved since.
    pub movement: Heads,
    /// As it stands now.
    pub closing: Heads,
    /// Accepted at the closing less all the others; anything but 0 is a fault.
    pub difference: i64,
    /// When both sides of the closing were compared.
    pub compared: String,
    /// By log, the last position in the closing.
    pub positions: BTreeMap<String, Position>,
}

/// The heads of an account.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "they are those of the balance")]
pub struct Heads {
    pub accepted: i64,
    pub delivered: i64,
    pub filtered: i64,
    pub refused: i64,
    pub expired: i64,
    pub dead_lettered: i64,
    pub parked: i64,
    pub pending: i64,
}

impl From<&Balance> for Heads {
    fn from(balance: &Balance) -> Self {
        Self {
            accepted: balance.accepted,
            delivered: balance.delivered,
            filtered: balance.filtered,
            refused: balance.refused,
            expired: balance.expired,
            dead_lettered: balance.dead_lettered,
            parked: balance.parked,
            pending: balance.pending,
        }
    }
}

impl Heads {
    fn since(self, opening: Self) -> Self {
        Self {
            accepted: self.accepted - opening.accepted,
            delivered: self.delivered - opening.delivered,
            filtered: self.filtered - opening.filtered,
            refused: self.refused - opening.refused,
            expired: self.expired - opening.expired,
            dead_lettered: self.dead_lettered - opening.dead_lettered,
            parked: self.parked - opening.parked,
            pending: self.pending - opening.pending,
        }
    }
}

impl Account {
    fn of(subscription: &str, partner: &str, balance: &Balance, before: Option<&Self>) -> Self {
        let since = rfc3339(from_millis(balance.since_ms));
        // A later subscription of the same name begins anew.
        let before = before.filter(|before| before.since == since && before.partner == partner);
        let (opening, closing) = (
            before.map(|before| before.closing).unwrap_or_default(),
            Heads::from(balance),
        );
        Self {
            subscription: subscription.to_owned(),
            partner: partner.to_owned(),
            since,
            opening,
            movement: closing.since(opening),
            closing,
            difference: balance.difference,
            compared: rfc3339(from_millis(balance.at_ms)),
            positions: balance.logs.clone(),
        }
    }
}

/// One log at the moment of the statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogHead {
    /// Its name.
    pub log: String,
    /// The first position that is still there.
    pub first: Position,
    /// The last position.
    pub last: Position,
    /// The hash chain over its records, if this process has a witness.
    pub chain: Option<Chain>,
    /// What is wrong with it, if something is.
    pub damage: Option<String>,
}

/// The head of a witness's hash chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chain {
    /// Where it begins.
    pub from: Position,
    /// The last position in it.
    pub to: Position,
    /// The hash there, hexadecimal.
    pub hash: String,
}
