//! Links the page's module without the names of its functions, which no visitor reads. No wasm-opt runs
//! on it, and `strip` in a profile would take the list of features too, by which wasm-bindgen goes.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_FAMILY").is_ok_and(|family| family == "wasm") {
        println!("cargo::rustc-link-arg-bins=--strip-all");
        println!("cargo::rustc-link-arg-bins=--keep-section=target_features");
    }
}
