//! The benchmark of the daemon: the release binary as a process of its own, unless `--library` is asked for.

use std::path::absolute;

use crate::step::{self, Outcome, cargo};
use crate::up::{self, Engine, Profile};

/// Builds what is measured and what measures, and runs it with its options.
pub(crate) fn run(options: &[String]) -> Outcome {
    let arguments =
        ["bench", "--quiet", "--package", "modelstat-daemon", "--bench", "daemon", "--"];
    let mut bench = cargo(&arguments);
    let asks_for_help = options.iter().any(|option| option == "--help");
    if !asks_for_help && !options.iter().any(|option| option == "--library") {
        bench.arg("--binary").arg(up::binary(Profile::Release, Engine::None)?);
    }
    let mut is_path = false;
    for option in options {
        // Cargo runs it in the folder of its package.
        if is_path {
            bench.arg(absolute(option).map_err(|error| format!("`{option}`: {error}"))?);
        } else {
            bench.arg(option);
        }
        is_path = option == "--folder";
    }
    step::run("benchmark daemon", &mut bench)
}
