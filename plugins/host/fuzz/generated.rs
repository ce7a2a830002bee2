//! Valid components out of arbitrary bytes, and what must be true of each. The fuzz target and a test of the host share
//! this file.
//!
//! Most are a core module that was made up, in a component that gives it memory, the log, and the one function the bus
//! calls; so that they are not only looked at but run. The others are components made up as a whole.

#![allow(dead_code, unreachable_pub)]

use std::path::PathBuf;

use arbitrary::{Result, Unstructured};
use bytes::Bytes;
use stadtbus_event::Event;
use stadtbus_plugin_host::{
    Answer, Call, CompilerCommand, Failure, Host, HostConfig, Input, Manifest, Plugin, Tables, limits,
};
use wasm_smith::{Component, Config, Module};

/// Deadline of a call, in milliseconds: many of them never end.
const DEADLINE_MS: u64 = 4;
const MEMORY_MIB: u64 = 4;
/// Longest sentence about a component or a call, in bytes.
const DETAIL_BYTES_MAX: usize = 2_000;

/// What a module is given and must give.
const SHAPE: &str = r#"(module
  (import "host" "write" (func (param i32 i32 i32)))
  (import "mem" "memory" (memory 1))
  (func (export "realloc") (param i32 i32 i32 i32) (result i32) unreachable)
  (func (export "run") (param i32 i32) (result i32) unreachable))"#;

/// Makes a component of `bytes`. The first one says how much help it has to be called at all.
///
/// # Errors
/// If there are too few bytes to make one of.
pub fn component(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut from = Unstructured::new(bytes);
    let help: u8 = from.arbitrary()?;
    let mut config: Config = from.arbitrary()?;
    if help & 0x0f != 0 {
        keep_to_the_engine(&mut config);
    }
    if help & 0x70 == 0 {
        return Ok(Component::new(config, &mut from)?.to_bytes());
    }
    config.module_shape = Some(text(SHAPE));
    let module = Module::new(config, &mut from)?.to_bytes();
    let frame = frame(help & 0x10 != 0, help & 0x20 != 0);
    Ok(with_module(&text(&frame), 1, &module))
}

/// Leaves out what the engine is not built with; otherwise there would be little but refusals.
fn keep_to_the_engine(config: &mut Config) {
    config.gc_enabled = false;
    config.exceptions_enabled = false;
    config.reference_types_enabled = false;
    config.relaxed_simd_enabled = false;
    config.threads_enabled = false;
    config.shared_everything_threads_enabled = false;
    config.memory64_enabled = false;
    config.custom_page_sizes_enabled = false;
    config.custom_descriptors_enabled = false;
    config.wide_arithmetic_enabled = false;
    config.allow_invalid_funcs = false;
    config.min_memories = 0;
    config.max_memories = 1;
    config.min_tables = config.min_tables.min(1);
    config.max_tables = config.max_tables.min(1);
    config.max_table_elements = config.max_table_elements.min(30_000);
}

/// A component whose second core module is still empty. With `realloc` there is room for the input wherever the module says;
/// with `masked` its answer lies at least in its memory.
fn frame(realloc: bool, masked: bool) -> String {
    let realloc = if realloc { "$mi" } else { "$i" };
    let run = if masked { "$near" } else { "$i" };
    format!(
        r#"(component
  (import "stadtbus:plugin/log@1.0.0" (instance $log
    (type $level (enum "debug" "info" "warn" "error"))
    (export "level" (type $e (eq $level)))
    (export "write" (func (param "level" $e) (param "message" string)))))
  (core module $mem
    (memory (export "memory") 2)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 4096)))
  (core instance $mi (instantiate $mem))
  (core func $write (canon lower (func $log "write") (memory (core memory $mi "memory"))))
  (core module $m)
  (core instance $i (instantiate $m
    (with "host" (instance (export "write" (func $write))))
    (with "mem" (instance $mi))))
  (core module $mask
    (import "m" "run" (func $run (param i32 i32) (result i32)))
    (func (export "run") (param i32 i32) (result i32)
      (i32.and (call $run (local.get 0) (local.get 1)) (i32.const 0xfff8))))
  (core instance $near (instantiate $mask (with "m" (instance $i))))
  (func (export "run") (param "input" (list u8)) (result (list u8))
    (canon lift (core func {run} "run") (memory (core memory $mi "memory")) (realloc (core func {realloc} "realloc")))))"#
    )
}

fn text(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap()
}

/// The component with its core module number `number` replaced.
fn with_module(component: &[u8], number: usize, module: &[u8]) -> Vec<u8> {
    const CORE_MODULE: u8 = 1;
    let (header, mut rest) = component.split_at(8);
    let mut whole = header.to_vec();
    let mut seen = 0;
    while let Some((&id, after)) = rest.split_first() {
        let (length, after) = leb128(after);
        let (content, after) = after.split_at(length);
        let replaced = id == CORE_MODULE && seen == number;
        seen += usize::from(id == CORE_MODULE);
        let content = if replaced { module } else { content };
        whole.push(id);
        push_leb128(content.len(), &mut whole);
        whole.extend_from_slice(content);
        rest = after;
    }
    whole
}

fn leb128(bytes: &[u8]) -> (usize, &[u8]) {
    let last = bytes.iter().position(|byte| byte & 0x80 == 0).unwrap();
    let (number, rest) = bytes.split_at(last + 1);
    let number = number.iter().rev();
    (
        number.fold(0, |value, byte| value << 7 | usize::from(byte & 0x7f)),
        rest,
    )
}

fn push_leb128(mut value: usize, into: &mut Vec<u8>) {
    while value >= 0x80 {
        into.push(value as u8 | 0x80);
        value >>= 7;
    }
    into.push(value as u8);
}

/// A host to try components on.
pub struct Trial {
    host: Host,
    manifest: Manifest,
    input: Event,
    runtime: tokio::runtime::Runtime,
    cache_dir: PathBuf,
}

impl Trial {
    /// Artefacts go to `cache_dir`.
    pub fn new(cache_dir: PathBuf) -> Self {
        let host = Host::new(HostConfig {
            instances_max: 2,
            cache_dir: cache_dir.clone(),
            compiler: CompilerCommand::Inside,
        });
        let manifest = Manifest::parse(&format!(
            "plugin: p\npartner: ngn\nversion: 1.0.0\nrole: transform\nworld: bytes\n\
             consumes: [de.krefeld.test.measured.v1]\nproduces: [de.krefeld.test.mapped.v1]\n\
             limits: {{deadline_ms: {DEADLINE_MS}, memory_mib: {MEMORY_MIB}}}\n"
        ));
        let input = Event::builder("1", "urn:krefeld:ngn:leitwarte", "de.krefeld.test.measured.v1")
            .time("2026-01-31T12:00:00Z")
            .data(Bytes::from_static(br#"{"id":"S-1"}"#))
            .build();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        Self {
            host: host.unwrap(),
            manifest: manifest.unwrap(),
            input: input.unwrap(),
            runtime: runtime.unwrap(),
            cache_dir,
        }
    }

    /// Deploys the component and calls it twice. Whatever it is: it is refused with a code, or its calls end with an answer
    /// or a code; nothing panics, nothing is beyond its bound, and the same call comes to the same.
    pub fn put(&self, component: &[u8]) -> String {
        let deployed = self.runtime.block_on(self.host.deploy(&self.manifest, component));
        let plugin = match deployed {
            Ok(plugin) => plugin,
            Err(error) => {
                assert!(error.code.starts_with("SB-40"), "{error}");
                // A compiler that panics in a process of its own would be one that failed, too.
                assert!(!error.detail.contains("the compiler failed"), "{error}");
                assert!(error.detail.len() < DETAIL_BYTES_MAX, "{error}");
                return format!("deploy {}", error.code);
            }
        };
        let (first, second) = (self.call(&plugin), self.call(&plugin));
        match (first, second) {
            (Ok(first), Ok(second)) => {
                assert_eq!((&first.verdict, &first.logs), (&second.verdict, &second.logs));
                "allowed".to_owned()
            }
            (Err(first), Err(second)) => {
                assert!(first.code == second.code || is_late(&first) || is_late(&second));
                format!("run {}", first.code)
            }
            (Err(late), Ok(_)) | (Ok(_), Err(late)) => {
                assert!(is_late(&late), "{late}");
                "run SB-4101".to_owned()
            }
        }
    }

    fn call(&self, plugin: &Plugin) -> std::result::Result<Answer, Failure> {
        let result = plugin.run(Call {
            input: Input::Event(&self.input),
            config: b"",
            state: None,
            tables: &Tables::none(),
        });
        let (logs, cost) = match &result {
            Ok(answer) => (&answer.logs, &answer.cost),
            Err(failure) => {
                assert!(failure.code.starts_with("SB-41"), "{failure}");
                assert!(failure.detail.len() < DETAIL_BYTES_MAX, "{failure}");
                (&failure.logs, &failure.cost)
            }
        };
        assert!(cost.memory_bytes <= MEMORY_MIB << 20, "{cost:?}");
        assert!(cost.output_bytes <= self.manifest.limits.output_bytes_max);
        assert!(logs.len() <= limits::LOG_LINES_MAX);
        // A replaced character may take more room than it did.
        let line_bytes_max = limits::LOG_LINE_BYTES_MAX * 4;
        assert!(logs.iter().all(|line| line.text.len() <= line_bytes_max));
        result
    }

    /// Throws away the artefacts; nobody asks for the same component twice.
    pub fn clear(&self) {
        for entry in std::fs::read_dir(&self.cache_dir).into_iter().flatten().flatten() {
            if entry.path().extension().is_some() {
                let _ = std::fs::remove_file(entry.path());
            }
        }
    }
}

/// Whether it ran out of time: the one thing that two equal calls may differ in.
fn is_late(failure: &Failure) -> bool {
    failure.code == "SB-4101"
}
