//! `dataclassification`, `dataregulation` and `datacategory`.

use super::violation;
use crate::error::EventError;
use crate::event::Event;

/// How open data is, from open to closed: the levels the document recommends, and those contracts are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Classification {
    /// `public`
    Public,
    /// `internal`
    Internal,
    /// `confidential`
    Confidential,
    /// `restricted`
    Restricted,
}

impl Classification {
    const ALL: [Self; 4] = [Self::Public, Self::Internal, Self::Confidential, Self::Restricted];

    /// The label, in lower case.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Internal => "internal",
            Self::Confidential => "confidential",
            Self::Restricted => "restricted",
        }
    }
}

/// The regulations a city's bus meets, for contracts and usage agreements carry what they demand: purpose, legal basis,
/// recipients, deletion. Others would be promised by whoever lets an event with their name pass.
const REGULATIONS: &[&str] = &["GDPR", "DSGVO", "BDSG", "DSG-NRW"];

/// How data is to be treated. Nobody on the way changes it, and who does not know how to treat it refuses the event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DataClassification<'a> {
    /// `dataclassification`
    pub level: Classification,
    /// `dataregulation` as spelled: a list with commas.
    regulations: &'a str,
    /// `datacategory`, a label within the regulation.
    pub category: Option<&'a str>,
}

impl<'a> DataClassification<'a> {
    /// Reads all three; labels match in any case.
    ///
    /// # Errors
    /// SB-1115 where the level or a regulation is not known. SB-1114 where one is empty or no string, where a regulation has
    /// a space in its name, or where the level is missing beside one of the others.
    pub fn of(event: &'a Event) -> Result<Option<Self>, EventError> {
        const LEVEL: &str = "dataclassification";
        const REGULATION: &str = "dataregulation";
        let level = super::text(event, LEVEL)?;
        let regulations = super::text(event, REGULATION)?;
        let category = super::text(event, "datacategory")?;
        let level = match (level, regulations, category) {
            (None, None, None) => return Ok(None),
            (level, Some(_), _) => super::required(level, LEVEL, REGULATION)?,
            (level, None, _) => super::required(level, LEVEL, "datacategory")?,
        };
        let known = Classification::ALL
            .into_iter()
            .find(|known| known.as_str().eq_ignore_ascii_case(level));
        let Some(level) = known else {
            return Err(unknown(LEVEL, "public, internal, confidential and restricted"));
        };
        let found = Self {
            level,
            regulations: regulations.unwrap_or_default(),
            category,
        };
        for regulation in found.regulations() {
            if regulation.is_empty() || regulation.contains(char::is_whitespace) {
                let must = "is not a list of names with commas between and no spaces inside";
                return Err(violation(REGULATION, must));
            }
            if !REGULATIONS
                .iter()
                .any(|known| known.eq_ignore_ascii_case(regulation))
            {
                return Err(unknown(REGULATION, "GDPR, DSGVO, BDSG and DSG-NRW"));
            }
        }
        Ok(Some(found))
    }

    /// The regulations named, in their order.
    pub fn regulations(&self) -> impl Iterator<Item = &'a str> {
        let listed = !self.regulations.is_empty();
        self.regulations.split(',').map(str::trim).filter(move |_| listed)
    }
}

fn unknown(attribute: &str, known: &str) -> EventError {
    let detail = format!("`{attribute}` names what this bus does not know how to treat; it knows {known}");
    EventError::at("SB-1115", attribute, detail)
}
