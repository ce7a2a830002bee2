//! Partitions and a narrow line, between network namespaces of the row's own.
//!
//! The bus lies in one namespace, the broker in another, receivers and publishers outside of both. Four pairs of interfaces
//! join them: outside–bus, outside–broker (to look after it), bus–broker, and bus–receivers.

use std::process::Command;
use std::time::Duration;

use stadtbus_harness::{Failure, Outcome};

use super::{PLAIN, Row};
use crate::setup::{Ready, Setup};
use crate::stage::{SETTLE, Stage};

const NARROW_FOR: Duration = Duration::from_secs(30);
/// The bus under a narrow line to its broker may grow to this, whatever publishers want.
const MEMORY_MIB_MAX: u64 = 512;

/// The line between bus and broker is cut.
pub(super) const PARTITION: Row = Row {
    name: "partition",
    what: "the line between bus and broker is cut for 2, 10 and 30 s (long: and 120 s)",
    prepare,
    fault: |stage| Box::pin(partition(stage)),
    ..PLAIN
};

/// Only one direction of it is.
pub(super) const ONE_WAY: Row = Row {
    name: "partition-one-way",
    what: "for 15 s each: answers of the broker, requests to it, and deliveries go nowhere",
    prepare,
    fault: |stage| Box::pin(one_way(stage)),
    ..PLAIN
};

/// A narrow line.
pub(super) const NARROW: Row = Row {
    name: "bandwidth",
    what: "1 Mbit/s between bus and broker for 30 s",
    prepare,
    fault: |stage| Box::pin(narrow(stage)),
    ..PLAIN
};

/// The two namespaces; dropped, they go, and their interfaces with them.
#[derive(Debug, Clone)]
pub(crate) struct Net {
    bus: String,
    broker: String,
    /// The broker's end of the line to the bus, and the bus's.
    line: (String, String),
    third_octet: u8,
}

struct Guard(Net);

impl Drop for Guard {
    fn drop(&mut self) {
        for name in [&self.0.bus, &self.0.broker] {
            // What is not there need not go.
            let _ = ip(&["netns", "del", name]);
        }
    }
}

fn ip(args: &[&str]) -> Outcome<()> {
    run("ip", args)
}

fn run(program: &str, args: &[&str]) -> Outcome<()> {
    let done = Command::new(program)
        .args(args)
        .output()
        .map_err(|error| Failure::new(format!("{program}: {error}")))?;
    if done.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&done.stderr);
    Err(Failure::new(format!(
        "{program} {}: {}",
        args.join(" "),
        text.trim()
    )))
}

impl Net {
    fn new() -> Self {
        let id = std::process::id() % 100_000;
        Self {
            bus: format!("sb-chaos-bus-{id}"),
            broker: format!("sb-chaos-nats-{id}"),
            line: (format!("sbn{id}"), format!("sbb{id}")),
            third_octet: fastrand::u8(0..60) * 4,
        }
    }

    fn address(&self, line: u8, end: u8) -> String {
        format!("10.77.{}.{end}", self.third_octet + line)
    }

    /// Makes the namespaces and joins them.
    fn make(&self) -> Outcome<()> {
        for name in [&self.bus, &self.broker] {
            ip(&["netns", "add", name])?;
            ip(&["-n", name, "link", "set", "lo", "up"])?;
        }
        let id = std::process::id() % 100_000;
        let (out_bus, out_broker, receivers) = (format!("sba{id}"), format!("sbc{id}"), format!("sbr{id}"));
        self.join((None, &out_bus), (Some(&self.bus), "outside"), 0)?;
        self.join((None, &out_broker), (Some(&self.broker), "outside"), 1)?;
        self.join(
            (Some(&self.bus), &self.line.1),
            (Some(&self.broker), &self.line.0),
            2,
        )?;
        self.join((None, &receivers), (Some(&self.bus), "receivers"), 3)
    }

    fn join(&self, first: (Option<&str>, &str), second: (Option<&str>, &str), line: u8) -> Outcome<()> {
        let mut add = vec!["link", "add", first.1];
        add.extend(first.0.into_iter().flat_map(|name| ["netns", name]));
        add.extend(["type", "veth", "peer", "name", second.1]);
        add.extend(second.0.into_iter().flat_map(|name| ["netns", name]));
        ip(&add)?;
        for (end, (namespace, name)) in (1..).zip([first, second]) {
            let address = format!("{}/24", self.address(line, end));
            let inside = |args: &[&str]| match namespace {
                Some(namespace) => ip(&[["-n", namespace].as_slice(), args].concat()),
                None => ip(args),
            };
            inside(&["addr", "add", &address, "dev", name])?;
            inside(&["link", "set", name, "up"])?;
        }
        Ok(())
    }

    fn line_to_broker(&self, state: &str) -> Outcome<()> {
        ip(&["-n", &self.broker, "link", "set", &self.line.0, state])
    }

    /// Packets from `namespace` to this address go nowhere, or go again.
    fn hole(namespace: &str, to: &str, how: &str) -> Outcome<()> {
        ip(&["-n", namespace, "route", how, "blackhole", &format!("{to}/32")])
    }
}

fn prepare(setup: &mut Setup) -> Outcome<Ready> {
    let net = Net::new();
    let guard = Guard(net.clone());
    if let Err(failure) = net.make() {
        return Ok(Ready::Skip(format!(
            "needs root and network namespaces: {failure}"
        )));
    }
    let inside = |name: &str| ["ip", "netns", "exec", name].map(str::to_owned).to_vec();
    setup.bus.wrapper = inside(&net.bus);
    setup.bus.host = Some(net.address(0, 2));
    setup.nats.wrapper = inside(&net.broker);
    setup.nats.host = net.address(1, 2);
    setup.nats.listen_everywhere = true;
    setup.nats.reached_at = Some(net.address(2, 2));
    setup.receivers = net.address(3, 1);
    setup.zone("10.77.0.0/16")?;
    setup.limits.push_str("duplicate_window_s = 900\n");
    setup.net = Some(net);
    setup.guards.push(Box::new(guard));
    Ok(Ready::Yes)
}

async fn partition(stage: &mut Stage) -> Outcome<()> {
    stage.warm().await?;
    let net = stage.net()?;
    let mut times = vec![2, 10, 30];
    times.extend(stage.long.then_some(120));
    for seconds in times {
        net.line_to_broker("down")?;
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        let answers = stage.answered();
        net.line_to_broker("up")?;
        stage.expect(
            format!("cut for {seconds} s: every publisher is answered, by 202 or 503"),
            answers.silent == 0 && answers.other_than(&[202, 503]) == 0,
        );
        stage.flows(&format!("{seconds} s without a broker")).await;
    }
    stage.expect("the bus lives", stage.bus_lives());
    Ok(())
}

async fn one_way(stage: &mut Stage) -> Outcome<()> {
    const FOR: Duration = Duration::from_secs(15);
    stage.warm().await?;
    let net = stage.net()?;
    let holes = [
        ("answers of the broker", &net.broker, net.address(2, 1)),
        ("requests to the broker", &net.bus, net.address(2, 2)),
        ("deliveries", &net.bus, net.address(3, 1)),
    ];
    for (what, namespace, to) in holes {
        Net::hole(namespace, &to, "add")?;
        if what == "deliveries" {
            let fetched = stage.goes_on_at(500, &[1], FOR).await;
            stage.expect(
                "who fetches is not held up by receivers that are not reached",
                fetched.is_some(),
            );
        }
        tokio::time::sleep(FOR).await;
        let answers = stage.answered();
        Net::hole(namespace, &to, "del")?;
        stage.expect(
            format!("without {what} every publisher is answered"),
            answers.silent == 0,
        );
        stage.flows(&format!("the loss of {what}")).await;
    }
    stage.expect("the bus lives", stage.bus_lives());
    Ok(())
}

async fn narrow(stage: &mut Stage) -> Outcome<()> {
    stage.warm().await?;
    let net = stage.net()?;
    let narrow = ["rate", "1mbit", "burst", "16k", "latency", "200ms"];
    for (namespace, line) in [(&net.bus, &net.line.1), (&net.broker, &net.line.0)] {
        let to = [
            "-n",
            namespace.as_str(),
            "qdisc",
            "add",
            "dev",
            line,
            "root",
            "tbf",
        ];
        run("tc", &[to.as_slice(), narrow.as_slice()].concat())?;
    }
    let start = std::time::Instant::now();
    let (mut most, mut progress) = (0, false);
    while start.elapsed() < NARROW_FOR {
        progress |= stage.goes_on_at(20, &[], Duration::from_secs(5)).await.is_some();
        most = most.max(stage.bus_mib());
    }
    let answers = stage.answered();
    stage.expect("a few events are accepted on the narrow line", progress);
    stage.expect(
        format!("the bus holds {most} MiB and answers 202, 429 or 503 to everybody"),
        most <= MEMORY_MIB_MAX && answers.other_than(&[202, 429, 503]) == 0 && answers.silent == 0,
    );
    for (namespace, line) in [(&net.bus, &net.line.1), (&net.broker, &net.line.0)] {
        run("tc", &["-n", namespace, "qdisc", "del", "dev", line, "root"])?;
    }
    let flows = stage.goes_on_by(200, SETTLE).await;
    stage.expect("events flow when the line is wide again", flows.is_some());
    Ok(())
}
