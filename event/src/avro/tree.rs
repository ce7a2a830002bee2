//! The schema's representation of JSON values, read into JSON text.
//!
//! Every item takes at least one byte of the body and none becomes more than a few bytes of text, so the text is bounded by
//! the body; what is bounded here besides is nesting.

use bytes::Bytes;

use super::read::{Blocks, Cursor, malformed, text};
use crate::error::EventError;

/// Deepest nesting read, each map, array and record counting one.
const DEPTH_MAX: usize = 64;

/// Branches of the values of the outer map of `data`, in the order of the schema.
mod outer {
    pub(super) const NULL: i64 = 0;
    pub(super) const BOOLEAN: i64 = 1;
    pub(super) const RECORD: i64 = 2;
    pub(super) const DOUBLE: i64 = 3;
    pub(super) const STRING: i64 = 4;
}

/// Branches of the values inside a record, in the order of the schema.
mod inner {
    pub(super) const NULL: i64 = 0;
    pub(super) const BOOLEAN: i64 = 1;
    pub(super) const MAP: i64 = 2;
    pub(super) const ARRAY: i64 = 3;
    pub(super) const DOUBLE: i64 = 4;
    pub(super) const STRING: i64 = 5;
}

#[derive(Default)]
pub(super) struct Tree {
    pub(super) json: String,
}

/// How the values of a map are coded.
#[derive(Clone, Copy)]
enum Values {
    Outer,
    Inner,
    Records,
}

impl Tree {
    /// The map that `data` may be.
    pub(super) fn top_map(&mut self, cursor: &mut Cursor) -> Result<(), EventError> {
        self.map(cursor, 1, Values::Outer)
    }

    fn map(&mut self, cursor: &mut Cursor, depth: usize, values: Values) -> Result<(), EventError> {
        let mut blocks = Blocks::default();
        bounded(depth)?;
        self.json.push('{');
        let start = self.json.len();
        while blocks.next(cursor)? {
            if self.json.len() > start {
                self.json.push(',');
            }
            self.string(cursor)?;
            self.json.push(':');
            match values {
                Values::Outer => self.outer(cursor, depth)?,
                Values::Inner => self.inner(cursor, depth)?,
                Values::Records => self.record(cursor, depth)?,
            }
        }
        self.json.push('}');
        Ok(())
    }

    /// `AvroCloudEventData`: the object of its one field, `value`.
    fn record(&mut self, cursor: &mut Cursor, depth: usize) -> Result<(), EventError> {
        self.map(cursor, depth + 1, Values::Inner)
    }

    pub(super) fn array(&mut self, cursor: &mut Cursor, depth: usize) -> Result<(), EventError> {
        let mut blocks = Blocks::default();
        bounded(depth)?;
        self.json.push('[');
        let start = self.json.len();
        while blocks.next(cursor)? {
            if self.json.len() > start {
                self.json.push(',');
            }
            self.record(cursor, depth)?;
        }
        self.json.push(']');
        Ok(())
    }

    fn outer(&mut self, cursor: &mut Cursor, depth: usize) -> Result<(), EventError> {
        match cursor.long()? {
            outer::NULL => self.json.push_str("null"),
            outer::BOOLEAN => self.boolean(cursor)?,
            outer::RECORD => self.record(cursor, depth)?,
            outer::DOUBLE => self.double(cursor)?,
            outer::STRING => self.string(cursor)?,
            _ => return Err(malformed()),
        }
        Ok(())
    }

    fn inner(&mut self, cursor: &mut Cursor, depth: usize) -> Result<(), EventError> {
        match cursor.long()? {
            inner::NULL => self.json.push_str("null"),
            inner::BOOLEAN => self.boolean(cursor)?,
            inner::MAP => self.map(cursor, depth + 1, Values::Records)?,
            inner::ARRAY => self.array(cursor, depth + 1)?,
            inner::DOUBLE => self.double(cursor)?,
            inner::STRING => self.string(cursor)?,
            _ => return Err(malformed()),
        }
        Ok(())
    }

    pub(super) fn boolean(&mut self, cursor: &mut Cursor) -> Result<(), EventError> {
        self.json
            .push_str(if cursor.boolean()? { "true" } else { "false" });
        Ok(())
    }

    pub(super) fn double(&mut self, cursor: &mut Cursor) -> Result<(), EventError> {
        let number = serde_json::Number::from_f64(cursor.double()?)
            .ok_or_else(|| EventError::bad_value("data", "holds a number that JSON has no way to write"))?;
        self.json.push_str(&number.to_string());
        Ok(())
    }

    pub(super) fn string(&mut self, cursor: &mut Cursor) -> Result<(), EventError> {
        let bytes: Bytes = cursor.string()?;
        crate::json::write_string(&mut self.json, text(&bytes)?);
        Ok(())
    }
}

fn bounded(depth: usize) -> Result<(), EventError> {
    if depth > DEPTH_MAX {
        let must = "is nested deeper than 64 levels";
        return Err(EventError::bad_value("data", must));
    }
    Ok(())
}
