//! What can be wrong with a log, in one word and one sentence.

use serde::{Deserialize, Serialize};
use stadtbus_broker::Position;

/// The kinds of damage. Each is a contradiction between what the broker has and what the witness saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DamageKind {
    /// The broker has no such log any more.
    Missing,
    /// It ends before what was acknowledged.
    Truncated,
    /// It begins later than its age explains.
    Beheaded,
    /// A record inside it is gone.
    Hole,
    /// A record is not the one that was acknowledged.
    Altered,
    /// A record is there and cannot be read.
    Unreadable,
    /// A position, or the revision of a cell, was given a second time.
    Reused,
    /// A cell has an older value than the one that was written.
    RolledBack,
}

impl DamageKind {
    /// The word used in answers and log lines.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Truncated => "truncated",
            Self::Beheaded => "beheaded",
            Self::Hole => "hole",
            Self::Altered => "altered",
            Self::Unreadable => "unreadable",
            Self::Reused => "reused",
            Self::RolledBack => "rolled-back",
        }
    }
}

/// One contradiction, with the places that show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Damage {
    /// What is wrong.
    pub kind: DamageKind,
    /// Where: a position of a log or a revision of a bucket.
    pub position: Position,
    /// What the witness knows: the last position that was acknowledged, or the position that should be there.
    pub expected: Position,
    /// What the broker has there.
    pub found: Position,
    /// When it was noticed, in milliseconds since 1970.
    pub since_ms: u64,
}

impl Damage {
    pub(super) fn new(kind: DamageKind, position: Position, expected: Position, found: Position) -> Self {
        Self {
            kind,
            position,
            expected,
            found,
            since_ms: crate::written::millis_now(),
        }
    }

    /// The sentence for the operator.
    #[must_use]
    pub fn sentence(&self) -> String {
        let Self {
            position,
            expected,
            found,
            ..
        } = self;
        match self.kind {
            DamageKind::Missing => format!("it is not there; {expected} was acknowledged last"),
            DamageKind::Truncated => format!("it ends at {found}; {expected} was acknowledged last"),
            DamageKind::Beheaded => {
                format!("it begins at {found}; position {position} is not old enough to be gone")
            }
            DamageKind::Hole => format!("position {position} was acknowledged and is not there"),
            DamageKind::Altered => format!("position {position} is not what was acknowledged"),
            DamageKind::Unreadable => format!("position {position} cannot be read"),
            DamageKind::Reused => {
                format!("position {position} was given again after {expected} had been acknowledged")
            }
            DamageKind::RolledBack => {
                format!("a value was written as revision {expected} and is there as revision {found}")
            }
        }
    }
}
