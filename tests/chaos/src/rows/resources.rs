//! Too little of what every process needs.

use std::path::PathBuf;
use std::time::Duration;

use stadtbus_harness::Outcome;
use tokio::net::TcpStream;

use super::{PLAIN, Row};
use crate::setup::{Ready, Setup};
use crate::stage::{SETTLE, Stage};

const MEMORY_BYTES: u64 = 256 << 20;
const FILES: usize = 256;
/// Connections that are opened and not used: more than there are files.
const CONNECTIONS: usize = 400;
const HELD_FOR: Duration = Duration::from_secs(10);
/// A control group whose processes were killed is empty within this time.
const EMPTY_WITHIN: Duration = Duration::from_secs(2);

/// 256 MiB.
pub(super) const MEMORY: Row = Row {
    name: "memory",
    what: "the bus in a control group of 256 MiB",
    events: 40_000,
    prepare: group,
    fault: |stage| Box::pin(memory(stage)),
    ..PLAIN
};

/// 256 open files.
pub(super) const FEW_FILES: Row = Row {
    name: "files",
    what: "the bus with 256 open files, and 400 idle connections to it",
    prepare: |setup| {
        setup.bus.wrapper = vec!["prlimit".to_owned(), format!("--nofile={FILES}")];
        Ok(Ready::Yes)
    },
    fault: |stage| Box::pin(files(stage)),
    ..PLAIN
};

/// A control group of the memory controller, of version 1; dropped, it is removed.
pub(super) struct Group(pub(super) PathBuf);

impl Group {
    /// A new group of this controller, or why there is none.
    pub(super) fn new(controller: &str) -> Result<Self, String> {
        let root = PathBuf::from("/sys/fs/cgroup").join(controller);
        let group = root.join(format!("stadtbus-chaos-{}", std::process::id()));
        match std::fs::create_dir(&group) {
            Ok(()) => Ok(Self(group)),
            Err(error) => Err(format!(
                "needs root and control groups of version 1 ({controller}): {error}"
            )),
        }
    }

    /// A command that goes into the group and becomes what stands behind it.
    pub(super) fn wrapper(&self) -> Vec<String> {
        let enter = format!("echo $$ > {}/cgroup.procs && exec \"$@\"", self.0.display());
        ["sh", "-c", &enter, "sh"].map(str::to_owned).to_vec()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // It is empty once its process is gone, and a process that was killed is gone a moment later.
        let start = std::time::Instant::now();
        while std::fs::remove_dir(&self.0).is_err() && start.elapsed() < EMPTY_WITHIN {
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

fn group(setup: &mut Setup) -> Outcome<Ready> {
    let group = match Group::new("memory") {
        Ok(group) => group,
        Err(why) => return Ok(Ready::Skip(why)),
    };
    if let Err(error) = std::fs::write(group.0.join("memory.limit_in_bytes"), MEMORY_BYTES.to_string()) {
        return Ok(Ready::Skip(format!(
            "the memory of a control group cannot be limited: {error}"
        )));
    }
    setup.bus.wrapper = group.wrapper();
    setup.guards.push(Box::new(group));
    Ok(Ready::Yes)
}

async fn memory(stage: &mut Stage) -> Outcome<()> {
    stage.warm().await?;
    let goes_on = stage.goes_on_by(20_000, SETTLE).await;
    stage.expect("20,000 events pass in 256 MiB", goes_on.is_some());
    stage.expect("the bus was not killed for its memory", stage.bus_lives());
    let (mib, answers) = (stage.bus_mib(), stage.answered());
    stage.expect(
        format!("it holds {mib} MiB and answers nothing but 202, 429 and 503"),
        answers.other_than(&[202, 429, 503]) == 0,
    );
    Ok(())
}

async fn files(stage: &mut Stage) -> Outcome<()> {
    stage.warm().await?;
    let address = stage.publishing.buses.first().copied();
    let mut held = Vec::with_capacity(CONNECTIONS);
    for _ in 0..CONNECTIONS {
        let Some(address) = address else { break };
        // One that is refused is what the row wants to see survived.
        if let Ok(Ok(stream)) =
            tokio::time::timeout(Duration::from_secs(1), TcpStream::connect(address)).await
        {
            held.push(stream);
        }
    }
    let most = stage.bus_files();
    tokio::time::sleep(HELD_FOR).await;
    stage.expect(
        format!(
            "the bus lives with {} idle connections and {most} open files",
            held.len()
        ),
        stage.bus_lives(),
    );
    drop(held);
    stage.answered();
    stage.flows("the connections are gone").await;
    let reached = TcpStream::connect(
        stage
            .publishing
            .buses
            .first()
            .copied()
            .unwrap_or(([127, 0, 0, 1], 1).into()),
    );
    let reached = tokio::time::timeout(Duration::from_secs(10), reached).await;
    stage.expect("new connections are taken", matches!(reached, Ok(Ok(_))));
    Ok(())
}
