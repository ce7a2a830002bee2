//! What the three processes take of the two cores, and of memory, as the kernel counts it.

use std::time::Instant;

use stadtbus_harness::{Failure, Outcome, Process};

/// Ticks of `/proc/PID/stat` per second: fixed at 100 in the kernel's interface to user space.
const TICKS_PER_S: f64 = 100.0;

/// CPU time spent so far by everybody, at one moment.
#[derive(Debug)]
pub(crate) struct Meter {
    at: Instant,
    bus: Option<(u32, f64)>,
    broker: Option<(u32, f64)>,
    load: f64,
}

/// Cores in use between two moments.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spent {
    pub(crate) bus: Option<f64>,
    pub(crate) broker: Option<f64>,
    pub(crate) load: f64,
}

impl Meter {
    pub(crate) fn start(bus: Option<&Process>, broker: Option<&Process>) -> Self {
        let seconds = |process: Option<&Process>| {
            let id = process?.id()?;
            Some((id, cpu_seconds(&id.to_string())?))
        };
        Self {
            at: Instant::now(),
            bus: seconds(bus),
            broker: seconds(broker),
            load: cpu_seconds("self").unwrap_or_default(),
        }
    }

    pub(crate) fn read(&self) -> Spent {
        let elapsed = self.at.elapsed().as_secs_f64();
        let cores = |before: Option<(u32, f64)>| {
            let (id, before) = before?;
            Some((cpu_seconds(&id.to_string())? - before) / elapsed)
        };
        Spent {
            bus: cores(self.bus),
            broker: cores(self.broker),
            load: (cpu_seconds("self").unwrap_or_default() - self.load) / elapsed,
        }
    }
}

fn cpu_seconds(process: &str) -> Option<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name of the program stands in brackets and may contain anything; fields are counted behind it.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(11);
    let user: f64 = fields.next()?.parse().ok()?;
    let system: f64 = fields.next()?.parse().ok()?;
    Some((user + system) / TICKS_PER_S)
}

/// Resident memory in MiB.
pub(crate) fn resident_mib(process: &Process) -> Option<f64> {
    process.resident_bytes().map(mib)
}

/// Resident memory of this program in MiB.
pub(crate) fn own_resident_mib() -> Outcome<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    kib.map(|kib| mib(kib * 1024))
        .ok_or_else(|| Failure::new("the kernel does not tell resident memory"))
}

#[expect(clippy::cast_precision_loss, reason = "memory sizes are far below 2^52")]
fn mib(bytes: u64) -> f64 {
    bytes as f64 / 1_048_576.0
}
