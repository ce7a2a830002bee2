//! Subjects: dot-separated words, matched with the wildcards `*` (one word) and `>` (one or more at the end).
//!
//! The rules are those of NATS because the log's subjects are meant to be readable with its tools; every adapter
//! keeps to them so that a filter means the same everywhere.

use crate::BrokerError;

/// The longest subject, in bytes.
pub const SUBJECT_BYTES_MAX: usize = 512;

/// Whether this is a subject one can append to.
///
/// # Errors
/// [`BrokerError::Refused`] when it is empty, too long, has an empty word, a blank, a control character or a wildcard.
pub fn check(subject: &str) -> Result<(), BrokerError> {
    if subject.split('.').any(|word| word == "*" || word == ">") {
        return Err(BrokerError::Refused(
            "a subject to append to has no wildcards".into(),
        ));
    }
    check_filter(subject)
}

/// Whether this is a subject or a wildcard pattern.
///
/// # Errors
/// [`BrokerError::Refused`] when it is empty, too long, has an empty word, a blank, a control character, or a `>` that
/// is not the last word.
pub fn check_filter(filter: &str) -> Result<(), BrokerError> {
    let bad = |c: char| c.is_whitespace() || c.is_control();
    let words = filter.split('.').count();
    let open = filter
        .split('.')
        .position(|word| word == ">")
        .is_some_and(|at| at + 1 != words);
    if filter.len() > SUBJECT_BYTES_MAX
        || open
        || filter
            .split('.')
            .any(|word| word.is_empty() || word.contains(bad))
    {
        return Err(BrokerError::Refused(
            "a subject is 1 to 512 bytes of words without blanks, separated by dots".into(),
        ));
    }
    Ok(())
}

/// Whether the subject matches the filter.
#[must_use]
pub fn matches(filter: &str, subject: &str) -> bool {
    let mut words = subject.split('.');
    for part in filter.split('.') {
        match (part, words.next()) {
            (">", Some(_)) => return true,
            ("*", Some(_)) => {}
            (part, Some(word)) if part == word => {}
            _ => return false,
        }
    }
    words.next().is_none()
}

/// Whether some subject matches both filters.
#[must_use]
pub fn overlap(one: &str, other: &str) -> bool {
    let (mut one, mut other) = (one.split('.'), other.split('.'));
    loop {
        match (one.next(), other.next()) {
            (None, None) => return true,
            (Some(">"), Some(_)) | (Some(_), Some(">")) => return true,
            (Some(a), Some(b)) if a == b || a == "*" || b == "*" => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{check, check_filter, matches, overlap};

    #[test]
    fn filters_match_word_by_word() {
        for (filter, subject, expected) in [
            ("a.b", "a.b", true),
            ("a.b", "a.b.c", false),
            ("a.*", "a.b", true),
            ("a.*", "a.b.c", false),
            ("a.>", "a.b.c", true),
            ("a.>", "a", false),
            (">", "a", true),
            ("*.b", "a.b", true),
            ("a.b.c", "a.b", false),
            ("a*", "ab", false),
        ] {
            assert_eq!(matches(filter, subject), expected, "{filter} {subject}");
        }
    }

    #[test]
    fn overlaps_are_seen() {
        for (one, other, expected) in [
            ("a.>", "a.b", true),
            ("a.>", "b.>", false),
            ("a.*.c", "a.b.*", true),
            ("a.b", "a.b.c", false),
            ("a.>", "a", false),
        ] {
            assert_eq!(overlap(one, other), expected, "{one} {other}");
            assert_eq!(overlap(other, one), expected, "{other} {one}");
        }
    }

    #[test]
    fn bad_subjects_are_refused() {
        for bad in ["", ".", "a.", ".a", "a..b", "a b", "a\nb", "a.\u{0}"] {
            assert!(check(bad).is_err() && check_filter(bad).is_err(), "{bad:?}");
        }
        assert!(check("a.*").is_err() && check_filter("a.*").is_ok());
        assert!(check_filter("a.>.b").is_err());
        assert!(check(&"x".repeat(513)).is_err() && check(&"x".repeat(512)).is_ok());
    }
}
