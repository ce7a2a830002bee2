//! The comparison of a whole log, in parts: slow, and never in the way.

use stadtbus_broker::Position;

/// A comparison of the whole log under way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scan {
    pub(super) next: Position,
    /// Whether it is to come by every record, so that its end says something about all of the log.
    pub(super) whole: bool,
    /// Where it began: an earlier life came as far as that.
    began: Position,
    /// Whether it has come to the end of the log and goes on with what lies before where it began.
    around: bool,
}

impl Scan {
    /// All of it, from the beginning.
    pub(super) fn whole() -> Self {
        Self::part(0).of_all()
    }

    /// From here to the end.
    pub(super) fn part(next: Position) -> Self {
        Self {
            next,
            whole: false,
            began: next,
            around: false,
        }
    }

    /// The same, come as far as here.
    pub(super) fn at(self, next: Position) -> Self {
        Self { next, ..self }
    }

    fn of_all(self) -> Self {
        Self { whole: true, ..self }
    }

    /// All of a log, first what an earlier life did not come to: however often a process starts anew, each record has its
    /// turn.
    pub(super) fn resumed(scanned: Position) -> Self {
        match scanned {
            0 => Self::whole(),
            scanned => Self::part(scanned + 1).of_all(),
        }
    }

    /// The last position of this round.
    pub(super) fn end(&self, last: Position) -> Position {
        if self.around {
            last.min(self.began.saturating_sub(1))
        } else {
            last
        }
    }

    /// What is left when this round is over.
    pub(super) fn around(self) -> Option<Self> {
        (self.whole && !self.around && self.began > 0).then_some(Self {
            next: 0,
            around: true,
            ..self
        })
    }
}
