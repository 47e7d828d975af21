//! The benchmark of the SDKs: a Rust program of its own package, as it builds the published SDK beside
//! ours, and a Python program that makes its own environments.

use std::path::PathBuf;
use std::process::Command;

use crate::step::{self, Outcome, cargo, command, say, target, without_cargo};
use crate::tools;

const HELP: &str = "\
usage: cargo xtask bench sdk [OPTIONS]

  --only PART   one part only:
                  rust      what recording costs the caller: ns and allocations, beside OpenTelemetry
                  python    the same of the Python package, beside OpenTelemetry, Langfuse and PostHog
                  worker    events per second of the workers' processor time, both languages
                  memory    growth with a receiver that never answers, both languages
                  gil       how long another Python thread waits while prompts are redacted
                  syscalls  system calls of a Rust caller in 10,000 records; takes strace
  --json        lines of JSON: {table, columns, rows} and {gate, measured, is_met}
";

/// The parts of each program.
const RUST_PARTS: [&str; 4] = ["rust", "worker", "memory", "syscalls"];
const PYTHON_PARTS: [&str; 4] = ["python", "worker", "memory", "gil"];

/// Builds what is measured, and then measures it.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    if arguments.iter().any(|argument| argument == "--help" || argument == "-h") {
        say(HELP);
        return Ok(());
    }
    let only = only(arguments)?;
    let wants = |parts: &[&str]| only.is_none_or(|only| parts.contains(&only));
    if wants(&RUST_PARTS) {
        let manifest = "crates/sdk/benches/peers/Cargo.toml";
        let mut build = cargo(&["build", "--quiet", "--release", "--manifest-path", manifest]);
        step::run(
            "the Rust benchmark's build",
            build.arg("--target-dir").arg(folder("bench-sdk")),
        )?;
    }
    if wants(&PYTHON_PARTS) {
        tools::ensure_python_venv()?;
        step::run("the Python benchmark's build", python(&[]).arg("--prepare"))?;
    }
    if wants(&RUST_PARTS) {
        step::run("benchmark sdk, Rust", rust("modelstat-sdk-bench").args(arguments))?;
    }
    if wants(&["rust"]) {
        let format = arguments.iter().filter(|argument| *argument == "--json");
        step::run("benchmark sdk, allocations", rust("allocations").args(format))?;
    }
    if wants(&PYTHON_PARTS) {
        step::run("benchmark sdk, Python", &mut python(arguments))?;
    }
    Ok(())
}

/// Checks the options; returns the one part that is wanted, if it is one.
fn only(arguments: &[String]) -> Outcome<Option<&str>> {
    let mut only = None;
    let mut arguments = arguments.iter().map(String::as_str);
    while let Some(argument) = arguments.next() {
        match argument {
            "--json" => {}
            "--only" => only = Some(arguments.next().unwrap_or_default()),
            other => return Err(format!("the benchmark `sdk` takes no `{other}`\n\n{HELP}")),
        }
    }
    let is_known = |part: &&str| RUST_PARTS.contains(part) || PYTHON_PARTS.contains(part);
    match only {
        Some(part) if !is_known(&part) => Err(format!("there is no part `{part}`\n\n{HELP}")),
        only => Ok(only),
    }
}

/// Beside the workspace's own builds, which have other features.
fn folder(name: &str) -> PathBuf {
    target().join(name)
}

fn rust(program: &str) -> Command {
    command(folder("bench-sdk").join("release").join(program))
}

fn python(arguments: &[String]) -> Command {
    let mut python = without_cargo(command("python3"));
    python.arg("bindings/python/benches/sdk.py").args(arguments);
    python.env("MODELSTAT_TEST_CACHE", folder("bench-python"));
    python.env("CARGO_TARGET_DIR", target());
    python
}
