//! An engine over this program, with limits that a test can wait for.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use modelstat_engine::{ChildEngine, ChildLimits, ChildOptions, EngineState, EngineStatus};
use modelstat_redact::{RawText, RedactedText};
use modelstat_summarize::Turn;

/// The word that makes this program an engine's process.
pub(crate) const FAKE: &str = "engine";

/// Longest wait for anything; far more than it takes.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) const LIMITS: ChildLimits = ChildLimits {
    prompt_tokens: 900,
    job: Duration::from_millis(300),
    grace: Duration::from_millis(150),
    load: Duration::from_secs(5),
    idle: Duration::from_mins(1),
    rest: Duration::from_millis(30),
    longest_rest: Duration::from_millis(400),
};

pub(crate) fn options(mode: &str) -> ChildOptions {
    ChildOptions {
        model: "fake".to_owned(),
        sha256: "0123456789abcdef".repeat(4),
        find: Arc::new(|| Ok(PathBuf::from("/model.gguf"))),
        program: std::env::current_exe().expect("its own path"),
        shown_as: None,
        arguments: vec![FAKE.into(), mode.into()],
        environment: Vec::new(),
        threads: 3,
        sequences: 4,
        limits: LIMITS,
    }
}

pub(crate) fn engine(mode: &str) -> ChildEngine {
    ChildEngine::new(options(mode)).expect("a thread")
}

pub(crate) fn turns() -> Vec<Turn> {
    let (text, _) = RawText::from("Why is the query slow, and which index helps?").redact();
    let kind = RedactedText::from_static("user_message");
    vec![Turn { kind, model: None, text: Some(text), tools: Vec::new(), failed: false }]
}

/// Waits until the status is as asked.
pub(crate) fn wait(
    engine: &ChildEngine,
    what: &str,
    is_so: impl Fn(&EngineStatus) -> bool,
) -> EngineStatus {
    let start = Instant::now();
    loop {
        let status = engine.status();
        if is_so(&status) {
            return status;
        }
        assert!(start.elapsed() < PATIENCE, "waited in vain: {what}: {status:#?}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

pub(crate) fn wait_state(engine: &ChildEngine, state: EngineState) -> EngineStatus {
    wait(engine, state.as_str(), |status| status.state == state)
}

/// Whether a process is there, if only as one that nobody has waited for.
pub(crate) fn exists(pid: u32) -> bool {
    PathBuf::from(format!("/proc/{pid}")).exists()
}

pub(crate) fn signal(pid: u32, signal: rustix::process::Signal) {
    let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
    rustix::process::kill_process(pid.expect("a pid"), signal).expect("it runs");
}
