//! Puts the prebuilt DuckDB library beside the binaries that load it.
//!
//! `cargo xtask setup` takes the pinned library into `native/`; this script links it into
//! `<target>/<profile>/deps`, where the rpath `$ORIGIN:$ORIGIN/deps` of every binary finds it,
//! so that `cargo build`, `cargo run` and the bare binary work wherever the target folder is.

use std::path::{Path, PathBuf};
use std::{env, fs};

const LIBRARY: &str = "libduckdb.so";

fn main() {
    println!("cargo::rerun-if-env-changed=DUCKDB_LIB_DIR");
    println!("cargo::rustc-link-arg=-Wl,-rpath,$ORIGIN:$ORIGIN/deps");
    let Some(folder) = env::var_os("DUCKDB_LIB_DIR") else {
        // A static release build brings its own engine.
        return;
    };
    let library = Path::new(&folder).join(LIBRARY);
    println!("cargo::rerun-if-changed={}", library.display());
    if !library.exists() {
        println!("cargo::error=the DuckDB library is missing: run `cargo xtask setup`");
        return;
    }
    let target = deps_folder().join(LIBRARY);
    if is_same_file(&library, &target) {
        return;
    }
    // An older library may be there or not; only the linking below matters.
    fs::remove_file(&target).ok();
    let linked =
        fs::hard_link(&library, &target).or_else(|_| fs::copy(&library, &target).map(drop));
    if let Err(error) = linked {
        println!("cargo::error=could not place {LIBRARY} in {}: {error}", target.display());
    }
}

/// `OUT_DIR` is `<target>/<profile>/build/<package>-<hash>/out`.
fn deps_folder() -> PathBuf {
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    out.ancestors().nth(3).expect("cargo nests OUT_DIR").join("deps")
}

fn is_same_file(left: &Path, right: &Path) -> bool {
    match (fs::metadata(left), fs::metadata(right)) {
        (Ok(left), Ok(right)) => {
            left.len() == right.len() && left.modified().ok() == right.modified().ok()
        }
        _ => false,
    }
}
