//! Which dead letters are meant, as far as their headers say.

use std::time::SystemTime;

use stadtbus_broker::{Position, Record};

use crate::{
    deliver::dead_letter::{BURIED_HEADER, CODE_HEADER, TYPE_HEADER},
    written::millis,
};

/// Which letters are wanted; what is not said does not matter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Of this subscription.
    pub subscription: Option<String>,
    /// Of this partner's subscriptions.
    pub partner: Option<String>,
    /// Given up for this reason.
    pub code: Option<String>,
    /// With events of this type.
    pub ty: Option<String>,
    /// Given up at this time or later.
    pub from: Option<SystemTime>,
    /// Given up before this time.
    pub to: Option<SystemTime>,
}

/// What the headers of a letter say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Its position among the dead letters.
    pub position: Position,
    /// The owner of its subscription.
    pub partner: String,
    /// Its subscription.
    pub subscription: String,
    /// The reason's code.
    pub code: String,
    /// The event's type; empty in letters of an older version.
    pub ty: String,
    /// When it was given up, in milliseconds since 1970.
    pub buried_ms: u64,
}

impl Head {
    /// Reads the headers of a record; none if it is no dead letter.
    pub(super) fn of(record: &Record) -> Option<Self> {
        let mut names = record.subject.strip_prefix("dead.")?.split('.');
        let buried = record.header(BURIED_HEADER).and_then(|text| text.parse().ok());
        Some(Self {
            position: record.position,
            partner: names.next()?.to_owned(),
            subscription: names.next()?.to_owned(),
            code: record.header(CODE_HEADER)?.to_owned(),
            ty: record.header(TYPE_HEADER).unwrap_or_default().to_owned(),
            buried_ms: buried.unwrap_or_else(|| millis(record.stored_at)),
        })
    }
}

impl Wanted {
    /// Whether it is wanted, its type left aside.
    pub(super) fn wants(&self, head: &Head) -> bool {
        let is =
            |wanted: &Option<String>, found: &str| wanted.as_deref().is_none_or(|wanted| wanted == found);
        is(&self.subscription, &head.subscription)
            && is(&self.partner, &head.partner)
            && is(&self.code, &head.code)
            && self.from.is_none_or(|from| head.buried_ms >= millis(from))
            && self.to.is_none_or(|to| head.buried_ms < millis(to))
    }

    pub(super) fn wants_type(&self, ty: &str) -> bool {
        self.ty.as_deref().is_none_or(|wanted| wanted == ty)
    }
}
