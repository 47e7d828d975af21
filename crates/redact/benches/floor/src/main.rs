//! How fast the floor is, how much it finds and what it finds wrongly, beside the published Rust floor.
//!
//! Run by `cargo xtask bench redact`; `docs/benchmarks.md` says what the figures mean.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark prints its figures")]

mod cases;
mod chat;
mod clock;
mod corpus;
mod hits;
mod instructions;
mod peer;
mod speed;
mod superset;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clock::float;

const HELP: &str = "\
usage: cargo xtask bench redact [OPTIONS]

  --cases FILE      also recall on labelled cases: JSON lines {rule, text, secret, positive}, or .gz
  --misses FILE     writes the missed and the wrongly touched cases there, texts and all
  --triage FILE     writes every hit on clean source there: rule, place, outline of the value
  --peer-superset   also what only the published floor hides
  --only PART       one part only: speed, hits, cases, superset
  --instructions    instead: instructions per repeated unit at three lengths, under valgrind
";

/// Lengths at which instructions are counted; each doubles the one before.
const LENGTHS: [usize; 3] = [1_000_000, 2_000_000, 4_000_000];

/// What to measure.
#[derive(Default)]
struct Options {
    cases: Option<PathBuf>,
    misses: Option<PathBuf>,
    triage: Option<PathBuf>,
    with_superset: bool,
    only: Option<String>,
    instructions: bool,
}

fn main() -> ExitCode {
    if instructions::is_measured() {
        instructions::run_measured(&LENGTHS);
        return ExitCode::SUCCESS;
    }
    match options(std::env::args().skip(1)).and_then(|options| run(&options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}

fn options(mut arguments: impl Iterator<Item = String>) -> Result<Options, String> {
    let mut options = Options::default();
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("`{argument}` needs a value"));
        match argument.as_str() {
            "--cases" => options.cases = Some(value()?.into()),
            "--misses" => options.misses = Some(value()?.into()),
            "--triage" => options.triage = Some(value()?.into()),
            "--only" => options.only = Some(part(value()?)?),
            "--peer-superset" => options.with_superset = true,
            "--instructions" => options.instructions = true,
            _ => return Err(format!("there is no `{argument}`\n\n{HELP}")),
        }
    }
    Ok(options)
}

fn part(name: String) -> Result<String, String> {
    let is_known = ["speed", "hits", "cases", "superset"].contains(&name.as_str());
    if is_known { Ok(name) } else { Err(format!("there is no part `{name}`\n\n{HELP}")) }
}

fn run(options: &Options) -> Result<(), String> {
    if options.instructions {
        return count_instructions();
    }
    let is_wanted = |part: &str| options.only.as_ref().is_none_or(|only| only == part);
    let said = |error: std::io::Error| error.to_string();
    println!("Redaction, rules of version {}; {}", modelstat_redact::FLOOR_VERSION, machine());
    if is_wanted("speed") {
        speed::report();
    }
    if is_wanted("hits") {
        hits::report(options.triage.as_deref()).map_err(said)?;
        hits::report_touched_words();
    }
    let read = |file: &Path| {
        cases::read(file).map_err(|error| format!("could not read {}: {error}", file.display()))
    };
    let cases = options.cases.as_deref().map(read).transpose()?.unwrap_or_default();
    if is_wanted("cases") && !cases.is_empty() {
        cases::report(&cases, options.misses.as_deref()).map_err(said)?;
    }
    if options.with_superset && is_wanted("superset") {
        superset::report(&cases);
    }
    Ok(())
}

/// The machine in a few words, since figures move with it.
fn machine() -> String {
    let told = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = told.lines().find(|line| line.starts_with("model name"));
    let model = model.and_then(|line| line.split(": ").nth(1)).unwrap_or("unknown processor");
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    format!("{model}, {cores} cores")
}

fn count_instructions() -> Result<(), String> {
    if !instructions::is_possible() {
        return Err("`valgrind` is missing: apt-get install valgrind".to_owned());
    }
    let counts = instructions::count(&LENGTHS, &[])?;
    println!("| unit | instructions per byte at 1 MB | 2 MB | 4 MB | growth | growth |");
    println!("|---|---|---|---|---|---|");
    let mut worst = 0.0_f64;
    for count in &counts {
        let per_byte = count.instructions.iter().zip(LENGTHS).map(|(instructions, length)| {
            format!(
                "{:.2}",
                float(usize::try_from(*instructions).unwrap_or(usize::MAX)) / float(length)
            )
        });
        let growths = count.growths();
        worst = growths.iter().copied().fold(worst, f64::max);
        let cells: Vec<String> =
            per_byte.chain(growths.iter().map(|growth| format!("{growth:.3}"))).collect();
        println!("| `{}` | {} |", count.unit, cells.join(" | "));
    }
    println!("\nWorst growth per doubling: {worst:.3}, allowed {}.", instructions::MAX_GROWTH);
    if worst < instructions::MAX_GROWTH { Ok(()) } else { Err("not linear".to_owned()) }
}
