//! What must hold for every event across bindings.
#![allow(clippy::unwrap_used, clippy::panic)]

mod events;

use events::{event, strings, typed};
use proptest::prelude::*;
use stadtbus_event::http_binding::Incoming;
use stadtbus_event::kafka_binding::Key;
use stadtbus_event::{Event, Format, amqp_binding, http_binding, kafka_binding, mqtt_binding, nats_binding};

fn over_http(event: &Event) -> Event {
    let (headers, body) = http_binding::encode_binary(event);
    match http_binding::decode(&headers, body, 1).unwrap() {
        Incoming::Single(event) => event,
        Incoming::Batch(_) => panic!("a batch"),
    }
}

fn over_kafka(event: &Event) -> Event {
    kafka_binding::decode(&kafka_binding::encode_binary(event, &Key::PartitionKey)).unwrap()
}

fn over_mqtt(event: &Event) -> Event {
    mqtt_binding::decode(&mqtt_binding::encode_binary(event).unwrap()).unwrap()
}

fn over_amqp(event: &Event) -> Event {
    amqp_binding::decode(&amqp_binding::encode_binary(event)).unwrap()
}

fn over_nats(event: &Event) -> Event {
    let (headers, payload) = nats_binding::encode_binary(event);
    nats_binding::decode(&headers, payload).unwrap()
}

proptest! {
    /// CORE-12, HTTP-3, KAFKA-1, MQTT-1, AMQP-1, NATS-2: once around, and each hop by itself, on bytes and spelling.
    #[test]
    fn core_12_http_kafka_mqtt_amqp_nats_http_is_identity(event in event(strings())) {
        let hops = [over_http, over_kafka, over_mqtt, over_amqp, over_nats, over_http];
        let mut hop = event.clone();
        for over in hops {
            hop = over(&hop);
            prop_assert_eq!(&hop, &event);
        }
        prop_assert_eq!(http_binding::encode_binary(&hop), http_binding::encode_binary(&event));
    }

    /// AMQP-2: types survive where the protocol has them; elsewhere the canonical string does.
    #[test]
    fn amqp_2_types_survive(event in event(typed())) {
        prop_assert_eq!(&over_amqp(&event), &event);
        for over in [over_kafka, over_mqtt, over_http] {
            let hop = over(&event);
            for (name, value) in event.extensions() {
                prop_assert_eq!(hop.attribute(name), Some(value.canonical()));
            }
        }
    }

    /// KAFKA-1, MQTT-1, MQTT-2, AMQP-1: structured mode is the format, whoever carries it.
    #[test]
    fn structured_mode_is_the_format(event in event(typed())) {
        for format in Format::ALL {
            let body = format.to_bytes(&event);
            let expected = format.parse(&body).unwrap();
            prop_assert_eq!(&kafka_binding::decode(&kafka_binding::encode_structured(&event, format, &Key::None)).unwrap(), &expected);
            prop_assert_eq!(&mqtt_binding::decode(&mqtt_binding::encode_structured(&event, format)).unwrap(), &expected);
            prop_assert_eq!(&amqp_binding::decode(&amqp_binding::encode_structured(&event, format)).unwrap(), &expected);
        }
        prop_assert_eq!(mqtt_binding::decode_v3(&mqtt_binding::encode_v3(&event)).unwrap(), event);
    }
}
