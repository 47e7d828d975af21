//! Lets the binary and the tests of this package find the DuckDB library (see the build script of `store`).

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-link-arg=-Wl,-rpath,$ORIGIN:$ORIGIN/deps");
}
