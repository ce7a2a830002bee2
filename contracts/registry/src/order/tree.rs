//! A JSON document as a tree whose nodes know their JSON pointer.
//!
//! A node's place is the number of its pointer instead of a line: readers and checks pass places on without looking.

use serde_json::Value;

use super::Fault;
use crate::finding::Finding;
use crate::yaml::{Entry, Kind, Node};

#[derive(Debug, Clone)]
pub(super) struct Tree {
    pub(super) root: Node,
    pointers: Vec<String>,
}

impl Tree {
    pub(super) fn of(value: &Value) -> Self {
        let mut pointers = Vec::new();
        let root = plant(value, String::new(), &mut pointers);
        Self { root, pointers }
    }

    /// A finding about a node of this tree.
    pub(super) fn fault(&self, finding: Finding) -> Fault {
        let place = finding
            .line
            .and_then(|line| usize::try_from(line).ok()?.checked_sub(1));
        let pointer = place.and_then(|place| self.pointers.get(place));
        Fault {
            code: finding.code,
            severity: finding.severity,
            pointer: pointer.cloned().unwrap_or_default(),
            detail: finding.detail,
            hint: finding.hint,
        }
    }
}

/// Depth is bounded by the parser the value came from.
fn plant(value: &Value, pointer: String, pointers: &mut Vec<String>) -> Node {
    pointers.push(pointer.clone());
    let at = (u32::try_from(pointers.len()).unwrap_or(0), 0);
    let kind = match value {
        Value::Null => Kind::Null,
        Value::Bool(truth) => Kind::Boolean(*truth),
        Value::Number(number) => Kind::Number(number.clone()),
        Value::String(text) => Kind::Text(text.clone()),
        Value::Array(items) => Kind::List(
            items
                .iter()
                .enumerate()
                .map(|(i, item)| plant(item, format!("{pointer}/{i}"), pointers))
                .collect(),
        ),
        Value::Object(members) => Kind::Map(
            members
                .iter()
                .map(|(key, value)| {
                    let escaped = key.replace('~', "~0").replace('/', "~1");
                    let value = plant(value, format!("{pointer}/{escaped}"), pointers);
                    Entry {
                        key: key.clone(),
                        at: value.at,
                        value,
                    }
                })
                .collect(),
        ),
    };
    Node { kind, at }
}
