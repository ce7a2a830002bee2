//! What is done to the files.

/// One kind of damage.
#[derive(Debug, Clone)]
pub(crate) enum Damage {
    /// None: what was put back is as it was, and there may be no alarm.
    Nothing,
    /// One bit, at this part of the blocks of a stream (0 to 1).
    FlipInBlocks(&'static str, f64),
    /// One bit in the middle of a file of a stream.
    FlipInFile(&'static str, &'static str),
    /// The block at this part of the blocks ends there.
    Truncate(&'static str, f64),
    /// 4 KiB of zeros.
    Zero(&'static str, f64),
    /// A stream as it was at the earlier time.
    Old(&'static str),
    /// The whole store as it was then.
    OldStore,
    /// Two streams in each other's place.
    Swap(&'static str, &'static str),
    /// A file or directory of a stream is gone; empty: the whole stream.
    Delete(&'static str, &'static str),
}

impl Damage {
    pub(crate) fn is_none(&self) -> bool {
        matches!(self, Self::Nothing)
    }
}

/// One case.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub(crate) damage: Damage,
    /// Whether the broker had stopped in order before, or was killed.
    pub(crate) graceful: bool,
}

impl Case {
    pub(crate) fn name(&self) -> String {
        let percent = |part: &f64| format!("{:.0} %", part * 100.0);
        let what = match &self.damage {
            Damage::Nothing => "nothing damaged".to_owned(),
            Damage::FlipInBlocks(stream, part) => format!("{stream}: bit flip at {}", percent(part)),
            Damage::FlipInFile(stream, file) => format!("{stream}: bit flip in {file}"),
            Damage::Truncate(stream, part) => format!("{stream}: truncated at {}", percent(part)),
            Damage::Zero(stream, part) => format!("{stream}: 4 KiB zeroed at {}", percent(part)),
            Damage::Old(stream) => format!("{stream}: old snapshot"),
            Damage::OldStore => "the whole store: old snapshot".to_owned(),
            Damage::Swap(one, other) => format!("{one} and {other} swapped"),
            Damage::Delete(stream, "") => format!("{stream}: deleted"),
            Damage::Delete(stream, file) => format!("{stream}: {file} deleted"),
        };
        format!("{what}, {}", if self.graceful { "stopped" } else { "killed" })
    }
}

const LOG: &str = "LOG_PUB";
const OTHER: &str = "LOG_ABL";

/// All of them.
pub(crate) fn all() -> Vec<Case> {
    let mut cases = Vec::new();
    let parts = |count: u32| (0..count).map(move |n| (f64::from(n) + 0.5) / f64::from(count));
    for graceful in [false, true] {
        let mut add = |damage| cases.push(Case { damage, graceful });
        add(Damage::Nothing);
        parts(12).for_each(|part| add(Damage::FlipInBlocks(LOG, part)));
        parts(5).for_each(|part| add(Damage::Truncate(LOG, part)));
        parts(5).for_each(|part| add(Damage::Zero(LOG, part)));
        add(Damage::FlipInFile(LOG, "meta.inf"));
        add(Damage::FlipInFile(LOG, "msgs/index.db"));
        add(Damage::Delete(LOG, "msgs/index.db"));
    }
    let mut add = |damage| {
        cases.push(Case {
            damage,
            graceful: false,
        });
    };
    add(Damage::FlipInBlocks("SETTLED", 0.5));
    add(Damage::OldStore);
    [LOG, OTHER, "KV_CITY", "KV_CURSORS"]
        .into_iter()
        .for_each(|stream| add(Damage::Old(stream)));
    add(Damage::Swap(LOG, OTHER));
    add(Damage::Swap(LOG, "SETTLED"));
    [LOG, "SETTLED", "KV_CITY", "KV_CURSORS"]
        .into_iter()
        .for_each(|stream| add(Damage::Delete(stream, "")));
    add(Damage::Delete(LOG, "obs"));
    cases
}
