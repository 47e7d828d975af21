//! The engine as the daemon has it: this program again, as the process with a model, under the watch of its
//! parent. What goes wrong with the file, the memory or the process costs a draft, and is told.
#![expect(clippy::print_stdout, reason = "a test without a harness says how it went")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use modelstat_engine::{ChildEngine, ChildLimits, ChildOptions, EngineState, EngineStatus};
use modelstat_llama::{Options, Priority, confine, serve};
use modelstat_redact::{RawText, RedactedText};
use modelstat_summarize::{Engine, EngineError, Turn};
use modelstat_testkit::gguf::{Encoding, Shape, write_file};
use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, prlimit};

/// The word that makes this program the process with a model.
const ENGINE: &str = "engine";

/// Longest wait for anything; far more than it takes on a machine that is not busy.
const PATIENCE: Duration = Duration::from_mins(2);

const TESTS: &[(&str, fn())] = &[
    ("a_model_answers_several_at_once", several_at_once),
    ("a_process_that_is_killed_comes_back", killed),
    ("a_process_that_stands_still_is_killed", stopped),
    ("a_file_that_is_no_model_of_ours_is_told", no_model),
    ("too_little_memory_is_told", too_little_memory),
    ("a_process_that_gets_no_more_memory_comes_back", out_of_memory),
    ("an_idle_process_ends", idle),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [word, megabytes, option, model] = arguments.as_slice()
        && (word.as_str(), option.as_str()) == (ENGINE, "--model")
    {
        return engine(megabytes, model.into());
    }
    if arguments.contains(&"--list".to_owned()) {
        return ExitCode::SUCCESS;
    }
    let named: Vec<&String> = arguments.iter().filter(|word| !word.starts_with('-')).collect();
    for (name, test) in TESTS {
        if named.is_empty() || named.iter().any(|word| name.contains(word.as_str())) {
            let started = Instant::now();
            test();
            println!("{name}: ok, {} ms", started.elapsed().as_millis());
        }
    }
    ExitCode::SUCCESS
}

fn engine(megabytes: &str, model: PathBuf) -> ExitCode {
    let megabytes: u64 = megabytes.parse().expect("a number");
    let options = Options {
        max_memory_bytes: megabytes * 1_000_000,
        // A busy machine would let it wait without end.
        priority: Priority::Normal,
        ..Options::new(model)
    };
    let output = confine(&options).expect("standard output is there");
    let served = serve(&options, std::io::stdin(), output);
    if served.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// A folder with a small model of random weights.
fn tiny() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("tiny.gguf");
    write_file(&path, &Shape::TINY_QWEN3, Encoding::F32, 7).expect("writable");
    (folder, path)
}

const LIMITS: ChildLimits = ChildLimits {
    prompt_tokens: 300,
    job: Duration::from_mins(1),
    grace: Duration::from_secs(1),
    load: Duration::from_mins(1),
    idle: Duration::from_mins(5),
    rest: Duration::from_millis(10),
    longest_rest: Duration::from_secs(1),
};

fn child(model: &Path, megabytes: u32, limits: ChildLimits) -> ChildEngine {
    let model = model.to_owned();
    let options = ChildOptions {
        model: "tiny".to_owned(),
        sha256: "0123456789abcdef".repeat(4),
        find: Arc::new(move || Ok(model.clone())),
        program: std::env::current_exe().expect("its own path"),
        shown_as: None,
        arguments: vec![ENGINE.into(), megabytes.to_string().into()],
        environment: Vec::new(),
        threads: 1,
        sequences: 8,
        limits,
    };
    ChildEngine::new(options).expect("a thread")
}

fn turns(name: usize) -> Vec<Turn> {
    let text =
        format!("Ticket {name}: the nightly import of orders is slow since its index is gone.");
    let (text, _) = RawText::from(text).redact();
    let kind = RedactedText::from_static("user_message");
    vec![Turn { kind, model: None, text: Some(text), tools: Vec::new(), failed: false }]
}

fn wait(engine: &ChildEngine, what: &str, is_so: impl Fn(&EngineStatus) -> bool) -> EngineStatus {
    let start = Instant::now();
    loop {
        let status = engine.status();
        if is_so(&status) {
            return status;
        }
        assert!(start.elapsed() < PATIENCE, "waited in vain: {what}: {status:#?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn process(pid: Option<u32>) -> Pid {
    let pid = pid.and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw);
    pid.expect("a process")
}

fn send(pid: Option<u32>, signal: Signal) {
    kill_process(process(pid), signal).expect("it runs");
}

/// Asks for a draft. What random weights say may be too short to be one, but it is an answer.
fn ask(engine: &ChildEngine, name: usize) {
    let drafted = engine.draft(&turns(name));
    assert!(
        matches!(drafted, Ok(_) | Err(EngineError::BadAnswer)),
        "{drafted:?}: {:#?}",
        engine.status()
    );
}

fn several_at_once() {
    let (_folder, model) = tiny();
    let engine = child(&model, 1_200, LIMITS);
    std::thread::scope(|scope| {
        for name in 0..12 {
            let engine = &engine;
            scope.spawn(move || ask(engine, name));
        }
    });
    let status = engine.status();
    assert_eq!((status.state, status.restarts), (EngineState::Ready, 0), "{status:?}");
    let cut = status.failures.get("too_long").copied().unwrap_or(0);
    assert_eq!(status.answers + cut, 12, "{status:?}");
    assert!(status.prompt_tokens > 0 && status.answer_tokens > 0, "{status:?}");
    assert!(status.resident_bytes.is_some_and(|bytes| bytes < 1_200_000_000), "{status:?}");
}

fn killed() {
    let (_folder, model) = tiny();
    let engine = child(&model, 1_200, LIMITS);
    ask(&engine, 1);
    let pid = engine.status().pid;
    // Stopped, it stays busy until it is killed.
    send(pid, Signal::STOP);
    std::thread::scope(|scope| {
        let draft = scope.spawn(|| engine.draft(&turns(2)));
        wait(&engine, "busy", |status| status.state == EngineState::Busy);
        send(pid, Signal::KILL);
        assert_eq!(draft.join().expect("no panic"), Err(EngineError::Crashed));
    });
    let status = wait(&engine, "told", |status| status.reason.is_some());
    assert_eq!(status.failures["killed"], 1, "{status:?}");
    std::thread::sleep(LIMITS.rest * 2);
    ask(&engine, 3);
    assert_eq!(engine.status().restarts, 1);
}

fn stopped() {
    let (_folder, model) = tiny();
    let limits = ChildLimits { job: Duration::from_secs(5), ..LIMITS };
    let engine = child(&model, 1_200, limits);
    engine.draft(&turns(1)).ok();
    send(wait(&engine, "loaded", |status| status.pid.is_some()).pid, Signal::STOP);
    assert_eq!(engine.draft(&turns(2)), Err(EngineError::Timeout));
    let status = wait(&engine, "killed", |status| status.pid.is_none());
    assert_eq!(status.failures["hung"], 1, "{status:?}");
}

/// What a bad file costs: a draft, and the reason is told.
fn check(folder: &Path, bytes: &[u8], expected: &str) {
    let path = folder.join("bad.gguf");
    fs::write(&path, bytes).expect("writable");
    let engine = child(&path, 1_200, LIMITS);
    assert_eq!(engine.draft(&turns(1)), Err(EngineError::Unavailable));
    let status = wait(&engine, "told", |status| status.reason.is_some());
    assert_eq!(status.state, EngineState::Unusable, "{status:?}");
    assert_eq!(status.failures["unusable"], 1, "{status:?}");
    let reason = status.reason.unwrap_or_default();
    assert!(reason.contains(expected), "{reason}");
    println!("  {} bytes: {reason}", bytes.len());
}

fn no_model() {
    let (folder, model) = tiny();
    let good = fs::read(&model).expect("readable");
    check(folder.path(), b"", "");
    check(folder.path(), b"no model at all", "");
    check(folder.path(), &good[..good.len() / 2], "");
    let mut other = good.clone();
    let name = good.windows(5).position(|window| window == b"qwen3").expect("an architecture");
    other[name..name + 5].copy_from_slice(b"llama");
    check(folder.path(), &other, "llama");
    let mut huge = good;
    // The count of tensors.
    huge[8..16].copy_from_slice(&u64::MAX.to_le_bytes());
    check(folder.path(), &huge, "");
}

fn too_little_memory() {
    let (_folder, model) = tiny();
    let engine = child(&model, 50, LIMITS);
    assert_eq!(engine.draft(&turns(1)), Err(EngineError::Unavailable));
    let reason = wait(&engine, "told", |status| status.reason.is_some()).reason;
    assert!(reason.is_some_and(|reason| reason.contains("raise the limit")));
}

/// The memory ends in the middle of the work: what it asks for from now on, it does not get.
fn out_of_memory() {
    let (_folder, model) = tiny();
    let engine = child(&model, 1_200, LIMITS);
    ask(&engine, 1);
    let pid = process(engine.status().pid);
    let limit = Rlimit { current: Some(0), maximum: getrlimit(Resource::As).maximum };
    prlimit(Some(pid), Resource::As, limit).expect("its limit can be changed");
    let start = Instant::now();
    // What it has left lasts for some answers.
    let failed = loop {
        match engine.draft(&turns(2)) {
            Ok(_) | Err(EngineError::BadAnswer) => {}
            Err(error) => break error,
        }
        assert!(start.elapsed() < PATIENCE, "it needs no memory: {:?}", engine.status());
    };
    assert_eq!(failed, EngineError::Crashed);
    let status = wait(&engine, "told", |status| status.reason.is_some());
    assert_eq!(status.failures["aborted"], 1, "{status:?}");
    println!("  {}", status.reason.unwrap_or_default());
    std::thread::sleep(LIMITS.rest * 2);
    ask(&engine, 3);
    assert_eq!(engine.status().restarts, 1);
}

fn idle() {
    let (_folder, model) = tiny();
    let limits = ChildLimits { idle: Duration::from_millis(100), ..LIMITS };
    let engine = child(&model, 1_200, limits);
    ask(&engine, 1);
    let status = wait(&engine, "unloaded", |status| status.pid.is_none());
    assert_eq!((status.state, status.reason), (EngineState::Off, None));
    ask(&engine, 2);
}
