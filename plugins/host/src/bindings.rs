//! What the WIT package says, as Rust, for the host's side. Generated at compile time.
//!
//! The interfaces the worlds share are generated once, in [`decoder`].
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::all,
    clippy::pedantic,
    clippy::restriction
)]

pub(crate) mod decoder {
    wasmtime::component::bindgen!({ path: "../wit", world: "decoder", imports: { default: trappable } });
}

/// Types, log and lookup: the interfaces all worlds use.
pub(crate) use decoder::stadtbus::plugin::{log, lookup, types};

pub(crate) mod transformer {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "transformer",
        imports: { default: trappable },
        with: { "stadtbus:plugin@1.1.0": crate::bindings::decoder::stadtbus::plugin },
    });
}

pub(crate) mod encoder {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "encoder",
        imports: { default: trappable },
        with: { "stadtbus:plugin@1.1.0": crate::bindings::decoder::stadtbus::plugin },
    });
}

/// What a component says of its configuration, if it exports that.
pub(crate) mod configured {
    wasmtime::component::bindgen!({ path: "../wit", world: "configured" });
}

pub(crate) mod scripting {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "bytes",
        imports: { default: trappable },
        with: { "stadtbus:plugin@1.1.0": crate::bindings::decoder::stadtbus::plugin },
    });
}
