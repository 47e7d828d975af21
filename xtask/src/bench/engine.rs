//! The benchmark of the engine: models of real shapes with random weights, which it writes itself.

use crate::step::{self, Outcome, cargo, target};
use crate::tools;

/// Builds the benchmark with llama.cpp and runs it with its options.
pub(crate) fn run(options: &[String]) -> Outcome {
    tools::check_build_tools()?;
    tools::ensure_llama()?;
    let arguments = ["bench", "--quiet", "--package", "modelstat-llama", "--bench", "engine", "--"];
    let mut bench = cargo(&arguments);
    // Half a gigabyte of weights, which are the same at every run.
    bench.arg("--folder").arg(target().join("bench-engine")).args(options);
    step::run("benchmark engine", &mut bench)
}
