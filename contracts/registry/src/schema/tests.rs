#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use serde_json::json;

use super::*;

fn schema(body: Value) -> Schema {
    let mut body = body;
    body["$schema"] = json!(DIALECT);
    compile(&body.to_string()).unwrap()
}

fn outage() -> Schema {
    schema(json!({
        "type": "object", "required": ["id", "customers"], "additionalProperties": false,
        "properties": {
            "id": {"type": "string", "pattern": "^NGN-[0-9]+$", "maxLength": 12},
            "customers": {"type": "integer", "minimum": 0},
            "status": {"enum": ["open", "closed"]},
            "begin": {"type": "string", "format": "date-time"},
            "stations": {"type": "array", "items": {"type": "string"}, "uniqueItems": true},
            "free": {"type": "object", "additionalProperties": {"type": "integer"}}
        }
    }))
}

#[test]
fn points_at_the_place_and_says_what_is_expected() {
    let schema = outage();
    for (data, pointer, says) in [
        (
            json!({"id": "NGN-1", "customers": "x"}),
            "/customers",
            "expected type integer, found string",
        ),
        (json!({"id": "NGN-1"}), "/customers", "this field is missing"),
        (
            json!({"id": "NGN-1", "customers": -1}),
            "/customers",
            "the value must be at least 0",
        ),
        (
            json!({"id": "x", "customers": 1}),
            "/id",
            "the value does not match the pattern ^NGN-[0-9]+$",
        ),
        (
            json!({"id": "NGN-1", "customers": 1, "status": "x"}),
            "/status",
            "expected one of [\"open\",\"closed\"]",
        ),
        (
            json!({"id": "NGN-1", "customers": 1, "begin": "gestern"}),
            "/begin",
            "the value is not in format `date-time`",
        ),
        (
            json!({"id": "NGN-1", "customers": 1, "stations": ["a", 5]}),
            "/stations/1",
            "expected type string, found number",
        ),
        (
            json!({"id": "NGN-1", "customers": 1, "stations": ["a", "a"]}),
            "/stations",
            "the list holds an item twice",
        ),
        (json!([]), "", "expected type object, found array"),
    ] {
        let failure = schema.check(&data).unwrap_err();
        assert_eq!(
            (failure.pointer.as_str(), &*failure.detail.en),
            (pointer, says),
            "{data}"
        );
    }
    assert_eq!(schema.check(&json!({"id": "NGN-1", "customers": 1})), Ok(()));
}

#[test]
fn a_misspelt_field_gets_the_right_name_as_a_hint() {
    let failure = outage()
        .check(&json!({"id": "NGN-1", "customers": 1, "staus": "open"}))
        .unwrap_err();
    assert_eq!(failure.pointer, "");
    assert_eq!(&*failure.hint.unwrap().en, "Did you mean `status`?");
}

#[test]
fn neither_values_nor_names_of_the_payload_are_repeated() {
    let schema = outage();
    let secret = "geheim-4711";
    for data in [
        json!({"id": secret, "customers": secret}),
        json!({"id": "NGN-1", "customers": 1, (secret): 1}),
        json!({"id": "NGN-1", "customers": 1, "free": {(secret): "x"}}),
        json!({"id": "NGN-1", "customers": 1, "stations": [secret, secret]}),
        json!({"id": "NGN-1", "customers": 1, "begin": secret, "status": secret}),
        json!(secret),
    ] {
        let failure = schema.check(&data).unwrap_err();
        assert!(!format!("{failure:?}").contains(secret), "{failure:?}");
    }
}

#[test]
fn refuses_schemas_that_reach_outside_or_do_not_compile() {
    for body in [
        json!({"$schema": DIALECT, "$ref": "https://example.com/other.json"}),
        json!({"$schema": DIALECT, "$ref": "file:///etc/passwd"}),
        json!({"$schema": DIALECT, "type": "strin"}),
        json!({"$schema": DIALECT, "pattern": "("}),
        json!({"$schema": "http://json-schema.org/draft-07/schema#"}),
        json!({}),
    ] {
        assert!(compile(&body.to_string()).is_err(), "{body}");
    }
    assert!(compile("{").is_err());
}
