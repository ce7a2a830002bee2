//! The bus as machines read it: OpenAPI for its calls, AsyncAPI for the events it carries.
//!
//! *Promise*: a route cannot be served without its description, because the one makes the other
//! ([`crate::http`] registers only described handlers); statuses, `Retry-After` and titles of refusals come from the code
//! itself and its page, so that they cannot say otherwise than the bus. *What it refuses*: to tell who is no party to a
//! confidential contract what stands in its events ([`asyncapi`]). *Why here*: beside the interface it describes; the
//! operations stand at their handlers, and here is what they share.

pub(crate) mod asyncapi;
pub(crate) mod openapi;
pub(crate) mod params;
pub(crate) mod refusals;

#[cfg(test)]
mod tests;
