//! A plugin for the tests: it does what the event's text says, also what no plugin should.

use serde::{Deserialize, Serialize};
use stadtbus_plugin::{Answer, Context, Draft, Drafts, Event, Transform, drop, export, reject};

const FOLLOWING: &str = "de.probe.werk.folge.v1";

/// Which version this is. The tests make others of the built component by writing another digit into it: 1 reckons
/// otherwise, 2 fails at everything, the others do what 0 does.
static VERSION: &str = "launisch-version-0";

fn version() -> u8 {
    core::hint::black_box(VERSION).bytes().next_back().unwrap_or(b'0')
}

#[derive(Deserialize)]
struct Order {
    nr: String,
    wert: i64,
    text: Option<String>,
}

#[derive(Serialize)]
struct Following<'a> {
    nr: &'a str,
    wert: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
}

struct Plugin;

impl Transform for Plugin {
    fn transform(event: &Event, context: &mut Context) -> Answer {
        let order: Order = event.data_json()?;
        let reckoned = match version() {
            b'1' => 1_000,
            b'2' => core::arch::wasm32::unreachable(),
            _ => 0,
        };
        let following = |text| Following {
            nr: &order.nr,
            wert: order.wert + reckoned,
            text,
        };
        match order.text.as_deref() {
            Some("trap") => core::arch::wasm32::unreachable(),
            Some("spin") => loop {
                core::hint::spin_loop();
            },
            Some("memory") => {
                let greedy = core::hint::black_box(vec![1_u8; 64 << 20]);
                Ok(Draft::new(FOLLOWING)
                    .json(&following(Some(greedy.len().to_string())))?
                    .into())
            }
            Some("output") => Ok(Draft::new(FOLLOWING)
                .json(&following(Some("x".repeat(100_000))))?
                .into()),
            Some("foreign") => Ok(Draft::new("de.probe.werk.meldung.v1")
                .json(&following(None))?
                .into()),
            Some("contract") => Ok(Draft::new(FOLLOWING).json(&["kein Objekt"])?.into()),
            Some("reject") => Err(reject("will-nicht", "Dieses Plugin will nicht.")),
            Some("drop") => Err(drop("egal", "Das ist nicht der Rede wert.")),
            Some("count") => {
                let wert = context.state::<i64>()?.unwrap_or_default() + 1;
                context.put_state(&wert)?;
                let counted = Following {
                    wert: wert + reckoned,
                    ..following(None)
                };
                Ok(Draft::new(FOLLOWING).subject(&order.nr).json(&counted)?.into())
            }
            Some("two") => {
                let one = Draft::new(FOLLOWING)
                    .key("a")
                    .subject(&order.nr)
                    .json(&following(None))?;
                let two = Draft::new(FOLLOWING).key("b").json(&following(None))?;
                Ok(Drafts(vec![one, two]))
            }
            _ => Ok(Draft::new(FOLLOWING)
                .subject(&order.nr)
                .json(&following(None))?
                .into()),
        }
    }
}

export!(transform: Plugin);
