//! From component to artefact, in a process of its own.
//!
//! A compiler is a large program fed with a stranger's file, and its makers do not count "takes forever" or "takes all
//! memory" as faults. So it runs where neither matters: in a short-lived child with a ceiling on memory and processor
//! time which it sets itself before it reads anything, under a wall clock the parent holds.

use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{ExitCode, Stdio};
use std::time::Duration;

use rustix::process::{Resource, Rlimit, setrlimit};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;

use crate::engine;
use crate::error::{PluginError, shown};
use crate::limits::{
    ARTEFACT_BYTES_MAX, COMPILE_CPU_S, COMPILE_MEMORY_BYTES, COMPILE_WALL_S, WARM_COMPILE_CPU_S,
    WARM_COMPILE_MEMORY_BYTES, WARM_COMPILE_WALL_S,
};
use crate::manifest::Instances;
use crate::shape::component_bytes_max;

/// Exit code of the child for a component the compiler refuses.
const EXIT_INVALID: u8 = 65;
/// Exit code for everything that should not happen (`EX_SOFTWARE`).
const EXIT_SOFTWARE: u8 = 70;

/// Tells the child which ceilings to give itself: absent for a component with fresh instances, `warm` for one with warm
/// ones.
const CEILING_VARIABLE: &str = "STADTBUS_COMPILE_CEILING";

/// What one compilation may take.
struct Ceiling {
    memory_bytes: u64,
    cpu_s: u64,
    wall_s: u64,
}

impl Ceiling {
    fn of(instances: Instances) -> Self {
        match instances {
            Instances::Fresh => Self {
                memory_bytes: COMPILE_MEMORY_BYTES,
                cpu_s: COMPILE_CPU_S,
                wall_s: COMPILE_WALL_S,
            },
            Instances::Warm => Self {
                memory_bytes: WARM_COMPILE_MEMORY_BYTES,
                cpu_s: WARM_COMPILE_CPU_S,
                wall_s: WARM_COMPILE_WALL_S,
            },
        }
    }
}

/// How components are compiled.
#[derive(Debug, Clone)]
pub enum CompilerCommand {
    /// By a child process that runs [`compile_child`]. What a bus uses.
    Process {
        /// The program, usually the bus's own.
        program: PathBuf,
        /// Its arguments, such as `plugin-compile`.
        args: Vec<String>,
    },
    /// In this process, without any ceiling: for tests and tools that run their user's own component.
    Inside,
}

impl CompilerCommand {
    /// The running program itself, with these arguments.
    ///
    /// # Errors
    /// SB-1002 if the system does not tell where the program lies.
    pub fn this_program(args: &[&str]) -> Result<Self, PluginError> {
        let program = std::env::current_exe().map_err(|error| {
            PluginError::new("SB-1002", format!("the path of this program is unknown: {error}"))
        })?;
        Ok(Self::Process {
            program,
            args: args.iter().map(|&arg| arg.to_owned()).collect(),
        })
    }

    pub(crate) async fn compile(
        &self,
        component: &[u8],
        instances: Instances,
    ) -> Result<Vec<u8>, PluginError> {
        match self {
            Self::Process { program, args } => {
                let mut command = Command::new(program);
                command.args(args).env_clear();
                if instances == Instances::Warm {
                    command.env(CEILING_VARIABLE, "warm");
                }
                in_child(command, component, &Ceiling::of(instances)).await
            }
            Self::Inside => {
                let component = component.to_vec();
                tokio::task::spawn_blocking(move || precompile(&component))
                    .await
                    .map_err(|_| limit("the compiler failed"))?
                    .map_err(|detail| invalid(&detail))
            }
        }
    }
}

/// The body of the compiling process: component on standard input, artefact on standard output, one line on standard
/// error if the component is refused.
///
/// It lowers its own limits first ([`COMPILE_MEMORY_BYTES`], [`COMPILE_CPU_S`]; for a component that brings an interpreter
/// along [`WARM_COMPILE_MEMORY_BYTES`], [`WARM_COMPILE_CPU_S`]), reads at most one component, and needs no files; its
/// environment only says which ceilings and keeps its allocator modest.
#[must_use]
pub fn compile_child() -> ExitCode {
    let instances = match std::env::var_os(CEILING_VARIABLE) {
        Some(value) if value == "warm" => Instances::Warm,
        _ => Instances::Fresh,
    };
    let (limits, bytes_max) = (Ceiling::of(instances), component_bytes_max(instances));
    let ceiling = |resource, value| {
        setrlimit(
            resource,
            Rlimit {
                current: Some(value),
                maximum: Some(value),
            },
        )
    };
    let limited = ceiling(Resource::Data, limits.memory_bytes)
        .and_then(|()| ceiling(Resource::Cpu, limits.cpu_s))
        .and_then(|()| ceiling(Resource::Core, 0));
    if limited.is_err() {
        return ExitCode::from(EXIT_SOFTWARE);
    }
    let mut component = Vec::new();
    let read = std::io::stdin()
        .lock()
        .take(bytes_max as u64 + 1)
        .read_to_end(&mut component);
    if read.is_err() || component.len() > bytes_max {
        return ExitCode::from(EXIT_SOFTWARE);
    }
    match precompile(&component) {
        Ok(artefact) => match std::io::stdout().lock().write_all(&artefact) {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::from(EXIT_SOFTWARE),
        },
        Err(detail) => {
            // Nobody reads this if the parent is gone.
            let _ = writeln!(std::io::stderr(), "{detail}");
            ExitCode::from(EXIT_INVALID)
        }
    }
}

fn precompile(component: &[u8]) -> Result<Vec<u8>, String> {
    let engine = engine::engine(1).map_err(|error| error.detail)?;
    engine
        .precompile_component(component)
        .map_err(|error| shown(&format!("{error:#}")))
}

async fn in_child(mut command: Command, component: &[u8], ceiling: &Ceiling) -> Result<Vec<u8>, PluginError> {
    let Ceiling {
        memory_bytes,
        cpu_s,
        wall_s,
    } = *ceiling;
    command
        // An allocator that reserves in advance would be refused by the limit on memory before anything is compiled.
        .env("MIMALLOC_ARENA_EAGER_COMMIT", "0")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let mut child = command.spawn().map_err(|error| {
        PluginError::new("SB-4005", format!("the compiling process cannot start: {error}"))
            .hint("the program that compiles plugins must be executable by the bus's user")
    })?;
    let (Some(mut stdin), Some(stdout), Some(stderr)) =
        (child.stdin.take(), child.stdout.take(), child.stderr.take())
    else {
        return Err(limit("the compiling process has no pipes"));
    };
    let talk = async {
        let feed = async move {
            // A child that dies early closes its end; what it says afterwards counts.
            let _ = stdin.write_all(component).await;
        };
        let (_, artefact, message) =
            tokio::join!(feed, drain(stdout, ARTEFACT_BYTES_MAX), drain(stderr, 4_096));
        (child.wait().await, artefact, message)
    };
    // Past the wall clock `child` is dropped with the future, which kills it.
    let Ok((status, artefact, message)) = tokio::time::timeout(Duration::from_secs(wall_s), talk).await
    else {
        return Err(limit(&format!("it takes longer than {wall_s} s")));
    };
    let status = status.map_err(|error| limit(&format!("the compiling process was lost: {error}")))?;
    match status.code() {
        Some(0) if artefact.len() <= ARTEFACT_BYTES_MAX && !artefact.is_empty() => Ok(artefact),
        Some(0) => Err(limit(&format!(
            "the compiled plugin has more than {ARTEFACT_BYTES_MAX} bytes"
        ))),
        Some(code) if code == i32::from(EXIT_INVALID) => Err(invalid(&String::from_utf8_lossy(&message))),
        Some(code) => Err(limit(&format!("the compiling process ended with code {code}"))),
        None => Err(limit(&format!(
            "it takes more than {} MiB of memory or {cpu_s} s of processor time",
            memory_bytes >> 20
        ))),
    }
}

/// Reads to the end, keeping one byte more than `bytes_max` so that the caller sees that there was more.
async fn drain(mut from: impl tokio::io::AsyncRead + Unpin, bytes_max: usize) -> Vec<u8> {
    let mut kept = Vec::new();
    let mut limited = (&mut from).take(bytes_max as u64 + 1);
    // What could be read counts; a broken pipe shows in the exit code.
    let _ = limited.read_to_end(&mut kept).await;
    kept
}

fn limit(what: &str) -> PluginError {
    PluginError::new(
        "SB-4005",
        format!("the component could not be compiled within the limits: {what}"),
    )
    .hint("make the component smaller: fewer and shorter functions, no generated code that is not needed")
}

fn invalid(detail: &str) -> PluginError {
    PluginError::new(
        "SB-4001",
        format!("the compiler refuses the component: {}", shown(detail.trim())),
    )
}
