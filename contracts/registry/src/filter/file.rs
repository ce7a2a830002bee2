//! A filter of a file: the same rules, with the place of what breaks them.

use super::data::DataFilter;
use super::fault::{Fault, Faulty};
use super::{DIALECTS, FILTER_DEPTH_MAX, Filter};
use crate::finding::{Finding, Text};
use crate::reader::Reader;
use crate::yaml::{Kind, Node};

/// One filter of a file.
pub(crate) fn read(reader: &Reader, node: &Node) -> Option<Filter> {
    if let Err(fault) = misspelt(node, FILTER_DEPTH_MAX) {
        report(reader, node, fault);
        return None;
    }
    match serde_json::from_value(node.to_value()) {
        Ok(filter) => Some(filter),
        Err(error) => {
            reader.bad(
                node,
                Text::new(
                    format!("Der Filter ist nicht zulässig: {error}."),
                    format!("the filter is not allowed: {error}"),
                ),
            );
            None
        }
    }
}

/// What can be said of one place inside the filter; the rest is said of the whole.
fn misspelt(node: &Node, depth: usize) -> Result<(), Fault> {
    let Kind::Map(entries) = &node.kind else {
        return Ok(());
    };
    for entry in entries {
        let name = entry.key.as_str();
        match (name, &entry.value.kind) {
            ("x-data", _) => {
                DataFilter::read(&entry.value.to_value()).under(name)?;
            }
            ("not", _) if depth > 0 => misspelt(&entry.value, depth - 1).under(name)?,
            ("all" | "any", Kind::List(items)) if depth > 0 => {
                for (at, item) in items.iter().enumerate() {
                    misspelt(item, depth - 1).under(at).under(name)?;
                }
            }
            (name, _) if !DIALECTS.contains(&name) => {
                let text = Text::new("Einen solchen Filter gibt es nicht", "there is no such filter");
                return Err(Fault {
                    text,
                    ..Fault::unknown(name, DIALECTS)
                });
            }
            _ => {}
        }
    }
    Ok(())
}

/// Where a name is wrong, its own place; else the place of the value.
fn report(reader: &Reader, node: &Node, fault: Fault) {
    let mut here = node;
    let mut at = node.at;
    for step in &fault.path {
        match &here.kind {
            Kind::Map(entries) => {
                let Some(entry) = entries.iter().find(|entry| entry.key == *step) else {
                    break;
                };
                here = &entry.value;
                at = if entry.value.at.0 == 0 {
                    entry.at
                } else {
                    entry.value.at
                };
                if fault.code == "SB-5003" && Some(step) == fault.path.last() {
                    at = entry.at;
                }
            }
            Kind::List(items) => {
                let Some(item) = step.parse::<usize>().ok().and_then(|at| items.get(at)) else {
                    break;
                };
                (here, at) = (item, item.at);
            }
            _ => break,
        }
    }
    let Text { de, en } = fault.text;
    let text = Text::new(format!("{de}."), en);
    let finding = Finding::error(fault.code, reader.file.as_str(), text);
    reader.report(finding.at(at).hint(fault.hint));
}
