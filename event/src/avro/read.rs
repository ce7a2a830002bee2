//! Reading: a cursor over the body, and the record of the schema.

use bytes::{Buf, Bytes};

use super::tree::Tree;
use super::{attribute, data};
use crate::documented::binary_text;
use crate::error::EventError;
use crate::event::{CORE_COUNT, Data, Event, Form};
use crate::media;
use crate::parts::{EXTENSIONS_MAX, Parts, too_many};
use crate::value::Value;

/// Reads one event. Its payload is a slice of `body` where it is `bytes` or `string`.
///
/// # Errors
/// SB-1113 where it is not in this format, SB-1103 to SB-1106 and SB-1111 for what is wrong in it, SB-1406 for too many
/// extensions.
pub fn parse(body: &Bytes) -> Result<Event, EventError> {
    let mut cursor = Cursor(body.clone());
    let mut parts = Parts::default();
    let mut blocks = Blocks::default();
    let mut attributes = 0_usize;
    while blocks.next(&mut cursor)? {
        attributes += 1;
        // `specversion` is one more than the attributes with a place of their own.
        if attributes > EXTENSIONS_MAX + CORE_COUNT + 1 {
            return Err(too_many());
        }
        take_attribute(&mut cursor, &mut parts)?;
    }
    parts.data = take_data(&mut cursor, parts.datacontenttype())?;
    if !cursor.0.is_empty() {
        return Err(malformed());
    }
    parts.finish()
}

pub(super) fn malformed() -> EventError {
    EventError::new(
        "SB-1113",
        "the body is not in the Avro format of CloudEvents (one datum of the schema io.cloudevents)",
    )
}

fn take_attribute(cursor: &mut Cursor, parts: &mut Parts<'_>) -> Result<(), EventError> {
    let name = cursor.string()?;
    let name = text(&name)?;
    match cursor.long()? {
        attribute::NULL => parts.set_unset(name.to_owned().into()),
        attribute::BOOLEAN => parts.set_typed(name, Value::Boolean(cursor.boolean()?)),
        attribute::INT => match i32::try_from(cursor.long()?) {
            Ok(number) => parts.set_typed(name, Value::Integer(number)),
            Err(_) => Err(EventError::bad_value(name, "is not an integer of 32 bits")),
        },
        attribute::STRING => {
            let value = cursor.string()?;
            parts.set(name, text(&value)?.to_owned().into())
        }
        attribute::BYTES => parts.set_typed(name, binary_text(&cursor.bytes()?).into()),
        _ => Err(malformed()),
    }
}

fn take_data(cursor: &mut Cursor, declared: Option<&str>) -> Result<Option<Data>, EventError> {
    let json = declared.is_none_or(media::is_json);
    let mut tree = Tree::default();
    match cursor.long()? {
        data::BYTES => return Ok(Some(Data::new(cursor.bytes()?, Form::Bytes))),
        data::NULL => return Ok(None),
        data::STRING if !json => {
            let bytes = cursor.string()?;
            if !declared
                .is_some_and(|declared| media::writes_as_utf8(declared, text(&bytes).unwrap_or("\u{FFFD}")))
            {
                let must = "is text in a character set other than UTF-8; such data goes as bytes";
                return Err(EventError::bad_value("data", must));
            }
            return Ok(Some(Data::new(bytes, Form::Text)));
        }
        data::STRING => tree.string(cursor)?,
        data::BOOLEAN => tree.boolean(cursor)?,
        data::DOUBLE => tree.double(cursor)?,
        data::MAP => tree.top_map(cursor)?,
        data::ARRAY => tree.array(cursor, 1)?,
        _ => return Err(malformed()),
    }
    if !json {
        let must = "is neither bytes nor a string, and `datacontenttype` is not JSON";
        return Err(EventError::bad_value("data", must));
    }
    Ok(Some(Data::new(Bytes::from(tree.json), Form::Json)))
}

/// A string's bytes as text; [`Cursor::string`] has checked them.
pub(super) fn text(bytes: &Bytes) -> Result<&str, EventError> {
    std::str::from_utf8(bytes).map_err(|_| malformed())
}

/// What is left of the body. Every length is held against it before anything is taken.
pub(super) struct Cursor(Bytes);

impl Cursor {
    /// A number in zigzag coding with 7 bits to the byte, least significant first.
    pub(super) fn long(&mut self) -> Result<i64, EventError> {
        let mut zigzag = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.0.try_get_u8().map_err(|_| malformed())?;
            zigzag |= u64::from(byte & 0x7F).checked_shl(shift).unwrap_or_default();
            if byte & 0x80 == 0 {
                return Ok((zigzag >> 1).cast_signed() ^ -(zigzag & 1).cast_signed());
            }
        }
        Err(malformed())
    }

    pub(super) fn boolean(&mut self) -> Result<bool, EventError> {
        match self.0.try_get_u8() {
            Ok(0) => Ok(false),
            Ok(1) => Ok(true),
            _ => Err(malformed()),
        }
    }

    pub(super) fn double(&mut self) -> Result<f64, EventError> {
        self.0.try_get_f64_le().map_err(|_| malformed())
    }

    pub(super) fn bytes(&mut self) -> Result<Bytes, EventError> {
        let length = usize::try_from(self.long()?).map_err(|_| malformed())?;
        if length > self.0.len() {
            return Err(malformed());
        }
        Ok(self.0.split_to(length))
    }

    /// Bytes that are UTF-8.
    pub(super) fn string(&mut self) -> Result<Bytes, EventError> {
        let bytes = self.bytes()?;
        text(&bytes)?;
        Ok(bytes)
    }
}

/// The blocks of a map or an array: a count of items, negative where the length of the block follows; zero ends it.
/// Counts are promises of whoever wrote them; nothing is allocated for them.
#[derive(Default)]
pub(super) struct Blocks {
    left: u64,
}

impl Blocks {
    /// Whether there is another item.
    pub(super) fn next(&mut self, cursor: &mut Cursor) -> Result<bool, EventError> {
        if self.left == 0 {
            let count = cursor.long()?;
            if count < 0 {
                cursor.long()?;
            }
            self.left = count.unsigned_abs();
        }
        match self.left.checked_sub(1) {
            Some(left) => {
                self.left = left;
                Ok(true)
            }
            None => Ok(false),
        }
    }
}
