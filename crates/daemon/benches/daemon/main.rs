//! What the daemon costs: processor time and waiting of an acknowledgement, memory, and catching up.
//!
//! Run by `cargo xtask bench daemon`. The daemon is a process of its own, so that the load and the
//! server that are made here are in none of its figures.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark prints its figures")]

mod figures;
mod load;
mod packing;
mod process;
mod sink;

use std::path::PathBuf;
use std::process::ExitCode;

use figures::Bench;
use process::Program;

const HELP: &str = "\
usage: cargo xtask bench daemon [OPTIONS]

  --only PARTS         some of idle,ingest,wait,backlog,packing, with commas
  --batches N          batches of 256 events at the ingest part (default 400)
  --backlog-mib N      how full the spool gets (default 2048)
  --library            the daemon's library instead of the binary
  --folder PATH        where the data goes (default: the folder for temporary files)
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|word| word == process::SERVE) {
        process::serve(&arguments[1..]);
        return ExitCode::SUCCESS;
    }
    match read(&arguments) {
        Ok(bench) => {
            bench.run();
            ExitCode::SUCCESS
        }
        Err(message) => {
            eprintln!("{message}\n\n{HELP}");
            ExitCode::FAILURE
        }
    }
}

fn read(arguments: &[String]) -> Result<Bench, String> {
    let mut bench = Bench {
        program: Program::Library,
        parts: ["idle", "ingest", "wait", "backlog", "packing"].map(str::to_owned).to_vec(),
        batches: 400,
        backlog_mib: 2_048,
        folder: std::env::temp_dir(),
    };
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        // Cargo says so to every benchmark.
        if word == "--bench" {
            continue;
        }
        if word == "--help" {
            return Err("the benchmark of the daemon".to_owned());
        }
        if word == "--library" {
            bench.program = Program::Library;
            continue;
        }
        let value = words.next().ok_or_else(|| format!("`{word}` needs a value, or is unknown"))?;
        let number = || value.parse::<usize>().map_err(|_| format!("`{value}` is no number"));
        match word.as_str() {
            "--only" => bench.parts = value.split(',').map(str::to_owned).collect(),
            "--batches" => bench.batches = number()?,
            "--backlog-mib" => bench.backlog_mib = number()? as u64,
            "--binary" => bench.program = Program::Binary(PathBuf::from(value)),
            "--folder" => bench.folder = PathBuf::from(value),
            _ => return Err(format!("there is no option `{word}`")),
        }
    }
    Ok(bench)
}
