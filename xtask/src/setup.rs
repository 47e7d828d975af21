//! The prebuilt `DuckDB` library, taken by its lockfile.

use std::fs;

use crate::step::{Outcome, command, progress, root, run};

const PACKAGE: &str = "node_modules/@duckdb/node-bindings-linux-x64";

/// Takes the library unless the pinned version is there.
pub(crate) fn duckdb() -> Outcome {
    let native = root().join("native");
    let wanted = fs::read_to_string(native.join("package-lock.json"))
        .map_err(|error| format!("could not read native/package-lock.json: {error}"))?;
    let there = fs::read_to_string(native.join(PACKAGE).join("package.json")).unwrap_or_default();
    let library = native.join(PACKAGE).join("libduckdb.so");
    if library.exists() && is_version_of(&wanted, &there) {
        return Ok(());
    }
    progress("taking the DuckDB library (70 MB)");
    npm_ci("native")
}

/// Installs the locked packages of a folder.
pub(crate) fn npm_ci(folder: &str) -> Outcome {
    let mut npm = command("npm");
    npm.current_dir(root().join(folder));
    npm.args(["ci", "--no-audit", "--no-fund", "--loglevel=error"]);
    run(&format!("npm ci in {folder}"), npm.stdout(std::process::Stdio::null()))
}

fn is_version_of(lock: &str, package: &str) -> bool {
    let version = |text: &str, path: &[&str]| {
        let mut value: &serde_json::Value = &serde_json::from_str(text).ok()?;
        for key in path {
            value = value.get(key)?;
        }
        value.as_str().map(str::to_owned)
    };
    let locked = version(lock, &["packages", PACKAGE, "version"]);
    locked.is_some() && locked == version(package, &["version"])
}
