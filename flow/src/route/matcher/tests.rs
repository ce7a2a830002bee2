#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::{
    path::Path,
    sync::{Arc, LazyLock},
    time::{Duration, SystemTime},
};

use proptest::{collection::vec, prelude::*, sample::select};
use serde_json::{Value, json};
use stadtbus_contracts::{Filter, Registry, Subscription, load};
use stadtbus_event::Event;

use super::{super::Decision, Matcher, Rule};

const PURPOSES: [&str; 2] = [
    "https://w3id.org/dpv#ServiceProvision",
    "https://w3id.org/dpv#Research",
];
const TYPES: [&str; 2] = ["de.teststadt.werk.thing.v1", "de.teststadt.werk.other.v1"];

/// A city with two types; `amt` may have the first, and the second from 2027 on.
static REGISTRY: LazyLock<Arc<Registry>> = LazyLock::new(|| {
    let mut city = load(Path::new("../contracts/registry/tests/cities/sound"), &|_| None).unwrap();
    let mut other = city.contracts[0].clone();
    other.id.push_str(".other");
    other.event_type = TYPES[1].parse().unwrap();
    other.schema = other.schema.replace("thing", "other");
    for agreement in &mut other.usage {
        agreement.agreement.push_str(":other");
        agreement.from = "2027-01-01".parse().unwrap();
    }
    city.contracts.push(other);
    Arc::new(Registry::compile(city).unwrap())
});

fn rule(partner: &str, purpose: &str, types: &[&str], filters: &[Value]) -> Arc<Rule> {
    let subscription: Subscription = serde_json::from_value(json!({
        "subscription": "amt-probe", "partner": partner, "title": "Probe", "purpose": purpose,
        "types": types, "filters": filters, "sink": {"pull": {}},
    }))
    .unwrap_or_else(|error| panic!("{filters:?}: {error}"));
    Arc::new(Rule::new(subscription, Arc::clone(&REGISTRY)))
}

fn at(days: u64) -> SystemTime {
    // From noon of 2026-06-01.
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_780_315_200 + days * 86_400)
}

fn event(ty: &str, subject: &str, data: &str) -> Event {
    Event::builder("1", "urn:teststadt:werk:x", ty)
        .subject(subject)
        .datacontenttype("application/json")
        .data(data.to_owned())
        .build()
        .unwrap()
}

fn found(matcher: &Matcher, event: &Event, now: SystemTime) -> Vec<u32> {
    let mut found = Vec::new();
    matcher.matches(event, now, |rule| found.push(rule));
    found.sort_unstable();
    found
}

#[test]
fn every_rule_is_found_once() {
    let mine = |filters: &[Value]| rule("amt", PURPOSES[0], &[TYPES[0], TYPES[0]], filters);
    let bockum = json!({"exact": {"subject": "bockum"}});
    let rules = vec![
        mine(&[]),
        mine(&[]),
        mine(std::slice::from_ref(&bockum)),
        mine(&[json!({"any": [bockum, {"prefix": {"subject": "b"}}, {"x-data": {"/n": {"in": [1, 2]}}}]})]),
        mine(&[json!({"not": {"exact": {"subject": "bockum"}}})]),
        mine(&[
            json!({"x-data": {"/n": {"atLeast": 1, "less": 2}}}),
            json!({"suffix": {"subject": "kum"}}),
        ]),
        rule("dritter", PURPOSES[0], &[TYPES[0]], &[]),
        rule("amt", PURPOSES[1], &[TYPES[0]], &[]),
        rule("amt", PURPOSES[0], &TYPES, &[]),
        rule("werk", PURPOSES[1], &[TYPES[1]], &[]),
    ];
    let matcher = Matcher::new(rules);
    assert_eq!(
        found(&matcher, &event(TYPES[0], "bockum", r#"{"n":1}"#), at(0)),
        [0, 1, 2, 3, 5, 8]
    );
    assert_eq!(
        found(&matcher, &event(TYPES[0], "traar", r#"{"n":2}"#), at(0)),
        [0, 1, 3, 4, 8]
    );
    assert_eq!(found(&matcher, &event(TYPES[1], "traar", "{}"), at(0)), [9]);
    assert_eq!(found(&matcher, &event(TYPES[1], "traar", "{}"), at(365)), [8, 9]);
    assert_eq!(
        found(&matcher, &event("de.teststadt.none.v1", "x", "{}"), at(0)),
        [0; 0]
    );
    assert_eq!(
        found(&Matcher::default(), &event(TYPES[0], "x", "{}"), at(0)),
        [0; 0]
    );
}

/// What is filed is found without looking at the rest, whatever the dialect.
#[test]
fn only_rules_without_any_key_are_looked_at_for_every_event() {
    for (filter, filed) in [
        (json!({"exact": {"subject": "a"}}), true),
        (json!({"prefix": {"subject": "a"}}), true),
        (json!({"suffix": {"subject": "a"}}), true),
        (
            json!({"any": [{"exact": {"subject": "a"}}, {"sql": "severity > 3"}]}),
            true,
        ),
        (
            json!({"any": [{"exact": {"subject": "a"}}, {"not": {"exact": {"subject": "b"}}}]}),
            false,
        ),
        (
            json!({"all": [{"not": {"exact": {"subject": "a"}}}, {"suffix": {"subject": "b"}}]}),
            true,
        ),
        (json!({"not": {"exact": {"subject": "a"}}}), false),
        (
            json!({"not": {"any": [{"not": {"exact": {"subject": "a"}}}]}}),
            true,
        ),
        (json!({"sql": "subject IN ('a', 'b') OR subject LIKE 'c%'"}), true),
        (json!({"sql": "LENGTH(subject) > 3"}), false),
        (json!({"x-data": {"/n": 1}}), true),
        (json!({"x-data": {"/n": {"less": 1}}}), true),
        (json!({"x-data": {"/n": {"pattern": "a"}}}), true),
        (json!({"x-data": {"/n": {"exists": false}}}), false),
        (
            json!({"x-data": {"/n": {"near": {"lat": 51, "lon": 6, "metres": 5}}}}),
            true,
        ),
    ] {
        let matcher = Matcher::new(vec![rule(
            "amt",
            PURPOSES[0],
            &[TYPES[0]],
            std::slice::from_ref(&filter),
        )]);
        assert_eq!(matcher.types[TYPES[0]].rest.is_empty(), filed, "{filter}");
    }
}

#[test]
fn equal_lists_of_filters_are_kept_once() {
    let filters = |n: i32| [json!({"x-data": {"/n": n}}), json!({"prefix": {"subject": "a"}})];
    let rules = (0..100).map(|n| rule("amt", PURPOSES[0], &[TYPES[0]], &filters(n % 4)));
    let matcher = Matcher::new(rules.collect());
    let table = &matcher.types[TYPES[0]];
    assert_eq!((table.groups.len(), table.permits.len()), (4, 1));
    assert_eq!(
        found(&matcher, &event(TYPES[0], "ab", r#"{"n":3}"#), at(0)).len(),
        25
    );
}

fn word() -> impl Strategy<Value = &'static str> {
    select(vec![
        "a", "ab", "abc", "b", "ba", "1", "01", "-2", "true", "FALSE",
    ])
}

fn attribute() -> impl Strategy<Value = &'static str> {
    select(vec!["subject", "severity", "drill", "source", "id"])
}

fn sql() -> impl Strategy<Value = Value> {
    let literal = prop_oneof![
        word().prop_map(|word| format!("'{word}'")),
        (-2..3_i32).prop_map(|n| n.to_string()),
        Just("true".to_owned()),
    ];
    let operator = select(vec!["=", "!=", "<", "<=", ">", ">="]);
    let pattern = select(vec!["'a%'", "'%b'", "'a%c'", "'_b%'", "'ab'", "'%'"]);
    let leaf = prop_oneof![
        (attribute(), operator.clone(), literal.clone()).prop_map(|(n, o, l)| format!("{n} {o} {l}")),
        (literal.clone(), operator, attribute()).prop_map(|(l, o, n)| format!("{l} {o} {n}")),
        (attribute(), vec(literal, 1..3)).prop_map(|(n, l)| format!("{n} IN ({})", l.join(", "))),
        (attribute(), pattern).prop_map(|(n, p)| format!("{n} LIKE {p}")),
        attribute().prop_map(|n| format!("EXISTS {n}")),
    ];
    let source = leaf.prop_recursive(2, 6, 2, |inner| {
        let logic = select(vec!["AND", "OR", "XOR"]);
        prop_oneof![
            3 => (inner.clone(), logic, inner.clone()).prop_map(|(a, o, b)| format!("({a}) {o} ({b})")),
            1 => inner.prop_map(|inner| format!("NOT ({inner})")),
        ]
    });
    // What can never pass is refused when it is ordered.
    source
        .prop_map(|source| json!({"sql": source}))
        .prop_filter("futile", |filter| {
            serde_json::from_value::<Filter>(filter.clone()).is_ok()
        })
}

fn number() -> impl Strategy<Value = Value> {
    prop_oneof![
        (-2..3_i64).prop_map(Value::from),
        (-3..4_i32).prop_map(|n| json!(f64::from(n) / 2.0)),
        Just(json!(u64::MAX)),
        Just(json!(i64::MAX)),
        Just(json!(9_007_199_254_740_993_i64)),
        Just(json!(9_007_199_254_740_992_i64)),
        Just(json!(1e300)),
    ]
}

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        2 => number(),
        2 => word().prop_map(Value::from),
        1 => any::<bool>().prop_map(Value::from),
        1 => Just(Value::Null),
    ]
}

fn degree() -> impl Strategy<Value = f64> {
    (0..5_i32).prop_map(f64::from)
}

fn of_numbers() -> impl Strategy<Value = Value> {
    let order = select(vec!["less", "atMost", "greater", "atLeast"]);
    prop_oneof![
        1 => scalar().prop_map(|s| json!({"equals": s})),
        1 => vec(scalar(), 1..3).prop_map(|s| json!({"in": s})),
        2 => (order, number()).prop_map(|(o, n)| json!({o: n})),
        1 => (number(), number()).prop_map(|(a, b)| json!({"atLeast": a, "less": b})),
        1 => (number(), vec(scalar(), 1..3)).prop_map(|(a, b)| json!({"greater": a, "in": b})),
    ]
}

fn of_texts() -> impl Strategy<Value = Value> {
    prop_oneof![
        scalar().prop_map(|s| json!({"equals": s})),
        word().prop_map(|w| json!({"atMost": w})),
        word().prop_map(|w| json!({"pattern": format!("^{w}")})),
        any::<bool>().prop_map(|b| json!({"exists": b})),
        Just(json!({"after": "2026-01-31T08:00:00+01:00"})),
    ]
}

fn of_places() -> impl Strategy<Value = Value> {
    let triangle = [degree(), degree(), degree(), degree()].prop_map(|[x, y, w, h]| {
        let (w, h) = (w + 1.0, h + 1.0);
        json!({"within": {"type": "Polygon", "coordinates": [[[x, y], [x + w, y], [x + w, y + h], [x, y]]]}})
    });
    let circle = (degree(), degree(), select(vec![0.0, 120_000.0, 9e6]))
        .prop_map(|(lat, lon, metres)| json!({"near": {"lat": lat, "lon": lon, "metres": metres}}));
    prop_oneof![triangle, circle]
}

/// Mostly comparisons that suit what stands there, and sometimes others.
fn conditions() -> impl Strategy<Value = Value> {
    let all = select(vec!["/n", "/t", "/o/n", "/l/0", "/l/1/n", "/p", "/o", ""]);
    prop_oneof![
        4 => (select(vec!["/n", "/o/n", "/l/0", "/l/1/n"]), of_numbers()),
        2 => (Just("/t"), of_texts()),
        2 => (Just("/p"), of_places()),
        1 => (all, prop_oneof![of_numbers(), of_texts(), of_places()]),
    ]
    .prop_map(|(pointer, comparison)| json!({"x-data": {pointer: comparison}}))
}

fn filter() -> impl Strategy<Value = Value> {
    let pairs = || proptest::collection::btree_map(attribute(), word(), 1..3);
    let leaf = prop_oneof![
        1 => pairs().prop_map(|map| json!({"exact": map})),
        1 => pairs().prop_map(|map| json!({"prefix": map})),
        1 => pairs().prop_map(|map| json!({"suffix": map})),
        1 => sql(),
        3 => conditions(),
    ];
    leaf.prop_recursive(3, 8, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 1..3).prop_map(|list| json!({"all": list})),
            vec(inner.clone(), 1..3).prop_map(|list| json!({"any": list})),
            inner.prop_map(|inner| json!({"not": inner})),
        ]
    })
}

fn any_rule() -> impl Strategy<Value = Arc<Rule>> {
    let types = select(vec![vec![TYPES[0]], vec![TYPES[1]], TYPES.to_vec()]);
    let partner = select(vec!["amt", "werk", "werk", "dritter"]);
    (partner, select(PURPOSES.to_vec()), types, vec(filter(), 0..2))
        .prop_map(|(partner, purpose, types, filters)| rule(partner, purpose, &types, &filters))
}

fn place() -> impl Strategy<Value = Value> {
    prop_oneof![
        [degree(), degree()].prop_map(|at| json!({"type": "Point", "coordinates": at})),
        vec([degree(), degree()], 2..4).prop_map(|line| json!({"type": "LineString", "coordinates": line})),
        Just(json!({"type": "Point", "coordinates": [200, 0]})),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![4 => scalar(), 1 => place(), 1 => Just(json!("2026-02-01T00:00:00Z"))]
}

/// Mostly with everything in its place.
fn data() -> impl Strategy<Value = Option<String>> {
    let numeric = || prop_oneof![5 => number(), 1 => value()];
    let text = prop_oneof![5 => word().prop_map(Value::from), 2 => value()];
    let spot = prop_oneof![5 => place(), 1 => value()];
    prop_oneof![
        10 => ([numeric(), numeric(), numeric(), numeric()], text, spot).prop_map(|([a, b, c, d], t, p)| {
            Some(json!({"n": a, "o": {"n": b}, "l": [c, {"n": d}], "t": t, "p": p}).to_string())
        }),
        2 => proptest::collection::btree_map(select(vec!["n", "t", "p", "o", "l"]), value(), 0..3)
            .prop_map(|map| Some(json!(map).to_string())),
        1 => value().prop_map(|value| Some(value.to_string())),
        1 => select(vec![None, Some("{".to_owned()), Some(String::new())]),
    ]
}

fn any_event() -> impl Strategy<Value = Event> {
    let extension = || {
        prop_oneof![
            word().prop_map(stadtbus_event::Value::from),
            (-2..3_i32).prop_map(stadtbus_event::Value::from),
            any::<bool>().prop_map(stadtbus_event::Value::from),
        ]
    };
    let json = select(vec![
        "application/json",
        "application/json",
        "application/json",
        "text/plain",
    ]);
    (
        (word(), word(), select(TYPES.to_vec())),
        proptest::option::of(word()),
        proptest::option::of(extension()),
        proptest::option::of(extension()),
        (data(), json),
    )
        .prop_map(|((id, source, ty), subject, severity, drill, (data, json))| {
            let mut event = Event::builder(id, source, ty);
            if let Some(subject) = subject {
                event = event.subject(subject);
            }
            if let Some(severity) = severity {
                event = event.extension("severity", severity);
            }
            if let Some(drill) = drill {
                event = event.extension("drill", drill);
            }
            if let Some(data) = data {
                event = event.datacontenttype(json).data(data);
            }
            event.build().unwrap()
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    /// The table finds exactly the rules that want the event, and those are the ones whose explanation says so.
    #[test]
    fn the_table_finds_what_each_rule_says_of_itself(
        rules in vec(any_rule(), 1..10), events in vec(any_event(), 4), days in select(vec![0, 365])
    ) {
        let matcher = Matcher::new(rules.clone());
        for event in events {
            let says = |says: &dyn Fn(&Rule) -> bool| -> Vec<u32> {
                (0u32..).zip(&rules).filter(|(_, rule)| says(rule)).map(|(at, _)| at).collect()
            };
            let wanted = says(&|rule| rule.wants(&event, at(days)));
            let explained = says(&|rule| rule.explain(&event, at(days)) == Decision::Match);
            prop_assert_eq!(&explained, &wanted);
            prop_assert_eq!(found(&matcher, &event, at(days)), wanted);
        }
    }
}
