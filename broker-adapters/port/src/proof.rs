//! What a broker can show about itself, before and while the bus relies on it.

/// What the adapter found out about the broker's durability. The server decides on it whether to start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// The product, for example `nats-server`.
    pub broker: String,
    /// Its version as it states it.
    pub version: String,
    /// Whether the version is one this adapter supports.
    pub supported: bool,
    /// Whether every acknowledgement is proven to come after fsync (or after a replicated majority).
    /// `false` also when it could not be found out.
    pub durable: bool,
    /// One sentence on how that was found out, or why not.
    pub detail: String,
}

/// Whether the broker can be used at this moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// Connected, and the log answers.
    Up,
    /// Not usable, with the reason for the operator.
    Down(String),
}

impl Health {
    /// Whether this is [`Health::Up`].
    #[must_use]
    pub const fn is_up(&self) -> bool {
        matches!(self, Self::Up)
    }
}
