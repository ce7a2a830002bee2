//! The page `docs/plugins/reference.md`, out of the interface itself.
//!
//! The words are those of the WIT file; only the headings are said in German, too. `cargo xtask lint` holds the page against what
//! is made here, so that neither can change alone.

use std::fs;

use wit_parser::{
    Docs, Function, Interface, PackageId, Resolve, Type, TypeDef, TypeDefKind, World, WorldItem,
};

use crate::shell::{Done, Shell};

/// The interface.
pub(crate) const SOURCE: &str = "plugins/wit/stadtbus-plugin.wit";
/// The page.
pub(crate) const PAGE: &str = "docs/plugins/reference.md";

/// Writes the page.
pub(crate) fn run(shell: &Shell) -> Done {
    let path = shell.root.join(SOURCE);
    let wit = fs::read_to_string(path).map_err(|error| format!("{SOURCE}: {error}"))?;
    fs::write(shell.root.join(PAGE), page(&wit)?).map_err(|error| format!("{PAGE}: {error}"))?;
    println!("{PAGE}");
    Ok(())
}

/// The page for this interface.
pub(crate) fn page(wit: &str) -> Done<String> {
    let mut resolve = Resolve::default();
    let package = resolve
        .push_source(SOURCE, wit)
        .map_err(|error| format!("{error:#}"))?;
    let mut page = Page {
        resolve: &resolve,
        text: String::new(),
    };
    page.whole(package)?;
    Ok(page.text)
}

struct Page<'a> {
    resolve: &'a Resolve,
    text: String,
}

impl Page<'_> {
    fn whole(&mut self, package: PackageId) -> Done {
        let package = self
            .resolve
            .packages
            .get(package)
            .ok_or("the package is not there")?;
        self.line("# Referenz der Schnittstelle / Reference of the interface\n");
        self.line("Erzeugt von `cargo xtask reference` aus `plugins/wit/stadtbus-plugin.wit`; geändert wird dort. Was ein Plugin ist, steht");
        self.line("auf Deutsch in [concepts.md](concepts.md).\n");
        self.line("*Made by `cargo xtask reference` from `plugins/wit/stadtbus-plugin.wit`; that is where to change it. What a plugin is");
        self.line("stands in [concepts.md](concepts.md).*\n");
        let version = package.name.to_string();
        self.line(&format!("## Das Paket / The package `{version}`\n"));
        self.docs(&package.docs, 2);
        for id in package.interfaces.values() {
            let interface = self.resolve.interfaces.get(*id);
            self.interface(interface.ok_or("an interface is not there")?);
        }
        for id in package.worlds.values() {
            let world = self.resolve.worlds.get(*id);
            self.world(world.ok_or("a world is not there")?);
        }
        let end = self.text.trim_end().len();
        self.text.truncate(end);
        self.text.push('\n');
        Ok(())
    }

    fn interface(&mut self, interface: &Interface) {
        let name = interface.name.as_deref().unwrap_or_default();
        self.line(&format!("## Schnittstelle / Interface `{name}`\n"));
        self.docs(&interface.docs, 2);
        for (name, id) in &interface.types {
            if let Some(definition) = self.resolve.types.get(*id) {
                self.definition(name, definition);
            }
        }
        for function in interface.functions.values() {
            self.line(&format!("### Funktion / Function `{}`\n", function.name));
            self.signature(function);
            self.docs(&function.docs, 3);
        }
    }

    fn definition(&mut self, name: &str, definition: &TypeDef) {
        let title = match definition.kind {
            TypeDefKind::Record(_) => "Verbund / Record",
            TypeDefKind::Variant(_) => "Auswahl / Variant",
            TypeDefKind::Enum(_) => "Aufzählung / Enum",
            _ => "Typ / Type",
        };
        self.line(&format!("### {title} `{name}`\n"));
        self.docs(&definition.docs, 3);
        let rows: Vec<(String, String, &Docs)> = match &definition.kind {
            TypeDefKind::Record(record) => record
                .fields
                .iter()
                .map(|field| (field.name.clone(), self.ty(&field.ty), &field.docs))
                .collect(),
            TypeDefKind::Variant(variant) => variant
                .cases
                .iter()
                .map(|case| {
                    let ty = case.ty.as_ref().map(|ty| self.ty(ty));
                    (case.name.clone(), ty.unwrap_or_default(), &case.docs)
                })
                .collect(),
            TypeDefKind::Enum(of) => of
                .cases
                .iter()
                .map(|case| (case.name.clone(), String::new(), &case.docs))
                .collect(),
            _ => Vec::new(),
        };
        if rows.is_empty() {
            return;
        }
        self.line("| Name / name | Typ / type | Bedeutung / meaning |\n|---|---|---|");
        for (name, ty, docs) in rows {
            let ty = if ty.is_empty() { ty } else { format!("`{ty}`") };
            let meaning = docs.contents.as_deref().unwrap_or_default();
            let meaning = meaning.trim().replace('\n', " ").replace('|', "\\|");
            self.line(
                format!("| `{name}` | {ty} | {meaning} |")
                    .replace("|  |", "| |")
                    .as_str(),
            );
        }
        self.line("");
    }

    fn world(&mut self, world: &World) {
        self.line(&format!("## Welt / World `{}`\n", world.name));
        self.docs(&world.docs, 2);
        for (title, items) in [
            ("Bekommt / Imports", &world.imports),
            ("Gibt / Exports", &world.exports),
        ] {
            let interfaces: Vec<String> = items
                .values()
                .filter_map(|item| match item {
                    WorldItem::Interface { id, .. } => self.resolve.interfaces.get(*id)?.name.clone(),
                    _ => None,
                })
                .map(|name| format!("[`{name}`](#schnittstelle--interface-{name})"))
                .collect();
            if !interfaces.is_empty() {
                self.line(&format!("{title}: {}\n", interfaces.join(", ")));
            }
            for item in items.values() {
                if let WorldItem::Function(function) = item {
                    self.line(&format!("{title}:\n"));
                    self.signature(function);
                    self.docs(&function.docs, 2);
                }
            }
        }
    }

    fn signature(&mut self, function: &Function) {
        let params: Vec<String> = function
            .params
            .iter()
            .map(|param| format!("{}: {}", param.name, self.ty(&param.ty)))
            .collect();
        let result = function.result.as_ref().map(|ty| format!(" -> {}", self.ty(ty)));
        let (name, params, result) = (&function.name, params.join(", "), result.unwrap_or_default());
        self.line(&format!("```wit\n{name}: func({params}){result};\n```\n"));
    }

    /// A type as the interface writes it.
    fn ty(&self, ty: &Type) -> String {
        let word = match ty {
            Type::Bool => "bool",
            Type::U8 => "u8",
            Type::U16 => "u16",
            Type::U32 => "u32",
            Type::U64 => "u64",
            Type::S8 => "s8",
            Type::S16 => "s16",
            Type::S32 => "s32",
            Type::S64 => "s64",
            Type::F32 => "f32",
            Type::F64 => "f64",
            Type::Char => "char",
            Type::String => "string",
            Type::ErrorContext => "error-context",
            Type::Id(id) => {
                let Some(definition) = self.resolve.types.get(*id) else {
                    return String::new();
                };
                return match (&definition.name, &definition.kind) {
                    (Some(name), _) => name.clone(),
                    (None, TypeDefKind::List(of)) => format!("list<{}>", self.ty(of)),
                    (None, TypeDefKind::Option(of)) => format!("option<{}>", self.ty(of)),
                    (None, kind) => kind.as_str().to_owned(),
                };
            }
        };
        word.to_owned()
    }

    /// What the interface says about something; its headings become smaller than the one they stand below.
    fn docs(&mut self, docs: &Docs, below: usize) {
        let Some(contents) = &docs.contents else {
            return;
        };
        let mut in_code = false;
        for line in contents.trim().lines() {
            in_code ^= line.starts_with("```");
            if line.starts_with("# ") && !in_code {
                self.line(&format!("{}{line}", "#".repeat(below)));
            } else {
                self.line(line);
            }
        }
        self.line("");
    }

    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WIT: &str = "/// A package.\n///\n/// # More\npackage a:b@1.0.0;\n\n/// Types.\ninterface types {\n    /// A thing.\n    record thing {\n        /// Its name, `a|b`.\n        name: option<list<u8>>,\n    }\n}\n\nworld w {\n    import types;\n    use types.{thing};\n    /// Does it.\n    export run: func(input: thing) -> string;\n}\n";

    #[test]
    fn all_that_the_interface_says_is_on_the_page() -> Done {
        let page = page(WIT)?;
        for part in [
            "## Das Paket / The package `a:b@1.0.0`\n\nA package.\n\n### More\n",
            "### Verbund / Record `thing`\n\nA thing.\n",
            "| `name` | `option<list<u8>>` | Its name, `a\\|b`. |\n",
            "run: func(input: thing) -> string;\n```\n\nDoes it.\n",
            "[`types`](#schnittstelle--interface-types)",
        ] {
            assert!(page.contains(part), "{part}\n---\n{page}");
        }
        assert!(super::page("package ;").is_err());
        Ok(())
    }
}
