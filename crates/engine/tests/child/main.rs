//! The engine's process in every kind of trouble: a draft fails in time, the reason is told, and the engine
//! recovers. The process is this program, told how to misbehave.
#![expect(clippy::print_stdout, reason = "a test without a harness says how it went")]

mod fake;
mod troubles;
mod work;
mod world;

use std::process::ExitCode;
use std::time::Instant;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [word, mode, ..] = arguments.as_slice()
        && word == world::FAKE
    {
        return fake::run(mode);
    }
    if arguments.contains(&"--list".to_owned()) {
        return ExitCode::SUCCESS;
    }
    // Names choose tests, as they do elsewhere.
    let named: Vec<&String> = arguments.iter().filter(|word| !word.starts_with('-')).collect();
    let tests = work::TESTS.iter().chain(troubles::TESTS);
    for (name, test) in tests {
        if named.is_empty() || named.iter().any(|word| name.contains(word.as_str())) {
            let started = Instant::now();
            test();
            println!("{name}: ok, {} ms", started.elapsed().as_millis());
        }
    }
    ExitCode::SUCCESS
}
