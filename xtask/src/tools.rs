//! What must be on the machine, and how to get it.

use crate::step::{Outcome, command, output, progress, run};

/// Oldest Rust that builds the workspace.
const MIN_RUST: (u32, u32) = (1, 95);
/// Oldest Node that builds the dashboard.
const MIN_NODE: (u32, u32) = (20, 19);

/// How to get a tool, if we know.
pub(crate) fn remedy(program: &str) -> Option<&'static str> {
    Some(match program {
        "cc" | "gcc" | "g++" | "c++" => "apt-get install build-essential",
        "node" | "npm" => {
            "install Node.js 20.19 or newer (apt-get install nodejs npm, or nodejs.org)"
        }
        "python3" => "apt-get install python3 python3-venv",
        "chromium" => "apt-get install chromium",
        "rustc" | "cargo" => "install Rust 1.95 with rustup (rustup.rs)",
        _ => return None,
    })
}

/// Checks what every build needs.
pub(crate) fn check_build_tools() -> Outcome {
    let rust = output("rustc --version", command("rustc").arg("--version"))?;
    require("Rust", "rustc", &rust, MIN_RUST)?;
    output("cc --version", command("cc").arg("--version"))?;
    output("c++ --version", command("c++").arg("--version"))?;
    let node = output("node --version", command("node").arg("--version"))?;
    require("Node.js", "node", &node, MIN_NODE)?;
    output("npm --version", command("npm").arg("--version")).map(drop)
}

/// Makes sure that a browser is there.
pub(crate) fn ensure_chromium() -> Outcome {
    ensure_package("chromium", command("which").arg("chromium"))
}

/// Makes sure that Python can make virtual environments, which Debian packages apart.
pub(crate) fn ensure_python_venv() -> Outcome {
    ensure_package("python3-venv", command("python3").args(["-c", "import ensurepip, venv"]))
}

/// Makes sure that instructions can be counted.
pub(crate) fn ensure_valgrind() -> Outcome {
    ensure_package("valgrind", command("valgrind").arg("--version"))
}

/// Makes sure that llama.cpp can be compiled, and its header read.
pub(crate) fn ensure_llama() -> Outcome {
    ensure_package("cmake", command("cmake").arg("--version"))?;
    // The package is what the build looks for; no program of it can be asked.
    let found = "find /usr/lib /usr/local/lib -name 'libclang*.so*' 2>/dev/null | grep -q .";
    ensure_package("libclang-dev", command("sh").args(["-c", found]))
}

/// Installs a Debian package, when that is allowed, unless a command succeeds that needs it.
fn ensure_package(package: &str, needs_it: &mut std::process::Command) -> Outcome {
    if needs_it.output().is_ok_and(|found| found.status.success()) {
        return Ok(());
    }
    let ask = format!("`{package}` is missing: run `sudo apt-get install {package}`");
    let is_root = output("id -u", command("id").arg("-u")).is_ok_and(|id| id.trim() == "0");
    if !is_root {
        return Err(ask);
    }
    progress(&format!("installing {package}"));
    let mut update = command("apt-get");
    run("apt-get update", update.args(["-qq", "update"]))?;
    let mut install = command("apt-get");
    install.env("DEBIAN_FRONTEND", "noninteractive");
    install.args(["-qq", "-y", "--no-install-recommends", "install", package]);
    run(&format!("apt-get install {package}"), install.stdout(std::process::Stdio::null()))
        .map_err(|error| format!("{error}; {ask}"))
}

fn require(name: &str, program: &str, version: &str, least: (u32, u32)) -> Outcome {
    let digits = version.split(|letter: char| !letter.is_ascii_digit());
    let mut numbers = digits.filter_map(|part| part.parse::<u32>().ok());
    let found = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    if found >= least {
        return Ok(());
    }
    let remedy = remedy(program).unwrap_or("update it");
    Err(format!("{name} {}.{} is older than {}.{}: {remedy}", found.0, found.1, least.0, least.1))
}
