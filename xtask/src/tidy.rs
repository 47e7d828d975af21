//! House rules that the compiler does not know.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::step::{Outcome, cargo, output, root};

/// Past this many lines a file is two ideas.
const MAX_LINES: usize = 600;

/// A call that only some files may make.
struct Door {
    /// What is searched for.
    call: &'static str,
    /// Where it may stand, as the beginning of a path.
    allowed: &'static [&'static str],
    /// What to do instead.
    instead: &'static str,
}

/// Who may open a connection without an HTTP client: the SDK to its daemon, the verbs to a process of ours,
/// the service manager's notes, and tests.
const OWN_SOCKETS: [&str; 11] = [
    "crates/cli/benches/",
    "crates/cli/src/client.rs",
    "crates/cli/src/commands/service",
    "crates/cli/tests/",
    "crates/daemon/benches/",
    // Asks whether another process of ours listens on the same path.
    "crates/daemon/src/http/socket.rs",
    "crates/daemon/tests/",
    "crates/models/tests/",
    "crates/sdk/",
    "crates/testkit/",
    "xtask/",
];

const NO_SOCKET: &str =
    "nothing leaves beside the egress ledger: send through `egress` in the daemon";

const DOORS: [Door; 11] = [
    Door {
        call: "expect(unsafe_code",
        // A test forks: there is no safe way to. A C library and the system are called in one place each.
        allowed: &[
            "crates/llama/benches/engine/plain.rs",
            "crates/llama/src/confine/unix.rs",
            "crates/llama/src/native/",
            "crates/redact/src/masks/x86.rs",
            "crates/sdk/tests/fork.rs",
            "xtask/src/tidy.rs",
        ],
        instead: "unsafe code has one module, with its argument; write it safely",
    },
    Door {
        call: "RedactedText::from_store",
        allowed: &[
            "crates/redact/src/text.rs",
            "crates/redact/tests/",
            "crates/store/src/",
            "crates/daemon/src/spool",
            "crates/wire/src/stored.rs",
            "crates/wire/src/parse/tests.rs",
        ],
        instead: "text comes from the floor; only stores take their own text back",
    },
    Door {
        call: "ureq",
        allowed: &[
            // The one door of the daemon, and with it of every request of the process.
            "crates/daemon/src/egress.rs",
            // To an engine over HTTP: who may make this client, the next door says.
            "crates/engine/src/client.rs",
            "crates/engine/src/endpoint.rs",
            // What a person asks for by hand: a model's file.
            "crates/models/src/fetch.rs",
            // To a process of ours on this machine.
            "crates/cli/src/client.rs",
            "crates/cli/tests/",
            "crates/server/tests/",
            "crates/sdk/src/http/remote.rs",
            "crates/testkit/",
        ],
        instead: "requests leave through `egress` in the daemon, `client` in the verbs, `http` in the SDK, `fetch` for models, `EndpointClient` to engines",
    },
    Door {
        call: "EndpointClient",
        allowed: &[
            "crates/engine/src/client.rs",
            "crates/engine/src/lib.rs",
            // The daemon's door, which writes every question into the ledger.
            "crates/daemon/src/egress/engine.rs",
            // A server has no ledger of what leaves; its operator is told where text goes.
            "crates/server/src/server.rs",
        ],
        instead: "an engine is asked through `egress` in the daemon, so that the ledger has every question",
    },
    Door { call: "hyper::client", allowed: &[], instead: NO_SOCKET },
    Door { call: "hyper_util::client", allowed: &[], instead: NO_SOCKET },
    // The process with the model tries whether it can open one, and must not.
    Door { call: "UdpSocket", allowed: &["crates/llama/src/confine/"], instead: NO_SOCKET },
    Door { call: "TcpSocket", allowed: &[], instead: NO_SOCKET },
    Door { call: "TcpStream::connect", allowed: &OWN_SOCKETS, instead: NO_SOCKET },
    Door { call: "UnixStream::connect", allowed: &OWN_SOCKETS, instead: NO_SOCKET },
    Door { call: "UnixDatagram", allowed: &OWN_SOCKETS, instead: NO_SOCKET },
];

/// Packages of ours that are no members of the workspace.
const APART: [&str; 1] = ["integrations/rig/Cargo.toml"];

/// Crates that send requests, and the crates of ours that may.
const SENDERS: [&str; 7] =
    ["ureq", "reqwest", "isahc", "attohttpc", "curl", "minreq", "hyper-rustls"];
const MAY_SEND: [&str; 5] = ["sdk", "daemon", "cli", "engine", "models"];

/// Checks the crates' edges and the sources.
pub(crate) fn run() -> Outcome {
    let mut problems = edge_problems()?;
    for file in tracked_sources()? {
        let text = fs::read_to_string(root().join(&file))
            .map_err(|error| format!("could not read {}: {error}", file.display()))?;
        problems.extend(source_problems(&file, &text));
    }
    if problems.is_empty() {
        return Ok(());
    }
    Err(format!("tidy found:\n  {}", problems.join("\n  ")))
}

/// Compares what the crates depend on with the table of ARCHITECTURE.md.
fn edge_problems() -> Outcome<Vec<String>> {
    let document = fs::read_to_string(root().join("ARCHITECTURE.md"))
        .map_err(|error| format!("could not read ARCHITECTURE.md: {error}"))?;
    let allowed = table_of_edges(&document);
    let mut problems = Vec::new();
    for package in packages()? {
        let name = package["name"].as_str().unwrap_or_default();
        let Some(crate_name) = crate_name(name) else { continue };
        let Some(allowed) = allowed.get(crate_name) else {
            problems.push(format!("ARCHITECTURE.md: the table of crates lacks `{crate_name}`"));
            continue;
        };
        for used in our_dependencies(&package) {
            if !allowed.contains(&used) {
                problems.push(format!("{name}: must not depend on `{used}`"));
            }
        }
        let senders = SENDERS.iter().filter(|_| !MAY_SEND.contains(&crate_name));
        for sender in senders.filter(|sender| dependencies(&package).any(|used| used == **sender)) {
            problems.push(format!("{name}: must not send requests, and depends on `{sender}`"));
        }
    }
    Ok(problems)
}

/// Every package of ours, as cargo describes it.
fn packages() -> Outcome<Vec<serde_json::Value>> {
    let mut packages = Vec::new();
    for manifest in ["Cargo.toml"].into_iter().chain(APART) {
        let arguments = ["metadata", "--format-version", "1", "--no-deps", "--offline"];
        let mut metadata = cargo(&arguments);
        metadata.args(["--manifest-path", manifest]);
        let metadata = output("cargo metadata", &mut metadata)?;
        let mut metadata: serde_json::Value =
            serde_json::from_str(&metadata).map_err(|error| format!("cargo metadata: {error}"))?;
        if let serde_json::Value::Array(listed) = metadata["packages"].take() {
            packages.extend(listed);
        }
    }
    Ok(packages)
}

/// What a package depends on when it is built, not when it is tested.
fn dependencies(package: &serde_json::Value) -> impl Iterator<Item = &str> {
    let dependencies = package["dependencies"].as_array().into_iter().flatten();
    let normal = dependencies.filter(|dependency| dependency["kind"].is_null());
    normal.filter_map(|dependency| dependency["name"].as_str())
}

fn our_dependencies(package: &serde_json::Value) -> BTreeSet<String> {
    dependencies(package).filter_map(crate_name).map(str::to_owned).collect()
}

/// The name in the table of the package, if it is ours: the SDK is published as `modelstat`.
fn crate_name(package: &str) -> Option<&str> {
    if package == "modelstat" { Some("sdk") } else { package.strip_prefix("modelstat-") }
}

/// Reads the rows that begin with a crate's name in backticks: name, what, uses.
fn table_of_edges(document: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut edges = BTreeMap::new();
    for line in document.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [name, _, depends] = cells[..] else { continue };
        let names = |cell: &str| -> Vec<String> {
            cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
        };
        if let Some(name) = names(name).into_iter().next() {
            edges.insert(name, names(depends).into_iter().collect());
        }
    }
    edges
}

fn tracked_sources() -> Outcome<Vec<PathBuf>> {
    let mut git = crate::step::command("git");
    git.args(["ls-files", "--cached", "--others", "--exclude-standard"]);
    let listed = output("git ls-files", &mut git)?;
    let is_source = |path: &&str| {
        let path = Path::new(path);
        let ending = path.extension().and_then(|ending| ending.to_str());
        matches!(ending, Some("rs" | "ts" | "tsx" | "py" | "mjs")) && root().join(path).exists()
    };
    Ok(listed.lines().filter(is_source).map(PathBuf::from).collect())
}

fn source_problems(file: &Path, text: &str) -> Vec<String> {
    let name = file.display().to_string();
    let mut problems = Vec::new();
    let lines = text.lines().count();
    if lines > MAX_LINES {
        problems.push(format!("{name}: {lines} lines, more than {MAX_LINES}"));
    }
    if file.extension().is_none_or(|ending| ending != "rs") || name == "xtask/src/tidy.rs" {
        return problems;
    }
    for (index, line) in text.lines().enumerate() {
        let place = format!("{name}:{}", index + 1);
        if line.contains("TODO") && !line.contains('#') {
            problems.push(format!("{place}: a TODO needs an issue number"));
        }
        let code = line.split("//").next().unwrap_or_default();
        for door in &DOORS {
            let is_allowed = door.allowed.iter().any(|place| name.starts_with(place));
            if code.contains(door.call) && !is_allowed {
                problems.push(format!(
                    "{place}: `{}` stands outside its door: {}",
                    door.call, door.instead
                ));
            }
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_edges_is_read() {
        let edges = table_of_edges(
            "| crate | what | uses |\n| `wire` | types | `redact` |\n| `web` | ui | – |\n",
        );
        assert_eq!(edges["wire"], BTreeSet::from(["redact".to_owned()]));
        assert!(edges["web"].is_empty());
    }

    #[test]
    fn a_door_is_kept() {
        let line = "let text = RedactedText::from_store(text);\n";
        assert_eq!(source_problems(Path::new("crates/server/src/lib.rs"), line).len(), 1);
        assert!(source_problems(Path::new("crates/store/src/lib.rs"), line).is_empty());
    }

    #[test]
    fn nothing_leaves_beside_the_egress_ledger() {
        let problems = |file: &str, line: &str| source_problems(Path::new(file), line).len();
        for line in [
            "use ureq as client;\n",
            "let agent = ureq::agent();\n",
            "let stream = std::net::TcpStream::connect(address)?;\n",
            "let stream = TcpStream::connect_timeout(&address, time)?;\n",
            "use hyper_util::client::legacy::Client;\n",
            "let socket = UdpSocket::bind(address)?;\n",
            "let client = EndpointClient::new(endpoint, \"modelstat\")?;\n",
            "let stream = UnixStream::connect(path)?;\n",
        ] {
            for file in ["crates/daemon/src/shipper.rs", "crates/daemon/src/egress/ledger.rs"] {
                assert_eq!(problems(file, line), 1, "{file}: {line}");
            }
            assert_eq!(problems("crates/cli/src/commands/egress.rs", line), 1, "{line}");
        }
        assert_eq!(problems("crates/daemon/src/egress.rs", "let agent = ureq::agent();\n"), 0);
        assert_eq!(problems("crates/cli/src/client.rs", "let agent = ureq::agent();\n"), 0);
        assert_eq!(
            problems("crates/daemon/src/egress/engine.rs", "let agent = ureq::agent();\n"),
            1
        );
        assert_eq!(
            problems("crates/daemon/src/egress/engine.rs", "EndpointClient::new(endpoint)\n"),
            0
        );
        assert_eq!(problems("crates/daemon/src/egress.rs", "TcpStream::connect(address)\n"), 1);
    }
}
