//! The page that leads an operator back into service, executed as it is written.
//!
//! Its commands are taken out of the page and run one after another in one shell, by somebody at a terminal who says yes when
//! asked. Only `systemctl` is played: there is no service manager in the namespace.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use stadtbus_harness::{
    BusOptions, Failure, Finished, NatsOptions, Outcome, World, WorldOptions, eventually, stadtbus_bin,
    workspace_dir,
};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use super::cases::Damage;
use super::inflict::inflict_in;
use super::space;
use super::stage::logs;

const PAGES: [&str; 2] = ["log-damaged.de.md", "log-damaged.en.md"];
/// What the page takes as its example, and what is damaged here.
const LOG: &str = "LOG_NGN";
const STORE: &str = "/var/lib/stadtbus/nats";
const PORT: u16 = 7_700;
/// It takes what a plugin makes of the example's events, in the same log.
const SUBSCRIPTION: &str = "fb32-stromausfall";
const EVENTS: u64 = 1_200;
const BATCH: u64 = 200;
const WITHIN: Duration = Duration::from_secs(60);
/// A look at a damaged log says by its exit code that it is damaged.
const LOOKS: [&str; 2] = ["stadtbus log list", "stadtbus log show"];
/// In this section everything must be well again.
const CHECKED_IN: &str = "## 5.";

/// Executes the page in each language, each on a damage of its own; `true` if service is back and nothing is wrong after it.
pub(crate) async fn run(seed: u64, inside: bool) -> Outcome<bool> {
    if !inside {
        return Ok(space::enter(seed).await?.unwrap_or_else(|| {
            println!("runbook: skipped, namespaces are not permitted here");
            true
        }));
    }
    space::furnish().await?;
    let mut clean = true;
    for page in PAGES {
        let mut drill = Drill::begin(seed).await?;
        println!("\n{page}");
        let text = fs::read_to_string(workspace_dir().join("deploy/runbooks").join(page))?;
        let began = Instant::now();
        let failed = drill.follow(&text).await?;
        let wrong = match failed {
            None => drill.afterwards().await?,
            failed => failed,
        };
        match &wrong {
            None => println!(
                "{page}: back in service after {:.1} s",
                began.elapsed().as_secs_f64()
            ),
            Some(why) => println!("{page}: DOES NOT LEAD BACK: {why}"),
        }
        clean &= wrong.is_none();
        drill.end().await?;
    }
    Ok(clean)
}

/// A bus with a damaged log, and the shell of the operator.
struct Drill {
    world: World,
    /// The last position that was acknowledged.
    acknowledged: u64,
    broker_runs: bool,
    shell: PathBuf,
}

impl Drill {
    async fn begin(seed: u64) -> Outcome<Self> {
        let _ = fs::remove_dir_all("/var/lib/stadtbus");
        fs::create_dir_all("/var/lib/stadtbus")?;
        let world = World::start(WorldOptions {
            nats: NatsOptions {
                store: Some(STORE.into()),
                ..NatsOptions::default()
            },
            bus: BusOptions {
                port: Some(PORT),
                extra_config: "[limits]\nwitness_look_s = 2\n".to_owned(),
                ..BusOptions::default()
            },
            city: Some(workspace_dir().join("deploy/cities/krefeld")),
            operator: ("stadtbus-betrieb".to_owned(), "leitstand".to_owned()),
            ..WorldOptions::default()
        })
        .await?;
        let _ = fs::remove_file("/etc/stadtbus/issuer.pem");
        fs::copy(world.issuer.key_file(), "/etc/stadtbus/issuer.pem")?;
        let shell = world.dir().join("shell");
        fs::create_dir_all(shell.join("bin"))?;
        std::os::unix::fs::symlink(stadtbus_bin()?, shell.join("bin/stadtbus"))?;
        for name in ["ereignis.json", "event.json"] {
            fs::write(shell.join(name), event("nach-dem-schaden").to_string())?;
        }
        let mut drill = Self {
            world,
            acknowledged: 0,
            broker_runs: true,
            shell,
        };
        drill.damage(seed).await?;
        Ok(drill)
    }

    /// Events are accepted, and then the broker has lost some of them.
    async fn damage(&mut self, seed: u64) -> Outcome<()> {
        let sender = self.world.client("ngn", "leitwarte", "publish").await?;
        for from in (0..EVENTS).step_by(usize::try_from(BATCH).unwrap_or(1)) {
            let events: Vec<_> = (from..from + BATCH)
                .map(|number| event(&format!("vor-dem-schaden-{number}")))
                .collect();
            let answer = sender.publish_batch(&events).await?.json();
            let receipts = answer.get("receipts").and_then(Value::as_array);
            let positions = receipts
                .into_iter()
                .flatten()
                .filter_map(|entry| entry.pointer("/receipt/position").and_then(Value::as_u64));
            self.acknowledged = positions.max().unwrap_or_default().max(self.acknowledged);
        }
        if self.acknowledged < EVENTS {
            return Err(Failure::new(format!(
                "only {} of {EVENTS} events were accepted",
                self.acknowledged
            )));
        }
        self.world.nats.stop().await?;
        let mut random = fastrand::Rng::with_seed(seed);
        let damage = Damage::Truncate(LOG, 0.6);
        let streams = self.world.nats.streams_dir();
        inflict_in(&streams, Path::new(""), &damage, &mut random)?;
        self.world.nats.start_again().await?;
        let nobody = self.world.bus.client("");
        let noticed = eventually(WITHIN, "the damage noticed", || async {
            let ready = nobody.get("/readyz").await?.text();
            ready
                .contains("SB-1508")
                .then_some(())
                .ok_or_else(|| Failure::new(ready))
        });
        noticed.await
    }

    /// Does what the page says; what went wrong, if something did.
    async fn follow(&mut self, page: &str) -> Outcome<Option<String>> {
        for (section, command) in commands(page) {
            let done = match command.strip_prefix("systemctl ") {
                Some(order) => self.service(order).await?,
                None => self.type_in(&command).await?,
            };
            let code = done.code.unwrap_or(-1);
            println!("{:<4}{command}  → {code}", section.get(3..5).unwrap_or_default());
            let looks = LOOKS.iter().any(|look| command.starts_with(look));
            let damaged_is_fine = looks && code == 1 && !section.starts_with(CHECKED_IN);
            if code != 0 && !damaged_is_fine {
                return Ok(Some(format!("{command}\n{}{}", done.stdout, done.stderr)));
            }
        }
        Ok(None)
    }

    /// What is true after the page has been followed: all is whole, an event is accepted at a new position and delivered.
    async fn afterwards(&mut self) -> Outcome<Option<String>> {
        let whole = self.all_whole().await;
        if let Err(why) = whole {
            return Ok(Some(why.to_string()));
        }
        let sender = self.world.client("ngn", "leitwarte", "publish").await?;
        let mut event = event("nach-der-entscheidung");
        // Another outage: of one and the same the public is told once.
        if let Some(outage) = event.pointer_mut("/data/outageId") {
            *outage = json!("NGN-2026-004712");
        }
        let answer = sender.publish(&event, stadtbus_harness::Mode::Structured).await?;
        let position = answer.json().pointer("/receipt/position").and_then(Value::as_u64);
        let Some(position) = position.filter(|position| *position > self.acknowledged) else {
            return Ok(Some(format!(
                "an event is answered {} with position {position:?}; {} was given before",
                answer.status, self.acknowledged
            )));
        };
        if let Err(why) = self.delivered(position).await {
            return Ok(Some(why.to_string()));
        }
        // Remembered, too: a new process has the same truth.
        self.world.bus.kill_hard().await?;
        self.world.bus.start_again().await?;
        Ok(self.all_whole().await.err().map(|why| why.to_string()))
    }

    async fn all_whole(&self) -> Outcome<()> {
        let operator = self.world.operator().await?;
        let whole = |log: &Value| log.get("state") == Some(&json!("whole"));
        let wait = eventually(WITHIN, "every log whole", || async {
            let found = logs(&operator).await?;
            let list = found.get("logs").and_then(Value::as_array);
            list.is_some_and(|list| !list.is_empty() && list.iter().all(whole))
                .then_some(())
                .ok_or_else(|| Failure::new(found.to_string()))
        });
        wait.await
    }

    /// Waits until what is made of this event for the public has arrived.
    async fn delivered(&self, position: u64) -> Outcome<()> {
        let subscriber = self.world.client("fb32", "verkehrslenkung", "subscribe").await?;
        let wait = eventually(WITHIN, "the event delivered", || async {
            let events = subscriber
                .receive(SUBSCRIPTION, 500, Duration::from_secs(1), WITHIN)
                .await?;
            let at = |event: &Value| event.get("position").and_then(Value::as_u64);
            let last = events.iter().filter_map(at).max();
            subscriber
                .settle(SUBSCRIPTION, "acknowledge", &events, json!({}))
                .await?;
            last.filter(|last| *last > position)
                .map(|_| ())
                .ok_or_else(|| Failure::new(format!("{last:?} was delivered last")))
        });
        wait.await
    }

    /// The service manager: `stop nats`, `start nats`; what is so already is left.
    async fn service(&mut self, order: &str) -> Outcome<Finished> {
        match (order, self.broker_runs) {
            ("stop nats", true) => self.world.nats.stop().await?,
            ("start nats", false) => self.world.nats.start_again().await?,
            ("stop nats" | "start nats", _) => {}
            _ => return Err(Failure::new(format!("there is no `systemctl {order}` here"))),
        }
        self.broker_runs = order == "start nats";
        Ok(Finished {
            code: Some(0),
            stdout: String::new(),
            stderr: String::new(),
        })
    }

    /// Types a command into the shell, at a terminal, and says yes if it asks.
    async fn type_in(&self, command: &str) -> Outcome<Finished> {
        let state = self.shell.join("state");
        let line = self.shell.join("line");
        let state = state.display();
        let script =
            format!("[ -f {state} ] && . {state}\n{command}\ncode=$?\nexport -p > {state}\nexit $code\n");
        fs::write(&line, script)?;
        let path = std::env::var("PATH").unwrap_or_default();
        let mut child = Command::new("script")
            .args(["-qec", &format!("sh {}", line.display()), "/dev/null"])
            .current_dir(&self.shell)
            .env("PATH", format!("{}:{path}", self.shell.join("bin").display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        if let Some(mut keyboard) = child.stdin.take() {
            keyboard.write_all(b"y\n").await?;
        }
        let output = tokio::time::timeout(WITHIN, child.wait_with_output()).await;
        let output = output.map_err(|_| Failure::new(format!("{command} does not end")))??;
        Ok(Finished {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }

    async fn end(mut self) -> Outcome<()> {
        self.world.bus.kill_hard().await?;
        self.world.nats.kill_hard().await
    }
}

/// An event that the example's partner may send.
fn event(id: &str) -> Value {
    let example =
        workspace_dir().join("contracts/krefeld/ngn/outage-reported/v1/examples/ok-grossstoerung.json");
    let text = fs::read_to_string(example).unwrap_or_default();
    let mut event: Value = serde_json::from_str(&text).unwrap_or_default();
    if let Some(event) = event.as_object_mut() {
        event.insert("id".to_owned(), json!(id));
    }
    event
}

/// The commands of a page, each with the heading it stands below.
fn commands(page: &str) -> Vec<(String, String)> {
    let (mut section, mut inside, mut found) = (String::new(), false, Vec::new());
    for line in page.lines() {
        match line.trim() {
            "```sh" => inside = true,
            "```" => inside = false,
            heading if !inside && heading.starts_with("## ") => section = heading.to_owned(),
            command if inside && !command.is_empty() && !command.starts_with('#') => {
                // What people read beside it is no part of it.
                let command = command.split("  #").next().unwrap_or(command);
                found.push((section.clone(), command.trim_end().to_owned()));
            }
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::{PAGES, commands};
    use stadtbus_harness::workspace_dir;

    #[test]
    fn commands_are_taken_out_with_their_heading() {
        let page = "# T\n\n## 1. A\n\n```sh\nls -l    # lists\n# nothing\n```\n\n`no`\n\n## 2. B\n\n```sh\nid\n```\n";
        let pair = |section: &str, command: &str| (section.to_owned(), command.to_owned());
        assert_eq!(commands(page), [pair("## 1. A", "ls -l"), pair("## 2. B", "id")]);
    }

    #[test]
    fn both_languages_say_the_same_commands() {
        let [german, english] = PAGES.map(|page| {
            let text = std::fs::read_to_string(workspace_dir().join("deploy/runbooks").join(page)).unwrap();
            let shape = |(section, command): (String, String)| {
                let words: Vec<_> = command.split(' ').take(3).map(str::to_owned).collect();
                let words = words.join(" ").replace("ereignis.json", "event.json");
                (section.chars().take(5).collect::<String>(), words)
            };
            commands(&text).into_iter().map(shape).collect::<Vec<_>>()
        });
        assert!(german.len() > 8);
        assert_eq!(german, english);
    }
}
