//! One turn: what changed is done again, nothing else; and what came of it.

use crate::commands::plugin::{build, host_failure, manifest, test};
use crate::duration::millis;
use crate::junit::{self, Case};
use crate::plugin_test::{self, decimal, sandbox};
use crate::say;
use crate::ui::{Failure, Shell, Style, t};
use serde_json::{Value, json};
use stadtbus_plugin_host::Plugin;
use stadtbus_plugin_host::build::{Built, Effort};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::paths::Need;

/// Names of changed files that are shown.
const NAMES_MAX: usize = 6;

/// What is kept from one turn to the next.
#[derive(Debug)]
pub(super) struct Workshop {
    folder: PathBuf,
    turns: u64,
    /// What the source as it is became; nothing while it does not build.
    plugin: Option<Arc<Plugin>>,
    /// What came of the unit tests of the language.
    unit_tests: Vec<Case>,
}

/// What came of one turn.
#[derive(Debug)]
pub(super) struct Turn {
    number: u64,
    at: String,
    changes: Vec<PathBuf>,
    tried: bool,
    build: Option<Build>,
    result: Result<Vec<Case>, Failure>,
    took: Duration,
}

/// A build that succeeded.
#[derive(Debug)]
struct Build {
    took: Duration,
    compile: Duration,
    component_bytes: u64,
    effort: Effort,
}

impl Workshop {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self {
            folder,
            turns: 0,
            plugin: None,
            unit_tests: Vec::new(),
        }
    }

    /// How many turns there were.
    pub(super) fn turns(&self) -> u64 {
        self.turns
    }

    /// Does what is needed after these changes, which were noticed at `since`.
    pub(super) fn turn(&mut self, changes: &[PathBuf], need: Need, since: Instant) -> Turn {
        self.turns = self.turns.saturating_add(1);
        // Without a component of the present source there is nothing to test.
        let need = if self.plugin.is_some() { need } else { Need::ALL };
        let at = jiff::Zoned::now().strftime("%H:%M:%S").to_string();
        let mut build = None;
        let result = self.work(need, &mut build);
        Turn {
            number: self.turns,
            at,
            changes: changes.to_vec(),
            tried: need.build,
            build,
            result,
            took: since.elapsed(),
        }
    }

    fn work(&mut self, need: Need, done: &mut Option<Build>) -> Result<Vec<Case>, Failure> {
        if need.build {
            let before = self.plugin.take();
            let (plugin, build) = self.build(before)?;
            *done = Some(build);
            self.plugin = Some(plugin);
        }
        if need.unit_tests {
            self.unit_tests.clear();
            self.unit_tests = test::unit_tests(&self.folder)?;
        }
        let mut cases = self.unit_tests.clone();
        if let Some(plugin) = &self.plugin {
            cases.extend(plugin_test::run_with(&self.folder, plugin)?);
        }
        Ok(cases)
    }

    fn build(&self, before: Option<Arc<Plugin>>) -> Result<(Arc<Plugin>, Build), Failure> {
        let (manifest, _) = manifest(&self.folder)?;
        let began = Instant::now();
        let Built {
            report,
            effort,
            component,
            ..
        } = build::make(&self.folder, &manifest, Effort::Quick)?;
        let took = began.elapsed();
        let same = before.filter(|plugin| plugin.digest() == report.digest && *plugin.manifest() == manifest);
        let (plugin, compile) = match same {
            Some(plugin) => (plugin, Duration::ZERO),
            // Not by way of the cache: what is half typed is not worth keeping.
            None => sandbox::deploy_anew(&manifest, &component, 1).map_err(|error| host_failure(&error))?,
        };
        let component_bytes = report.component_bytes;
        let build = Build {
            took,
            compile,
            component_bytes,
            effort,
        };
        Ok((plugin, build))
    }
}

impl Turn {
    /// Whether a compiler was at work, with or without success.
    pub(super) fn tried_to_build(&self) -> bool {
        self.tried
    }

    /// For programs, one line.
    pub(super) fn to_json(&self) -> Value {
        let build = self.build.as_ref().map(|build| {
            json!({
                "took_ms": millis(build.took), "compile_ms": millis(build.compile), "effort": build.effort,
                "component_bytes": build.component_bytes,
            })
        });
        let cases = self.result.as_deref().unwrap_or_default();
        let (passed, failed) = junit::counts(cases);
        json!({
            "turn": self.number, "changes": self.changes, "build": build, "passed": passed, "failed": failed,
            "cases": cases, "error": self.result.as_ref().err().map(Failure::to_json), "took_ms": millis(self.took),
        })
    }

    /// For people: what changed above, the verdict below.
    pub(super) fn lines(&self, shell: &Shell) -> Vec<String> {
        let head = format!("── {} · {} · {}", self.number, self.at, self.changed());
        let mut lines = vec![String::new(), shell.paint(Style::Strong, &head)];
        lines.extend(
            self.build
                .as_ref()
                .map(|build| shell.paint(Style::Dim, &build.line())),
        );
        let took = seconds(self.took);
        let (style, word, sum) = match &self.result {
            Err(failure) => {
                lines.extend(failure.lines(|style, text| shell.paint(style, text)));
                (Style::Bad, t("FALSCH", "FAILED"), failure.code().to_owned())
            }
            Ok(cases) => {
                lines.extend(junit::lines(shell, cases));
                match junit::counts(cases) {
                    (0, 0) => {
                        let none = t("Es gibt keine *_test.yaml.", "There is no *_test.yaml.");
                        (Style::Warn, t("OFFEN", "OPEN"), none.to_owned())
                    }
                    (_, 0) => (Style::Good, t("GUT", "GOOD"), junit::sum(cases)),
                    _ => (Style::Bad, t("FALSCH", "FAILED"), junit::sum(cases)),
                }
            }
        };
        lines.push(format!("{}  {sum} · {took} s", shell.paint(style, word)));
        lines
    }

    fn changed(&self) -> String {
        if self.changes.is_empty() {
            return t("Anfang", "beginning").to_owned();
        }
        let names = self.changes.iter().take(NAMES_MAX);
        let mut names: Vec<String> = names.map(|path| path.display().to_string()).collect();
        let more = self.changes.len().saturating_sub(NAMES_MAX);
        if more > 0 {
            names.push(say!("{more} mehr", "{more} more"));
        }
        names.join(", ")
    }
}

impl Build {
    fn line(&self) -> String {
        let (took, compile) = (seconds(self.took), seconds(self.compile));
        let kib = self.component_bytes.div_ceil(1024);
        let line = say!(
            "gebaut in {took} s, übersetzt in {compile} s · {kib} KiB",
            "built in {took} s, compiled in {compile} s · {kib} KiB"
        );
        let note = match self.effort {
            Effort::Full => "",
            Effort::Quick => t(
                " · schnell gebaut; für den Betrieb: stadtbus plugin build",
                " · built quickly; for operation: stadtbus plugin build",
            ),
        };
        format!("{line}{note}")
    }
}

fn seconds(duration: Duration) -> String {
    decimal(millis(duration), 1_000)
}
