//! Telephone numbers in the ways Germans write them.

use super::{Span, at, starts_with};

/// Words that announce a number, so that a short one without area code is one, too.
const ANNOUNCED_BY: &[&str] = &[
    "tel",
    "telefon",
    "telefonnummer",
    "fon",
    "phone",
    "handy",
    "handynummer",
    "mobil",
    "mobilnummer",
    "mobile",
    "ruf",
    "rückruf",
    "rufnummer",
    "fax",
    "whatsapp",
    "signal",
    "sms",
    "durchwahl",
    "anrufen",
    "anruf",
    "erreichbar",
];
/// Separators in a row between two digits of one number.
const SEPARATORS_MAX: usize = 4;
/// How far before a number its announcement may stand, in characters.
const ANNOUNCEMENT_CHARS_MAX: usize = 24;

pub(super) fn find(chars: &[char]) -> Vec<Span> {
    let mut spans = Vec::new();
    let mut index = 0;
    while index < chars.len() {
        if let Some(end) = date(chars, index).or_else(|| hours(chars, index)) {
            index = end;
        } else if let Some((end, digits)) = run(chars, index) {
            if is_number(chars, index, &digits) {
                spans.push((index, end));
            }
            index = end;
        } else {
            index += 1;
        }
    }
    spans
}

/// A run of digits with separators between them that begins here: its end, and the digits with a leading `+`.
fn run(chars: &[char], from: usize) -> Option<(usize, String)> {
    let mut digits = String::new();
    let mut place = from;
    match at(chars, place)? {
        '+' | '＋' => {
            digits.push('+');
            place += 1;
        }
        '(' => place += 1,
        _ => {}
    }
    if at(chars, place) == Some('+') && digits.is_empty() {
        digits.push('+');
        place += 1;
    }
    // `O151…`: the letter for the digit.
    if matches!(at(chars, place), Some('O' | 'o'))
        && stands_alone(chars, place)
        && digit(at(chars, place + 1)).is_some()
    {
        digits.push('0');
        place += 1;
    }
    let mut end = None;
    loop {
        if let Some(value) = digit(at(chars, place)) {
            // Where a date begins, the number before it ends.
            if end.is_some()
                && !after_digit(chars, place)
                && (date(chars, place).is_some() || hours(chars, place).is_some())
            {
                break;
            }
            digits.push(value);
            place += 1;
            end = Some(place);
            continue;
        }
        let gap = (place..place + SEPARATORS_MAX)
            .take_while(|i| at(chars, *i).is_some_and(separator))
            .count();
        if end.is_none() && gap > 0 && digits.is_empty() {
            break;
        }
        if gap == 0 || digit(at(chars, place + gap)).is_none() {
            break;
        }
        place += gap;
    }
    end.map(|end| (end, digits))
}

fn is_number(chars: &[char], from: usize, digits: &str) -> bool {
    let count = digits.bytes().filter(u8::is_ascii_digit).count();
    if from
        .checked_sub(1)
        .and_then(|i| at(chars, i))
        .is_some_and(char::is_alphanumeric)
    {
        // Glued to a word: ids of things look like that, unless it is as long as only telephone numbers are.
        return count >= 9;
    }
    match digits.as_bytes() {
        [b'+', ..] => count >= 6,
        [b'0', b'0', ..] => count >= 8,
        [b'0', ..] => count >= 6,
        _ => count >= 10 || (count >= 4 && announced(chars, from)),
    }
}

/// Whether one of the words stands shortly before, with nothing but punctuation and small words between.
fn announced(chars: &[char], from: usize) -> bool {
    let start = from.saturating_sub(ANNOUNCEMENT_CHARS_MAX);
    let before: String = chars.get(start..from).unwrap_or_default().iter().collect();
    let sentence = before
        .rsplit(['!', '?', '\n', ';'])
        .next()
        .unwrap_or_default()
        .to_lowercase();
    let words: Vec<&str> = sentence
        .split(|c: char| !c.is_alphabetic())
        .filter(|word| !word.is_empty())
        .collect();
    words.iter().rev().take(4).any(|word| ANNOUNCED_BY.contains(word))
}

/// `1.2.2026`, `01.02.`, `2026-02-01`, `01/02/2026`: where it ends.
fn date(chars: &[char], from: usize) -> Option<usize> {
    if after_digit(chars, from) {
        return None;
    }
    let iso = [(4, '-'), (2, '-'), (2, '\0')];
    let german = [(2, '.'), (2, '.'), (4, '\0')];
    let slashed = [(2, '/'), (2, '/'), (4, '\0')];
    let short = [(2, '.'), (2, '.')];
    let found = (pattern(chars, from, &iso))
        .or_else(|| pattern(chars, from, &german))
        .or_else(|| pattern(chars, from, &slashed))
        .or_else(|| pattern(chars, from, &short))?;
    plausible(chars, from).then_some(found)
}

/// A day or a month begins with 0 to 3, a year with 19 or 20; `0151.12.…` is neither.
fn plausible(chars: &[char], from: usize) -> bool {
    let run: String = (from..).map_while(|i| digit(at(chars, i))).collect();
    match run.len() {
        4 => run.starts_with("19") || run.starts_with("20"),
        _ => run.parse::<u32>().is_ok_and(|day| (1..=31).contains(&day)),
    }
}

/// `08.30 Uhr`, `8.00-16.30`, `08:30`: where it ends.
fn hours(chars: &[char], from: usize) -> Option<usize> {
    if after_digit(chars, from) {
        return None;
    }
    if let Some(end) = pattern(chars, from, &[(2, ':'), (2, '\0')]) {
        return Some(end);
    }
    let end = pattern(chars, from, &[(2, '.'), (2, '\0')])?;
    let mut next = end;
    while at(chars, next).is_some_and(|c| c.is_whitespace()) {
        next += 1;
    }
    let until = ["-", "–", "bis"]
        .iter()
        .find(|word| starts_with(chars, next, word))
        .map(|word| next + word.chars().count());
    let range = until.is_some_and(|mut other| {
        while at(chars, other).is_some_and(|c| c.is_whitespace()) {
            other += 1;
        }
        pattern(chars, other, &[(2, '.'), (2, '\0')]).is_some()
    });
    let ends_range = from
        .checked_sub(1)
        .and_then(|i| at(chars, i))
        .is_some_and(|c| matches!(c, '-' | '–'));
    (range || starts_with(chars, next, "uhr") || (ends_range && after_hours(chars, from))).then_some(end)
}

/// Whether `hh.mm` and a dash stand just before.
fn after_hours(chars: &[char], from: usize) -> bool {
    let before: String = chars
        .get(from.saturating_sub(6)..from)
        .unwrap_or_default()
        .iter()
        .collect();
    let shape: String = before
        .chars()
        .map(|c| if c.is_ascii_digit() { '0' } else { c })
        .collect();
    ["00.00-", "00.00–", "0.00-", "0.00–"]
        .iter()
        .any(|end| shape.ends_with(end))
}

/// Groups of at most so many digits (a year: exactly 4), each followed by its sign; no digit after the last.
fn pattern(chars: &[char], from: usize, groups: &[(usize, char)]) -> Option<usize> {
    let mut place = from;
    for (digits, sign) in groups {
        let count = (place..)
            .take_while(|i| digit(at(chars, *i)).is_some())
            .take(5)
            .count();
        let fits = if *digits == 4 {
            count == 4
        } else {
            (1..=*digits).contains(&count)
        };
        if !fits {
            return None;
        }
        place += count;
        if *sign != '\0' {
            if at(chars, place) != Some(*sign) {
                return None;
            }
            place += 1;
        }
    }
    let goes_on = digit(at(chars, place)).is_some()
        || (at(chars, place) == Some('.') && digit(at(chars, place + 1)).is_some());
    (!goes_on).then_some(place)
}

fn after_digit(chars: &[char], from: usize) -> bool {
    from.checked_sub(1)
        .is_some_and(|previous| digit(at(chars, previous)).is_some())
}

fn stands_alone(chars: &[char], place: usize) -> bool {
    !place
        .checked_sub(1)
        .and_then(|i| at(chars, i))
        .is_some_and(char::is_alphanumeric)
}

/// ASCII, full-width and Arabic digits as ASCII.
fn digit(c: Option<char>) -> Option<char> {
    let c = c?;
    let zero = match c {
        '0'..='9' => return Some(c),
        '\u{ff10}'..='\u{ff19}' => 0xff10,
        '\u{0660}'..='\u{0669}' => 0x0660,
        '\u{06f0}'..='\u{06f9}' => 0x06f0,
        _ => return None,
    };
    char::from_digit(u32::from(c).checked_sub(zero)?, 10)
}

fn separator(c: char) -> bool {
    c.is_whitespace()
        || matches!(
            c,
            '-' | '‐'
                | '‑'
                | '–'
                | '—'
                | '/'
                | '.'
                | '('
                | ')'
                | '['
                | ']'
                | '_'
                | '*'
                | '·'
                | '•'
                | '|'
                | '~'
                | '\\'
                | '='
        )
}
