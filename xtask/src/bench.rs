//! Benchmarks, in the release profile. Figures worth keeping go into `docs/benchmarks.md`.

mod daemon;
mod engine;
mod redact;
mod sdk;

use crate::step::{self, Outcome, cargo, command, target};
use crate::{setup, tools, up};

const HELP: &str = "\
usage: cargo xtask bench [NAME [OPTIONS]]

  ingest  the server, from a request to a row, beside a peer
  daemon  acknowledgements, memory and catching up; the daemon is a process of its own
  engine  a local model beside llama.cpp's own loop
  redact  the floor beside the published one
  sdk     record() beside the published clients

Without a name all of them run, for about an hour. `cargo xtask bench daemon --help` has the options of one;
`ingest` takes none.
";

/// Runs the named benchmark with what follows its name, or all of them.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    match arguments.split_first() {
        None => {
            ingest(&[])?;
            daemon::run(&[])?;
            engine::run(&[])?;
            redact::run(&[])?;
            sdk::run(&[])
        }
        Some((name, options)) => match name.as_str() {
            "ingest" => ingest(options),
            "daemon" => daemon::run(options),
            "engine" => engine::run(options),
            "redact" => redact::run(options),
            "sdk" => sdk::run(options),
            "help" | "--help" | "-h" => {
                step::say(HELP);
                Ok(())
            }
            other => Err(format!(
                "there is no benchmark `{other}`; there are: ingest, daemon, engine, redact, sdk"
            )),
        },
    }
}

/// Runs the benchmark of ingest and then the peer that it is compared with.
fn ingest(options: &[String]) -> Outcome {
    if let Some(unknown) = options.first() {
        return Err(format!("the benchmark `ingest` takes no `{unknown}`"));
    }
    tools::check_build_tools()?;
    setup::duckdb()?;
    up::dashboard()?;
    let arguments = ["bench", "--quiet", "--package", "modelstat-cli", "--bench", "ingest"];
    step::run("benchmark ingest", &mut cargo(&arguments))?;
    tools::ensure_python_venv()?;
    let mut peer = command("python3");
    peer.arg("crates/cli/benches/peer.py").arg("--cache").arg(target().join("peer"));
    step::run("the peer, on the same machine", &mut peer)
}
