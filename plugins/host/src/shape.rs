//! The look at a component before anything is compiled: size, structure, imports, exports.
//!
//! It reads the file once, without validating function bodies; that is the compiling process's business. What it
//! refuses are things whose mere handling would cost the bus memory or time, and imports nobody grants.

use serde::Serialize;
use sha2::{Digest, Sha256};
use wasmparser::{ComponentExternalKind, ComponentTypeRef, Encoding, Parser, Payload, TypeBounds};

use crate::engine;
use crate::error::{PluginError, shown_to};
use crate::limits::{COMPONENT_BYTES_MAX, TABLE_ELEMENTS_MAX, WARM_COMPONENT_BYTES_MAX};
use crate::manifest::{Instances, Manifest};

/// Interfaces a component may import; version 1 of each.
const IMPORTS: &[&str] = &[
    "stadtbus:plugin/types@1.",
    "stadtbus:plugin/log@1.",
    "stadtbus:plugin/lookup@1.",
];
/// The interface by which a component checks its configuration.
const CONFIGURATION: &str = "stadtbus:plugin/configuration@1.";
/// The minor version of the interface that this host speaks. A component of an earlier one runs, one of a later does not.
const MINOR: u64 = 1;
/// The one of them that a manifest may do without.
const LOG: &str = "stadtbus:plugin/log@";
/// Names of refused imports that are listed.
const IMPORTS_LISTED_MAX: usize = 20;

/// What a component is made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// SHA-256 of the component, in hexadecimal: its identity.
    pub digest: String,
    /// Its size.
    pub component_bytes: u64,
    /// What it imports.
    pub imports: Vec<String>,
    /// What it exports.
    pub exports: Vec<String>,
    /// How much of everything it has.
    pub counts: Counts,
}

impl Report {
    /// Whether the component says what is wrong with a configuration.
    #[must_use]
    pub fn checks_configuration(&self) -> bool {
        self.exports.iter().any(|name| name.starts_with(CONFIGURATION))
    }
}

/// How much of everything a component has, all nested modules and components together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Counts {
    /// Core modules.
    pub modules: u64,
    /// Core instances and component instances.
    pub instances: u64,
    /// Nested components.
    pub components: u64,
    /// Deepest nesting; the component itself is 1.
    pub depth: u64,
    /// Linear memories.
    pub memories: u64,
    /// Least size of the memories, in bytes.
    pub memory_bytes: u64,
    /// Tables.
    pub tables: u64,
    /// Least number of elements of the largest table.
    pub table_elements: u64,
    /// Functions with a body.
    pub functions: u64,
    /// Size of the largest function body, in bytes.
    pub function_bytes: u64,
    /// Globals.
    pub globals: u64,
    /// Types, of core modules and components.
    pub types: u64,
    /// Imports of nested modules.
    pub imports: u64,
    /// Exports.
    pub exports: u64,
    /// Data and element segments.
    pub segments: u64,
    /// Aliases and canonical functions of components.
    pub glue: u64,
}

/// Name, limit (for fresh instances, for warm ones) and the count it applies to.
type Rule = (&'static str, [u64; 2], fn(&Counts) -> u64);

const TABLES: u64 = engine::TABLES_MAX as u64;
const ELEMENTS: u64 = TABLE_ELEMENTS_MAX as u64;

/// The limits of shape. Real guests made by `wit-component` have three modules, one memory and one or two tables. What
/// brings an interpreter along is several libraries linked with one another: more modules, and thousands of names.
const RULES: &[Rule] = &[
    ("core modules", [16, 64], |c| c.modules),
    ("instances", [64, 256], |c| c.instances),
    ("nested components", [8, 8], |c| c.components),
    ("levels of nesting", [4, 4], |c| c.depth),
    ("memories", [1, 1], |c| c.memories),
    ("tables", [TABLES, TABLES], |c| c.tables),
    ("table elements", [ELEMENTS, ELEMENTS], |c| c.table_elements),
    ("functions", [30_000, 30_000], |c| c.functions),
    ("bytes in one function", [1 << 20, 1 << 20], |c| c.function_bytes),
    ("globals", [1_000, 2_000], |c| c.globals),
    ("types", [10_000, 10_000], |c| c.types),
    ("imports of modules", [1_000, 5_000], |c| c.imports),
    ("exports", [2_000, 10_000], |c| c.exports),
    ("data and element segments", [20_000, 20_000], |c| c.segments),
    ("aliases and canonical functions", [5_000, 10_000], |c| c.glue),
];

/// Looks at a component without compiling it.
///
/// # Errors
/// SB-4004 too large · SB-4001 not a component · SB-4006 too many of something (named, with the limit), or a memory
/// that starts larger than the manifest allows · SB-4002 imports that are not granted, all listed by name · SB-4003 the
/// export of the manifest's role and world is missing.
pub fn check(component: &[u8], manifest: &Manifest) -> Result<Report, PluginError> {
    let bytes_max = component_bytes_max(manifest.instances);
    if component.len() > bytes_max {
        let detail = format!(
            "the component has {} bytes; {bytes_max} are allowed",
            component.len()
        );
        return Err(PluginError::new("SB-4004", detail)
            .hint("build with optimisation and without debug information: stadtbus plugin build"));
    }
    let report = read(component)?;
    for (what, [fresh_max, warm_max], count) in RULES {
        let count = count(&report.counts);
        let max = match manifest.instances {
            Instances::Fresh => fresh_max,
            Instances::Warm => warm_max,
        };
        if count > *max {
            return Err(PluginError::new(
                "SB-4006",
                format!("the component has {count} {what}; {max} are allowed"),
            ));
        }
    }
    let memory_max = manifest.limits.memory_mib << 20;
    let memory = report.counts.memory_bytes;
    if memory > memory_max {
        let detail = format!("its memory starts with {memory} bytes; the manifest allows {memory_max}");
        return Err(PluginError::new("SB-4006", detail)
            .hint("raise limits.memory_mib in the manifest (at most 64), or make static data smaller"));
    }
    check_imports(&report.imports)?;
    check_minor(&report)?;
    check_log(&report.imports, manifest)?;
    if !report.exports.iter().any(|name| name == manifest.export()) {
        return Err(PluginError::new(
            "SB-4003",
            format!(
                "the component does not export `{}`, which its manifest promises",
                manifest.export()
            ),
        )
        .hint("check `role` and `world` in the manifest against the world the component was built for"));
    }
    Ok(report)
}

pub(crate) fn component_bytes_max(instances: Instances) -> usize {
    match instances {
        Instances::Fresh => COMPONENT_BYTES_MAX,
        Instances::Warm => WARM_COMPONENT_BYTES_MAX,
    }
}

fn check_minor(report: &Report) -> Result<(), PluginError> {
    let minor = |name: &str| -> Option<u64> { name.split_once("@1.")?.1.split('.').next()?.parse().ok() };
    let newest = report.imports.iter().chain(&report.exports);
    match newest.filter_map(|name| minor(name)).max() {
        Some(newest) if newest > MINOR => Err(PluginError::new(
            "SB-4003",
            format!(
                "the component was built for version 1.{newest} of the interface; this bus speaks 1.{MINOR}"
            ),
        )
        .hint("update the bus, or build the component with the SDK that came with this bus")),
        _ => Ok(()),
    }
}

fn check_imports(imports: &[String]) -> Result<(), PluginError> {
    let refused: Vec<String> = imports
        .iter()
        .filter(|name| !IMPORTS.iter().any(|allowed| name.starts_with(allowed)))
        .map(|name| shown_to(name, 100))
        .collect();
    if refused.is_empty() {
        return Ok(());
    }
    let listed = refused
        .iter()
        .take(IMPORTS_LISTED_MAX)
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ");
    Err(PluginError::new(
        "SB-4002",
        format!("the component imports what no plugin is given: {listed}"),
    )
    .hint(
        "a plugin has no files, network, clock or randomness: build for wasm32-unknown-unknown, without WASI",
    )
    .names(refused))
}

/// What the manifest does not ask for is not given.
fn check_log(imports: &[String], manifest: &Manifest) -> Result<(), PluginError> {
    let Some(import) = imports.iter().find(|name| name.starts_with(LOG)) else {
        return Ok(());
    };
    if manifest.log {
        return Ok(());
    }
    let detail = format!(
        "the component imports `{}`, and its manifest says `log: false`",
        shown_to(import, 100)
    );
    Err(PluginError::new("SB-4002", detail)
        .hint("take `log: false` out of plugin.yaml, or write no log lines")
        .names(vec![shown_to(import, 100)]))
}

fn read(component: &[u8]) -> Result<Report, PluginError> {
    let malformed = |error: wasmparser::BinaryReaderError| {
        PluginError::new(
            "SB-4001",
            format!(
                "this is not a WebAssembly component: {} (at byte {})",
                shown_to(error.message(), 200),
                error.offset()
            ),
        )
    };
    let mut walk = Walk::default();
    for payload in Parser::new(0).parse_all(component) {
        walk.see(&payload.map_err(malformed)?).map_err(malformed)?;
        if walk.is_core_module {
            return Err(
                PluginError::new("SB-4001", "this is a core WebAssembly module, not a component")
                    .hint("stadtbus plugin build makes a component of it"),
            );
        }
        if walk.counts.depth > 16 {
            break;
        }
    }
    if walk.counts.depth == 0 {
        return Err(PluginError::new(
            "SB-4001",
            "this is not a WebAssembly component: it is empty",
        ));
    }
    Ok(Report {
        digest: hex(&Sha256::digest(component)),
        component_bytes: component.len() as u64,
        imports: walk.imports,
        exports: walk.exports,
        counts: walk.counts,
    })
}

#[derive(Default)]
struct Walk {
    depth: u64,
    is_core_module: bool,
    imports: Vec<String>,
    exports: Vec<String>,
    counts: Counts,
}

impl Walk {
    fn see(&mut self, payload: &Payload<'_>) -> Result<(), wasmparser::BinaryReaderError> {
        let counts = &mut self.counts;
        match payload {
            Payload::Version { encoding, .. } => {
                self.depth += 1;
                counts.depth = counts.depth.max(self.depth);
                self.is_core_module = self.depth == 1 && *encoding == Encoding::Module;
            }
            Payload::End(_) => self.depth = self.depth.saturating_sub(1),
            Payload::ModuleSection { .. } => counts.modules += 1,
            Payload::ComponentSection { .. } => counts.components += 1,
            Payload::InstanceSection(s) => counts.instances += u64::from(s.count()),
            Payload::ComponentInstanceSection(s) => counts.instances += u64::from(s.count()),
            Payload::TypeSection(s) => counts.types += u64::from(s.count()),
            Payload::CoreTypeSection(s) => counts.types += u64::from(s.count()),
            Payload::ComponentTypeSection(s) => counts.types += u64::from(s.count()),
            Payload::ImportSection(s) => counts.imports += u64::from(s.count()),
            Payload::ExportSection(s) => counts.exports += u64::from(s.count()),
            Payload::GlobalSection(s) => counts.globals += u64::from(s.count()),
            Payload::ElementSection(s) => counts.segments += u64::from(s.count()),
            Payload::DataSection(s) => counts.segments += u64::from(s.count()),
            Payload::ComponentAliasSection(s) => counts.glue += u64::from(s.count()),
            Payload::ComponentCanonicalSection(s) => counts.glue += u64::from(s.count()),
            Payload::CodeSectionEntry(body) => {
                counts.functions += 1;
                let range = body.range();
                counts.function_bytes = counts.function_bytes.max((range.end - range.start) as u64);
            }
            Payload::MemorySection(section) => {
                for memory in section.clone() {
                    let memory = memory?;
                    counts.memories += 1;
                    let page = 1u64
                        .checked_shl(memory.page_size_log2.unwrap_or(16))
                        .unwrap_or(u64::MAX);
                    counts.memory_bytes = counts
                        .memory_bytes
                        .saturating_add(memory.initial.saturating_mul(page));
                }
            }
            Payload::TableSection(section) => {
                for table in section.clone() {
                    counts.tables += 1;
                    counts.table_elements = counts.table_elements.max(table?.ty.initial);
                }
            }
            Payload::ComponentImportSection(section) => self.see_imports(section)?,
            Payload::ComponentExportSection(section) => self.see_exports(section)?,
            _ => {}
        }
        Ok(())
    }

    fn see_imports(
        &mut self,
        section: &wasmparser::ComponentImportSectionReader<'_>,
    ) -> Result<(), wasmparser::BinaryReaderError> {
        self.counts.imports += u64::from(section.count());
        if self.depth == 1 {
            for import in section.clone() {
                let import = import?;
                // A name for a type that an imported interface defines; it grants nothing.
                if !matches!(import.ty, ComponentTypeRef::Type(TypeBounds::Eq(_))) {
                    self.imports.push(import.name.name.to_owned());
                }
            }
        }
        Ok(())
    }

    fn see_exports(
        &mut self,
        section: &wasmparser::ComponentExportSectionReader<'_>,
    ) -> Result<(), wasmparser::BinaryReaderError> {
        self.counts.exports += u64::from(section.count());
        if self.depth == 1 {
            for export in section.clone() {
                let export = export?;
                let name = export.name.name;
                if export.kind == ComponentExternalKind::Func || name.starts_with(CONFIGURATION) {
                    self.exports.push(name.to_owned());
                }
            }
        }
        Ok(())
    }
}

/// A core module without its debug information; names of functions stay, for backtraces.
pub(crate) fn without_debug_info(module: &[u8]) -> Result<Vec<u8>, PluginError> {
    let broken = || PluginError::new("SB-5011", "the compiler made no WebAssembly module");
    let mut kept = module.get(..8).ok_or_else(broken)?.to_vec();
    for payload in Parser::new(0).parse_all(module) {
        let payload = payload.map_err(|_| broken())?;
        let is_debug =
            matches!(&payload, Payload::CustomSection(section) if section.name().starts_with(".debug"));
        if let (false, Some((id, range))) = (is_debug, payload.as_section()) {
            kept.push(id);
            leb128(range.len(), &mut kept);
            kept.extend_from_slice(module.get(range).ok_or_else(broken)?);
        }
    }
    Ok(kept)
}

pub(crate) fn leb128(mut value: usize, into: &mut Vec<u8>) {
    while value >= 0x80 {
        into.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    into.push(value as u8);
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
