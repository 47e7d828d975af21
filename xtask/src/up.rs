//! Building the product and starting it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::step::{self, Outcome, cargo, command, progress, root, say, target};
use crate::{setup, tools};

/// Builds what is missing and starts the product, with a demo beside it unless `--no-demo`.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    let wants_engine = arguments.iter().any(|argument| is_engine(argument));
    let engine = if wants_engine { Engine::Llama } else { Engine::None };
    let binary = binary(Profile::Dev, engine)?;
    let wants_demo = !arguments.iter().any(|argument| argument == "--no-demo");
    let mut product = command(&binary);
    product.current_dir(std::env::current_dir().map_err(|error| error.to_string())?);
    product.arg("up").args(wants_demo.then_some("--demo"));
    product.args(arguments.iter().filter(|argument| *argument != "--no-demo"));
    replace(&mut product)
}

/// Whether an argument asks for a model in a process of its own.
fn is_engine(argument: &str) -> bool {
    argument == "--engine" || argument.starts_with("--engine=")
}

/// Builds the binary and prints its path.
pub(crate) fn build(arguments: &[String]) -> Outcome {
    let profile = match arguments {
        [] => Profile::Dev,
        [flag] if flag == "--release-bundle" => Profile::Release,
        _ => return Err("usage: cargo xtask build [--release-bundle]".to_owned()),
    };
    // What is handed to others runs models; the quick build is quick because it does not.
    let engine = if profile == Profile::Release { Engine::Llama } else { Engine::None };
    let binary = binary(profile, engine)?;
    say(&binary.display().to_string());
    Ok(())
}

/// How the binary is built.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    Dev,
    Release,
}

/// The feature with which llama.cpp is compiled.
pub(crate) const LLAMA: &str = "modelstat-cli/llama";

/// Whether the binary can run models, for which llama.cpp is compiled: minutes, the first time.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Engine {
    None,
    Llama,
}

/// Builds the dashboard and the binary, and returns the binary's path.
pub(crate) fn binary(profile: Profile, engine: Engine) -> Outcome<PathBuf> {
    tools::check_build_tools()?;
    if engine == Engine::Llama {
        tools::ensure_llama()?;
    }
    setup::duckdb()?;
    dashboard()?;
    let mut build = match engine {
        Engine::None => cargo(&["build", "--package", "modelstat-cli"]),
        // Selected as the tests select: for another selection llama.cpp would be compiled anew.
        Engine::Llama => {
            cargo(&["build", "--workspace", "--bin", "modelstat", "--features", LLAMA])
        }
    };
    if profile == Profile::Release {
        build.arg("--release");
    }
    step::run("building the binary", &mut build)?;
    let folder = if profile == Profile::Release { "release" } else { "debug" };
    Ok(target().join(folder).join("modelstat"))
}

/// Builds the dashboard when a source is newer than what was built.
pub(crate) fn dashboard() -> Outcome {
    let web = root().join("web");
    let built = root().join("crates/web/dist/index.html");
    let sources = ["src", "index.html", "package-lock.json", "vite.config.ts", "tsconfig.json"];
    let newest = sources.iter().filter_map(|source| newest_change(&web.join(source))).max();
    if built.exists() && newest <= changed(&built) {
        return Ok(());
    }
    let installed = changed(&web.join("node_modules/.package-lock.json"));
    if installed < changed(&web.join("package-lock.json")) || installed.is_none() {
        setup::npm_ci("web")?;
    }
    let mut npm = command("npm");
    npm.current_dir(&web).args(["run", "--silent", "build"]);
    step::run("building the dashboard", npm.stdout(std::process::Stdio::null()))
}

fn newest_change(path: &Path) -> Option<SystemTime> {
    let Ok(entries) = fs::read_dir(path) else { return changed(path) };
    entries.filter_map(Result::ok).filter_map(|entry| newest_change(&entry.path())).max()
}

fn changed(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|file| file.modified()).ok()
}

/// Becomes the product, so that Ctrl-C and its exit code are the product's own.
fn replace(product: &mut std::process::Command) -> Outcome {
    use std::os::unix::process::CommandExt;
    progress("starting modelstat (Ctrl-C stops it)");
    let error = product.exec();
    Err(format!("could not start the binary: {error}"))
}
