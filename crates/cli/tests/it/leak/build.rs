//! The binary with redaction off, under a name of its own, so that the two never mix.

use std::path::{Path, PathBuf};
use std::process::Command;

const NAME: &str = "modelstat-leak-proof";

/// Builds it, and returns where it is. Only our own crates are built again: redaction off is a
/// feature of one of them.
pub(super) fn without_redaction() -> PathBuf {
    let profile = Path::new(env!("CARGO_BIN_EXE_modelstat")).parent().expect("a target folder");
    let target = profile.parent().expect("a target folder");
    let mut cargo = Command::new(env!("CARGO"));
    // What cargo tells its tests would tell build scripts that their world has changed.
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        let is_told = name.starts_with("CARGO_") && name != "CARGO_HOME";
        if is_told || matches!(name.as_str(), "LD_LIBRARY_PATH" | "DUCKDB_LIB_DIR") {
            cargo.env_remove(name);
        }
    }
    let built = cargo
        .args(["build", "--locked", "--package", "modelstat-cli"])
        .args(["--features", "leak-proof", "--bin", NAME, "--target-dir"])
        .arg(target)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    profile.join(NAME)
}
