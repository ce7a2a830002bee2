//! Every error code has its page, in German and in English; the reference of the plugin interface is what the interface says.

use std::collections::{BTreeMap, BTreeSet};

use super::{Breach, Source};
use crate::reference;

const PAGES: &str = "docs/errors/";
const LANGUAGES: [&str; 2] = ["de", "en"];

pub(crate) fn error_pages(sources: &[Source]) -> Vec<Breach> {
    let mut breaches = Vec::new();
    let mut pages: BTreeSet<(String, &str)> = BTreeSet::new();
    for source in sources {
        let Some(name) = source.path.strip_prefix(PAGES) else {
            continue;
        };
        let Some((code, language)) = page_of(name) else {
            continue;
        };
        if !source
            .text
            .lines()
            .next()
            .is_some_and(|line| line.starts_with('#') && line.contains(code))
        {
            breaches.push(Breach::new(
                &source.path,
                format!("does not begin with a heading that names {code}"),
            ));
        }
        pages.insert((code.to_owned(), language));
    }
    let mut codes: BTreeMap<String, String> = BTreeMap::new();
    for source in sources
        .iter()
        .filter(|source| source.is_rust() && source.is_product())
    {
        for code in codes_in(&source.text) {
            codes
                .entry(code.to_owned())
                .or_insert_with(|| source.path.clone());
        }
    }
    codes.extend(
        pages
            .iter()
            .map(|(code, _)| (code.clone(), format!("{PAGES}{code}"))),
    );
    for (code, place) in codes {
        for language in LANGUAGES {
            if !pages.contains(&(code.clone(), language)) {
                breaches.push(Breach::new(
                    &place,
                    format!("{code} has no page {PAGES}{code}.{language}.md"),
                ));
            }
        }
    }
    breaches
}

/// The page for the interface as it is, or a breach.
pub(crate) fn plugin_reference(sources: &[Source]) -> Vec<Breach> {
    let text = |path: &str| {
        sources
            .iter()
            .find(|source| source.path == path)
            .map(|source| &source.text)
    };
    let Some(wit) = text(reference::SOURCE) else {
        return Vec::new();
    };
    match reference::page(wit) {
        Ok(page) if text(reference::PAGE) == Some(&page) => Vec::new(),
        Ok(_) => vec![Breach::new(
            reference::PAGE,
            "is not what the interface says: cargo xtask reference",
        )],
        Err(why) => vec![Breach::new(reference::SOURCE, why)],
    }
}

/// `SB-1203.de.md` → (`SB-1203`, `de`)
fn page_of(name: &str) -> Option<(&str, &'static str)> {
    let stem = name.strip_suffix(".md")?;
    let (code, language) = stem.rsplit_once('.')?;
    let language = LANGUAGES.iter().find(|known| **known == language)?;
    codes_in(code)
        .first()
        .filter(|found| **found == code)
        .map(|_| (code, *language))
}

/// All `SB-nnnn` in a text.
fn codes_in(text: &str) -> Vec<&str> {
    let code = |at: usize| {
        let found = text.get(at..at + 7)?;
        let digits = found.get(3..)?.bytes().all(|byte| byte.is_ascii_digit());
        let longer = text
            .get(at + 7..)?
            .starts_with(|c: char| c.is_ascii_alphanumeric());
        (digits && !longer).then_some(found)
    };
    text.match_indices("SB-").filter_map(|(at, _)| code(at)).collect()
}
