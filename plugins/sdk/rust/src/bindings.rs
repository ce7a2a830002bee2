//! What the WIT package says, as Rust. Generated at compile time; not part of the SDK's interface, only its export
//! macros need to see it.
//!
//! Each world is a module of its own. The types are generated once, in [`decoder`], and the other two refer to them.

/// The world `decoder`, and the types all worlds share.
#[allow(missing_docs, clippy::all)]
pub mod decoder {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "decoder",
        pub_export_macro: true,
        export_macro_name: "export_decoder_bindings",
        default_bindings_module: "stadtbus_plugin::bindings::decoder",
        runtime_path: "stadtbus_plugin::bindings::runtime",
        generate_all,
    });
}

/// The world `transformer`.
#[allow(missing_docs, clippy::all)]
pub mod transformer {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "transformer",
        pub_export_macro: true,
        export_macro_name: "export_transformer_bindings",
        default_bindings_module: "stadtbus_plugin::bindings::transformer",
        runtime_path: "stadtbus_plugin::bindings::runtime",
        with: {
            "stadtbus:plugin/types@1.1.0": super::decoder::stadtbus::plugin::types,
            "stadtbus:plugin/log@1.1.0": super::decoder::stadtbus::plugin::log,
            "stadtbus:plugin/lookup@1.1.0": super::decoder::stadtbus::plugin::lookup,
        },
    });
}

/// The world `encoder`.
#[allow(missing_docs, clippy::all)]
pub mod encoder {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "encoder",
        pub_export_macro: true,
        export_macro_name: "export_encoder_bindings",
        default_bindings_module: "stadtbus_plugin::bindings::encoder",
        runtime_path: "stadtbus_plugin::bindings::runtime",
        with: {
            "stadtbus:plugin/types@1.1.0": super::decoder::stadtbus::plugin::types,
            "stadtbus:plugin/log@1.1.0": super::decoder::stadtbus::plugin::log,
            "stadtbus:plugin/lookup@1.1.0": super::decoder::stadtbus::plugin::lookup,
        },
    });
}

/// What the generated code calls at run time.
pub use wit_bindgen::rt as runtime;
