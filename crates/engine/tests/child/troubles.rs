//! What happens when something goes wrong.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use modelstat_engine::{
    ChildEngine, ChildLimits, ChildOptions, EngineState, EngineStatus, ModelProblem,
};
use modelstat_summarize::{Engine, EngineError};
use rustix::process::Signal;

use crate::world::{LIMITS, engine, exists, options, signal, turns, wait};

pub(crate) const TESTS: &[(&str, fn())] = &[
    ("every_trouble_is_told_and_costs_one_draft", every_trouble),
    ("a_killed_process_is_started_again", killed),
    ("a_stopped_process_is_killed", stopped),
    ("a_process_that_reads_nothing_is_killed", deaf),
    ("a_process_that_dies_between_answers_costs_a_draft_at_most", dies),
    ("after_failures_nothing_waits", resting),
    ("a_model_that_is_not_here_is_told_and_found_when_it_comes", absent),
    ("a_damaged_model_starts_nothing", damaged),
    ("a_program_that_is_not_there_is_told", no_program),
];

/// Fails a draft in time, and returns what is told of it.
fn failed(engine: &ChildEngine, expected: EngineError) -> EngineStatus {
    let started = Instant::now();
    let draft = engine.draft(&turns());
    assert_eq!(draft.as_ref().err(), Some(&expected), "{:?}", engine.status());
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    wait(engine, "a process that is gone", |status| status.pid.is_none())
}

fn check(mode: &str, error: EngineError, word: &str, reason: &str) {
    let limits = ChildLimits { load: Duration::from_secs(1), ..LIMITS };
    let engine = ChildEngine::new(ChildOptions { limits, ..options(mode) }).expect("a thread");
    let status = failed(&engine, error);
    assert_eq!(status.failures.get(word), Some(&1), "{mode}: {status:?}");
    let told = status.reason.unwrap_or_default();
    assert!(told.contains(reason), "{mode}: {told}");
}

fn every_trouble() {
    use EngineError::{Crashed, Timeout, Unavailable};
    let cases = [
        ("exits", Unavailable, "crashed", "exit code 3"),
        ("silent", Unavailable, "late", "ready in time"),
        ("unusable", Unavailable, "unusable", "the file is truncated"),
        ("complains", Unavailable, "aborted", "aborted (cannot map the file)"),
        ("aborts", Crashed, "aborted", "aborted"),
        ("garbage", Crashed, "bad_frame", "no message"),
        ("huge", Crashed, "bad_frame", "no message"),
        ("cut", Crashed, "crashed", "exit code 0"),
        ("twice_ready", Crashed, "bad_frame", "no message"),
        ("hangs", Timeout, "hung", "hung"),
    ];
    for (mode, error, word, reason) in cases {
        check(mode, error, word, reason);
    }
    let engine = engine("rubbish");
    assert_eq!(engine.draft(&turns()), Err(EngineError::BadAnswer));
    assert_eq!(engine.status().failures["bad_answer"], 1);
}

fn killed() {
    let limits = ChildLimits { job: Duration::from_secs(5), ..LIMITS };
    let engine = ChildEngine::new(ChildOptions { limits, ..options("hangs") }).expect("a thread");
    std::thread::scope(|scope| {
        let draft = scope.spawn(|| engine.draft(&turns()));
        let busy = wait(&engine, "busy", |status| status.state == EngineState::Busy);
        signal(busy.pid.expect("a process"), Signal::KILL);
        assert_eq!(draft.join().expect("no panic"), Err(EngineError::Crashed));
        let status = wait(&engine, "told", |status| status.reason.is_some());
        assert_eq!(status.failures["killed"], 1);
        assert!(status.reason.is_some_and(|reason| reason.contains("out of memory")));
        std::thread::sleep(LIMITS.rest);
        let draft = scope.spawn(|| engine.draft(&turns()));
        let again = wait(&engine, "busy again", |status| status.state == EngineState::Busy);
        assert_eq!(again.restarts, 1);
        assert_ne!(again.pid, busy.pid);
        engine.shut();
        draft.join().expect("no panic").expect_err("nothing was answered");
    });
}

fn stopped() {
    let engine = engine("good");
    engine.draft(&turns()).expect("a draft");
    let pid = engine.status().pid.expect("a process");
    signal(pid, Signal::STOP);
    let status = failed(&engine, EngineError::Timeout);
    assert_eq!(status.failures["hung"], 1);
    assert!(!exists(pid));
    std::thread::sleep(LIMITS.rest);
    engine.draft(&turns()).expect("a draft");
    assert_eq!(engine.status().restarts, 1);
}

/// More jobs than the pipe holds, and nobody reads them.
fn deaf() {
    let engine = engine("deaf");
    std::thread::scope(|scope| {
        let drafting: Vec<_> = (0..8).map(|_| scope.spawn(|| engine.draft(&turns()))).collect();
        assert!(drafting.into_iter().all(|draft| draft.join().expect("no panic").is_err()));
    });
    assert!(engine.status().failures["hung"] >= 1);
}

fn dies() {
    let engine = engine("dies_after_one");
    for _ in 0..5 {
        // Each answer is followed by an end, which may be seen by the next draft or before it.
        drop(engine.draft(&turns()));
        wait(&engine, "a process that is gone", |status| status.pid.is_none());
        std::thread::sleep(LIMITS.rest);
    }
    let status = engine.status();
    assert_eq!((status.answers, status.restarts), (5, 4), "{status:?}");
    assert_ne!(status.state, EngineState::Unusable);
}

fn resting() {
    let limits = ChildLimits { rest: Duration::from_secs(5), ..LIMITS };
    let limits = ChildLimits { longest_rest: Duration::from_mins(1), ..limits };
    let engine = ChildEngine::new(ChildOptions { limits, ..options("exits") }).expect("a thread");
    failed(&engine, EngineError::Unavailable);
    let started = Instant::now();
    for _ in 0..100 {
        assert_eq!(engine.draft(&turns()), Err(EngineError::Unavailable));
    }
    assert!(started.elapsed() < Duration::from_secs(1));
    let status = engine.status();
    assert_eq!((status.state, status.failures["crashed"]), (EngineState::Resting, 1));

    // So many failures in a row are more than a moment's trouble.
    let engine = self::engine("exits");
    let start = Instant::now();
    while engine.status().state != EngineState::Unusable {
        assert!(start.elapsed() < Duration::from_secs(20), "{:?}", engine.status());
        drop(engine.draft(&turns()));
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(engine.status().failures["crashed"] >= 5);
}

fn absent() {
    let is_here = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&is_here);
    let engine = ChildEngine::new(ChildOptions {
        find: Arc::new(move || {
            let reason = "model fake is not here: run `modelstat model pull fake`".to_owned();
            let problem = ModelProblem { may_come: true, reason };
            if seen.load(Ordering::SeqCst) { Ok("/model.gguf".into()) } else { Err(problem) }
        }),
        ..options("good")
    });
    let engine = engine.expect("a thread");
    let status = failed(&engine, EngineError::NoModel);
    assert_eq!(status.state, EngineState::Unusable);
    assert!(status.reason.is_some_and(|reason| reason.contains("modelstat model pull fake")));
    // Until it is looked for again, nothing waits.
    assert_eq!(engine.draft(&turns()), Err(EngineError::NoModel));
    is_here.store(true, Ordering::SeqCst);
    let start = Instant::now();
    while engine.draft(&turns()).is_err() {
        assert!(start.elapsed() < Duration::from_secs(10), "{:?}", engine.status());
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(engine.status().state, EngineState::Ready);
}

fn damaged() {
    let engine = ChildEngine::new(ChildOptions {
        find: Arc::new(|| {
            Err(ModelProblem { may_come: false, reason: "its sha256 is another".to_owned() })
        }),
        ..options("good")
    });
    let status = failed(&engine.expect("a thread"), EngineError::Unavailable);
    assert_eq!((status.state, status.failures["model"]), (EngineState::Unusable, 1));
    assert_eq!(status.reason.as_deref(), Some("its sha256 is another"));
}

fn no_program() {
    let options = ChildOptions { program: "/nowhere/modelstat".into(), ..options("good") };
    let engine = ChildEngine::new(options).expect("a thread");
    let status = failed(&engine, EngineError::Unavailable);
    assert_eq!(status.failures["start"], 1);
    assert!(status.reason.is_some_and(|reason| reason.contains("could not be started")));
}
