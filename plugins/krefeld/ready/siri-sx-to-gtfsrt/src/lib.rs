//! Writes disruptions of public transport, SIRI Situation Exchange (SIRI 2.x, profile VDV 736), as GTFS-Realtime service alerts.
//!
//! The event carries one SIRI delivery as it came; the receiver gets one `FeedMessage`. A delivery that answers a request says
//! how everything stands and becomes a `FULL_DATASET`. One that belongs to a subscription says what has changed and becomes
//! `DIFFERENTIAL`: what has ended is told as deleted. What is a draft, a test or an exercise is never passed on.
//!
//! Only what is named in `siri.rs` is read. Reasons name the place in the document and nothing of its content.

mod alert;
mod gtfs_realtime;
mod informed;
mod siri;
mod terms;
mod xml;

use prost::Message;
use stadtbus_plugin::{Context, Encode, Encoded, EncodedAnswer, Event, drop, export};

/// As the feeds of transport companies name it; protobuf has no registered type.
const MEDIA_TYPE: &str = "application/x-google-protobuf";

struct SiriSxToGtfsRt;

impl Encode for SiriSxToGtfsRt {
    fn encode(event: &Event, context: &mut Context) -> EncodedAnswer {
        let text = xml::text(event)?;
        let document = xml::parse(text)?;
        let delivery = siri::delivery(&document)?;
        let feed = alert::feed(&delivery, context)?;
        if feed.entity.is_empty() && delivery.changes_only {
            return Err(drop(
                "nothing-public",
                "the delivery changes nothing that the public is told",
            ));
        }
        Ok(Encoded::new(MEDIA_TYPE, feed.encode_to_vec()))
    }
}

export!(encode: SiriSxToGtfsRt);
