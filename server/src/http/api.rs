//! The router and its description grow together: a route without a description cannot be registered.

use std::sync::Arc;

use axum::{Router, extract::DefaultBodyLimit};
use utoipa::openapi::OpenApi;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};

use crate::{Bus, describe::openapi};

/// Routes with their descriptions. There is no other way to add a route than [`Api::with`], and that takes only
/// handlers that carry `#[utoipa::path]`.
pub(super) struct Api(OpenApiRouter<Arc<Bus>>);

impl Api {
    /// Without routes.
    pub(super) fn new() -> Self {
        Self(OpenApiRouter::with_openapi(openapi::frame()))
    }

    /// One path with one handler for each method: `with(routes!(list, create))`.
    pub(super) fn with(self, routes: UtoipaMethodRouter<Arc<Bus>>) -> Self {
        Self(self.0.routes(routes))
    }

    /// Bounds the bodies of all routes so far, in bytes.
    pub(super) fn bodies_of(self, bytes_max: usize) -> Self {
        Self(self.0.layer(DefaultBodyLimit::max(bytes_max)))
    }

    /// Adds the routes of another.
    pub(super) fn merge(self, other: Self) -> Self {
        Self(self.0.merge(other.0))
    }

    /// The routes, and what they say of themselves.
    pub(super) fn split(self) -> (Router<Arc<Bus>>, OpenApi) {
        self.0.split_for_parts()
    }
}
