//! A delivery as it was received, in one form whatever its way: attributes as text, data as bytes.

use std::collections::BTreeMap;

use percent_encoding::percent_decode_str;
use serde_json::value::RawValue;
use stadtbus_harness::{Failure, Outcome, Request};

/// An event in the hands of a receiver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) attributes: BTreeMap<String, String>,
    pub(crate) data: Vec<u8>,
}

impl Seen {
    /// A webhook request in either content mode.
    pub(crate) fn from_request(request: &Request) -> Outcome<Self> {
        if request
            .header("content-type")
            .starts_with("application/cloudevents+json")
        {
            let text = std::str::from_utf8(&request.body).map_err(|error| Failure::new(error.to_string()))?;
            return Self::from_json(text);
        }
        let mut attributes = BTreeMap::new();
        for (name, value) in &request.headers {
            let Ok(text) = value.to_str() else { continue };
            match name.as_str().strip_prefix("ce-") {
                Some(attribute) => {
                    let decoded = percent_decode_str(text).decode_utf8_lossy().into_owned();
                    attributes.insert(attribute.to_owned(), decoded);
                }
                None if name == "content-type" => {
                    attributes.insert("datacontenttype".to_owned(), text.to_owned());
                }
                None => {}
            }
        }
        Ok(Self {
            attributes,
            data: request.body.to_vec(),
        })
    }

    /// An event in the JSON format. Its data keeps its own bytes: a parser would tidy them.
    pub(crate) fn from_json(text: &str) -> Outcome<Self> {
        let members: BTreeMap<String, Box<RawValue>> = serde_json::from_str(text)?;
        let mut seen = Self {
            attributes: BTreeMap::new(),
            data: Vec::new(),
        };
        for (name, raw) in members {
            if name == "data" {
                seen.data = raw.get().as_bytes().to_vec();
            } else {
                let value: serde_json::Value = serde_json::from_str(raw.get())?;
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                seen.attributes.insert(name, text);
            }
        }
        Ok(seen)
    }

    pub(crate) fn attribute(&self, name: &str) -> &str {
        self.attributes.get(name).map_or("", String::as_str)
    }
}
