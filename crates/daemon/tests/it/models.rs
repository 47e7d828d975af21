//! Which segments a model is asked about, how many at once, and what is known of it afterwards.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use modelstat_daemon::{Config, Draft, Engine, EngineError, Model, Turn, WorkType};
use serde_json::{Value, json};

use crate::segments::{close, segments};
use crate::upstream::Upstream;
use crate::world::{World, batch, event, wait_until};

const SHA256: &str = "6f85a640a97cf2bf5b8e764087b1e83da0fdb51d7c9fab7d0fece9385611df83";
const GOOD: &str = "A question of retries was answered.";

/// Longest wait of a test engine, so that a test which fails ends.
const PATIENCE: Duration = Duration::from_secs(10);

/// A model for tests: says one thing, as soon as it is let.
struct Tested {
    says: Mutex<Result<&'static str, EngineError>>,
    asked: AtomicUsize,
    /// Drafts that may end, of those with a text that holds the words.
    held: Mutex<Option<&'static str>>,
    changed: Condvar,
    /// How many are asked for together, now and at most.
    together: Mutex<(usize, usize)>,
    parallel: usize,
}

impl Tested {
    fn new(says: Result<&'static str, EngineError>, parallel: usize) -> Arc<Self> {
        Arc::new(Self {
            says: Mutex::new(says),
            asked: AtomicUsize::new(0),
            held: Mutex::new(None),
            changed: Condvar::new(),
            together: Mutex::new((0, 0)),
            parallel,
        })
    }

    fn says(&self, says: Result<&'static str, EngineError>) {
        *self.says.lock().expect("unpoisoned") = says;
    }

    /// Holds the drafts of texts that hold some words, or lets all go.
    fn hold(&self, words: Option<&'static str>) {
        *self.held.lock().expect("unpoisoned") = words;
        self.changed.notify_all();
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::Acquire)
    }

    fn most_together(&self) -> usize {
        self.together.lock().expect("unpoisoned").1
    }

    fn wait_asked(&self, times: usize) {
        wait_until("the model is asked", || self.asked() >= times);
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
        Some(Model { sha256: Some(SHA256.to_owned()), prompt_version: "1" })
    }

    fn parallel(&self) -> usize {
        self.parallel
    }

    fn draft(&self, turns: &[Turn]) -> Result<Draft, EngineError> {
        {
            let mut together = self.together.lock().expect("unpoisoned");
            together.0 += 1;
            together.1 = together.1.max(together.0);
        }
        self.asked.fetch_add(1, Ordering::AcqRel);
        let text: String = turns.iter().filter_map(|turn| turn.text.as_deref()).collect();
        let held = self.held.lock().expect("unpoisoned");
        let is_held = |held: &mut Option<&str>| held.is_some_and(|words| text.contains(words));
        drop(self.changed.wait_timeout_while(held, PATIENCE, is_held).expect("unpoisoned"));
        self.together.lock().expect("unpoisoned").0 -= 1;
        let text = (*self.says.lock().expect("unpoisoned"))?.to_owned();
        assert!(text != "panic", "as asked");
        let title = "Work on a retry policy".to_owned();
        Ok(Draft { text, title, work_type: WorkType::Debugging, phrases: Vec::new() })
    }
}

fn start(upstream: &Upstream, model: &Arc<Tested>, change: impl FnOnce(&mut Config)) -> World {
    World::start_with(upstream.url(), |config| {
        config.engines.first = vec![Arc::clone(model) as Arc<dyn Engine>];
        change(config);
    })
}

/// More words than a model is not asked about.
fn long(about: &str) -> String {
    format!("{about} {}", "the retry policy never ends and so the build fails again. ".repeat(8))
}

/// An event of a session, at a minute past twelve.
fn turn(session: &str, id: &str, minute: u32, text: &str) -> Value {
    let mut event = event(id, text);
    event["session_id"] = json!(session);
    event["ts"] = json!(format!("2026-06-19T12:{minute:02}:00.000Z"));
    event
}

fn send(world: &World, session: &str, text: &str) {
    let event = turn(session, &format!("evt_{session}"), 0, text);
    assert_eq!(world.send(&batch(&[event])).status, 200);
}

/// The segments that were sent, in their order.
fn sent(upstream: &Upstream) -> Vec<Value> {
    let batches = segments(upstream).into_iter();
    batches.flat_map(|batch| batch["segments"].as_array().cloned().unwrap_or_default()).collect()
}

/// What made each session's only segment, and why not another.
fn made(upstream: &Upstream) -> BTreeMap<String, (String, Option<String>)> {
    let of = |segment: Value| {
        let text = |field: &str| segment[field].as_str().map(str::to_owned);
        let engine = text("engine").expect("an engine");
        (text("session_id").expect("a session"), (engine, text("fallback_reason")))
    };
    sent(upstream).into_iter().map(of).collect()
}

fn reason(why: &str) -> (String, Option<String>) {
    ("template".to_owned(), Some(format!("tested.{why}")))
}

fn by_model() -> (String, Option<String>) {
    ("tested".to_owned(), None)
}

#[test]
fn what_the_model_is_leaves_with_its_abstract() {
    let (upstream, model) = (Upstream::start(), Tested::new(Ok(GOOD), 1));
    let world = start(&upstream, &model, |_| ());
    send(&world, "a", &long("Why?"));
    close(&world);
    let segment = &sent(&upstream)[0];
    assert_eq!((&segment["engine"], &segment["abstract"]), (&json!("tested"), &json!(GOOD)));
    assert_eq!(segment["model_sha256"], json!(SHA256));
    assert_eq!(segment["prompt_version"], json!("1"));
    assert_eq!(segment["fallback_reason"], Value::Null);
}

#[test]
fn few_words_do_without_a_model() {
    let (upstream, model) = (Upstream::start(), Tested::new(Ok(GOOD), 1));
    let world = start(&upstream, &model, |_| ());
    send(&world, "a", "The retry policy never ends.");
    close(&world);
    assert_eq!((model.asked(), made(&upstream)["a"].clone()), (0, reason("too_short")));
    let segment = &sent(&upstream)[0];
    assert_eq!(
        (&segment["model_sha256"], &segment["prompt_version"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(world.status().refused_summaries, [("tested.too_short".to_owned(), 1)].into());
}

#[test]
fn why_a_model_made_nothing_leaves_with_the_abstract() {
    let (upstream, model) = (Upstream::start(), Tested::new(Ok(GOOD), 1));
    let world = start(&upstream, &model, |_| ());
    let repeats = "the retry policy never ends and so the build fails again";
    let said = [
        ("a", Err(EngineError::Unavailable), "unavailable"),
        ("b", Err(EngineError::Timeout), "timeout"),
        ("c", Err(EngineError::BadAnswer), "bad_answer"),
        ("d", Ok("panic"), "panicked"),
        ("e", Ok(repeats), "verbatim_run"),
    ];
    for (session, says, why) in said {
        model.says(says);
        send(&world, session, &long(session));
        close(&world);
        assert_eq!(made(&upstream)[session], reason(why));
        assert_eq!(world.status().refused_summaries[&format!("tested.{why}")], 1);
    }
    assert_eq!(model.asked(), 5);
}

#[test]
fn a_slow_model_holds_up_no_acknowledgement_no_number_and_no_short_segment() {
    let (upstream, model) = (Upstream::start(), Tested::new(Ok(GOOD), 1));
    let world = start(&upstream, &model, |_| ());
    model.hold(Some("slow"));
    send(&world, "a", &long("slow"));
    world.wait_shipped();
    world.clock.advance(Duration::from_secs(61));
    model.wait_asked(1);
    for number in 0..20 {
        send(&world, &format!("short_{number}"), "It never ends.");
    }
    world.clock.advance(Duration::from_secs(61));
    let status = world.wait("everything but one abstract", |status| {
        status.shipped.get("events") == Some(&21)
            && status.summaries.get("template") == Some(&20)
            && status.spool.turns.rows == 1
    });
    assert_eq!(status.summaries.get("tested"), None);
    model.hold(None);
    close(&world);
    assert_eq!((made(&upstream).len(), made(&upstream)["a"].clone()), (21, by_model()));
}

#[test]
fn eight_are_made_at_once() {
    let (upstream, model) = (Upstream::start(), Tested::new(Ok(GOOD), 8));
    let world = start(&upstream, &model, |_| ());
    model.hold(Some("retry"));
    for number in 0..12 {
        send(&world, &format!("sess_{number}"), &long(&format!("Number {number}")));
    }
    world.wait_shipped();
    world.clock.advance(Duration::from_secs(61));
    model.wait_asked(8);
    // The others wait for one of them.
    world.wait("time for more", |status| status.spool.turns.rows == 12);
    assert_eq!(model.asked(), 8);
    model.hold(None);
    close(&world);
    assert_eq!((model.most_together(), model.asked()), (8, 12));
    assert!(made(&upstream).values().all(|made| *made == by_model()));
    assert_eq!(world.status().spool.known.rows, 12);
}

#[test]
fn segments_of_a_session_are_made_at_once_and_leave_in_their_order() {
    let (upstream, model) = (Upstream::start(), Tested::new(Ok(GOOD), 2));
    let world = start(&upstream, &model, |_| ());
    model.hold(Some("first"));
    let turns = [
        turn("a", "evt_1", 0, &long("first")),
        turn("a", "evt_2", 20, &long("second")),
        turn("a", "evt_3", 40, "and a third"),
    ];
    world.send(&batch(&turns));
    world.wait_shipped();
    world.clock.advance(Duration::from_secs(61));
    model.wait_asked(2);
    // Another session goes on meanwhile.
    send(&world, "b", "It never ends.");
    world.clock.advance(Duration::from_secs(61));
    wait_until("the other session is told", || made(&upstream).contains_key("b"));
    assert_eq!(world.status().spool.turns.rows, 3);
    model.hold(None);
    close(&world);
    let sent = sent(&upstream);
    let of_session = sent.iter().filter(|segment| segment["session_id"] == json!("a"));
    let ids: Vec<_> = of_session.map(|segment| segment["source_event_ids"].clone()).collect();
    assert_eq!(ids, [json!(["evt_1"]), json!(["evt_2"]), json!(["evt_3"])]);
    assert!(sent.iter().all(|segment| segment["generation"] == json!(1)));
    // The last one names the session.
    let titles: Vec<Value> = segments(&upstream)
        .into_iter()
        .filter_map(|batch| batch["session_titles"].get("a").cloned())
        .collect();
    assert_eq!(titles.last(), sent.last().map(|segment| &segment["title"]));
}

#[test]
fn turns_that_come_while_a_model_works_open_the_segment_again() {
    let (upstream, model) = (Upstream::start(), Tested::new(Ok(GOOD), 1));
    let world = start(&upstream, &model, |_| ());
    model.hold(Some("Why"));
    world.send(&batch(&[turn("a", "evt_1", 0, &long("Why?"))]));
    world.wait_shipped();
    world.clock.advance(Duration::from_secs(61));
    model.wait_asked(1);
    world.send(&batch(&[turn("a", "evt_2", 5, "It is fixed.")]));
    world.clock.advance(Duration::from_secs(61));
    world.wait("the second turn", |status| status.spool.turns.rows == 2);
    model.hold(None);
    close(&world);
    let sent = sent(&upstream);
    let seen: Vec<_> = sent
        .iter()
        .map(|segment| (segment["generation"].clone(), segment["source_event_ids"].clone()))
        .collect();
    assert_eq!(seen, [(json!(1), json!(["evt_1"])), (json!(2), json!(["evt_1", "evt_2"]))]);
    // A model made the first, so a model makes it again, however few words are new.
    assert_eq!((model.asked(), &sent[1]["engine"]), (2, &json!("tested")));
}

#[test]
fn where_many_are_due_at_once_the_oldest_do_without_a_model() {
    let (upstream, model) = (Upstream::start(), Tested::new(Ok(GOOD), 1));
    let world = start(&upstream, &model, |config| config.model_queue = 2);
    for number in 0..6 {
        send(&world, &format!("sess_{number}"), &long(&format!("Number {number}")));
        world.wait_shipped();
        world.clock.advance(Duration::from_secs(1));
    }
    close(&world);
    let made = made(&upstream);
    for number in 0..6 {
        let expected = if number < 4 { reason("queue") } else { by_model() };
        assert_eq!(made[&format!("sess_{number}")], expected, "{number}");
    }
    assert_eq!(world.status().refused_summaries["tested.queue"], 4);
}

#[test]
fn where_too_many_wait_the_oldest_does_without_a_model() {
    let (upstream, model) = (Upstream::start(), Tested::new(Ok(GOOD), 1));
    let world = start(&upstream, &model, |config| config.model_queue = 2);
    model.hold(Some("retry"));
    for number in 0..5 {
        send(&world, &format!("sess_{number}"), &long(&format!("Number {number}")));
        world.wait_shipped();
        world.clock.advance(Duration::from_secs(61));
        model.wait_asked(1);
    }
    world.wait("two did without", |status| status.summaries.get("template") == Some(&2));
    model.hold(None);
    close(&world);
    let made = made(&upstream);
    for number in 0..5 {
        let expected = if [1, 2].contains(&number) { reason("queue") } else { by_model() };
        assert_eq!(made[&format!("sess_{number}")], expected, "{number}");
    }
}

#[test]
fn a_restart_in_the_middle_loses_and_doubles_nothing() {
    let (upstream, model) = (Upstream::start(), Tested::new(Ok(GOOD), 1));
    let mut world = start(&upstream, &model, |_| ());
    model.hold(Some("retry"));
    for session in ["a", "b", "c"] {
        send(&world, session, &long(session));
    }
    world.wait_shipped();
    world.clock.advance(Duration::from_secs(61));
    model.wait_asked(1);
    // An engine that is ended fails, which is no reason for a poorer abstract.
    model.says(Err(EngineError::Unavailable));
    let freeing = Arc::clone(&model);
    let freed = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(100));
        freeing.hold(None);
    });
    world.stop(Duration::from_secs(5));
    freed.join().expect("no panic");
    assert_eq!((model.asked(), sent(&upstream).len()), (1, 0));
    model.says(Ok(GOOD));
    world.start_again();
    close(&world);
    let made = made(&upstream);
    assert_eq!((made.len(), sent(&upstream).len()), (3, 3));
    assert!(made.values().all(|made| *made == by_model()), "{made:?}");
}

#[test]
fn what_is_made_when_the_daemon_ends_is_not_asked_for_again() {
    let (upstream, model) = (Upstream::start(), Tested::new(Ok(GOOD), 1));
    let mut world = start(&upstream, &model, |_| ());
    model.hold(Some("retry"));
    send(&world, "a", &long("Why?"));
    world.wait_shipped();
    world.clock.advance(Duration::from_secs(61));
    model.wait_asked(1);
    let freeing = Arc::clone(&model);
    let freed = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(100));
        freeing.hold(None);
    });
    world.stop(Duration::from_secs(5));
    freed.join().expect("no panic");
    world.start_again();
    world.wait_shipped();
    assert_eq!((model.asked(), made(&upstream)["a"].clone()), (1, by_model()));
}

#[test]
fn the_same_content_is_asked_about_once_even_after_a_restart() {
    let (upstream, model) = (Upstream::start(), Tested::new(Ok(GOOD), 1));
    let mut world = start(&upstream, &model, |_| ());
    send(&world, "a", &long("Why?"));
    close(&world);
    world.restart();
    send(&world, "b", &long("Why?"));
    close(&world);
    assert_eq!((model.asked(), made(&upstream)["b"].clone()), (1, by_model()));
    assert_eq!(sent(&upstream)[1]["model_sha256"], json!(SHA256));
    assert_eq!(world.status().summaries["known"], 1);
    send(&world, "c", &long("Why not?"));
    close(&world);
    assert_eq!(model.asked(), 2);
}

#[test]
fn what_a_model_failed_at_is_not_asked_about_again() {
    let (upstream, model) = (Upstream::start(), Tested::new(Err(EngineError::BadAnswer), 1));
    let world = start(&upstream, &model, |_| ());
    for (session, why) in [("a", "bad_answer"), ("b", "known")] {
        send(&world, session, &long("Why?"));
        close(&world);
        assert_eq!(made(&upstream)[session], reason(why));
    }
    assert_eq!(model.asked(), 1);
}

#[test]
fn what_one_key_is_told_is_not_told_to_another() {
    let (upstream, model) = (Upstream::start(), Tested::new(Ok(GOOD), 1));
    let world = start(&upstream, &model, |_| ());
    for (number, key) in ["msk_one", "msk_two", "msk_one"].into_iter().enumerate() {
        let session = format!("sess_{number}");
        let event = turn(&session, &format!("evt_{number}"), 0, &long("Why?"));
        assert_eq!(world.send_with_key(key, &batch(&[event])).status, 200);
        close(&world);
    }
    assert_eq!((model.asked(), sent(&upstream).len()), (2, 3));
}

#[test]
fn a_known_abstract_passes_the_gate_of_each_segment() {
    let says = "Zebedee asked why the policy goes on.";
    let (upstream, model) = (Upstream::start(), Tested::new(Ok(says), 1));
    let world = start(&upstream, &model, |_| ());
    send(&world, "a", &long("alice.smith@example.com asks:"));
    close(&world);
    send(&world, "b", &long("zebedee.quill@example.com asks:"));
    close(&world);
    assert_eq!(model.asked(), 1, "after redaction both are the same");
    assert_eq!(made(&upstream)["a"], by_model());
    assert_eq!(made(&upstream)["b"], reason("removed_word"));
    assert!(!sent(&upstream)[1].to_string().contains("Zebedee"));
}
