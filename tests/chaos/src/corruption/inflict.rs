//! Doing it.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use stadtbus_harness::{Failure, Outcome};

use super::cases::Damage;
use super::stage::{Stage, copy};

const ZEROED: u64 = 4_096;

/// Damages the store, which no process has open.
pub(crate) fn inflict(stage: &Stage, damage: &Damage, random: &mut fastrand::Rng) -> Outcome<()> {
    inflict_in(&stage.streams(), &stage.old_streams(), damage, random)
}

/// Damages the streams in this directory, or puts what is in the older one in their place.
pub(crate) fn inflict_in(
    streams: &Path,
    old: &Path,
    damage: &Damage,
    random: &mut fastrand::Rng,
) -> Outcome<()> {
    match damage {
        Damage::Nothing => Ok(()),
        Damage::FlipInBlocks(stream, part) => {
            let (file, at) = in_blocks(&streams.join(stream), *part)?;
            flip(&file, at, random)
        }
        Damage::FlipInFile(stream, name) => {
            let file = streams.join(stream).join(name);
            // The state of a broker that was killed may not have been written at all: then there is nothing to damage.
            let Ok(found) = fs::metadata(&file) else {
                return Ok(());
            };
            flip(&file, found.len() / 2, random)
        }
        Damage::Truncate(stream, part) => {
            let (file, at) = in_blocks(&streams.join(stream), *part)?;
            Ok(File::options().write(true).open(file)?.set_len(at)?)
        }
        Damage::Zero(stream, part) => {
            let (file, at) = in_blocks(&streams.join(stream), *part)?;
            let at = at - at % ZEROED;
            let count = ZEROED.min(fs::metadata(&file)?.len() - at);
            let zeros = vec![0; usize::try_from(count).unwrap_or(0)];
            Ok(File::options().write(true).open(file)?.write_all_at(&zeros, at)?)
        }
        Damage::Old(stream) => replace(&old.join(stream), &streams.join(stream)),
        Damage::OldStore => replace(old, streams),
        Damage::Swap(one, other) => {
            let between = streams.with_extension("between");
            fs::rename(streams.join(one), &between)?;
            fs::rename(streams.join(other), streams.join(one))?;
            Ok(fs::rename(between, streams.join(other))?)
        }
        Damage::Delete(stream, name) => {
            let path = streams.join(stream).join(name);
            match fs::metadata(&path) {
                Ok(found) if found.is_dir() => Ok(fs::remove_dir_all(path)?),
                Ok(_) => Ok(fs::remove_file(path)?),
                Err(_) if !name.is_empty() => Ok(()),
                Err(error) => Err(Failure::from(error).while_(stream)),
            }
        }
    }
}

fn replace(from: &Path, to: &Path) -> Outcome<()> {
    fs::remove_dir_all(to)?;
    copy(from, to)
}

fn flip(file: &Path, at: u64, random: &mut fastrand::Rng) -> Outcome<()> {
    let file = File::options().read(true).write(true).open(file)?;
    let mut byte = [0];
    file.read_exact_at(&mut byte, at)?;
    let flipped = byte.map(|byte| byte ^ (1 << random.u32(0..8)));
    Ok(file.write_all_at(&flipped, at)?)
}

/// The file and the place in it at this part of all blocks of a stream.
fn in_blocks(stream: &Path, part: f64) -> Outcome<(PathBuf, u64)> {
    let mut blocks = Vec::new();
    for entry in fs::read_dir(stream.join("msgs"))? {
        let path = entry?.path();
        let number = path.file_name().and_then(|name| name.to_str());
        let number = number.and_then(|name| name.strip_suffix(".blk")?.parse::<u64>().ok());
        if let Some(number) = number {
            blocks.push((number, path.clone(), fs::metadata(&path)?.len()));
        }
    }
    blocks.sort_unstable();
    let total: u64 = blocks.iter().map(|(_, _, bytes)| bytes).sum();
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a place in a file"
    )]
    let mut at = (total as f64 * part) as u64;
    for (_, path, bytes) in blocks {
        if at < bytes {
            return Ok((path, at));
        }
        at -= bytes;
    }
    Err(Failure::new(format!("{} has no blocks", stream.display())))
}
