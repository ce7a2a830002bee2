//! Any text either parses or is refused with a place that lies in it.
#![no_main]

use cloudevents_sql::{Expression, Limits, Parser};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|source: &str| {
    let wide = Limits {
        expression_bytes_max: usize::MAX,
        depth_max: usize::MAX,
        list_items_max: usize::MAX,
    };
    let narrow = Limits {
        expression_bytes_max: 64,
        depth_max: 3,
        list_items_max: 2,
    };
    let whole = Parser::new().with_limits(wide).parse(source);
    for outcome in [
        Expression::parse(source),
        Parser::new().with_limits(narrow).parse(source),
    ] {
        match (&whole, outcome) {
            // Bounds refuse; they never change what an expression means.
            (Ok(whole), Ok(bounded)) => assert_eq!(*whole, bounded),
            (Err(_), Ok(_)) => panic!("narrower bounds accept more"),
            (_, Err(error)) => {
                let span = error.span();
                assert!(source.get(span.start..span.end).is_some(), "{span:?}");
                assert!(error.to_string().len() < 400, "{error}");
                assert_eq!(error.pointing(source).to_string().lines().count(), 2);
            }
        }
    }
});
