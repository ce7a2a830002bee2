//! What a delivery must be. An expected file is the event in its JSON format, its data on one line exactly as it must arrive.
//! Only what cannot be known beforehand is a placeholder in an attribute:
//!
//! `<time>` a point in time · `<receipt:N>` the id in the input's Nth receipt · `<same:NAME>` whatever it is, but the same
//! wherever the name stands.

use std::collections::BTreeMap;

use stadtbus_harness::Outcome;

use crate::scenario;
use crate::seen::Seen;

/// What placeholders stand for, as far as it is known by now.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// Ids of the current input's receipts.
    pub(crate) receipts: Vec<String>,
    same: BTreeMap<String, String>,
}

/// An expected delivery.
#[derive(Debug)]
pub(crate) struct Expected(Seen);

impl Expected {
    pub(crate) fn load(file: &str) -> Outcome<Self> {
        let text = scenario::read(&format!("expected/{file}"))?;
        Seen::from_json(&text)
            .map(Self)
            .map_err(|failure| failure.while_(file))
    }

    /// Whether it is about the same thing: what is compared in detail, even if the details are wrong.
    pub(crate) fn is_about(&self, seen: &Seen) -> bool {
        ["type", "subject"]
            .iter()
            .all(|name| self.0.attribute(name) == seen.attribute(name))
    }

    /// Every difference, in words.
    pub(crate) fn differences(&self, seen: &Seen, known: &mut Known) -> Vec<String> {
        let mut differences = Vec::new();
        for (name, expected) in &self.0.attributes {
            match seen.attributes.get(name) {
                None => differences.push(format!("{name} is missing")),
                Some(found) if matches(expected, found, known) => {}
                Some(found) => differences.push(format!("{name} is {found:?}, not {expected:?}")),
            }
        }
        let surplus = seen
            .attributes
            .keys()
            .filter(|name| !self.0.attributes.contains_key(*name));
        differences
            .extend(surplus.map(|name| format!("{name} = {:?} should not be there", seen.attribute(name))));
        if self.0.data != seen.data {
            let (expected, found) = (
                String::from_utf8_lossy(&self.0.data),
                String::from_utf8_lossy(&seen.data),
            );
            differences.push(format!("data is\n    {found}\n  not\n    {expected}"));
        }
        differences
    }
}

fn matches(expected: &str, found: &str, known: &mut Known) -> bool {
    let Some(placeholder) = expected.strip_prefix('<').and_then(|rest| rest.strip_suffix('>')) else {
        return expected == found;
    };
    match placeholder.split_once(':') {
        None if placeholder == "time" => is_time(found),
        Some(("receipt", number)) => {
            let receipt = number
                .parse::<usize>()
                .ok()
                .and_then(|number| known.receipts.get(number));
            receipt.is_some_and(|id| id == found)
        }
        Some(("same", name)) => {
            !found.is_empty()
                && known
                    .same
                    .entry(name.to_owned())
                    .or_insert_with(|| found.to_owned())
                    == found
        }
        _ => expected == found,
    }
}

/// `2026-11-24T17:05:00.123Z` in shape.
fn is_time(text: &str) -> bool {
    let shape: String = text
        .chars()
        .map(|c| if c.is_ascii_digit() { '0' } else { c })
        .collect();
    let tail = shape.strip_prefix("0000-00-00T00:00:00").unwrap_or("no");
    let tail = tail
        .strip_prefix('.')
        .map_or(tail, |fraction| fraction.trim_start_matches('0'));
    tail == "Z" || tail == "+00:00" || tail == "-00:00"
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn seen(id: &str, data: &str) -> Seen {
        Seen::from_json(&format!(
            r#"{{"id": "{id}", "type": "t", "acceptedtime": "2026-01-01T00:00:00.1Z", "data": {data}}}"#
        ))
        .unwrap()
    }

    #[test]
    fn only_what_differs_is_reported() {
        let mut known = Known {
            receipts: vec!["r".to_owned()],
            ..Known::default()
        };
        let template = r#"{"id": "<receipt:0>", "type": "t", "acceptedtime": "<time>", "data": {"a": 1}}"#;
        let expected = Expected(Seen::from_json(template).unwrap());
        assert_eq!(
            expected.differences(&seen("r", r#"{"a": 1}"#), &mut known),
            Vec::<String>::new()
        );
        assert_eq!(
            expected
                .differences(&seen("other", r#"{"a": 1}"#), &mut known)
                .len(),
            1,
            "another id"
        );
        assert_eq!(
            expected.differences(&seen("r", r#"{"a":1}"#), &mut known).len(),
            1,
            "one byte of the data"
        );
        let mut more = seen("r", r#"{"a": 1}"#);
        more.attributes.insert("deveui".to_owned(), "x".to_owned());
        more.attributes.remove("acceptedtime");
        assert_eq!(
            expected.differences(&more, &mut known).len(),
            2,
            "one too many, one missing"
        );
    }

    #[test]
    fn the_same_name_is_the_same_value() {
        let mut known = Known::default();
        assert!(matches("<same:a>", "1", &mut known) && matches("<same:b>", "2", &mut known));
        assert!(matches("<same:a>", "1", &mut known) && !matches("<same:a>", "2", &mut known));
        assert!(!matches("<time>", "gestern", &mut known) && !matches("<same:c>", "", &mut known));
    }
}
