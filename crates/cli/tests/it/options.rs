//! Options of the daemon that shape abstracts.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::{Product, log_of, modelstat};

const PORTS: [&str; 4] = ["--listen", "127.0.0.1:0", "--daemon-listen", "127.0.0.1:0"];

fn status(data: &Path) -> Value {
    let path = data.to_str().expect("a plain path");
    let output = modelstat(&["status", "--json", "--data-dir", path]).output().expect("it runs");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// A data directory with that configuration.
fn configured(folder: &Path, configuration: &str) -> std::path::PathBuf {
    let data = folder.join("data");
    std::fs::create_dir(&data).expect("a folder");
    std::fs::write(data.join("modelstat.toml"), configuration).expect("writable");
    data
}

#[test]
fn the_fallback_is_an_opt_in_that_status_shows() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = configured(folder.path(), "");
    let shown = |arguments: &[&str]| {
        let product = Product::start("up", &data, &[&PORTS, arguments].concat());
        let status = status(&data)["daemon"].clone();
        assert!(product.stop().success());
        (status["fallback"].clone(), status["engines"].clone())
    };
    assert_eq!(shown(&[]), (json!("template"), json!(["template"])));
    let opted_in = (json!("extract"), json!(["extract", "template"]));
    assert_eq!(shown(&["--fallback", "extract"]), opted_in);
    std::fs::write(data.join("modelstat.toml"), "fallback = \"extract\"\n").expect("writable");
    assert_eq!(shown(&[]), opted_in);
}

#[test]
fn a_segment_limit_out_of_range_refuses_the_start_and_says_the_range() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = configured(folder.path(), "[segments]\nmax_turns = 5\n");
    assert!(Product::try_start("up", &data, &PORTS).is_none(), "it starts");
    let told = std::fs::read_to_string(log_of(&data)).expect("a log");
    assert!(told.contains("segments.max_turns is 5, and may be 10 to 1000"), "{told}");
    assert!(told.contains("hint: "), "{told}");
    assert!(!data.join("daemon").exists() && !data.join("server").exists());
    std::fs::write(data.join("modelstat.toml"), "[segments]\nmax_turns = 10\n").expect("writable");
    assert!(Product::start("up", &data, &PORTS).stop().success());
}

#[test]
fn a_server_asks_the_engines_that_a_daemon_asks() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = configured(folder.path(), "[engine]\nurl_model = \"tiny\"\n");
    let elsewhere = ["--listen", "127.0.0.1:0", "--engine-url", "http://192.0.2.7/v1"];
    assert!(Product::try_start("server", &data, &elsewhere).is_none(), "it starts");
    let told = std::fs::read_to_string(log_of(&data)).expect("a log");
    assert!(told.contains("the engine's address is not on this machine"), "{told}");
    assert!(told.contains("hint: ") && told.contains("--engine-allow-remote"), "{told}");
    let allowed = [&elsewhere[..], &["--engine-allow-remote", "--engine=qwen3-0.6b"]].concat();
    let product = Product::start("server", &data, &allowed);
    let server = status(&data)["server"].clone();
    assert_eq!(server["text"]["engines"], json!(["llama", "http", "template"]));
    assert_eq!(server["text"]["engine_states"][0]["model"], "qwen3-0.6b");
    assert_eq!(server["text"]["engine_states"][1]["destination"], "192.0.2.7:80/v1");
    let warning = server["warnings"][0].as_str().unwrap_or_default();
    assert!(warning.contains("redacted text of turns leaves for it"), "{warning}");
    assert!(product.stop().success());
}
