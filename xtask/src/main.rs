//! Everything that is not `cargo build`.
//!
//! Deliberately light, since a fresh machine compiles this first: no dependency but a JSON reader.

mod bench;
mod gen_docs;
mod setup;
mod step;
mod test;
mod tidy;
mod tools;
mod up;

use std::process::ExitCode;

const HELP: &str = "\
usage: cargo xtask <command>

  up [ARGS]                 build what is missing and start `modelstat up --demo`; with `--engine` it can
                            run a local model, for which llama.cpp is compiled (minutes, once)
  build [--release-bundle]  build the dashboard and the binary; prints the binary's path
  test [SUITE…]             install what tests need, then run everything (or the named suites:
                            fmt clippy tidy gen rust web clients browser)
  setup                     take the pinned DuckDB library
  gen [--check]             write generated documents (or say whether they are up to date)
  tidy                      check crate edges and house rules
  bench [ingest|daemon|engine|redact|sdk]
                            run a benchmark in the release profile; `bench --help` has more
  faults [ROUNDS]           kill -9 rounds, 20 unless told, and the daemon killed at every step

examples:
  cargo xtask up
  cargo xtask up --no-demo --listen 127.0.0.1:8080
  cargo xtask test rust
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (command, rest) = match arguments.split_first() {
        Some((command, rest)) => (command.as_str(), rest),
        None => ("help", &[][..]),
    };
    let outcome = match command {
        "up" => up::run(rest),
        "build" => up::build(rest),
        "test" => test::run(rest),
        "setup" => setup::duckdb(),
        "bench" => bench::run(rest),
        "gen" => gen_docs::run(rest, up::Engine::None),
        "tidy" => tidy::run(),
        "faults" => test::faults(rest),
        "help" | "--help" | "-h" => {
            step::say(HELP);
            Ok(())
        }
        other => Err(format!("there is no `{other}`\n\n{HELP}")),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            step::complain(&message);
            ExitCode::FAILURE
        }
    }
}
