//! What works when nothing goes wrong.

use std::time::{Duration, Instant};

use modelstat_engine::{ChildEngine, ChildLimits, ChildOptions, EngineState};
use modelstat_summarize::{Engine, EngineError, WorkType};

use crate::world::{LIMITS, engine, exists, options, turns, wait, wait_state};

pub(crate) const TESTS: &[(&str, fn())] = &[
    ("an_answer_becomes_a_draft", an_answer_becomes_a_draft),
    ("answers_are_made_together_and_find_their_questions", together),
    ("more_than_fit_wait_their_turn", more_than_fit),
    ("nothing_of_the_environment_is_passed_on", environment),
    ("an_idle_process_ends_and_comes_back", idle),
    ("shutting_ends_the_process", shutting),
    ("a_process_that_gives_up_is_kept", gives_up),
];

fn an_answer_becomes_a_draft() {
    let engine = engine("good");
    assert_eq!((engine.name(), engine.version()), ("llama", "fake@0123456789ab/p1"));
    let before = engine.status();
    assert_eq!((before.state, before.pid), (EngineState::Off, None));
    let draft = engine.draft(&turns()).expect("a draft");
    assert_eq!(draft.text, "Asked about a slow query, and an index was added.");
    assert_eq!((draft.title.as_str(), draft.work_type), ("Slow query fixed", WorkType::Debugging));
    let status = engine.status();
    assert_eq!((status.state, status.answers), (EngineState::Ready, 1));
    assert_eq!((status.prompt_tokens, status.answer_tokens, status.restarts), (10, 5, 0));
    assert!(status.resident_bytes.is_some_and(|bytes| bytes > 0) && status.reason.is_none());
    // The second needs no second process.
    engine.draft(&turns()).expect("a draft");
    assert_eq!(engine.status().pid, status.pid);
}

fn together() {
    let engine = engine("together");
    std::thread::scope(|scope| {
        let drafting: Vec<_> = (0..4).map(|_| scope.spawn(|| engine.draft(&turns()))).collect();
        for draft in drafting {
            draft.join().expect("no panic").expect("a draft");
        }
    });
    assert_eq!(engine.status().answers, 4);
}

fn more_than_fit() {
    let engine = engine("good");
    std::thread::scope(|scope| {
        let drafting: Vec<_> = (0..12).map(|_| scope.spawn(|| engine.draft(&turns()))).collect();
        assert!(drafting.into_iter().all(|draft| draft.join().expect("no panic").is_ok()));
    });
    assert_eq!(engine.status().answers, 12);
}

fn environment() {
    let engine = ChildEngine::new(ChildOptions {
        environment: vec![("PASSED_ON".into(), "1".into())],
        ..options("environment")
    });
    let draft = engine.expect("a thread").draft(&turns()).expect("a draft");
    assert_eq!(draft.text, "OMP_NUM_THREADS OMP_WAIT_POLICY PASSED_ON with 3 threads");
}

fn idle() {
    let limits = ChildLimits { idle: Duration::from_millis(50), ..LIMITS };
    let engine = ChildEngine::new(ChildOptions { limits, ..options("good") }).expect("a thread");
    engine.draft(&turns()).expect("a draft");
    let pid = engine.status().pid;
    let status = wait_state(&engine, EngineState::Off);
    assert!(status.reason.is_none() && status.failures.is_empty(), "{status:?}");
    wait(&engine, "the process is gone", |status| status.pid.is_none());
    assert!(pid.is_none_or(|pid| !exists(pid)));
    engine.draft(&turns()).expect("a draft");
    assert_eq!((engine.status().answers, engine.status().restarts), (2, 0));
}

fn shutting() {
    for mode in ["good", "hangs", "silent"] {
        let engine = engine(mode);
        std::thread::scope(|scope| {
            let draft = scope.spawn(|| engine.draft(&turns()));
            let pid = wait(&engine, "a process", |status| status.pid.is_some()).pid;
            let started = Instant::now();
            engine.shut();
            assert!(started.elapsed() < Duration::from_secs(4), "{mode}");
            assert!(pid.is_some_and(|pid| !exists(pid)), "{mode}: {pid:?}");
            let draft = draft.join().expect("no panic");
            assert!(mode == "good" || draft == Err(EngineError::Unavailable), "{mode}: {draft:?}");
        });
        assert_eq!(engine.draft(&turns()), Err(EngineError::Unavailable));
    }
}

fn gives_up() {
    let engine = engine("gives_up");
    assert_eq!(engine.draft(&turns()), Err(EngineError::Timeout));
    let pid = engine.status().pid;
    assert_eq!(engine.draft(&turns()), Err(EngineError::Timeout));
    let status = engine.status();
    assert_eq!((status.pid, status.failures["timeout"]), (pid, 2));
}
