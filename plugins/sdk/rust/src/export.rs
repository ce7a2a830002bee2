//! From the traits to the exports of the component.

/// Makes a type the plugin: `export!(decode: MyType)`, `export!(transform: MyType)` or `export!(encode: MyType)`.
///
/// Once per crate. The role must be the one in the manifest.
#[macro_export]
macro_rules! export {
    (decode: $plugin:ty) => {
        struct StadtbusExport;
        impl $crate::bindings::decoder::Guest for StadtbusExport {
            fn decode(
                raw: $crate::bindings::decoder::Raw,
                context: $crate::bindings::decoder::Context,
            ) -> $crate::bindings::decoder::Answer {
                $crate::adapter::decode::<$plugin>(raw, context)
            }
        }
        $crate::bindings::decoder::export_decoder_bindings!(
            StadtbusExport with_types_in $crate::bindings::decoder
        );
    };
    (transform: $plugin:ty) => {
        struct StadtbusExport;
        impl $crate::bindings::transformer::Guest for StadtbusExport {
            fn transform(
                event: $crate::bindings::transformer::Event,
                context: $crate::bindings::transformer::Context,
            ) -> $crate::bindings::transformer::Answer {
                $crate::adapter::transform::<$plugin>(event, context)
            }
        }
        $crate::bindings::transformer::export_transformer_bindings!(
            StadtbusExport with_types_in $crate::bindings::transformer
        );
    };
    (encode: $plugin:ty) => {
        struct StadtbusExport;
        impl $crate::bindings::encoder::Guest for StadtbusExport {
            fn encode(
                event: $crate::bindings::encoder::Event,
                context: $crate::bindings::encoder::Context,
            ) -> $crate::bindings::encoder::EncodeAnswer {
                $crate::adapter::encode::<$plugin>(event, context)
            }
        }
        $crate::bindings::encoder::export_encoder_bindings!(
            StadtbusExport with_types_in $crate::bindings::encoder
        );
    };
}

/// What the macro calls. Not part of the interface.
#[doc(hidden)]
pub mod adapter {
    use crate::bindings::decoder::stadtbus::plugin::types;
    use crate::{Answer, Context, Decode, Encode, EncodedAnswer, Event, Raw, Reason, Stop, Transform};

    /// One call of a decoder.
    #[must_use]
    pub fn decode<P: Decode>(raw: types::Raw, given: types::Context) -> types::Answer {
        log_panics();
        let raw = Raw {
            content_type: raw.content_type,
            received: raw.received,
            bytes: raw.bytes,
        };
        let mut context = Context::new(given);
        let answer = P::decode(&raw, &mut context);
        publishing(answer, context)
    }

    /// One call of a transformer.
    #[must_use]
    pub fn transform<P: Transform>(event: types::Event, given: types::Context) -> types::Answer {
        log_panics();
        let mut context = Context::new(given);
        let answer = P::transform(&event_of(event), &mut context);
        publishing(answer, context)
    }

    /// One call of an encoder.
    #[must_use]
    pub fn encode<P: Encode>(event: types::Event, given: types::Context) -> types::EncodeAnswer {
        log_panics();
        let mut context = Context::new(given);
        let answer: EncodedAnswer = P::encode(&event_of(event), &mut context);
        let verdict = match answer {
            Ok(encoded) => types::EncodeVerdict::Encoded(encoded.into()),
            Err(Stop::Drop(reason)) => types::EncodeVerdict::Drop(reason_of(reason)),
            Err(Stop::Reject(reason)) => types::EncodeVerdict::Reject(reason_of(reason)),
        };
        types::EncodeAnswer {
            verdict,
            state: context.into_change(),
        }
    }

    fn publishing(answer: Answer, context: Context) -> types::Answer {
        let verdict = match answer {
            Ok(drafts) => types::Verdict::Events(drafts.0.into_iter().map(Into::into).collect()),
            Err(Stop::Drop(reason)) => types::Verdict::Drop(reason_of(reason)),
            Err(Stop::Reject(reason)) => types::Verdict::Reject(reason_of(reason)),
        };
        types::Answer {
            verdict,
            state: context.into_change(),
        }
    }

    fn event_of(event: types::Event) -> Event {
        Event {
            id: event.id,
            source: event.source,
            ty: event.type_,
            subject: event.subject,
            time: event.time,
            datacontenttype: event.datacontenttype,
            dataschema: event.dataschema,
            extensions: event
                .extensions
                .into_iter()
                .map(|each| (each.name, each.value))
                .collect(),
            data: event.data,
        }
    }

    fn reason_of(reason: Reason) -> types::Reason {
        types::Reason {
            code: reason.code,
            text: reason.text,
        }
    }

    /// A panic becomes a trap without a word; its place in the source is what the author needs. The message stays
    /// unsaid: `unwrap` and slicing put data into it.
    fn log_panics() {
        std::panic::set_hook(Box::new(|panic| {
            if let Some(place) = panic.location() {
                crate::log::error(format!(
                    "panicked at {}:{}:{}",
                    place.file(),
                    place.line(),
                    place.column()
                ));
            }
        }));
    }
}
