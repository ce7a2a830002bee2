//! A place in which the pages are true: `/etc/stadtbus` and `/var/lib/stadtbus` are there, and the ports they name are free.

use std::process::Stdio;

use stadtbus_harness::{Failure, Outcome};
use tokio::process::Command;

/// Says to this program that it is in there.
pub(crate) const INSIDE: &str = "--inside";

/// Namespaces of its own, for processes too: with the outer process all go that were started in there.
const UNSHARE: [&str; 4] = ["-rnmp", "--fork", "--kill-child", "--mount-proc"];

/// Runs this program once more in namespaces of its own; `None` where none may be made.
pub(crate) async fn enter(seed: u64) -> Outcome<Option<bool>> {
    let may = Command::new("unshare")
        .args(UNSHARE)
        .args(["mount", "-t", "tmpfs", "tmpfs", "/mnt"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .await;
    if !may.is_ok_and(|status| status.success()) {
        return Ok(None);
    }
    let status = Command::new("unshare")
        .args(UNSHARE)
        .arg(std::env::current_exe()?)
        .args(["--corruption", "--runbook", INSIDE, "--seed", &seed.to_string()])
        .kill_on_drop(true)
        .status()
        .await?;
    match status.code() {
        Some(0) => Ok(Some(true)),
        Some(1) => Ok(Some(false)),
        other => Err(Failure::new(format!("the inner run ended with {other:?}"))),
    }
}

/// Lays out the place. What lies below `/etc` is still there; what is written goes into memory.
pub(crate) async fn furnish() -> Outcome<()> {
    for words in [
        "ip link set lo up",
        "mount -t tmpfs tmpfs /mnt",
        "mkdir /mnt/upper /mnt/work",
        "mount -t overlay overlay -o lowerdir=/etc,upperdir=/mnt/upper,workdir=/mnt/work /etc",
        "mount -t tmpfs tmpfs /var/lib",
        "mkdir -p /etc/stadtbus /var/lib/stadtbus",
    ] {
        let mut words = words.split(' ');
        let program = words.next().unwrap_or_default();
        let done = Command::new(program).args(words).output().await?;
        if !done.status.success() {
            let why = String::from_utf8_lossy(&done.stderr).trim().to_owned();
            return Err(Failure::new(why).while_(program));
        }
    }
    Ok(())
}
