#![allow(clippy::unwrap_used)]
use super::*;

#[test]
fn an_expression_is_written_into_its_room_and_nowhere_else() {
    let room = " ".repeat(ROOM);
    let component = [b"before", MARK, room.as_bytes(), b"after"].concat();
    let made = carrying(&component, "data.id").unwrap();
    assert_eq!(made.len(), component.len());
    let text = String::from_utf8(made).unwrap();
    let mark = String::from_utf8_lossy(MARK);
    assert!(text.starts_with(&format!("before{mark}data.id ")), "{text}");
    assert!(text.ends_with(" after"));
    assert_eq!(carrying(&component, &"x".repeat(ROOM + 1)), None);
    assert_eq!(carrying(b"another component", "1"), None);
}
