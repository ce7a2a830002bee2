//! Verifiable CloudEvents with DSSE: proving that an event says what its producer signed.
//!
//! **On the way** the material is the extension `dssematerial` and is carried like every other one; a signature holds for as
//! long as nobody changes a signed attribute or a byte of the payload, which is what this crate is made for. One case needs
//! care: JSON whose `datacontenttype` was left out is declared when it leaves the JSON format (CORE-11), and that is a
//! change to a signed attribute. Producers who sign name the type.
//!
//! **At the end** a [`Verifier`] checks the envelope against keys that are trusted, recomputes the digests and hands out
//! what was proven. An event without material is not an error here but [`None`]: whether events of a source have to be signed
//! is for the policy of whoever asks, and who demands it treats `None` as a failure, for anybody can strip a signature.
//!
//! ```
//! use stadtbus_event::Event;
//! use stadtbus_event::verifiability::Verifier;
//!
//! let unsigned = Event::builder("1", "urn:krefeld:ngn", "de.krefeld.test").build()?;
//! assert!(Verifier::new([]).verify(&unsigned)?.is_none());
//! # Ok::<(), stadtbus_event::EventError>(())
//! ```

mod digest;
mod envelope;
mod key;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

pub use digest::AttributeType;
pub use key::{Algorithm, TrustAnchor};

use crate::error::EventError;
use crate::event::Event;
use crate::value::Value;
use envelope::Material;

/// The extension that holds the envelope, base64 of its JSON.
pub const ATTRIBUTE: &str = "dssematerial";

/// What of a verified event is handed out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Attributes of the core, and extensions that were verified. Others never reach who trusts the event.
    #[default]
    Strict,
    /// As strict, and the other extensions apart from the event, see [`Verified::unverified`].
    Passthrough,
    /// Attributes of the core alone.
    CoreOnly,
}

/// What was verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coverage {
    /// Only the core was signed.
    Core,
    /// Core and extensions.
    CoreAndExtensions,
    /// Extensions were signed as well, but the type of one is not known here, so that only the core could be verified.
    CoreExtensionsSkipped,
}

/// An event whose signature holds.
#[derive(Clone, Debug)]
pub struct Verified {
    /// The event, without what was not verified.
    pub event: Event,
    /// What was verified.
    pub coverage: Coverage,
    /// Whose key it was.
    pub keyid: String,
    /// In [`Mode::Passthrough`] the extensions that nobody vouches for, the material left out; else empty.
    pub unverified: Vec<(String, Value)>,
}

/// Verifies events against keys that are trusted.
#[derive(Clone, Default)]
pub struct Verifier {
    anchors: BTreeMap<String, TrustAnchor>,
    types: BTreeMap<String, AttributeType>,
    mode: Mode,
}

impl Verifier {
    /// Trusts these keys and no others; of two with one id the later. Mode is [`Mode::Strict`].
    #[must_use]
    pub fn new(anchors: impl IntoIterator<Item = TrustAnchor>) -> Self {
        Self {
            anchors: anchors
                .into_iter()
                .map(|anchor| (anchor.keyid().to_owned(), anchor))
                .collect(),
            ..Self::default()
        }
    }

    /// Hands out more or less.
    #[must_use]
    pub fn mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// Says which type an extension has. Those of the documented extensions are known.
    #[must_use]
    pub fn attribute_type(mut self, name: &str, of: AttributeType) -> Self {
        self.types.insert(name.to_owned(), of);
        self
    }

    /// Verifies an event; nothing where it is not signed.
    ///
    /// # Errors
    /// SB-1116 where it is signed and the signature does not hold, for whatever reason; such an event is to be discarded.
    pub fn verify(&self, event: &Event) -> Result<Option<Verified>, EventError> {
        let material = match event.extension(ATTRIBUTE) {
            None => return Ok(None),
            Some(Value::String(text)) if text.is_empty() => return Ok(None),
            Some(Value::String(text)) => text,
            Some(Value::Integer(_) | Value::Boolean(_)) => return Err(refused("is not binary")),
        };
        let (keyid, material) = envelope::open(material, &self.anchors)?;
        if digest::core(event)? != material.core {
            return Err(refused(
                "does not fit the event: an attribute or the data was changed",
            ));
        }
        let coverage = self.extensions(event, &material)?;
        Ok(Some(self.present(event, keyid, coverage, &material)))
    }

    fn extensions(&self, event: &Event, material: &Material) -> Result<Coverage, EventError> {
        let Some((expected, names)) = &material.extensions else {
            return Ok(Coverage::Core);
        };
        match digest::extensions(event, names, &self.types)? {
            None => Ok(Coverage::CoreExtensionsSkipped),
            Some(found) if found == *expected => Ok(Coverage::CoreAndExtensions),
            Some(_) => Err(refused("does not fit the event: a signed extension was changed")),
        }
    }

    fn present(&self, event: &Event, keyid: String, coverage: Coverage, material: &Material) -> Verified {
        let signed: &[String] = match (&material.extensions, coverage) {
            (Some((_, names)), Coverage::CoreAndExtensions) => names,
            _ => &[],
        };
        let mut verified = event.clone();
        let mut unverified = Vec::new();
        verified.extensions.retain(|(name, value)| {
            let vouched = signed.iter().any(|signed| signed == name);
            if !vouched && self.mode == Mode::Passthrough && name != ATTRIBUTE {
                unverified.push((name.to_string(), value.clone()));
            }
            vouched && self.mode != Mode::CoreOnly
        });
        Verified {
            event: verified,
            coverage,
            keyid,
            unverified,
        }
    }
}

fn refused(must: &str) -> EventError {
    EventError::at("SB-1116", ATTRIBUTE, format!("`{ATTRIBUTE}` {must}"))
}
