//! Which content a model is asked about, and how much of it at once.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use modelstat_server::Engines;
use modelstat_summarize::{Draft, Engine, EngineError, Model, Turn, WorkType};
use serde_json::{Value, json};

use crate::world::{Keys, Setup, World, batch, turn, wait_until};

const QUIET: Duration = Duration::from_secs(61);

/// Longest wait of a test engine, so that a test which fails ends.
const PATIENCE: Duration = Duration::from_secs(20);

/// Long enough for whoever else is coming.
const MOMENT: Duration = Duration::from_millis(300);

const GOOD: &str = "A question of retries was answered.";

/// An engine for tests, which answers once as many are asking as it waits for.
struct Tested {
    says: Mutex<Result<&'static str, EngineError>>,
    asked: AtomicUsize,
    has_model: bool,
    waits_for: usize,
    patience: Duration,
    /// How many are asking, now and at most.
    together: Mutex<(usize, usize)>,
    changed: Condvar,
}

impl Tested {
    fn new(says: Result<&'static str, EngineError>, has_model: bool) -> Self {
        Self {
            says: Mutex::new(says),
            asked: AtomicUsize::new(0),
            has_model,
            waits_for: 1,
            patience: PATIENCE,
            together: Mutex::new((0, 0)),
            changed: Condvar::new(),
        }
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    fn most_together(&self) -> usize {
        self.together.lock().expect("unpoisoned").1
    }
}

impl Engine for Tested {
    fn name(&self) -> &'static str {
        "tested"
    }

    fn version(&self) -> &'static str {
        "1"
    }

    fn model(&self) -> Option<Model> {
        self.has_model.then_some(Model { sha256: None, prompt_version: "1" })
    }

    fn parallel(&self) -> usize {
        4
    }

    fn draft(&self, _: &[Turn]) -> Result<Draft, EngineError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        {
            let mut together = self.together.lock().expect("unpoisoned");
            together.0 += 1;
            together.1 = together.1.max(together.0);
            self.changed.notify_all();
            let is_short = |together: &mut (usize, usize)| together.1 < self.waits_for;
            let waited = self.changed.wait_timeout_while(together, self.patience, is_short);
            waited.expect("unpoisoned").0.0 -= 1;
        }
        let text = (*self.says.lock().expect("unpoisoned"))?.to_owned();
        let title = "Work on a retry policy".to_owned();
        Ok(Draft { text, title, work_type: WorkType::Debugging, phrases: Vec::new() })
    }
}

fn start(engine: &Arc<Tested>) -> World {
    let first = vec![Arc::clone(engine) as Arc<dyn Engine>];
    World::start(Setup { engines: Engines { first, ..Engines::default() }, ..Setup::default() })
}

/// More words than a model is not asked about.
fn long(about: &str) -> String {
    format!("{about} {}", "the retry policy never ends and so the build fails again. ".repeat(8))
}

fn send(world: &World, keys: &Keys, session: &str, text: &str) {
    world.send(keys, &batch(&[turn(&format!("evt_{session}"), session, 0, text)]));
}

/// What made a session's only segment, and why not another.
fn made(world: &World, keys: &Keys, session: &str) -> (Value, Value) {
    let segment = world.wait_for_segments(keys, session, 1).remove(0);
    (segment["engine"].clone(), segment["fallback_reason"].clone())
}

fn by_model() -> (Value, Value) {
    (json!("tested"), Value::Null)
}

fn by_template(why: &str) -> (Value, Value) {
    (json!("template"), json!(format!("tested.{why}")))
}

#[test]
fn sessions_are_told_together_as_far_as_the_model_can() {
    let engine = Arc::new(Tested { waits_for: 3, ..Tested::new(Ok(GOOD), true) });
    let world = start(&engine);
    let sessions = ["a", "b", "c", "d", "e", "f"];
    for session in sessions {
        send(&world, &world.keys, session, &long(session));
    }
    world.clock.pass(QUIET);
    for session in sessions {
        assert_eq!(made(&world, &world.keys, session), by_model());
    }
    let together = engine.most_together();
    assert!((3..=4).contains(&together), "{together} drafts were made together");
    // Each once, whoever else was looking.
    assert_eq!((engine.asked(), &world.text()["made"]), (6, &json!({"tested": 6})));
}

#[test]
fn the_segments_of_one_session_are_made_in_their_order() {
    let engine = Arc::new(Tested { waits_for: 2, patience: MOMENT, ..Tested::new(Ok(GOOD), true) });
    let world = start(&engine);
    let parts: Vec<Value> = (0..3)
        .map(|part| turn(&format!("evt_{part}"), "sess", part * 1_000, &long(&part.to_string())))
        .collect();
    world.send(&world.keys, &batch(&parts));
    world.clock.pass(QUIET);
    let segments = world.wait_for_segments(&world.keys, "sess", 3);
    let ids: Vec<_> =
        segments.iter().map(|segment| segment["source_event_ids"][0].clone()).collect();
    assert_eq!(ids, ["evt_0", "evt_1", "evt_2"]);
    assert_eq!((engine.asked(), engine.most_together()), (3, 1));
}

#[test]
fn one_thread_is_enough_where_there_is_no_model() {
    let engine =
        Arc::new(Tested { waits_for: 2, patience: MOMENT, ..Tested::new(Ok(GOOD), false) });
    let world = start(&engine);
    for session in ["a", "b", "c"] {
        send(&world, &world.keys, session, &long(session));
    }
    world.clock.pass(QUIET);
    for session in ["a", "b", "c"] {
        assert_eq!(made(&world, &world.keys, session), by_model());
    }
    assert_eq!(engine.most_together(), 1);
}

#[test]
fn what_an_ended_model_did_not_make_is_made_at_the_next_start() {
    let engine = Arc::new(Tested {
        waits_for: 2,
        patience: Duration::from_secs(2),
        ..Tested::new(Err(EngineError::Unavailable), true)
    });
    let world = start(&engine);
    send(&world, &world.keys, "a", &long("a"));
    world.clock.pass(QUIET);
    wait_until("the model is asked", || engine.asked() > 0);
    let engine = Arc::new(Tested::new(Ok(GOOD), true));
    let next = world.after_a_stop(Engines { first: vec![engine], ..Engines::default() });
    assert_eq!(made(&next, &next.keys, "a"), by_model());
}

#[test]
fn the_same_content_is_asked_about_once() {
    let engine = Arc::new(Tested::new(Ok(GOOD), true));
    let world = start(&engine);
    for session in ["a", "b"] {
        send(&world, &world.keys, session, &long("Why?"));
        world.clock.pass(QUIET);
        assert_eq!(made(&world, &world.keys, session), by_model());
    }
    let abstracts = |session| world.segments(&world.keys, session)[0]["abstract"].clone();
    assert_eq!((abstracts("a"), abstracts("b")), (json!(GOOD), json!(GOOD)));
    assert_eq!((engine.asked(), &world.text()["made"]), (1, &json!({"tested": 2})));
    // No trace of it is kept beside the abstracts, so that a next process asks again.
    let engine = Arc::new(Tested::new(Ok(GOOD), true));
    let first = vec![Arc::clone(&engine) as Arc<dyn Engine>];
    let next = world.after_a_stop(Engines { first, ..Engines::default() });
    send(&next, &next.keys, "c", &long("Why?"));
    next.clock.pass(QUIET);
    assert_eq!((made(&next, &next.keys, "c"), engine.asked()), (by_model(), 1));
}

#[test]
fn content_that_a_model_failed_at_is_told_without_it() {
    let engine = Arc::new(Tested::new(Err(EngineError::BadAnswer), true));
    let world = start(&engine);
    send(&world, &world.keys, "a", &long("Why?"));
    world.clock.pass(QUIET);
    assert_eq!(made(&world, &world.keys, "a"), by_template("bad_answer"));
    *engine.says.lock().expect("unpoisoned") = Ok(GOOD);
    send(&world, &world.keys, "b", &long("Why?"));
    world.clock.pass(QUIET);
    assert_eq!((made(&world, &world.keys, "b"), engine.asked()), (by_template("known"), 1));
}

#[test]
fn what_a_model_made_for_one_org_is_never_told_to_another() {
    let engine = Arc::new(Tested::new(Ok(GOOD), true));
    let world = start(&engine);
    send(&world, &world.keys, "a", &long("Why?"));
    world.clock.pass(QUIET);
    assert_eq!(made(&world, &world.keys, "a"), by_model());
    *engine.says.lock().expect("unpoisoned") = Ok("Another answer on retries was given.");
    let other = world.org("second");
    send(&world, &other, "a", &long("Why?"));
    world.clock.pass(QUIET);
    assert_eq!(made(&world, &other, "a"), by_model());
    let told = world.segments(&other, "a")[0]["abstract"].clone();
    assert_eq!((told, engine.asked()), (json!("Another answer on retries was given."), 2));
}

#[test]
fn a_failure_that_is_not_of_the_content_is_not_remembered() {
    let engine = Arc::new(Tested::new(Err(EngineError::Timeout), true));
    let world = start(&engine);
    send(&world, &world.keys, "a", &long("Why?"));
    world.clock.pass(QUIET);
    assert_eq!(made(&world, &world.keys, "a"), by_template("timeout"));
    *engine.says.lock().expect("unpoisoned") = Ok(GOOD);
    send(&world, &world.keys, "b", &long("Why?"));
    world.clock.pass(QUIET);
    assert_eq!((made(&world, &world.keys, "b"), engine.asked()), (by_model(), 2));
}
