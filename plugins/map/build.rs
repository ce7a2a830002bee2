//! A stack that holds an evaluation as deep as `src/evaluate.rs` allows; JSONata's frames are larger than those of an
//! ordinary guest, for which the bus's own build reserves 128 KiB.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_ARCH").is_ok_and(|arch| arch == "wasm32") {
        println!("cargo::rustc-link-arg-cdylib=-zstack-size=1048576");
    }
}
