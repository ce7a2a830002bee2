//! The shipped city with its plugins: ingest routes, derivation, and plugins that fail.
