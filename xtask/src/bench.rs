//! Benchmarks, in the release profile. Figures worth keeping go into `docs/benchmarks.md`.

use crate::step::{self, Outcome, cargo, command, target};
use crate::{setup, tools, up};

const NAMES: [&str; 1] = ["ingest"];

/// Runs the named benchmark, or all of them, and then the peer that it is compared with.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    if let Some(unknown) = arguments.iter().find(|name| !NAMES.contains(&name.as_str())) {
        return Err(format!("there is no benchmark `{unknown}`; there are: {}", NAMES.join(", ")));
    }
    tools::check_build_tools()?;
    setup::duckdb()?;
    up::dashboard()?;
    for name in NAMES {
        if arguments.is_empty() || arguments.iter().any(|wanted| wanted == name) {
            let mut bench =
                cargo(&["bench", "--quiet", "--package", "modelstat-cli", "--bench", name]);
            step::run(&format!("benchmark {name}"), &mut bench)?;
        }
    }
    tools::ensure_python_venv()?;
    let mut peer = command("python3");
    peer.arg("crates/cli/benches/peer.py").arg("--cache").arg(target().join("peer"));
    step::run("the peer, on the same machine", &mut peer)
}
