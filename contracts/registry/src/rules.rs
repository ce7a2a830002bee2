//! What is expected at a place, in German and English: one wording for each kind of value.

/// German and English, each fitting after "Hier wird … erwartet" and "expected …".
pub(crate) type Rule = (&'static str, &'static str);

pub(crate) const NAME: Rule = (
    "ein Kurzname aus 1 bis 40 Zeichen (a-z, 0-9, -; zuerst ein Buchstabe)",
    "a short name of 1 to 40 characters (a-z, 0-9, -; a letter first)",
);
pub(crate) const LONG_NAME: Rule = (
    "ein Kurzname aus 1 bis 80 Zeichen (a-z, 0-9, -; zuerst ein Buchstabe)",
    "a short name of 1 to 80 characters (a-z, 0-9, -; a letter first)",
);
pub(crate) const EVENT_TYPE: Rule = (
    "ein Ereignistyp wie de.krefeld.swk.outage.reported.v1",
    "an event type such as de.krefeld.swk.outage.reported.v1",
);
pub(crate) const PLUGIN: Rule = (
    "ein Plugin in der Form partner/name",
    "a plugin in the form partner/name",
);
pub(crate) const NETWORK: Rule = (
    "ein Netz wie 10.1.0.0/16 oder fd00::/8",
    "a network such as 10.1.0.0/16 or fd00::/8",
);
pub(crate) const PORTS: Rule = (
    "ein Port wie 8443 oder ein Bereich wie 1024-65535",
    "a port such as 8443 or a range such as 1024-65535",
);
pub(crate) const MEDIA_TYPE: Rule = (
    "ein Medientyp wie application/json, ohne Parameter",
    "a media type such as application/json, without parameters",
);
pub(crate) const PAYLOAD: Rule = (
    "none oder ein Medientyp wie image/png, text/* oder */*, ohne Parameter",
    "none or a media type such as image/png, text/* or */*, without parameters",
);
pub(crate) const DAY: Rule = ("ein Tag wie 2026-01-31", "a day such as 2026-01-31");
pub(crate) const IRI: Rule = (
    "ein IRI wie https://w3id.org/dpv#ImprovePublicServices",
    "an IRI such as https://w3id.org/dpv#ImprovePublicServices",
);
pub(crate) const LEGAL_BASIS: Rule = (
    "der IRI der Rechtsgrundlage oder none-personal-data-free",
    "the IRI of the legal basis, or none-personal-data-free",
);
pub(crate) const PARTNER_URN: Rule = (
    "ein Partner in der Form urn:krefeld:partner:ngn",
    "a partner in the form urn:krefeld:partner:ngn",
);
pub(crate) const VERSION: Rule = ("eine Version wie 1.0.0", "a version such as 1.0.0");
