//! The engine for models, from its options to the abstract in the spool.

use std::path::Path;

use serde_json::Value;

use crate::support::{Product, batch, event, log_of, modelstat, post, wait_until};

/// Long enough for a model.
const TEXT: &str = "The nightly import of orders is slow since the index on the customer column was \
                    dropped so the planner scans the whole table and the job runs into its limit. We \
                    looked at the plan, added the index again, and measured how long the job takes now, \
                    which is a tenth of what it was before. A test makes certain that the index stays, \
                    and the page for the people on duty says what to do when the job is late again.";

/// A daemon of a server that nobody runs, with a configuration.
fn daemon(folder: &Path, configuration: &str) -> Option<Product> {
    let data = folder.join("data");
    std::fs::create_dir_all(&data).expect("a folder");
    // What comes after the first segment of a session stays open.
    let configuration = format!("{configuration}\n[segments]\nquiet_seconds = 600\n");
    std::fs::write(data.join("modelstat.toml"), configuration).expect("writable");
    let arguments = ["--daemon-listen", "127.0.0.1:0", "--server-url", "http://127.0.0.1:1"];
    Product::try_start("daemon", &data, &arguments)
}

fn status(folder: &Path) -> Value {
    let path = folder.join("data");
    let path = path.to_str().expect("a plain path");
    let output = modelstat(&["status", "--json", "--data-dir", path]).output().expect("it runs");
    let status: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    status["daemon"].clone()
}

fn engine(folder: &Path) -> Value {
    status(folder)["engine_states"][0].clone()
}

/// Sends a session whose first segment is over at once: its next turn is of an hour later.
fn send_session(product: &Product, name: &str) {
    let mut first = event(&format!("{name}_1"), name, "2026-06-19T12:00:00.000Z");
    // No two have the same content, which would need no second answer.
    first["content_excerpt"] = format!("{TEXT} The ticket is called {name}.").into();
    let mut later = event(&format!("{name}_2"), name, "2026-06-19T13:00:00.000Z");
    later["content_excerpt"] = "Thanks.".into();
    let answer =
        post(&format!("{}/v1/ingest", product.daemon()), "key", &batch(name, &[first, later]));
    assert_eq!(answer.status, 200, "{}", answer.text);
}

/// Segments that have their abstract.
fn made(folder: &Path) -> u64 {
    let summaries = status(folder)["summaries"].clone();
    let counts = summaries.as_object().into_iter().flatten();
    counts.filter(|(name, _)| *name != "again").filter_map(|(_, count)| count.as_u64()).sum()
}

#[test]
fn a_bad_option_is_told_with_its_remedy() {
    for (configuration, said) in [
        ("[engine]\nmodel = \"gpt-2\"\n", "known are: qwen3-0.6b"),
        ("[engine]\nmodel = \"gone.gguf\"\n", "could not read"),
        ("[engine]\nthreads = 0\n", "engine.threads is 0, and may be 1 to 64"),
        ("[engine]\nmodle = \"a\"\n", "engine.model"),
        ("[engine]\nurl = \"http://127.0.0.1:1/v1\"\n", "engine.url_model"),
        ("[engine]\nurl = \"http://192.0.2.7/v1\"\nurl_model = \"m\"\n", "engine.allow_remote"),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        assert!(daemon(folder.path(), configuration).is_none(), "{configuration} starts");
        let told = std::fs::read_to_string(log_of(&folder.path().join("data"))).expect("a log");
        assert!(told.contains(said) && told.contains("hint: "), "{configuration}: {told}");
    }
}

#[test]
fn a_model_that_is_not_here_is_told_and_costs_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let product = daemon(folder.path(), "[engine]\nmodel = \"qwen3-0.6b\"\n").expect("it starts");
    wait_until("a reason", || engine(folder.path())["reason"].is_string());
    let engine = engine(folder.path());
    let reason = engine["reason"].as_str().unwrap_or_default();
    let expected = if cfg!(feature = "llama") {
        "model qwen3-0.6b is not here: run `modelstat model pull qwen3-0.6b`"
    } else {
        "this build of modelstat has no engine for models"
    };
    assert!(reason.starts_with(expected), "{reason}");
    assert_eq!((&engine["name"], &engine["state"]), (&"llama".into(), &"unusable".into()));
    assert_eq!(engine["version"], "qwen3-0.6b@ac2d97712095/p1");
    send_session(&product, "one");
    wait_until("an abstract", || made(folder.path()) == 1);
    let status = status(folder.path());
    assert_eq!(status["summaries"]["template"], 1);
    assert_eq!(status["engines"], serde_json::json!(["llama", "template"]));
    assert!(product.stop().success());
}

#[cfg(not(feature = "llama"))]
#[test]
fn a_build_without_the_engine_names_the_remedy() {
    let output = modelstat(&["engine", "--model", "/dev/null"]).output().expect("it runs");
    assert!(!output.status.success() && output.stdout.is_empty());
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("no engine for models") && told.contains("--features llama"), "{told}");
}

#[cfg(feature = "llama")]
mod with_llama {
    use std::fs;
    use std::time::Duration;

    use modelstat_testkit::gguf::{Encoding, Shape, write_file};
    use rustix::process::{Pid, Signal, kill_process};

    use super::*;

    fn tiny(folder: &Path) -> std::path::PathBuf {
        let path = folder.join("tiny.gguf");
        write_file(&path, &Shape::TINY_QWEN3, Encoding::F32, 7).expect("writable");
        path
    }

    fn signal(pid: u64, signal: Signal) {
        let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).expect("a pid");
        kill_process(pid, signal).expect("it runs");
    }

    /// Answers that were made. Whether random words come to an end and pass the leak gate is chance.
    fn tried(state: &Value) -> u64 {
        let ended = state["answers"].as_u64().unwrap_or(0);
        ended + state["failures"]["too_long"].as_u64().unwrap_or(0)
    }

    #[test]
    fn a_model_answers_and_its_killing_and_hanging_cost_words_only() {
        let folder = tempfile::tempdir().expect("a folder");
        let folder = folder.path();
        let model = tiny(folder);
        let configuration = format!(
            "[engine]\nmodel = \"{}\"\npriority = \"normal\"\njob_seconds = 20\n",
            model.display()
        );
        let product = daemon(folder, &configuration).expect("it starts");
        send_session(&product, "one");
        wait_until("an abstract", || made(folder) == 1);
        let state = engine(folder);
        assert_eq!(tried(&state), 1, "{state}");
        let pid = state["pid"].as_u64().expect("a process");
        assert!(state["resident_bytes"].as_u64().is_some_and(|bytes| bytes > 0), "{state}");

        // Stopped, it is busy until it is killed.
        signal(pid, Signal::STOP);
        send_session(&product, "two");
        wait_until("busy", || engine(folder)["state"] == "busy");
        signal(pid, Signal::KILL);
        wait_until("an abstract", || made(folder) == 2);
        let state = engine(folder);
        assert_eq!(state["failures"]["killed"], 1, "{state}");
        assert_eq!(status(folder)["refused_summaries"]["llama.crashed"], 1);

        // It comes back, and when it hangs it is killed.
        std::thread::sleep(Duration::from_millis(1_200));
        send_session(&product, "three");
        wait_until("an abstract", || made(folder) == 3);
        let state = engine(folder);
        assert_eq!((tried(&state), &state["restarts"]), (2, &1.into()), "{state}");
        signal(state["pid"].as_u64().expect("a process"), Signal::STOP);
        send_session(&product, "four");
        wait_until("an abstract", || made(folder) == 4);
        let state = engine(folder);
        assert_eq!(state["failures"]["hung"], 1, "{state}");
        assert!(state["reason"].as_str().is_some_and(|reason| reason.contains("hung")), "{state}");
        assert_eq!(status(folder)["refused_summaries"]["llama.timeout"], 1);
        assert!(product.stop().success());
    }

    /// What a bad file costs: words, and the reason is in the status.
    fn check(bytes: &[u8], expected: &str) {
        let folder = tempfile::tempdir().expect("a folder");
        let folder = folder.path();
        fs::write(folder.join("bad.gguf"), bytes).expect("writable");
        let configuration = format!(
            "[engine]\npriority = \"normal\"\nmodel = \"{}\"\n",
            folder.join("bad.gguf").display()
        );
        let product = daemon(folder, &configuration).expect("it starts");
        send_session(&product, "one");
        wait_until("an abstract", || made(folder) == 1);
        let state = engine(folder);
        assert_eq!(
            (&state["state"], &state["failures"]["unusable"]),
            (&"unusable".into(), &1.into())
        );
        let reason = state["reason"].as_str().unwrap_or_default();
        assert!(reason.contains(expected), "{reason}");
        assert_eq!(status(folder)["refused_summaries"]["llama.unavailable"], 1);
        assert!(product.stop().success());
    }

    #[test]
    fn a_file_that_is_no_model_of_ours_costs_words_only() {
        let folder = tempfile::tempdir().expect("a folder");
        let good = fs::read(tiny(folder.path())).expect("readable");
        check(b"no model", "");
        check(&good[..good.len() / 2], "");
        let mut other = good.clone();
        let name = good.windows(5).position(|window| window == b"qwen3").expect("an architecture");
        other[name..name + 5].copy_from_slice(b"llama");
        check(&other, "llama");
        let mut huge = good;
        // The count of tensors.
        huge[8..16].copy_from_slice(&u64::MAX.to_le_bytes());
        check(&huge, "");
    }

    #[test]
    fn too_little_memory_is_told_before_any_is_taken() {
        let folder = tempfile::tempdir().expect("a folder");
        let model = tiny(folder.path());
        let model = model.to_str().expect("a plain path");
        let arguments = ["engine", "--model", model, "--max-memory-mb", "50"];
        let output = modelstat(&arguments).output().expect("it runs");
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(said.contains("unusable") && said.contains("raise the limit"), "{said}");
        assert!(!output.status.success());
    }

    #[test]
    fn a_daemon_that_dies_takes_its_engine_along() {
        let folder = tempfile::tempdir().expect("a folder");
        let folder = folder.path();
        let model = tiny(folder);
        let configuration =
            format!("[engine]\npriority = \"normal\"\nmodel = \"{}\"\n", model.display());
        let product = daemon(folder, &configuration).expect("it starts");
        send_session(&product, "one");
        wait_until("an abstract", || made(folder) == 1);
        let pid = engine(folder)["pid"].as_u64().expect("a process");
        let process = Path::new("/proc").join(pid.to_string());
        assert!(process.exists());
        product.kill9();
        wait_until("the engine is gone", || {
            let state = fs::read_to_string(process.join("stat")).unwrap_or_default();
            state.is_empty() || state.contains(") Z ")
        });
    }
}
