//! Tells cargo to embed again when the built dashboard changes; builds nothing itself.

#![expect(clippy::disallowed_methods, reason = "a build script is told everything by environment")]

use std::env;
use std::path::Path;

fn main() {
    println!("cargo::rerun-if-changed=dist");
    println!("cargo::rerun-if-env-changed=MODELSTAT_REQUIRE_UI");
    let root = env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
    let required = env::var("MODELSTAT_REQUIRE_UI").is_ok_and(|value| value == "1");
    if required && !Path::new(&root).join("dist/index.html").is_file() {
        // Cargo fails the build after this line.
        println!("cargo::error=the dashboard is not built; run `cargo xtask build`");
    }
}
