//! The error catalogue: one page per code, in German and English, inside the binary.
//!
//! A clerk who meets `SB-1203` at night has this program and perhaps no network, so the explanation must
//! be in it. The pages themselves are the files `docs/errors/SB-nnnn.{de,en}.md`; this module only finds
//! the right one. It refuses to guess: a code that does not exist leads to the most similar ones.

use crate::ui::text::{Lang, lang};

#[cfg(test)]
mod tests;

/// One code with its page in both languages (Markdown: a title, then cause, remedy, example).
#[derive(Debug)]
pub(crate) struct Page {
    /// The stable code, `SB-` and four digits.
    pub(crate) code: &'static str,
    /// The German page.
    pub(crate) de: &'static str,
    /// The English page.
    pub(crate) en: &'static str,
}

/// Every page, sorted by code.
pub(crate) static PAGES: &[Page] = include!(concat!(env!("OUT_DIR"), "/pages.rs"));

impl Page {
    /// The page in the language of this run.
    pub(crate) fn text(&self) -> &'static str {
        match lang() {
            Lang::De => self.de,
            Lang::En => self.en,
        }
    }

    /// The sentence of the title line, without the code.
    pub(crate) fn title(&self) -> &'static str {
        let first = self.text().lines().next().unwrap_or_default();
        first.split_once(": ").map_or(first, |(_, title)| title)
    }

    /// The text under the `number`-th heading (0 cause, 1 what to do, 2 example), without the heading.
    pub(crate) fn section(&self, number: usize) -> &'static str {
        let section = self
            .text()
            .split("\n## ")
            .nth(number.saturating_add(1))
            .unwrap_or_default();
        section.split_once('\n').map_or("", |(_, body)| body.trim())
    }
}

/// Finds a page; accepts `SB-1203`, `sb-1203`, `sb1203` and `1203`.
pub(crate) fn find(code: &str) -> Option<&'static Page> {
    let wanted = normal(code);
    PAGES
        .binary_search_by(|page| page.code.cmp(wanted.as_str()))
        .ok()
        .and_then(|at| PAGES.get(at))
}

/// Up to three codes that look most like `code`.
pub(crate) fn similar(code: &str) -> Vec<&'static Page> {
    let wanted = normal(code);
    let mut ranked: Vec<(usize, &Page)> = PAGES
        .iter()
        .map(|page| (strsim::damerau_levenshtein(page.code, &wanted), page))
        .collect();
    ranked.sort_by_key(|(distance, page)| (*distance, page.code));
    ranked
        .into_iter()
        .take_while(|(distance, _)| *distance <= 2)
        .take(3)
        .map(|(_, page)| page)
        .collect()
}

fn normal(code: &str) -> String {
    let code = code.trim().to_ascii_uppercase();
    let digits = code
        .strip_prefix("SB")
        .unwrap_or(&code)
        .trim_start_matches(['-', '_', ' ']);
    format!("SB-{digits}")
}
