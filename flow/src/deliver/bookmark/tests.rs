use proptest::prelude::*;

use super::*;

fn reads() -> impl Strategy<Value = BTreeMap<LogName, Position>> {
    proptest::collection::btree_map("[A-Z][A-Z0-9_-]{0,63}", any::<u64>(), 0..20).prop_map(|logs| {
        logs.into_iter()
            .map(|(log, position)| (LogName::new(&log).unwrap(), position))
            .collect()
    })
}

#[test]
fn it_is_short_plain_and_the_same_each_time() {
    let read = BTreeMap::from([(LogName::new("LOG_NGN").unwrap(), 1_234_567)]);
    let bookmark = Bookmark::new("fb32.fb32-stromausfall", 7, 12, read);
    let text = bookmark.to_string();
    assert_eq!(text, bookmark.clone().to_string());
    assert!(text.len() < 60, "{text}");
    assert!(
        text.bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)),
        "goes into a URL and a header as it is: {text}"
    );
    assert_eq!(Bookmark::parse(&text, "fb32.fb32-stromausfall"), Ok(bookmark));
    assert_eq!(Bookmark::parse(&text, "fb32.fb32-bagger"), Err(Unusable::Foreign));
}

#[test]
fn what_is_none_is_none() {
    let endless = format!("b1.{}", "A".repeat(BOOKMARK_BYTES_MAX));
    for text in [
        "",
        "b1.",
        "b1.AAAA",
        "LOG_NGN:17",
        "null",
        "b2.AAAA",
        "ä",
        &endless,
    ] {
        assert_eq!(Bookmark::parse(text, "a.b"), Err(Unusable::Unreadable), "{text}");
    }
}

proptest! {
    #[test]
    fn what_was_written_is_read(life: u64, number: u64, read in reads()) {
        let bookmark = Bookmark::new("a.b", life, number, read);
        prop_assert_eq!(Bookmark::parse(&bookmark.to_string(), "a.b"), Ok(bookmark));
    }

    #[test]
    fn what_was_cut_or_changed_is_refused(read in reads(), at: prop::sample::Index, with in "[A-Za-z0-9_-]", cut: bool) {
        let text = Bookmark::new("a.b", 3, 9, read).to_string();
        let at = at.index(text.len());
        let changed = if cut {
            text[..at].to_owned()
        } else {
            format!("{}{with}{}", &text[..at], &text[at + 1..])
        };
        prop_assume!(changed != text);
        // The last character has bits that say nothing; a strict decoder refuses those, too.
        prop_assert_eq!(Bookmark::parse(&changed, "a.b"), Err(Unusable::Unreadable), "{}", changed);
    }

    #[test]
    fn nothing_panics(text in "\\PC{0,80}", bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
        let _ = Bookmark::parse(&text, "a.b");
        let mut bytes = bytes;
        bytes.extend_from_slice(&sum(&bytes));
        let _ = Bookmark::parse(&format!("{FORM}{}", URL_SAFE_NO_PAD.encode(bytes)), "a.b");
    }
}
