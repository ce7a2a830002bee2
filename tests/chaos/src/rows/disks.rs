//! Full disks and slow ones, below the broker and below the bus.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use stadtbus_harness::{Failure, Outcome};

use super::resources::Group;
use super::{PLAIN, Row};
use crate::setup::{Ready, Setup};
use crate::stage::{SETTLE, Stage};

const STORE_LIMIT_BYTES: u64 = 24 << 20;
const DISK_BYTES: u64 = 256 << 20;
const TMPFS_MIB: u64 = 8;
const WRITE_BYTES_PER_S: u64 = 1 << 20;
/// What is full answers soon; the bus's own deadline for a broker that says nothing is ten seconds.
const REFUSED_WITHIN: Duration = Duration::from_secs(1);
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// The limit below the size of the disk does its work.
pub(super) const STORE_LIMIT: Row = Row {
    name: "store-limit",
    what: "a log of 24 MiB fills up, and is made larger",
    events_max: 200_000,
    prepare: |setup| {
        setup.limits = format!("log_bytes_max = {STORE_LIMIT_BYTES}\n");
        Ok(Ready::Yes)
    },
    fault: |stage| Box::pin(store_limit(stage)),
    ..PLAIN
};

/// The disk itself is full.
pub(super) const BROKER_DISK: Row = Row {
    name: "broker-disk-full",
    what: "the file system below the broker's store is full; space is made, the broker started again",
    prepare: broker_disk,
    fault: |stage| Box::pin(disk_full(stage)),
    ..PLAIN
};

/// The bus's own files.
pub(super) const BUS_DISK: Row = Row {
    name: "bus-disk-full",
    what: "the file system of the bus's own files (8 MiB) is full",
    prepare: bus_disk,
    fault: |stage| Box::pin(bus_disk_full(stage)),
    ..PLAIN
};

/// Slow.
pub(super) const SLOW_DISK: Row = Row {
    name: "slow-disk",
    what: "the broker writes 1 MB/s",
    prepare: slow_disk,
    fault: |stage| Box::pin(slow(stage)),
    ..PLAIN
};

/// A file system of its own; dropped, it is unmounted.
struct Mount {
    at: PathBuf,
    // Goes after the file system in it.
    _folder: tempfile::TempDir,
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = run("umount", &["-l", &self.at.display().to_string()]);
    }
}

fn run(program: &str, args: &[&str]) -> Result<String, String> {
    match Command::new(program).args(args).output() {
        Ok(done) if done.status.success() => Ok(String::from_utf8_lossy(&done.stdout).into_owned()),
        Ok(done) => Err(format!(
            "{program}: {}",
            String::from_utf8_lossy(&done.stderr).trim()
        )),
        Err(error) => Err(format!("{program}: {error}")),
    }
}

impl Mount {
    fn folder() -> Result<(tempfile::TempDir, PathBuf), String> {
        let folder = tempfile::Builder::new().prefix("stadtbus-chaos-disk-").tempdir();
        let folder = folder.map_err(|error| error.to_string())?;
        let at = folder.path().join("mnt");
        std::fs::create_dir(&at).map_err(|error| error.to_string())?;
        Ok((folder, at))
    }

    /// A new ext4 in a file.
    fn ext4(bytes: u64) -> Result<Self, String> {
        let (folder, at) = Self::folder()?;
        let image = folder.path().join("image");
        let file = std::fs::File::create(&image).map_err(|error| error.to_string())?;
        file.set_len(bytes).map_err(|error| error.to_string())?;
        let (image, to) = (image.display().to_string(), at.display().to_string());
        run("mkfs.ext4", &["-q", "-F", "-m", "0", &image])?;
        run("mount", &["-o", "loop", &image, &to])?;
        Ok(Self { at, _folder: folder })
    }

    /// A new file system in memory.
    fn tmpfs(mib: u64) -> Result<Self, String> {
        let (folder, at) = Self::folder()?;
        let size = format!("size={mib}m");
        run(
            "mount",
            &[
                "-t",
                "tmpfs",
                "-o",
                &size,
                "stadtbus-chaos",
                &at.display().to_string(),
            ],
        )?;
        Ok(Self { at, _folder: folder })
    }

    /// The number of its block device, as control groups name it.
    fn device(&self) -> Result<String, String> {
        let number = run(
            "findmnt",
            &["-n", "-o", "MAJ:MIN", &self.at.display().to_string()],
        )?;
        Ok(number.trim().to_owned())
    }
}

/// Fills what is left of a file system.
fn fill(folder: &Path) -> Outcome<PathBuf> {
    let ballast = folder.join("ballast");
    let mut file = std::fs::File::create(&ballast)?;
    let zeros = vec![0; 1 << 20];
    let mut chunk = zeros.len();
    // By halves, until not one byte more fits in.
    while chunk > 0 {
        let part = zeros.get(..chunk).unwrap_or_default();
        if std::io::Write::write_all(&mut file, part).is_err() {
            chunk /= 2;
        }
    }
    // What the kernel had only promised to write counts as well.
    let _ = file.sync_all();
    Ok(ballast)
}

fn needs_mounts(why: String) -> Ready {
    Ready::Skip(format!("needs root and mounts: {why}"))
}

async fn store_limit(stage: &mut Stage) -> Outcome<()> {
    stage.warm().await?;
    let start = Instant::now();
    let mut refused = 0;
    while refused == 0 && start.elapsed() < SETTLE {
        tokio::time::sleep(LOOK_AGAIN).await;
        refused = stage.answered().count(503);
    }
    tokio::time::sleep(Duration::from_secs(5)).await;
    let answers = stage.answered();
    stage.expect(
        format!(
            "a full log is an answer: {} × 503, the slowest after {} ms",
            answers.count(503),
            answers.slowest_refusal.as_millis()
        ),
        answers.count(503) > 0
            && answers.slowest_refusal <= REFUSED_WITHIN
            && answers.other_than(&[202, 503]) == 0,
    );
    let from = format!("log_bytes_max = {STORE_LIMIT_BYTES}");
    let config = stage.world.bus.options_mut();
    config.extra_config = config.extra_config.replace(&from, "log_bytes_max = 2147483648");
    stage.world.bus.stop().await?;
    stage.world.bus.start_again().await?;
    stage.flows("the log was made larger").await;
    Ok(())
}

fn broker_disk(setup: &mut Setup) -> Outcome<Ready> {
    let disk = match Mount::ext4(DISK_BYTES) {
        Ok(disk) => disk,
        Err(why) => return Ok(needs_mounts(why)),
    };
    setup.nats.store = Some(disk.at.join("store"));
    setup.limits.push_str("duplicate_window_s = 900\n");
    setup.disk = Some(disk.at.clone());
    setup.guards.push(Box::new(disk));
    Ok(Ready::Yes)
}

async fn disk_full(stage: &mut Stage) -> Outcome<()> {
    stage.warm().await?;
    let ballast = fill(&stage.disk()?)?;
    tokio::time::sleep(Duration::from_secs(20)).await;
    let answers = stage.answered();
    stage.expect(
        "with a full disk below the broker publishers are answered 503, all of them",
        answers.count(503) > 0 && answers.silent == 0 && answers.other_than(&[202, 503]) == 0,
    );
    std::fs::remove_file(ballast)?;
    // It does not recover by itself, which the runbook says: free space, then start it again.
    stage.kill_broker(Duration::ZERO).await?;
    stage.flows("space was made and the broker started again").await;
    Ok(())
}

fn bus_disk(setup: &mut Setup) -> Outcome<Ready> {
    let disk = match Mount::tmpfs(TMPFS_MIB) {
        Ok(disk) => disk,
        Err(why) => return Ok(needs_mounts(why)),
    };
    setup.bus.dir = Some(disk.at.join("bus"));
    setup.bus.plugin_cache = Some(disk.at.join("plugins"));
    setup.disk = Some(disk.at.clone());
    setup.guards.push(Box::new(disk));
    Ok(Ready::Yes)
}

async fn bus_disk_full(stage: &mut Stage) -> Outcome<()> {
    stage.warm().await?;
    let ballast = fill(&stage.disk()?)?;
    tokio::time::sleep(Duration::from_secs(15)).await;
    let answers = stage.answered();
    stage.expect("the bus lives on a full disk", stage.bus_lives());
    stage.expect(
        "publishers are answered: accepted, or refused with 503",
        answers.silent == 0 && answers.other_than(&[202, 503]) == 0,
    );
    std::fs::remove_file(ballast)?;
    stage.flows("space was made").await;
    Ok(())
}

fn slow_disk(setup: &mut Setup) -> Outcome<Ready> {
    let disk = match Mount::ext4(4 * DISK_BYTES) {
        Ok(disk) => disk,
        Err(why) => return Ok(needs_mounts(why)),
    };
    let group = match Group::new("blkio") {
        Ok(group) => group,
        Err(why) => return Ok(Ready::Skip(why)),
    };
    let device = disk.device().map_err(Failure::new)?;
    setup.nats.wrapper = group.wrapper();
    setup.nats.store = Some(disk.at.join("store"));
    setup.disk = Some(group.0.join("blkio.throttle.write_bps_device"));
    setup.device = device;
    setup.guards.push(Box::new(group));
    setup.guards.push(Box::new(disk));
    Ok(Ready::Yes)
}

async fn slow(stage: &mut Stage) -> Outcome<()> {
    stage.warm().await?;
    let (throttle, device) = (stage.disk()?, stage.device());
    std::fs::write(&throttle, format!("{device} {WRITE_BYTES_PER_S}"))?;
    let goes_on = stage.goes_on_by(500, SETTLE).await;
    stage.expect("events pass at 1 MB/s", goes_on.is_some());
    tokio::time::sleep(Duration::from_secs(20)).await;
    let answers = stage.answered();
    stage.expect(
        "publishers are answered 202, 429 or 503, all of them",
        answers.silent == 0 && answers.other_than(&[202, 429, 503]) == 0,
    );
    std::fs::write(&throttle, format!("{device} 0"))?;
    stage.flows("the disk is fast again").await;
    Ok(())
}
