use serde_json::json;

use super::*;

fn fields() -> Fields {
    Fields::read(
        &json!({
            "$id": "https://bus.example/x.json",
            "type": "object", "additionalProperties": false,
            "properties": {
                "count": {"type": "integer"},
                "status": {"enum": ["open", "closed"]},
                "flag": {"const": true},
                "open": {"type": "object"},
                "closed": {"type": "object", "properties": {"a/b": {"type": "string"}}, "additionalProperties": false},
                "typed": {"type": "object", "additionalProperties": {"type": "boolean"}},
                "either": {"anyOf": [{"type": "string"}, {"type": "object", "properties": {"x": {"type": "null"}}, "additionalProperties": false}]},
                "narrow": {"allOf": [{"type": ["string", "number"]}, {"type": ["number", "null"]}]},
                "place": {"$ref": "#/$defs/place"},
                "far": {"$ref": "https://bus.example/x.json#/$defs/place"},
                "self": {"$ref": "#"},
                "pair": {"type": "array", "prefixItems": [{"type": "number"}, {"type": "string"}], "items": false},
                "few": {"type": "array", "items": {"type": "string"}, "maxItems": 2},
                "matched": {"type": "object", "patternProperties": {"^x-": {"type": "number"}}, "additionalProperties": false},
                "rest": {"allOf": [{"properties": {"a": {"type": "string"}}}], "properties": {"b": true}, "unevaluatedProperties": false},
                "mad": {"anyOf": [{"$ref": "#/properties/mad"}, {"$ref": "#/properties/mad"}]}
            },
            "$defs": {"place": {"type": "object", "properties": {"type": {"const": "Point"}}, "additionalProperties": false}}
        })
        .to_string(),
    )
    .unwrap()
}

#[test]
fn knows_what_can_stand_where() {
    let fields = fields();
    for (pointer, kinds) in [
        ("", "an object"),
        ("/count", "a number"),
        ("/cuont", ""),
        ("/count/x", ""),
        ("/status", "a text"),
        ("/flag", "a boolean"),
        (
            "/open/anything/0/else",
            "null or a boolean or a number or a text or a list or an object",
        ),
        ("/closed/a\u{1}b", "a text"),
        ("/closed/c", ""),
        ("/typed/c", "a boolean"),
        ("/either", "a text or an object"),
        ("/either/x", "null"),
        ("/either/y", ""),
        ("/narrow", "a number"),
        ("/place/type", "a text"),
        ("/place/typ", ""),
        ("/far/type", "a text"),
        ("/self/self/self/count", "a number"),
        ("/self/self/cuont", ""),
        ("/pair/0", "a number"),
        ("/pair/1", "a text"),
        ("/pair/2", ""),
        ("/pair/00", ""),
        ("/pair/x", ""),
        ("/few/1", "a text"),
        ("/few/2", ""),
        ("/matched/x-1", "a number"),
        ("/matched/y-1", ""),
        ("/rest/a", "a text"),
        (
            "/rest/b",
            "null or a boolean or a number or a text or a list or an object",
        ),
        ("/rest/c", ""),
        (
            "/mad/whatever",
            "null or a boolean or a number or a text or a list or an object",
        ),
    ] {
        let steps: Vec<String> = pointer
            .split('/')
            .skip(1)
            .map(|step| step.replace('\u{1}', "/"))
            .collect();
        let steps: Vec<&str> = steps.iter().map(String::as_str).collect();
        assert_eq!(&*fields.possible(&steps).kinds.words().en, kinds, "{pointer}");
    }
    let status = fields.possible(&["status"]);
    assert_eq!(status.values.unwrap(), [&json!("open"), &json!("closed")]);
    assert!(fields.possible(&["count"]).values.is_none());
}

#[test]
fn names_what_could_have_been_meant() {
    let pointers = fields().pointers();
    for pointer in ["/count", "/closed/a~1b", "/place/type", "/either/x", "/rest/a"] {
        assert!(pointers.iter().any(|known| known == pointer), "{pointer}");
    }
    assert!(pointers.len() <= POINTERS_MAX);
}

#[test]
fn says_nothing_of_schemas_in_schemas() {
    assert!(Fields::read(r#"{"$id":"a:b","properties":{"x":{"$id":"a:c"}}}"#).is_none());
    assert!(Fields::read("{").is_none());
}
