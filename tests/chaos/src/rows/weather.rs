//! Bad networks, by a proxy in the way to the broker and in the way to the receivers.

use std::time::Duration;

use stadtbus_harness::{Failure, Outcome};

use super::{PLAIN, Row};
use crate::proxy::Weather;
use crate::setup::{Ready, Setup};
use crate::stage::{SETTLE, Stage};

/// Bad weather lasts this long.
const FOR: Duration = Duration::from_secs(20);
const RESET_EACH: Duration = Duration::from_secs(2);
/// Connections that the bus may hold more after bad weather than before it.
const FILES_MORE_MAX: usize = 128;

/// Late.
pub(super) const LATE: Row = Row {
    name: "network-late",
    what: "every chunk to and from broker and receivers comes 100 ± 50 ms late",
    prepare: proxied,
    fault: |stage| Box::pin(late(stage)),
    ..PLAIN
};

/// Resets.
pub(super) const RESETS: Row = Row {
    name: "network-resets",
    what: "5 % of the connections are reset, and all of them every 2 s",
    prepare: proxied,
    fault: |stage| Box::pin(resets(stage)),
    ..PLAIN
};

/// A byte a second.
pub(super) const DRIP: Row = Row {
    name: "network-drip",
    what: "one byte a second, to and from receivers, then to and from the broker",
    prepare: proxied,
    fault: |stage| Box::pin(drip(stage)),
    ..PLAIN
};

/// Closed in one direction.
pub(super) const HALF_CLOSE: Row = Row {
    name: "network-half-close",
    what: "all connections are closed in one direction, five times",
    prepare: proxied,
    fault: |stage| Box::pin(half_close(stage)),
    ..PLAIN
};

/// One bit, where TLS looks.
pub(super) const CORRUPT_TLS: Row = Row {
    name: "network-corrupt-tls",
    what: "a bit is changed on the way to the broker, twenty times, under TLS",
    prepare: with_tls,
    fault: |stage| Box::pin(corrupt(stage)),
    ..PLAIN
};

fn proxied(setup: &mut Setup) -> Outcome<Ready> {
    setup.proxied = true;
    Ok(Ready::Yes)
}

/// The broker gets a certificate of an authority of the row's own, which the bus is told to trust.
fn with_tls(setup: &mut Setup) -> Outcome<Ready> {
    let folder = tempfile::Builder::new().prefix("stadtbus-chaos-tls-").tempdir()?;
    let (key, cert) = (folder.path().join("key.pem"), folder.path().join("cert.pem"));
    let made = std::process::Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-days",
            "2",
        ])
        .args([
            "-subj",
            "/CN=localhost",
            "-addext",
            "subjectAltName=DNS:localhost,IP:127.0.0.1",
            // Who checks strictly takes no authority for a server.
            "-addext",
            "basicConstraints=critical,CA:FALSE",
        ])
        .arg("-keyout")
        .arg(&key)
        .arg("-out")
        .arg(&cert)
        .output();
    match made {
        Ok(done) if done.status.success() => {}
        Ok(done) => return Ok(Ready::Skip(String::from_utf8_lossy(&done.stderr).into_owned())),
        Err(error) => return Ok(Ready::Skip(format!("needs openssl: {error}"))),
    }
    setup.nats.extra_config = format!(
        "tls {{ cert_file: {:?}, key_file: {:?}, timeout: 5 }}\n",
        cert.display().to_string(),
        key.display().to_string()
    );
    setup
        .bus
        .env
        .push(("SSL_CERT_FILE".to_owned(), cert.display().to_string()));
    setup.guards.push(Box::new(folder));
    proxied(setup)
}

fn under(stage: &mut Stage, weather: Weather, broker_too: bool) -> Outcome<()> {
    stage.proxies()?.0.set(weather);
    if broker_too {
        stage.proxies()?.1.set(weather);
    }
    Ok(())
}

async fn clear(stage: &mut Stage, after: &str, files_before: usize) -> Outcome<()> {
    under(stage, Weather::default(), true)?;
    stage.flows(after).await;
    stage.expect("the bus lives", stage.bus_lives());
    // Idle connections to receivers may stay; what grows with the trouble may not.
    let files = stage.bus_files();
    stage.expect(
        format!("{files} open files, after {files_before}"),
        files <= files_before + FILES_MORE_MAX,
    );
    Ok(())
}

async fn late(stage: &mut Stage) -> Outcome<()> {
    stage.warm().await?;
    let files = stage.bus_files();
    let weather = Weather {
        late_ms: 100,
        jitter_ms: 50,
        ..Weather::default()
    };
    under(stage, weather, true)?;
    let goes_on = stage.goes_on_by(500, SETTLE).await;
    stage.expect("events pass while it is late", goes_on.is_some());
    tokio::time::sleep(FOR).await;
    clear(stage, "the delay", files).await
}

async fn resets(stage: &mut Stage) -> Outcome<()> {
    stage.warm().await?;
    let files = stage.bus_files();
    let weather = Weather {
        resets_percent: 5,
        ..Weather::default()
    };
    under(stage, weather, true)?;
    for _ in 0..10 {
        tokio::time::sleep(RESET_EACH).await;
        let (receivers, broker) = stage.proxies()?;
        receivers.reset_all();
        broker.reset_all();
    }
    clear(stage, "the resets", files).await
}

async fn drip(stage: &mut Stage) -> Outcome<()> {
    stage.warm().await?;
    let files = stage.bus_files();
    let weather = Weather {
        drip: true,
        ..Weather::default()
    };
    under(stage, weather, false)?;
    let goes_on = stage.goes_on_at(1_000, &[1], FOR).await;
    stage.expect(
        "who fetches is not held up by receivers that drip",
        goes_on.is_some(),
    );
    under(stage, Weather::default(), false)?;
    stage.flows("dripping receivers").await;
    stage.answered();
    under(stage, weather, true)?;
    tokio::time::sleep(FOR).await;
    let answers = stage.answered();
    stage.expect(
        "with a dripping broker every publisher is answered",
        answers.silent == 0,
    );
    clear(stage, "a dripping broker", files).await
}

async fn half_close(stage: &mut Stage) -> Outcome<()> {
    stage.warm().await?;
    let files = stage.bus_files();
    for _ in 0..5 {
        let (receivers, broker) = stage.proxies()?;
        receivers.half_close_all();
        broker.half_close_all();
        stage.flows("a half close").await;
    }
    clear(stage, "all of them", files).await
}

async fn corrupt(stage: &mut Stage) -> Outcome<()> {
    stage.warm().await?;
    let files = stage.bus_files();
    for _ in 0..20 {
        stage.proxies()?.1.set(Weather {
            corrupt: 1,
            ..Weather::default()
        });
        let goes_on = stage.goes_on_by(100, SETTLE).await;
        goes_on.ok_or_else(|| Failure::new("nothing goes on after a changed bit"))?;
    }
    let changed = stage.proxies()?.1.corrupted();
    stage.expect(format!("{changed} bits were changed"), changed >= 15);
    clear(stage, "the changed bits", files).await
}
