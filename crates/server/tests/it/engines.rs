//! Engines that fail, lie, panic and hang.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use modelstat_server::{Engines, FallbackEngine};
use modelstat_summarize::{Draft, Engine, EngineError, Turn, WorkType};
use serde_json::{Value, json};

use crate::world::{Setup, World, batch, turn, wait_until};

const QUIET: Duration = Duration::from_secs(61);

const QUESTION: &str = "Why does the migration of the billing database fail after the deploy? Zebedee \
    said that it is the import, which ends too late for the new column.";

fn draft(text: &str) -> Draft {
    Draft {
        text: text.to_owned(),
        title: "Questions on deploys".to_owned(),
        work_type: WorkType::Misc,
        phrases: Vec::new(),
    }
}

/// Answers as it is told.
struct Fixed(fn() -> Result<Draft, EngineError>);

impl Engine for Fixed {
    fn name(&self) -> &'static str {
        "fixed"
    }

    fn version(&self) -> &'static str {
        "1"
    }

    fn draft(&self, _: &[Turn]) -> Result<Draft, EngineError> {
        (self.0)()
    }
}

fn with(first: Arc<dyn Engine>) -> Setup {
    let engines = Engines { first: vec![first], fallback: FallbackEngine::Template };
    Setup { engines, ..Setup::default() }
}

/// What a server with such an engine makes of one turn, and what it counts.
fn told_by(answer: fn() -> Result<Draft, EngineError>) -> (Value, Value) {
    let world = World::start(with(Arc::new(Fixed(answer))));
    let mail = ["jane.roe", "otters.example"].join("@");
    let text = format!("{QUESTION} Ask {mail}.");
    world.send(&world.keys, &batch(&[turn("evt_1", "sess", 0, &text)]));
    world.clock.pass(QUIET);
    let segment = world.wait_for_segments(&world.keys, "sess", 1).remove(0);
    (segment, world.text())
}

#[test]
fn the_first_engine_is_asked_first() {
    let (segment, text) = told_by(|| Ok(draft("A failing deploy was explained.")));
    assert_eq!(segment["abstract"], "A failing deploy was explained.");
    assert_eq!((&segment["engine"], &segment["engine_version"]), (&json!("fixed"), &json!("1")));
    assert_eq!((&text["made"], &text["refused"]), (&json!({"fixed": 1}), &json!({})));
    assert_eq!(text["engines"], json!(["fixed", "template"]));
}

#[test]
fn an_engine_that_fails_costs_words_only() {
    for (answer, reason) in [
        ((|| Err(EngineError::Timeout)) as fn() -> _, "fixed.timeout"),
        (|| panic!("as asked"), "fixed.panicked"),
        (|| Ok(draft("It is the import, which ends too late for it.")), "fixed.verbatim_run"),
        (|| Ok(draft("Roe wrote about the deploy.")), "fixed.removed_word"),
    ] {
        let (segment, text) = told_by(answer);
        assert_eq!(segment["engine"], "template", "{reason}");
        assert_eq!(text["made"], json!({"template": 1}), "{reason}");
        assert_eq!(text["refused"], json!({reason: 1}));
    }
}

/// Answers only when it is let go.
struct Hanging {
    is_asked: Arc<AtomicBool>,
    go: Mutex<Receiver<()>>,
}

impl Hanging {
    fn new() -> (Arc<Self>, Arc<AtomicBool>, SyncSender<()>) {
        let (go, gone) = sync_channel(0);
        let is_asked = Arc::new(AtomicBool::new(false));
        let engine = Self { is_asked: Arc::clone(&is_asked), go: Mutex::new(gone) };
        (Arc::new(engine), is_asked, go)
    }
}

impl Engine for Hanging {
    fn name(&self) -> &'static str {
        "hanging"
    }

    fn version(&self) -> &'static str {
        "1"
    }

    fn draft(&self, _: &[Turn]) -> Result<Draft, EngineError> {
        self.is_asked.store(true, Ordering::SeqCst);
        // Either way it goes on.
        self.go.lock().expect("one at a time").recv().ok();
        Ok(draft("Too late to be told."))
    }
}

#[test]
fn text_waits_a_day_for_an_engine_and_no_longer() {
    let (engine, is_asked, go) = Hanging::new();
    let world = World::start(with(engine));
    // It goes before the server, which waits for its engine when it stops.
    let go = go;
    world.send(&world.keys, &batch(&[turn("evt_1", "sess", 0, QUESTION)]));
    let piece = world.pieces().remove(0);
    world.clock.pass(QUIET);
    wait_until("the engine is asked", || is_asked.load(Ordering::SeqCst));
    // Numbers never wait, and neither does an acknowledgement.
    world.send(&world.keys, &batch(&[turn("evt_2", "other", 0, "Thanks for the answer.")]));
    wait_until("the call is in the ledger", || {
        world.get("/v1/events/evt_2", &world.keys.read)["event"].is_object()
    });
    assert_eq!(world.text()["turns"], 2);

    world.clock.pass(Duration::from_hours(24) + Duration::from_secs(1));
    let segment = world.wait_for_segments(&world.keys, "sess", 1).remove(0);
    assert_eq!(segment["engine"], "template");
    world.wait_for_segments(&world.keys, "other", 1);
    wait_until("the text is overwritten", || world.files_with(&piece).is_empty());
    let text = world.text();
    assert_eq!((&text["expired"], &text["turns"]), (&json!(2), &json!(0)));
    assert_eq!(text["made"], json!({"template": 2}));

    drop(go);
    // What it made at last is of text that is gone.
    world.send(&world.keys, &batch(&[turn("evt_3", "third", 0, "Another question on deploys.")]));
    world.clock.pass(QUIET);
    world.wait_for_segments(&world.keys, "third", 1);
    assert_eq!(world.segments(&world.keys, "sess").len(), 1);
    assert_eq!(world.text()["made"], json!({"hanging": 1, "template": 2}));
}
