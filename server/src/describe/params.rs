//! Path parameters that several operations share.

use utoipa::{
    IntoParams,
    openapi::{
        ObjectBuilder, RefOr, Required, Schema,
        path::{Parameter, ParameterBuilder, ParameterIn},
        schema::{SchemaFormat, Type},
    },
};

/// The rule of a partner's, a system's and a plugin's name.
const LABEL: &str = "^[a-z][a-z0-9-]{0,39}$";

/// The largest position that every JSON reader tells from its neighbours: 2⁵³ − 1.
const POSITION_MAX: i64 = 9_007_199_254_740_991;

/// `{id}` of a subscription.
pub(crate) struct SubscriptionPath;

impl IntoParams for SubscriptionPath {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![in_path(
            "id",
            "The subscription.",
            text(Some("^[a-z][a-z0-9-]{0,79}$"), 80),
        )]
    }
}

/// `{day}` of a statement.
pub(crate) struct DayPath;

impl IntoParams for DayPath {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let day = text(Some("^[0-9]{4}-[0-9]{2}-[0-9]{2}$"), 10);
        vec![in_path("day", "The day.", day)]
    }
}

/// `{id}` of a subscription and `{key}` of a parked key.
pub(crate) struct ParkedPath;

impl IntoParams for ParkedPath {
    fn into_params(way: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let mut params = SubscriptionPath::into_params(way);
        let key = text(Some("^[0-9a-f]{24}$"), 24);
        params.push(in_path("key", "The key, as the list names it (`id`).", key));
        params
    }
}

/// `{id}/replays/{replay}` of a subscription.
pub(crate) struct ReplayPath;

impl IntoParams for ReplayPath {
    fn into_params(of: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let mut parameters = SubscriptionPath::into_params(of);
        parameters.push(in_path(
            "replay",
            "The replay, as the list names it.",
            text(Some("^[0-9a-z]{1,32}$"), 32),
        ));
        parameters
    }
}

/// `{NAME}`, whatever it is called: what is answered is the same for all.
macro_rules! any {
    ($(#[$doc:meta])* $name:ident = $parameter:literal) => {
        $(#[$doc])*
        pub(crate) struct $name;

        impl IntoParams for $name {
            fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
                let text = ObjectBuilder::new().schema_type(Type::String).min_length(Some(1));
                vec![in_path($parameter, "Any: the answer is the same for all.", text)]
            }
        }
    };
}
any! {
    /// `{id}` of a subscription that need not be there.
    AnySubscription = "id"
}
any! {
    /// `{order}`: partner and subscription, divided by a dot, as an address names them.
    AnyOrder = "order"
}
any! {
    /// `{route}` that need not be there.
    AnyRoute = "route"
}

/// `If-Match`: which state of a subscription is meant.
pub(crate) struct Meant;

impl IntoParams for Meant {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let description = "The `ETag` that was shown: the call is refused if the subscription was changed since. Without it any state is meant.";
        vec![in_header(
            "If-Match",
            description,
            ObjectBuilder::new().schema_type(Type::String),
        )]
    }
}

/// Where a reader was when its connection broke.
pub(crate) struct LastEventId;

impl IntoParams for LastEventId {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let description = "The `id` of the last event that was handled. Confirms it and those before it.";
        vec![in_header(
            "Last-Event-ID",
            description,
            ObjectBuilder::new()
                .schema_type(Type::String)
                .max_length(Some(8_192)),
        )]
    }
}

/// A token in the URL.
pub(crate) struct QueryToken;

impl IntoParams for QueryToken {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![
            ParameterBuilder::new()
                .name("access_token")
                .parameter_in(ParameterIn::Query)
                .required(Required::False)
                .description(Some(
                    "The token, for senders that have no header field to put it in, where the operator allows it (`query_tokens`). \
                     `Authorization` counts if it is there.",
                ))
                .schema(Some(ObjectBuilder::new().schema_type(Type::String)))
                .build(),
        ]
    }
}

/// Who asks whether it may deliver here.
pub(crate) struct RequestOrigin;

impl IntoParams for RequestOrigin {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let description = "The DNS name of who wants to deliver here.";
        vec![in_header(
            "WebHook-Request-Origin",
            description,
            ObjectBuilder::new().schema_type(Type::String),
        )]
    }
}

/// `{partner}/{name}` of a plugin.
pub(crate) struct PluginPath;

impl IntoParams for PluginPath {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![
            in_path("partner", "Whose plugin.", text(Some(LABEL), 40)),
            in_path("name", "Its name within the partner.", text(Some(LABEL), 40)),
        ]
    }
}

/// The attributes of an event in binary mode, and the caller's trace.
pub(crate) struct EventHeaders;

impl IntoParams for EventHeaders {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let plain = || ObjectBuilder::new().schema_type(Type::String);
        let some = || plain().min_length(Some(1));
        let of = |format: &str| some().format(Some(SchemaFormat::Custom(format.to_owned())));
        vec![
            in_header(
                "ce-specversion",
                "Binary mode: `1.0`.",
                plain().enum_values(Some(["1.0"])),
            ),
            in_header("ce-id", "Binary mode: `id`.", some()),
            in_header("ce-source", "Binary mode: `source`.", of("uri-reference")),
            in_header("ce-type", "Binary mode: `type`.", some()),
            in_header("ce-subject", "Binary mode: `subject`.", some()),
            in_header("ce-time", "Binary mode: `time`, RFC 3339.", of("date-time")),
            in_header("ce-dataschema", "Binary mode: `dataschema`.", of("uri")),
            in_header(
                "traceparent",
                "W3C trace context of the caller; the bus's span becomes its child.",
                plain(),
            ),
        ]
    }
}

/// `{route}` of a foreign format.
pub(crate) struct RoutePath;

impl IntoParams for RoutePath {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![in_path(
            "route",
            "The route of the foreign format.",
            text(Some("^[a-z][a-z0-9-]{0,79}$"), 80),
        )]
    }
}

/// `{partner}/{id}` of an event.
pub(crate) struct EventPath;

impl IntoParams for EventPath {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![
            in_path("partner", "Who published the event.", text(Some(LABEL), 40)),
            in_path("id", "The event's `id`, percent-coded.", text(None, 1024)),
        ]
    }
}

/// `{log}/{position}` of an event.
pub(crate) struct PlacePath;

impl IntoParams for PlacePath {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![
            in_path(
                "log",
                "The log, as the receipt names it.",
                text(Some("^LOG_[A-Z0-9-]{1,40}$"), 44),
            ),
            in_path("position", "The position in the log.", position()),
        ]
    }
}

/// `{position}` of a dead letter.
pub(crate) struct LetterPath;

impl IntoParams for LetterPath {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![in_path(
            "position",
            "The dead letter, as the list names it (`dead_letter`).",
            position(),
        )]
    }
}

fn in_path(name: &str, description: &str, schema: impl Into<RefOr<Schema>>) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Path)
        .required(Required::True)
        .description(Some(description))
        .schema(Some(schema))
        .build()
}

fn in_header(name: &str, description: &str, schema: ObjectBuilder) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(description))
        .schema(Some(schema))
        .build()
}

fn text(pattern: Option<&str>, length_max: usize) -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .pattern(pattern)
        .min_length(Some(1))
        .max_length(Some(length_max))
}

fn position() -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::Integer)
        .minimum(Some(1))
        .maximum(Some(POSITION_MAX))
}
