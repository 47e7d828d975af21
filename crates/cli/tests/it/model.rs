//! `modelstat model`, up to the first byte of a real model.

use serde_json::Value;

use crate::support::{free_address, modelstat};

struct Run {
    is_success: bool,
    out: String,
    told: String,
}

fn run(data: &std::path::Path, arguments: &[&str]) -> Run {
    let data = data.to_str().expect("a plain path");
    let output = modelstat(&["model"])
        .args(arguments)
        .args(["--data-dir", data])
        .output()
        .expect("the binary is built");
    Run {
        is_success: output.status.success(),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        told: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

#[test]
fn what_there_is_and_what_is_here() {
    let folder = tempfile::tempdir().expect("a folder");
    let listed = run(folder.path(), &["list"]);
    assert!(listed.is_success && listed.out.starts_with("MODEL"), "{}", listed.told);
    let listed = run(folder.path(), &["list", "--json"]);
    let listed: Value = serde_json::from_str(&listed.out).expect("JSON");
    let first = &listed["models"][0];
    assert_eq!(first["name"], "qwen3-0.6b");
    assert_eq!(first["state"], "absent");
    assert_eq!(first["sha256"].as_str().map(str::len), Some(64));
    let path = first["path"].as_str().expect("a path");
    assert!(path.starts_with(folder.path().to_str().expect("a plain path")), "{path}");
}

#[test]
fn nothing_is_brought_without_consent() {
    let folder = tempfile::tempdir().expect("a folder");
    let mirror = format!("http://{}", free_address());
    let asked = run(folder.path(), &["pull", "--mirror", &mirror]);
    assert!(!asked.is_success);
    assert!(
        asked.told.contains("qwen3-0.6b would bring 378") && asked.told.contains("--yes"),
        "{}",
        asked.told
    );
    // With it, the address is tried, and nobody listens there.
    let tried = run(folder.path(), &["pull", "--mirror", &mirror, "--yes"]);
    assert!(!tried.is_success);
    assert!(
        tried.told.contains("nobody listens there") || tried.told.contains("broke off"),
        "{}",
        tried.told
    );
    assert!(tried.told.contains("modelstat model import"), "{}", tried.told);
}

#[test]
fn bad_input_is_told_with_a_remedy() {
    let folder = tempfile::tempdir().expect("a folder");
    let cases: [(&[&str], &str); 4] = [
        (&["pull", "gpt-2"], "known are: qwen3-0.6b"),
        (&["pull", "--yes", "--mirror", "ftp://mirror.example"], "no http or https address"),
        (&["import", "/dev/null"], "none of the models that we know"),
        (&["verify", "qwen3-0.6b"], "`modelstat model pull qwen3-0.6b` brings it"),
    ];
    for (arguments, expected) in cases {
        let run = run(folder.path(), arguments);
        assert!(!run.is_success, "{arguments:?}");
        assert!(run.told.contains(expected), "{arguments:?}: {}", run.told);
    }
    let removed = run(folder.path(), &["rm", "qwen3-0.6b"]);
    assert!(removed.is_success && removed.out == "qwen3-0.6b: 0 B freed\n", "{}", removed.out);
}
