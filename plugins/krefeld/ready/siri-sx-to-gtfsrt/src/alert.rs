//! From situations to a feed of alerts.

use stadtbus_plugin::{Context, Stop, log};

use crate::gtfs_realtime::{
    Alert, Cause, Effect, FeedEntity, FeedHeader, FeedMessage, Incrementality, SeverityLevel, TimeRange,
    TranslatedString, Translation, VERSION,
};
use crate::siri::{Delivery, Situation};
use crate::xml::{self, Node, all, first, value, values, wording};
use crate::{informed, terms};

/// Where SIRI puts the reason: one list since 2.1, four before.
const CAUSES: &[&str] = &[
    "AlertCause",
    "MiscellaneousReason",
    "EquipmentReason",
    "EnvironmentReason",
    "PersonnelReason",
    "UnknownReason",
    "UndefinedReason",
];
/// Where VDV 736 puts what passengers are told; the situation's own texts go first.
const TOLD: &[&str] = &[
    "PublishingActions",
    "PublishingAction",
    "PassengerInformationAction",
    "TextualContent",
];

/// The feed of a delivery.
///
/// # Errors
/// What is wrong with a situation that the public is told of, with its line; `table-unreadable`.
pub(crate) fn feed(delivery: &Delivery<'_>, context: &Context) -> Result<FeedMessage, Stop> {
    let mut entity = Vec::new();
    for situation in &delivery.situations {
        if situation.is_public {
            entity.push(FeedEntity {
                id: situation.id.clone(),
                is_deleted: None,
                alert: Some(alert(situation, context)?),
            });
        } else if delivery.changes_only {
            entity.push(FeedEntity {
                id: situation.id.clone(),
                is_deleted: Some(true),
                alert: None,
            });
        }
    }
    let incrementality = if delivery.changes_only {
        Incrementality::Differential
    } else {
        Incrementality::FullDataset
    };
    Ok(FeedMessage {
        header: FeedHeader {
            gtfs_realtime_version: VERSION.to_owned(),
            incrementality: Some(incrementality as i32),
            timestamp: Some(delivery.written),
        },
        entity,
    })
}

fn alert(situation: &Situation<'_>, context: &Context) -> Result<Alert, Stop> {
    let element = situation.element;
    let language = value(element, &["Language"]);
    let header = texts(
        element,
        language,
        &["Summary"],
        &["SummaryContent", "SummaryText"],
    );
    let header = header.or_else(|| {
        texts(
            element,
            language,
            &["ReasonName"],
            &["ReasonContent", "ReasonText"],
        )
    });
    let description = texts(
        element,
        language,
        &["Description"],
        &["DescriptionContent", "DescriptionText"],
    );
    if header.is_none() && description.is_none() {
        log::warn("a situation has no text for passengers");
    }
    Ok(Alert {
        active_period: periods(element)?,
        informed_entity: informed::entities(situation, context)?,
        cause: cause(element).map(|cause| cause as i32),
        effect: effect(element).map(|effect| effect as i32),
        url: link(element, language),
        // A reader shows the header; it is the one text that there has to be.
        header_text: header.or_else(|| description.clone()),
        description_text: description,
        severity_level: severity(element).map(|severity| severity as i32),
    })
}

fn periods(element: Node<'_>) -> Result<Vec<TimeRange>, Stop> {
    let mut periods = Vec::new();
    for period in all(element, &["ValidityPeriod"]) {
        let time = |name: &str| first(period, &[name]).map(xml::seconds).transpose();
        let (start, end) = (time("StartTime")?, time("EndTime")?);
        if start.zip(end).is_some_and(|(start, end)| end < start) {
            return Err(xml::misplaced(
                "period-reversed",
                "a period of validity ends before it begins",
                period,
            ));
        }
        periods.push(TimeRange { start, end });
    }
    Ok(periods)
}

fn cause(element: Node<'_>) -> Option<Cause> {
    let told = CAUSES.iter().find_map(|name| value(element, &[name]));
    told.map(terms::cause)
}

/// GTFS has one effect for an alert: the first that a consequence names and that has a word.
fn effect(element: Node<'_>) -> Option<Effect> {
    let conditions = values(element, &["Consequences", "Consequence", "Condition"]);
    let effects = conditions.into_iter().map(terms::effect);
    effects.min_by_key(|effect| *effect == Effect::UnknownEffect)
}

/// The gravest of the situation and its consequences.
fn severity(element: Node<'_>) -> Option<SeverityLevel> {
    let own = values(element, &["Severity"]).into_iter();
    let consequences = values(element, &["Consequences", "Consequence", "Severity"]);
    own.chain(consequences).map(terms::severity).max()
}

/// The texts of the situation, else those that are published for passengers.
fn texts(element: Node<'_>, language: Option<&str>, own: &[&str], told: &[&str]) -> Option<TranslatedString> {
    let found = all(element, own);
    let found = if found.is_empty() {
        all(element, &[TOLD, told].concat())
    } else {
        found
    };
    translated(found.into_iter().filter_map(wording), language)
}

fn link(element: Node<'_>, language: Option<&str>) -> Option<TranslatedString> {
    let own = values(element, &["InfoLinks", "InfoLink", "Uri"]);
    let told = values(element, &[TOLD, &["InfoLink", "Uri"]].concat());
    let mut links = own.into_iter().chain(told);
    let link = links.find(|link| link.starts_with("https://") || link.starts_with("http://"))?;
    translated([(link.to_owned(), None)].into_iter(), language)
}

/// One text for each language, the first of it; at most one may be without.
fn translated(
    texts: impl Iterator<Item = (String, Option<String>)>,
    language: Option<&str>,
) -> Option<TranslatedString> {
    let mut translation: Vec<Translation> = Vec::new();
    for (text, own) in texts {
        let language = own.or_else(|| language.map(str::to_ascii_lowercase));
        if translation.iter().all(|known| known.language != language) {
            translation.push(Translation { text, language });
        }
    }
    (!translation.is_empty()).then_some(TranslatedString { translation })
}
