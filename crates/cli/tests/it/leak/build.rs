//! The binary with redaction off, under a name of its own, so that the two never mix.

use std::path::{Path, PathBuf};
use std::process::Command;

const NAME: &str = "modelstat-leak-proof";

/// Builds it, and returns where it is. Only our own crates are built again: redaction off is a
/// feature of one of them.
pub(super) fn without_redaction() -> PathBuf {
    let profile = Path::new(env!("CARGO_BIN_EXE_modelstat")).parent().expect("a target folder");
    let target = profile.parent().expect("a target folder");
    let built = Command::new(env!("CARGO"))
        .args(["build", "--locked", "--package", "modelstat-cli"])
        .args(["--features", "leak-proof", "--bin", NAME, "--target-dir"])
        .arg(target)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    profile.join(NAME)
}
