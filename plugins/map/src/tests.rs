#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use jsonata_core::evaluator::Evaluator;
use jsonata_core::parser;

use super::*;

const INPUT: &str = r#"{
    "id": "1", "type": "de.example.input.v1", "time": "2026-01-31T12:00:00Z",
    "data": {"id": "A-1", "n": 7, "name": "geheim", "list": [{"v": 1, "t": "x"}, {"v": 2, "t": "y"}, {"v": 3}], "o": {"a": 1, "b": [1, [2, 3]]}}
}"#;

/// Without optimisation JSONata's frames are several times larger than in the component.
fn answered(role: &str, expression: &str) -> String {
    let (role, expression) = (role.to_owned(), expression.to_owned());
    let large = std::thread::Builder::new().stack_size(64 << 20);
    large
        .spawn(move || answer_of(&role, &expression))
        .unwrap()
        .join()
        .unwrap()
}

fn answer_of(role: &str, expression: &str) -> String {
    let expression = JValue::string(expression).to_json_string().unwrap();
    let document =
        format!(r#"{{"role": "{role}", "config": {{"expression": {expression}}}, "event": {INPUT}}}"#);
    String::from_utf8(run(document.as_bytes(), |_, _| None)).unwrap()
}

fn faults(expression: &str) -> Vec<(u32, u32, String)> {
    let config = format!(
        r#"{{"expression": {}}}"#,
        JValue::string(expression).to_json_string().unwrap()
    );
    let found = check(config.as_bytes());
    found
        .into_iter()
        .map(|fault| (fault.place.0, fault.place.1, fault.code))
        .collect()
}

/// Expressions of all kinds, none of which a mark may change.
const MEANINGS: &[&str] = &[
    "data.list.v",
    "data.list[v > 1].t",
    "data.list.(v * 2)",
    "data.list.($x := v; $x > 1 ? {\"big\": $x} : {\"small\": $x})",
    "data.list.{\"v\": v, \"next\": [v..v+2]}",
    "data.list{t: v}",
    "data.list{$string(v): $sum(v)}",
    "data.list^(>v).v",
    "data.list[0]",
    "data.list[-1].v[]",
    "data.list.v ~> $sum()",
    "$map(data.list, function($i, $n) { $n & \": \" & $string($i.v) })",
    "$reduce(data.list.v, function($a, $b) { $a + $b }, 10)",
    "$filter(data.list, λ($i) { $i.v in [1, 3] }).v",
    "$sort(data.list, function($l, $r) { $l.v < $r.v }).v",
    "($f := function($n) { $n <= 1 ? 1 : $n * $f($n - 1) }; $f(5))",
    "($even := function($n) { $n = 0 ? true : $odd($n - 1) }; $odd := function($n) { $n = 0 ? false : $even($n - 1) }; $even(10))",
    "($add := function($a, $b)<nn:n> { $a + $b }; $plus := $add(?, 5); $plus(2))",
    "$replace(data.name, /(g)(e)/, function($m) { $m.groups[1] & $m.groups[0] })",
    "data.name ~> /^ge/ ? 1 : 2",
    "data.o.* ",
    "**.v",
    "data.list.%.id",
    "data.list@$l.data.list@$m[$l.v = $m.v].{\"a\": $l.v, \"b\": $m.v}",
    "data.list#$i.{\"i\": $i, \"v\": v}",
    "data ~> |list|{\"v\": v + 1}, \"t\"|",
    "[[1, 2], [3]]",
    "[data.o.b, (1; [2])]",
    "data.missing ?? \"none\"",
    "data.missing ?: data.n",
    "data.n > 5 ? data.n > 6 ? \"a\" : \"b\" : \"c\"",
    "{\"a\": data.n > 5 ? {\"x\": 1} : {\"y\": 2}, \"b\": [1..3]}",
    "data.`name` /* a comment: ( */ & \"(:?;\"",
    "$each(data.o, function($v, $k) { $k })",
    "(data.list.v)[1]",
    "(data.n; data.id)",
    "$join($split(\"a,b\", \",\"), \";\")",
    "-data.n % 4",
    "$exists(data.list[v=3].t) or not(data.n = 7)",
    "data.list.(v > 1 ? $string(v))",
];

#[test]
fn marks_change_no_meaning() {
    let input = JValue::from_json_str(INPUT).unwrap();
    for source in MEANINGS {
        let plain = parser::parse(source).map(|tree| Evaluator::new().evaluate(&tree, &input));
        let plain = plain.map(|result| {
            result
                .map(|value| value.to_json_string().unwrap())
                .map_err(|error| fault::code(&error))
        });
        let tokens = tokens::tokens(source).unwrap();
        let given = Given {
            input: input.clone(),
            state: JValue::Undefined,
            lookup: |_, _| None,
        };
        for marked in [marks::bounded(source, &tokens), marks::closely(source, &tokens)] {
            let (found, _) = evaluate::attempt(&marked, &given);
            let found = found
                .map(|value| value.to_json_string().unwrap())
                .map_err(|error| fault::code(&error));
            match &plain {
                Ok(plain) => assert_eq!(plain, &found, "{source}\n{marked}"),
                Err(_) => assert!(found.is_err(), "{source}\n{marked}"),
            }
        }
    }
}

#[test]
fn a_wrong_expression_is_found_where_it_is_wrong() {
    for (source, line, column, code) in [
        ("", 1, 1, "empty"),
        ("data.id +", 1, 10, "s0207"),
        ("{\n  \"a\": 1,\n  \"b\": data..id ]\n}", 3, 17, "s0202"),
        ("data.id )", 1, 9, "unreadable"),
        ("{\"a\": \"x}", 1, 7, "unclosed"),
        ("data.id & /* what", 1, 11, "unclosed"),
        ("data.(id; $foo(1))", 1, 11, "unknown-name"),
        ("  $now()", 1, 3, "absent-function"),
        ("$eval(data.name)", 1, 1, "absent-function"),
        (
            "{\n\"a\": $drop(data.name, \"x\")}",
            2,
            6,
            "reason-not-written-out",
        ),
        ("$_(1)", 1, 1, "unknown-name"),
        ("data.list.($x := v; $y)", 1, 21, "unknown-name"),
    ] {
        assert_eq!(faults(source), [(line, column, code.to_owned())], "{source}");
    }
    for source in MEANINGS {
        assert_eq!(faults(&source.replace("not(", "$not(")), [], "{source}");
    }
    let both = faults("$now() & $foo");
    assert_eq!(both.len(), 2);
}

#[test]
fn a_failed_evaluation_names_its_place_and_nothing_of_the_input() {
    for (source, place, code) in [
        (
            "{\n  \"type\": \"t\",\n  \"data\": {\n    \"a\": data.n,\n    \"b\": data.n + data.name\n  }\n}",
            "line 5, column 10",
            "t2002",
        ),
        (
            "$map(data.list, function($i) {\n  $i.t * 2\n})",
            "line 2, column 3",
            "t2001",
        ),
        (
            "data.n > 1 ? $number(data.name) : 0",
            "line 1, column 22",
            "d3030",
        ),
        ("data.list.(\n  $x := v;\n  $x < t )", "line 3, column 3", "t2009"),
        (
            "{\"type\": \"t\", \"subject\": data.o}",
            "line 1, column 15",
            "wrong-output",
        ),
        (
            "{\"type\": \"t\",\n \"other\": data.name}",
            "line 2, column 2",
            "wrong-output",
        ),
        ("$error(data.name)", "line 1, column 8", "d3137"),
        (
            "($f := function($x) {\n$f($x + 1) }; $f(1))",
            "line 2, column 1",
            "too-many-steps",
        ),
        (
            "($f := function($x) {\n1 + $f($x + 1) }; $f(1))",
            "line 2, column 1",
            "d1011",
        ),
        ("[1..30000]", "line 1, column 1", "d2015"),
        (
            "{\"type\": \"t\",\n  \"data\": 10 / (data.n - 7)}",
            "line 2, column 3",
            "wrong-output",
        ),
    ] {
        let answer = answered("transform", source);
        assert!(
            answer.contains(&format!("\"code\":\"{code}\"")),
            "{source}\n{answer}"
        );
        assert!(answer.contains(place), "{source}\n{answer}");
        assert!(!answer.contains("geheim"), "{source}\n{answer}");
    }
}

#[test]
fn an_encoder_answers_a_message() {
    for (source, wanted) in [
        (
            r#"{"body": {"id": data.id}}"#,
            r#"{"encoded":{"body":"{\"id\":\"A-1\"}","content_type":"application/json"}}"#,
        ),
        (
            r#"{"content_type": "text/csv", "headers": {"x-n": data.n}, "body": data.id & ";7"}"#,
            r#"{"encoded":{"content_type":"text/csv","headers":{"x-n":"7"},"body":"A-1;7"}}"#,
        ),
        (
            r#"data.nothing"#,
            r#"{"drop":{"code":"nothing","text":"the expression yields nothing for this input"}}"#,
        ),
    ] {
        assert_eq!(answered("encode", source), wanted, "{source}");
    }
}

#[test]
fn a_decoder_reads_json_and_leaves_other_text_alone() {
    let run = |content_type: &str, text: &str| {
        let text = JValue::string(text).to_json_string().unwrap();
        let document = format!(
            r#"{{"role": "decode", "config": {{"expression": "{{\"type\": \"t\", \"time\": received, \"data\": body}}"}},
                "raw": {{"content_type": "{content_type}", "received": "2026-01-31T12:00:00Z", "text": {text}}}}}"#
        );
        String::from_utf8(run(document.as_bytes(), |_, _| None)).unwrap()
    };
    assert!(run("application/geo+json; charset=utf-8", r#"{"a": 1}"#).contains(r#""data":{"a":1}"#));
    assert!(run("text/csv", "a;b").contains(r#""data":"a;b""#));
    assert!(run("application/json", "{").contains("body-unreadable"));
}

#[test]
fn an_expression_is_configured_or_carried_and_never_both() {
    let configured = JValue::from_json_str(r#"{"expression": "1"}"#).unwrap();
    let nothing = JValue::from_json_str("{}").unwrap();
    assert_eq!(source(&configured, ""), Ok("1"));
    assert_eq!(source(&nothing, "2"), Ok("2"));
    assert!(source(&configured, "2").unwrap_err().1.contains("carries"));
    assert!(
        source(&nothing, "")
            .unwrap_err()
            .1
            .contains("needs an `expression`")
    );
    // As it is built it carries nothing.
    assert_eq!(carried::expression(), "");
}
