//! What a plugin answers: drafts of events, encoded messages, drops and rejections.

use serde::Serialize;

use crate::bindings::decoder::stadtbus::plugin::types;

/// Answer of [`crate::Decode`] and [`crate::Transform`].
pub type Answer = Result<Drafts, Stop>;

/// Answer of [`crate::Encode`].
pub type EncodedAnswer = Result<Encoded, Stop>;

/// Why an input came to nothing. Shown to operators and kept with the event: no payload, no personal data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// Stable and short, `a-z0-9-.`.
    pub code: String,
    /// One sentence for a person.
    pub text: String,
}

/// The two ways not to answer with events; the error of every role function, so that `?` works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stop {
    /// Nothing is to be published for this input, and that is right. A change of state takes effect.
    Drop(Reason),
    /// The input is unusable. The sender is told, or the event is dead-lettered; state stays as it was.
    Reject(Reason),
}

/// "Nothing to publish for this input, because …"
pub fn drop(code: impl Into<String>, text: impl Into<String>) -> Stop {
    Stop::Drop(Reason {
        code: code.into(),
        text: text.into(),
    })
}

/// "This input is unusable, because …"
pub fn reject(code: impl Into<String>, text: impl Into<String>) -> Stop {
    Stop::Reject(Reason {
        code: code.into(),
        text: text.into(),
    })
}

/// The events to publish, in order. Made from one [`Draft`] or a `Vec` of them with `.into()`.
#[derive(Debug, Clone, Default)]
pub struct Drafts(pub Vec<Draft>);

impl From<Draft> for Drafts {
    fn from(draft: Draft) -> Self {
        Self(vec![draft])
    }
}

impl From<Vec<Draft>> for Drafts {
    fn from(drafts: Vec<Draft>) -> Self {
        Self(drafts)
    }
}

/// An event to publish. Its `id`, `source` and `causationid` are set by the bus.
#[derive(Debug, Clone)]
pub struct Draft(types::Draft);

impl Draft {
    /// A draft of type `ty`, which the manifest must list under `produces`.
    pub fn new(ty: impl Into<String>) -> Self {
        Self(types::Draft {
            key: None,
            type_: ty.into(),
            subject: None,
            time: None,
            datacontenttype: None,
            dataschema: None,
            extensions: Vec::new(),
            data: None,
        })
    }

    /// The natural identity of the fact in the sender's own terms. If the same input comes twice, the same key makes
    /// it the same event.
    #[must_use]
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.0.key = Some(key.into());
        self
    }

    /// What the event is about.
    #[must_use]
    pub fn subject(mut self, subject: impl Into<String>) -> Self {
        self.0.subject = Some(subject.into());
        self
    }

    /// When it happened, RFC 3339. Left out: the receipt time (decode) or the time of the input (transform).
    #[must_use]
    pub fn time(mut self, time: impl Into<String>) -> Self {
        self.0.time = Some(time.into());
        self
    }

    /// The schema of the data, a URI.
    #[must_use]
    pub fn dataschema(mut self, uri: impl Into<String>) -> Self {
        self.0.dataschema = Some(uri.into());
        self
    }

    /// An extension attribute; `value` in its canonical string form.
    #[must_use]
    pub fn extension(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.0.extensions.push(types::Attribute {
            name: name.into(),
            value: value.into(),
        });
        self
    }

    /// Data as JSON.
    ///
    /// # Errors
    /// Rejects the input with `data-unwritable` if `value` has no JSON form (a map whose keys are no strings, …).
    pub fn json<T: Serialize + ?Sized>(mut self, value: &T) -> Result<Self, Stop> {
        let bytes = serde_json::to_vec(value)
            .map_err(|_| reject("data-unwritable", "the output has no JSON form"))?;
        self.0.datacontenttype = Some("application/json".to_owned());
        self.0.data = Some(bytes);
        Ok(self)
    }

    /// Data of any media type.
    #[must_use]
    pub fn data(mut self, media_type: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        self.0.datacontenttype = Some(media_type.into());
        self.0.data = Some(bytes.into());
        self
    }
}

impl From<Draft> for types::Draft {
    fn from(draft: Draft) -> Self {
        draft.0
    }
}

/// A message for a receiver.
#[derive(Debug, Clone)]
pub struct Encoded(types::Encoded);

impl Encoded {
    /// A message of this media type.
    pub fn new(media_type: impl Into<String>, body: impl Into<Vec<u8>>) -> Self {
        Self(types::Encoded {
            content_type: media_type.into(),
            headers: Vec::new(),
            body: body.into(),
        })
    }

    /// One more header field. Fields that steer the connection are the bus's and are refused.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.0.headers.push(types::Attribute {
            name: name.into(),
            value: value.into(),
        });
        self
    }
}

impl From<Encoded> for types::Encoded {
    fn from(encoded: Encoded) -> Self {
        encoded.0
    }
}
