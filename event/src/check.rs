//! What the specification demands of names and values, one small function per rule.

/// Longest attribute name taken. The specification advises 20; this bound only keeps names fit for headers.
pub const ATTRIBUTE_NAME_BYTES_MAX: usize = 256;

/// CORE-3: `[a-z0-9]+`, and `data` is not an attribute.
pub(crate) fn name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= ATTRIBUTE_NAME_BYTES_MAX
        && name != "data"
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
}

/// CORE-5, String: no control characters and no noncharacters.
pub(crate) fn text(value: &str) -> bool {
    // Nearly all values are printable ASCII, and folding without an early exit lets the compiler use vectors.
    let plain = value
        .bytes()
        .fold(true, |plain, b| plain & (0x20..0x7F).contains(&b));
    plain || value.chars().all(|c| !c.is_control() && !noncharacter(c))
}

fn noncharacter(c: char) -> bool {
    let code = u32::from(c);
    (0xFDD0..=0xFDEF).contains(&code) || code & 0xFFFE == 0xFFFE
}

/// RFC 3986 URI-reference, or with `absolute` a URI (it has a scheme): characters, percent triplets, one fragment.
pub(crate) fn uri(value: &str, absolute: bool) -> bool {
    let mut rest = value.bytes();
    let mut fragments = 0_u32;
    while let Some(b) = rest.next() {
        let fine = match b {
            b'%' => hex(rest.next()) && hex(rest.next()),
            b'#' => {
                fragments = fragments.saturating_add(1);
                fragments == 1
            }
            _ => b.is_ascii_alphanumeric() || b"-._~:/?[]@!$&'()*+,;=".contains(&b),
        };
        if !fine {
            return false;
        }
    }
    match value
        .find([':', '/', '?', '#'])
        .and_then(|at| value.split_at_checked(at))
    {
        // A colon before any slash makes what stands before it a scheme.
        Some((before, after)) if after.starts_with(':') => scheme(before),
        _ => !absolute,
    }
}

fn scheme(text: &str) -> bool {
    text.bytes().next().is_some_and(|b| b.is_ascii_alphabetic())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
}

fn hex(byte: Option<u8>) -> bool {
    byte.is_some_and(|b| b.is_ascii_hexdigit())
}

/// RFC 3339 `date-time`, with real days and hours; any number of fraction digits, leap seconds included.
pub(crate) fn timestamp(value: &str) -> bool {
    let Some((head, tail)) = value.as_bytes().split_at_checked(19) else {
        return false;
    };
    let [
        y1,
        y2,
        y3,
        y4,
        b'-',
        m1,
        m2,
        b'-',
        d1,
        d2,
        b'T' | b't',
        h1,
        h2,
        b':',
        n1,
        n2,
        b':',
        s1,
        s2,
    ] = head
    else {
        return false;
    };
    let number = |digits: &[u8]| {
        digits
            .iter()
            .try_fold(0_u32, |sum, d| digit(*d).map(|d| sum * 10 + d))
    };
    let (Some(year), Some(month), Some(day)) = (
        number(&[*y1, *y2, *y3, *y4]),
        number(&[*m1, *m2]),
        number(&[*d1, *d2]),
    ) else {
        return false;
    };
    let (Some(hour), Some(minute), Some(second)) =
        (number(&[*h1, *h2]), number(&[*n1, *n2]), number(&[*s1, *s2]))
    else {
        return false;
    };
    (1..=days_in(year, month)).contains(&day)
        && hour <= 23
        && minute <= 59
        && second <= 60
        && after_seconds(tail)
}

fn after_seconds(tail: &[u8]) -> bool {
    let zone = match tail.split_first() {
        Some((b'.', rest)) => {
            let digits = rest.iter().take_while(|b| b.is_ascii_digit()).count();
            if digits == 0 {
                return false;
            }
            rest.get(digits..).unwrap_or_default()
        }
        _ => tail,
    };
    match zone {
        [b'Z' | b'z'] => true,
        [b'+' | b'-', h1, h2, b':', n1, n2] => {
            let two = |a: u8, b: u8| Some(digit(a)? * 10 + digit(b)?);
            two(*h1, *h2).is_some_and(|h| h <= 23) && two(*n1, *n2).is_some_and(|n| n <= 59)
        }
        _ => false,
    }
}

fn digit(byte: u8) -> Option<u32> {
    byte.is_ascii_digit().then(|| u32::from(byte) - u32::from(b'0'))
}

fn days_in(year: u32, month: u32) -> u32 {
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        _ => 0,
    }
}
