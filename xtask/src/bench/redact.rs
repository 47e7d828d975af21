//! The benchmark of redaction: a package of its own, as it builds the published floor beside ours.

use std::path::absolute;

use crate::step::{self, Outcome, cargo, target};

/// The benchmark's options whose value is a file, named as seen from where the person stands.
const FILE_OPTIONS: [&str; 3] = ["--cases", "--misses", "--triage"];

/// Builds the benchmark and runs it with its options.
pub(crate) fn run(options: &[String]) -> Outcome {
    let manifest = "crates/redact/benches/floor/Cargo.toml";
    let mut bench = cargo(&["run", "--quiet", "--release", "--manifest-path", manifest]);
    // Beside the workspace's own builds, which have other features.
    bench.arg("--target-dir").arg(target().join("bench-redact")).arg("--");
    let mut is_file = false;
    for option in options {
        if is_file {
            bench.arg(absolute(option).map_err(|error| format!("`{option}`: {error}"))?);
        } else {
            bench.arg(option);
        }
        is_file = FILE_OPTIONS.contains(&option.as_str());
    }
    step::run("benchmark redact", &mut bench)
}
