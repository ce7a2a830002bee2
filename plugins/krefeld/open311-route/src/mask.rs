//! Makes telephone numbers and e-mail addresses in free text unrecognisable.
//!
//! Errs on the side of masking: a number too many that is gone costs a question, one too few costs trust. What people
//! write is not what standards say (`0151/1234567`, `+49 (0) 2151 - 12 34`, `name (at) example punkt de`), so this is a
//! scanner for shapes and not a grammar. Dates, opening hours, house numbers, postal codes and the short numbers of
//! lamps and containers stay.

mod mail;
mod phone;

const MAIL: &str = "[E-Mail entfernt]";
const PHONE: &str = "[Telefon entfernt]";

/// A stretch of characters, from–to (exclusive).
type Span = (usize, usize);

/// `text` without contact data, at most `chars_max` characters.
pub(crate) fn contacts(text: &str, chars_max: usize) -> String {
    // Invisible characters only serve to break up what would be found.
    let chars: Vec<char> = text.chars().filter(|c| !invisible(*c)).collect();
    let mut spans: Vec<(Span, &str)> = mail::find(&chars).into_iter().map(|span| (span, MAIL)).collect();
    spans.extend(phone::find(&chars).into_iter().map(|span| (span, PHONE)));
    spans.sort_by_key(|((from, to), _)| (*from, usize::MAX - to));

    let mut out = String::with_capacity(text.len());
    let mut done = 0;
    for ((from, to), word) in spans {
        if from >= done {
            out.extend(chars.get(done..from).unwrap_or_default());
            out.push_str(word);
        }
        // Of two that overlap, both go.
        done = done.max(to);
    }
    out.extend(chars.get(done..).unwrap_or_default());
    if out.chars().count() > chars_max {
        out = out
            .chars()
            .take(chars_max.saturating_sub(1))
            .chain(['…'])
            .collect();
    }
    out
}

fn invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}' | '\u{feff}' | '\u{fe0f}' | '\u{20e3}')
}

fn at(chars: &[char], index: usize) -> Option<char> {
    chars.get(index).copied()
}

/// Whether the words stand at `index`, in any case.
fn starts_with(chars: &[char], index: usize, word: &str) -> bool {
    let mut place = index;
    for expected in word.chars() {
        match at(chars, place) {
            Some(c) if c.to_lowercase().eq(expected.to_lowercase()) => place += 1,
            _ => return false,
        }
    }
    true
}
