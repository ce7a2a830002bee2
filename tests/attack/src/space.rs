//! Namespaces: one for the bus, one for everything it must not reach, and a cable between them.

use std::path::Path;
use std::process::{Command, Stdio};

use stadtbus_harness::{Failure, Outcome};

use crate::INSIDE;

/// The bus's own address on the cable. Public by its class, so that only "this machine" speaks against it.
pub(crate) const OWN: &str = "11.0.0.1";
/// The decoys' end of the cable.
pub(crate) const FAR: &str = "11.0.0.2";
/// Where the name server of the test listens.
pub(crate) const NAMES: &str = "127.0.0.53";

/// What lives at the far end: every class of address that nobody may be made to call, and two that are public.
pub(crate) const LIVE: &[&str] = &[
    "10.1.2.3",
    "10.0.0.1",
    "172.16.0.1",
    "172.31.255.254",
    "192.168.1.1",
    "100.64.1.1",
    "100.100.100.200",
    "169.254.169.254",
    "169.254.170.2",
    "169.254.1.1",
    "168.63.129.16",
    "192.0.0.192",
    "192.0.2.1",
    "198.18.0.1",
    "198.51.100.7",
    "203.0.113.7",
    "8.8.8.8",
    "fd00:ec2::254",
    "fd00::5",
    "fc00::1",
    "64:ff9b::a01:203",
    "64:ff9b::7f00:1",
    "2002:a01:203::",
    "2002:7f00:1::",
    "2001:0:a01:203::f5fe:fdfc",
    "2001:db8::5efe:a01:203",
    "3fff::1",
    "2a00::5",
];

/// Runs this program once more in a namespace in which it may do as it likes.
pub(crate) fn enter() -> Outcome<bool> {
    let may = Command::new("unshare")
        .args([
            "-rnm",
            "sh",
            "-c",
            "ip link add near type veth peer name far && mount --bind /dev/null /etc/resolv.conf",
        ])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .output();
    let may = match may {
        Ok(done) if done.status.success() => true,
        Ok(done) => {
            println!(
                "attack: skipped, namespaces are not permitted here: {}",
                String::from_utf8_lossy(&done.stderr).trim()
            );
            false
        }
        Err(error) => {
            println!("attack: skipped, `unshare` cannot be run: {error}");
            false
        }
    };
    if !may {
        return Ok(true);
    }
    let status = Command::new("unshare")
        .arg("-rnm")
        .arg(std::env::current_exe()?)
        .arg(INSIDE)
        .status()?;
    match status.code() {
        Some(0) => Ok(true),
        Some(1) => Ok(false),
        other => Err(Failure::new(format!("the inner run ended with {other:?}"))),
    }
}

/// The bus's end: loopback up, a cable whose other end goes to the process of the decoys, and all roads over it.
pub(crate) fn lay_cable(decoys: u32) -> Outcome<()> {
    ip("link set lo up")?;
    ip("link add near type veth peer name far")?;
    ip(&format!("link set far netns {decoys}"))?;
    ip(&format!("addr add {OWN}/24 dev near"))?;
    ip("link set near up")?;
    ip("-6 addr add 2a0a::1/64 dev near nodad")?;
    ip(&format!("route add default via {FAR}"))?;
    ip("-6 route add default via 2a0a::2")
}

/// The decoys' end.
pub(crate) fn settle_decoys() -> Outcome<()> {
    ip("link set lo up")?;
    ip(&format!("addr add {FAR}/24 dev far"))?;
    ip("link set far up")?;
    ip("-6 addr add 2a0a::2/64 dev far nodad")?;
    for address in LIVE {
        match address.contains(':') {
            true => ip(&format!("-6 addr add {address}/128 dev lo nodad"))?,
            false => ip(&format!("addr add {address}/32 dev lo"))?,
        }
    }
    Ok(())
}

/// Names are asked of the test's own server, by the system's resolver as everywhere.
pub(crate) fn use_names(folder: &Path) -> Outcome<()> {
    let file = folder.join("resolv.conf");
    std::fs::write(
        &file,
        format!("nameserver {NAMES}\noptions timeout:1 attempts:1\n"),
    )?;
    let file = file.display().to_string();
    run("mount", &["--bind", &file, "/etc/resolv.conf"])
}

fn ip(words: &str) -> Outcome<()> {
    let words: Vec<&str> = words.split(' ').collect();
    run("ip", &words)
}

fn run(program: &str, words: &[&str]) -> Outcome<()> {
    let done = Command::new(program).args(words).output()?;
    if done.status.success() {
        return Ok(());
    }
    let why = String::from_utf8_lossy(&done.stderr).trim().to_owned();
    Err(Failure::new(why).while_(format!("{program} {}", words.join(" "))))
}
