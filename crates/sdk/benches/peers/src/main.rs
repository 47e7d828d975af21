//! Measures the Rust SDK beside the published one and OpenTelemetry; the Python half is
//! `bindings/python/benches/sdk.py`.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark prints its figures")]

use std::process::ExitCode;

use modelstat_sdk_bench::report::Format;
use modelstat_sdk_bench::{caller, children, memory, syscalls, worker};

/// The parts, in the order in which they run.
const PARTS: [&str; 4] = ["rust", "worker", "memory", "syscalls"];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match arguments.split_first() {
        Some((first, rest)) if first == children::CHILD => children::run(rest),
        _ => run(&arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result<(), String> {
    let mut format = Format::Markdown;
    let mut only = None;
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--json" => format = Format::Json,
            "--only" => only = Some(arguments.next().ok_or("`--only` needs a part")?.as_str()),
            other => return Err(format!("there is no `{other}`")),
        }
    }
    if let Some(part) = only.filter(|part| !PARTS.contains(part)) {
        return Err(format!("there is no part `{part}`; there are: {}", PARTS.join(", ")));
    }
    if format == Format::Markdown {
        println!("{}", machine());
    }
    for part in PARTS.iter().filter(|part| only.is_none_or(|only| only == **part)) {
        match *part {
            "rust" => caller::report(format),
            "worker" => worker::report(format),
            "memory" => memory::report(format)?,
            _ => syscalls::report(format)?,
        }
    }
    Ok(())
}

/// The machine in a few words, since figures move with it.
fn machine() -> String {
    let told = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = told.lines().find(|line| line.starts_with("model name"));
    let model = model.and_then(|line| line.split(": ").nth(1)).unwrap_or("unknown processor");
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split_whitespace().next().unwrap_or("unknown");
    format!("{model}, {cores} cores, load before {load}")
}
