//! Turns: groups that are on their way together are stored in the order in which they were made.

use tokio::sync::oneshot;

/// Gives turns out.
#[derive(Default)]
pub(super) struct Turns {
    newest: Option<oneshot::Receiver<()>>,
}

/// One group's turn, over when it is dropped.
pub(super) struct Turn {
    before: Option<oneshot::Receiver<()>>,
    _over: oneshot::Sender<()>,
}

impl Turns {
    /// The turn after all those given out before.
    pub(super) fn next(&mut self) -> Turn {
        let (over, is_over) = oneshot::channel();
        Turn {
            before: self.newest.replace(is_over),
            _over: over,
        }
    }
}

impl Turn {
    /// Until the turn before is over. Safe to drop and to call again.
    pub(super) async fn comes(&mut self) {
        if let Some(before) = &mut self.before {
            // Nothing is ever sent; the other end is dropped.
            let _ = before.await;
            self.before = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::Turns;

    #[tokio::test]
    async fn one_comes_after_the_other() {
        let mut turns = Turns::default();
        let (mut first, mut second, mut third) = (turns.next(), turns.next(), turns.next());
        first.comes().await;
        assert!(second.comes().now_or_never().is_none());
        drop(first);
        assert!(third.comes().now_or_never().is_none(), "the second has not been");
        second.comes().await;
        drop(second);
        third.comes().await;
        third.comes().await;
    }
}
