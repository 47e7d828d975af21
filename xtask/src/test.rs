//! The whole test run: what it needs, then every suite, one closing line each.

use std::time::Instant;

use crate::step::{self, Outcome, cargo, command, progress, root, say, target};
use crate::up::{Engine, LLAMA, Profile};
use crate::{gen_docs, setup, tidy, tools, up};

/// A package apart from the workspace, as its dependencies change features for all.
const APART: &str = "integrations/rig/Cargo.toml";

type Suite = (&'static str, fn() -> Outcome);

const SUITES: [Suite; 9] = [
    ("fmt", fmt),
    ("tidy", tidy::run),
    ("web", web),
    ("clippy", clippy),
    ("rust", rust),
    ("gen", gen_is_current),
    ("clients", clients),
    ("python", python),
    ("browser", browser),
];

/// Runs the named suites, or all of them.
pub(crate) fn run(names: &[String]) -> Outcome {
    let known = |name: &String| SUITES.iter().any(|(suite, _)| suite == name);
    if let Some(unknown) = names.iter().find(|name| !known(name)) {
        return Err(format!("there is no suite `{unknown}`"));
    }
    tools::check_build_tools()?;
    tools::ensure_llama()?;
    setup::duckdb()?;
    up::dashboard()?;
    let mut lines = Vec::new();
    let mut failed = 0;
    for (name, suite) in SUITES {
        if !names.is_empty() && !names.iter().any(|wanted| wanted == name) {
            continue;
        }
        progress(&format!("suite {name}"));
        let started = Instant::now();
        let outcome = suite();
        let seconds = started.elapsed().as_secs_f64();
        match outcome {
            Ok(()) => lines.push(format!("{name}: passed ({seconds:.0} s)")),
            Err(error) => {
                step::complain(&error);
                failed += 1;
                lines.push(format!("{name}: FAILED ({seconds:.0} s): {error}"));
            }
        }
    }
    for line in &lines {
        say(line);
    }
    say(&format!("{} passed, {failed} failed", lines.len() - failed));
    if failed > 0 { Err("not every suite passed".to_owned()) } else { Ok(()) }
}

/// Of so many kill -9 rounds, one also kills the daemon at every step, which takes half a minute.
const ROUNDS_PER_STORM: u32 = 5;

/// Kill -9 rounds beyond those of the test run.
pub(crate) fn faults(arguments: &[String]) -> Outcome {
    let rounds = arguments.first().map_or("20", String::as_str);
    let binary = up::binary(Profile::Dev, Engine::Llama)?;
    let mut faults = cargo(&["test", "--package", "modelstat-cli", "--test", "it"]);
    faults.args(["--", "faults::", "--nocapture", "--test-threads=1"]);
    faults.env("MODELSTAT_FAULT_ROUNDS", rounds).env("MODELSTAT_BINARY", binary);
    step::run("kill -9 rounds", &mut faults)?;
    let rounds: u32 = rounds.parse().map_err(|_| format!("`{rounds}` is no number of rounds"))?;
    let mut storms = cargo(&["test", "--package", "modelstat-daemon", "--test", "faults"]);
    storms.env("MODELSTAT_FAULT_ROUNDS", rounds.div_ceil(ROUNDS_PER_STORM).to_string());
    step::run("the daemon killed at every step", &mut storms)
}

fn fmt() -> Outcome {
    step::run("cargo fmt --check", &mut cargo(&["fmt", "--all", "--check"]))?;
    let apart = ["fmt", "--manifest-path", APART, "--package", "modelstat-rig", "--check"];
    step::run("cargo fmt --check, rig", &mut cargo(&apart))
}

fn clippy() -> Outcome {
    let mut clippy = cargo(&["clippy", "--workspace", "--all-targets", "--features", LLAMA]);
    step::run("cargo clippy", clippy.args(["--quiet", "--", "-D", "warnings"]))?;
    let apart =
        ["clippy", "--all-targets", "--quiet", "--manifest-path", APART, "--", "-D", "warnings"];
    step::run("cargo clippy, rig", &mut cargo(&apart))
}

fn rust() -> Outcome {
    tools::ensure_valgrind()?;
    let binary = up::binary(Profile::Dev, Engine::Llama)?;
    let mut test =
        cargo(&["test", "--workspace", "--features", LLAMA, "--quiet", "--no-fail-fast"]);
    step::run("cargo test", test.env("MODELSTAT_BINARY", binary))?;
    let apart = ["test", "--quiet", "--no-fail-fast", "--manifest-path", APART];
    step::run("cargo test, rig", &mut cargo(&apart))
}

fn gen_is_current() -> Outcome {
    gen_docs::run(&["--check".to_owned()], Engine::Llama)
}

fn web() -> Outcome {
    if !root().join("web/node_modules").exists() {
        setup::npm_ci("web")?;
    }
    let npm = |arguments: &[&str]| {
        let mut npm = command("npm");
        npm.current_dir(root().join("web")).args(arguments);
        npm
    };
    step::run("dashboard unit tests", &mut npm(&["run", "--silent", "test"]))?;
    step::run("dashboard size", &mut npm(&["run", "--silent", "size"]))
}

/// The published clients, unmodified, against the built binary.
fn clients() -> Outcome {
    tools::ensure_python_venv()?;
    let binary = up::binary(Profile::Dev, Engine::Llama)?;
    let mut clients = command("python3");
    clients.arg("tests/clients/run.py").env("MODELSTAT_BINARY", binary);
    clients.env("MODELSTAT_TEST_CACHE", target().join("clients"));
    step::run("published clients", &mut clients)
}

/// The Python SDK: its wheel, built and installed, its tests against the real packages, and its types.
fn python() -> Outcome {
    tools::ensure_python_venv()?;
    let mut python = step::without_cargo(command("python3"));
    python.arg("bindings/python/tests/run.py");
    python.env("MODELSTAT_TEST_CACHE", target().join("python")).env("CARGO_TARGET_DIR", target());
    step::run("Python SDK", &mut python)
}

/// A person's way through the dashboard, in a real browser.
fn browser() -> Outcome {
    tools::ensure_chromium()?;
    let binary = up::binary(Profile::Dev, Engine::Llama)?;
    if !root().join("web/node_modules").exists() {
        setup::npm_ci("web")?;
    }
    let mut browser = command("python3");
    browser.arg("tests/browser/run.py").env("MODELSTAT_BINARY", binary);
    step::run("browser", &mut browser)
}
