//! How dead letters are shown.

use serde_json::Value;

use crate::catalogue;
use crate::commands::send::text;
use crate::say;
use crate::ui::shell::table;

pub(super) fn array<'a>(answer: &'a Value, name: &str) -> Option<&'a Vec<Value>> {
    answer.get(name).and_then(Value::as_array)
}

pub(super) fn reason_rows(list: &[Value]) -> Vec<String> {
    let rows: Vec<Vec<String>> = list
        .iter()
        .map(|entry| {
            let code = text(entry, "code");
            let (from, to) = (text(entry, "oldest"), text(entry, "newest"));
            let title = catalogue::find(&code)
                .map(|page| page.title().to_owned())
                .unwrap_or_default();
            vec![text(entry, "count"), code, title, format!("{from} – {to}")]
        })
        .collect();
    table(&rows)
}

pub(super) fn rows(list: &[Value]) -> Vec<String> {
    let rows: Vec<Vec<String>> = list
        .iter()
        .map(|entry| {
            let attempts = text(entry, "attempts_count");
            vec![
                text(entry, "dead_letter"),
                text(entry, "subscription"),
                text(entry, "id"),
                say!("{attempts} Versuche", "{attempts} attempts"),
                format!("{} {}", text(entry, "code"), text(entry, "detail"))
                    .trim()
                    .to_owned(),
            ]
        })
        .collect();
    table(&rows)
}

/// All fields, the payload as indented JSON at the end.
pub(super) fn details(entry: &Value) -> Vec<String> {
    let Some(fields) = entry.as_object() else {
        return Vec::new();
    };
    let (short, long): (Vec<_>, Vec<_>) = fields
        .iter()
        .partition(|(_, value)| !value.is_object() && !value.is_array());
    let mut lines = table(
        &short
            .iter()
            .map(|(name, _)| vec![(*name).clone(), text(entry, name)])
            .collect::<Vec<_>>(),
    );
    for (name, value) in long {
        lines.push(format!("{name}:"));
        let pretty = serde_json::to_string_pretty(value).unwrap_or_default();
        lines.extend(pretty.lines().map(|line| format!("  {line}")));
    }
    lines
}
