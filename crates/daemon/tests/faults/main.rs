//! The daemon as a process that is killed at every step, beside a server that comes and goes, senders that
//! repeat themselves and a client that means harm: nothing acknowledged is lost, nothing arrives twice, and
//! every turn ends in an abstract.
//!
//! `cargo xtask faults` runs more rounds than the test run.
#![expect(clippy::print_stdout, reason = "a test without a harness says how it went")]

#[path = "../it/client.rs"]
#[expect(dead_code, reason = "the other tests use the rest")]
mod client;
mod disk;
mod process;
mod storm;
#[path = "../it/upstream.rs"]
#[expect(dead_code, reason = "the other tests use the rest")]
mod upstream;

use std::process::ExitCode;
use std::time::Instant;

use modelstat_daemon::failpoint::POINTS;

/// How often each place is passed before the process is killed there, one after the other.
const PASSES: [u32; 2] = [0, 3];

/// Places at a time: each is a process and its senders, which mostly wait.
const AT_A_TIME: usize = 4;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|word| word == process::SERVE) {
        process::serve(&arguments[1..]);
        return ExitCode::SUCCESS;
    }
    // Names choose places, as they choose tests elsewhere; whoever lists tests wants none run.
    let named: Vec<&String> = arguments.iter().filter(|word| !word.starts_with('-')).collect();
    let is_wanted =
        |point: &str| named.is_empty() || named.iter().any(|name| point.contains(*name));
    if arguments.contains(&"--list".to_owned()) {
        return ExitCode::SUCCESS;
    }
    if cfg!(not(debug_assertions)) {
        println!("left out: a release build has no places at which it can be killed");
        return ExitCode::SUCCESS;
    }
    let started = Instant::now();
    let points = POINTS.into_iter().filter(|point| is_wanted(point));
    let of_a_round: Vec<(&str, u32)> =
        points.flat_map(|point| PASSES.map(|passes| (point, passes))).collect();
    let cases: Vec<_> = (0..rounds()).flat_map(|_| of_a_round.clone()).collect();
    for some in cases.chunks(AT_A_TIME) {
        std::thread::scope(|scope| {
            for (point, passes) in some {
                scope.spawn(move || storm::killed_at(point, *passes));
            }
        });
    }
    println!("killed at {} places: nothing lost, nothing twice", cases.len());
    if is_wanted("a_full_disk") {
        disk::a_full_disk_refuses_and_loses_nothing();
    }
    println!("faults took {:.0} s", started.elapsed().as_secs_f64());
    ExitCode::SUCCESS
}

fn rounds() -> u32 {
    #[expect(clippy::disallowed_methods, reason = "`cargo xtask faults` asks for more rounds")]
    let asked = std::env::var("MODELSTAT_FAULT_ROUNDS");
    asked.ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(1)
}
