//! The bus's wall clock jumps, forwards and backwards, while it runs and between two starts.

use std::os::unix::fs::FileExt;
use std::process::Command;
use std::time::Duration;

use stadtbus_harness::Outcome;

use super::{PLAIN, Row};
use crate::setup::{Ready, Setup};
use crate::stage::Stage;

const SHIM: &str = include_str!("clock.c");
const HOUR_S: i64 = 3_600;
const DAY_S: i64 = 86_400;
const EACH: Duration = Duration::from_secs(8);

/// Jumps.
pub(super) const JUMPS: Row = Row {
    name: "clock",
    what: "the bus's clock jumps by ± 1 h and ± 1 day while it runs, and lies a day back at a start",
    prepare,
    fault: |stage| Box::pin(jumps(stage)),
    ..PLAIN
};

fn prepare(setup: &mut Setup) -> Outcome<Ready> {
    let folder = tempfile::Builder::new()
        .prefix("stadtbus-chaos-clock-")
        .tempdir()?;
    let (source, shim, file) = (
        folder.path().join("clock.c"),
        folder.path().join("clock.so"),
        folder.path().join("shift"),
    );
    std::fs::write(&source, SHIM)?;
    std::fs::write(&file, 0_i64.to_ne_bytes())?;
    let built = Command::new("cc")
        .args(["-shared", "-fPIC", "-O2", "-o"])
        .arg(&shim)
        .arg(&source)
        .output();
    match built {
        Ok(done) if done.status.success() => {}
        Ok(done) => return Ok(Ready::Skip(String::from_utf8_lossy(&done.stderr).into_owned())),
        Err(error) => return Ok(Ready::Skip(format!("needs a C compiler: {error}"))),
    }
    setup
        .bus
        .env
        .push(("LD_PRELOAD".to_owned(), shim.display().to_string()));
    setup
        .bus
        .env
        .push(("STADTBUS_CHAOS_CLOCK".to_owned(), file.display().to_string()));
    // Longer than any jump: what the row asks is what the clock does to deliveries.
    setup.token_ttl = "72h";
    setup.clock = Some(file);
    setup.guards.push(Box::new(folder));
    Ok(Ready::Yes)
}

fn set(stage: &Stage, shift_s: i64) -> Outcome<()> {
    let file = std::fs::File::options().write(true).open(stage.clock()?)?;
    eprintln!("… the bus's clock is shifted by {shift_s} s");
    Ok(file.write_all_at(&shift_s.to_ne_bytes(), 0)?)
}

async fn jumps(stage: &mut Stage) -> Outcome<()> {
    stage.warm().await?;
    for shift in [HOUR_S, -HOUR_S, DAY_S, -DAY_S, 0] {
        let before = stage.deliveries();
        set(stage, shift)?;
        tokio::time::sleep(EACH).await;
        let (answers, after) = (stage.answered(), stage.deliveries());
        // A token that is not valid yet by this clock is refused, and nothing else happens to publishers.
        stage.expect(
            format!("with a shift of {shift} s publishers are answered 202, 401 or 503"),
            answers.silent == 0 && answers.other_than(&[202, 401, 503]) == 0,
        );
        let (events, repeats) = (after.0 - before.0, after.1 - before.1);
        stage.expect(
            format!("{repeats} repeats beside {events} deliveries: no storm of retries"),
            repeats <= events / 2 + 5_000,
        );
    }
    stage.flows("the clock is right again").await;
    set(stage, -DAY_S)?;
    stage.kill_bus(Duration::ZERO).await?;
    tokio::time::sleep(EACH).await;
    set(stage, 0)?;
    stage.flows("a start with yesterday's clock").await;
    Ok(())
}
