//! The binary with redaction off, built beside everything else, so that the two never mix.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What cargo keeps of a build: libraries, what build scripts made, and by what it knows them again.
const KEPT: [&str; 3] = ["deps", "build", ".fingerprint"];

/// Builds it, and returns where it is.
pub(super) fn without_redaction() -> PathBuf {
    let profile = Path::new(env!("CARGO_BIN_EXE_modelstat")).parent().expect("a target folder");
    let target = profile.parent().expect("a target folder").join("leak-proof");
    if !target.exists() {
        for folder in KEPT {
            lend(&profile.join(folder), &target.join("debug").join(folder));
        }
    }
    let built = Command::new(env!("CARGO"))
        .args(["build", "--locked", "--package", "modelstat-cli", "--features", "leak-proof"])
        .arg("--target-dir")
        .arg(&target)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    target.join("debug/modelstat")
}

/// Links what other people's crates were built to, so that only ours are built again. Files of ours
/// change, and a change would show on both sides of a link.
fn lend(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder").flatten() {
        let name = entry.file_name();
        if name.to_string_lossy().contains("modelstat") {
            continue;
        }
        let Ok(kind) = entry.file_type() else { continue };
        let to = to.join(&name);
        if kind.is_dir() {
            lend(&entry.path(), &to);
        } else {
            // A file that another build replaces meanwhile is built again here.
            drop(fs::hard_link(entry.path(), to));
        }
    }
}
