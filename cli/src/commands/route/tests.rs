use super::*;
use crate::ui::Format;

#[test]
fn what_decided_stands_beside_the_verdict() {
    let shell = Shell::new(Format::Text, false, false, true);
    let answer = json!({
        "event": {"id": "1", "source": "urn:x", "type": "a.b.v1"},
        "acceptable": {"accepted": true, "publisher": "ngn", "contract": "urn:c@1.0.0"},
        "subscriptions": [
            {"subscription": "fb37-a", "partner": "fb37", "outcome": "matched", "detail": "Titel", "rule": "urn:zweck", "purpose": "urn:zweck", "agreement": "urn:v"},
            {"subscription": "fb37-b", "partner": "fb37", "outcome": "not-matched", "detail": "a filter does not hold", "rule": "{\"exact\":{\"id\":\"2\"}}", "purpose": "urn:zweck"},
            {"subscription": "fremd", "partner": "fremd", "outcome": "refused", "detail": "no agreement", "rule": "urn:zweck", "code": "SB-1308", "purpose": "urn:zweck"},
            {"subscription": "anderes", "partner": "x", "outcome": "not-matched", "detail": "asks for other types", "rule": "types: c.d.v1", "purpose": "urn:zweck"},
        ],
        "proposed": {"subscription": "order", "partner": "fb37", "outcome": "matched", "detail": "Titel", "rule": "urn:zweck", "purpose": "urn:zweck"},
    });
    assert_eq!(
        lines(&shell, &answer, false),
        [
            "1  a.b.v1",
            "  would be accepted from ngn, contract urn:c@1.0.0",
            "  fb37-a  would get it  [urn:zweck] agreement urn:v",
            "  fb37-b  not matched   [{\"exact\":{\"id\":\"2\"}}]",
            "  fremd   refused       SB-1308 [urn:zweck] no agreement",
            "  1 more ask for other types",
            "  the order  would get it  [urn:zweck]",
        ]
    );
    assert_eq!(lines(&shell, &answer, true).len(), 7);
}

#[test]
fn a_type_without_a_contract_is_said_plainly() {
    let shell = Shell::new(Format::Text, false, false, true);
    let answer = json!({"accepted": false, "code": "SB-1201", "pointer": "/type", "detail": "x", "hint": "Did you mean `a.b.v1`?"});
    assert_eq!(
        acceptable(&shell, &answer),
        "  would be refused: SB-1201 No contract governs this event type; nobody can publish or get it. Did you mean `a.b.v1`?"
    );
}
