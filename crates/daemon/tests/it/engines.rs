//! Which engine makes an abstract, and that a slow or leaking one harms nothing else.

use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use modelstat_daemon::{Draft, Engine, EngineError, FallbackEngine, Turn, WorkType};
use serde_json::{Value, json};

use crate::segments::{close, segments};
use crate::upstream::Upstream;
use crate::world::{World, batch, event};

/// Says one thing, whatever it reads.
struct Says(&'static str);

impl Engine for Says {
    fn name(&self) -> &'static str {
        "says"
    }

    fn version(&self) -> &'static str {
        "7"
    }

    fn draft(&self, _: &[Turn]) -> Result<Draft, EngineError> {
        Ok(Draft {
            text: self.0.to_owned(),
            title: "Work on a retry policy".to_owned(),
            work_type: WorkType::Debugging,
            phrases: Vec::new(),
        })
    }
}

/// Draws up its answer until it is let go.
#[derive(Default)]
struct Slow {
    is_free: Mutex<bool>,
    freed: Condvar,
}

impl Slow {
    fn free(&self) {
        *self.is_free.lock().expect("unpoisoned") = true;
        self.freed.notify_all();
    }
}

impl Engine for Slow {
    fn name(&self) -> &'static str {
        "slow"
    }

    fn version(&self) -> &'static str {
        "1"
    }

    fn draft(&self, turns: &[Turn]) -> Result<Draft, EngineError> {
        let is_free = self.is_free.lock().expect("unpoisoned");
        drop(self.freed.wait_while(is_free, |is_free| !*is_free).expect("unpoisoned"));
        Says("It was slow.").draft(turns)
    }
}

const MAIL: &str = "zebedee.quill@example.com asks why the retry policy never ends.";

/// A closed session whose only turn is a mail's text.
fn closed(engine: &'static str, fallback: FallbackEngine) -> (World, Value) {
    let upstream = Upstream::start();
    let mut world = World::start_with(upstream.url(), |config| {
        config.engines.first = vec![Arc::new(Says(engine))];
        config.engines.fallback = fallback;
    });
    world.send(&batch(&[event("evt_1", MAIL)]));
    world.wait_shipped();
    // What was removed is kept on disk, not in memory.
    world.restart();
    close(&world);
    let segment = segments(&upstream)[0]["segments"][0].clone();
    (world, segment)
}

#[test]
fn the_first_engine_makes_the_abstract() {
    let (world, segment) = closed("A question of retries was answered.", FallbackEngine::Template);
    assert_eq!((&segment["engine"], &segment["engine_version"]), (&json!("says"), &json!("7")));
    assert_eq!(segment["abstract"], json!("A question of retries was answered."));
    let status = world.status();
    assert_eq!(status.engines, ["says", "template"]);
    assert_eq!(status.summaries, [("says".to_owned(), 1)].into());
    assert!(status.refused_summaries.is_empty());
}

#[test]
fn an_engine_that_repeats_what_was_removed_is_refused_and_counted() {
    let (world, segment) = closed("Zebedee asked about retries.", FallbackEngine::Template);
    assert_eq!(segment["engine"], json!("template"));
    assert!(!segment.to_string().to_lowercase().contains("zebedee"), "{segment}");
    let status = world.status();
    assert_eq!(status.summaries, [("template".to_owned(), 1)].into());
    assert_eq!(status.refused_summaries, [("says.removed_word".to_owned(), 1)].into());
}

#[test]
fn the_fallback_that_quotes_is_an_opt_in_that_shows() {
    let (world, segment) = closed("Quill asked about retries.", FallbackEngine::Extract);
    assert_eq!(segment["engine"], json!("extract"));
    let text = segment["abstract"].as_str().expect("an abstract");
    assert!(text.contains("asks why the retry policy never ends"), "{text}");
    let status = world.status();
    assert_eq!(status.engines, ["says", "extract", "template"]);
    let shown = serde_json::to_value(&status).expect("a status is JSON");
    assert_eq!(shown["fallback"], json!("extract"));
    assert_eq!(status.refused_summaries, [("says.removed_word".to_owned(), 1)].into());
}

#[test]
fn what_was_removed_is_still_known_when_a_segment_is_opened_again() {
    let upstream = Upstream::start();
    let world = World::start_with(upstream.url(), |config| {
        config.engines.first = vec![Arc::new(Says("Zebedee asked about retries."))];
    });
    world.send(&batch(&[event("evt_1", MAIL)]));
    close(&world);
    world.send(&batch(&[event("evt_2", "It never ends.")]));
    close(&world);
    let again = &segments(&upstream)[1]["segments"][0];
    assert_eq!((&again["generation"], &again["engine"]), (&json!(2), &json!("template")));
    assert_eq!(world.status().refused_summaries["says.removed_word"], 2);
}

#[test]
fn a_slow_engine_delays_no_acknowledgement_and_no_number() {
    let upstream = Upstream::start();
    let engine = Arc::new(Slow::default());
    let slow = Arc::clone(&engine);
    let world = World::start_with(upstream.url(), |config| config.engines.first = vec![slow]);
    world.send(&batch(&[event("evt_1", "a")]));
    world.wait_shipped();
    world.clock.advance(Duration::from_secs(61));
    // The engine holds the thread by now, or will at its next look.
    for number in 2..20 {
        let answer = world.send(&batch(&[event(&format!("evt_{number}"), "b")]));
        assert_eq!(answer.status, 200);
    }
    let status = world.wait("numbers shipped", |status| {
        status.shipped.get("events") == Some(&19) && status.spool.incoming.rows == 0
    });
    assert_eq!((status.spool.turns.rows, segments(&upstream).len()), (19, 0));
    engine.free();
    close(&world);
    let made = segments(&upstream);
    let ids =
        made.iter().flat_map(|batch| batch["segments"].as_array().cloned().unwrap_or_default());
    let last = ids.last().expect("a segment");
    assert_eq!(last["source_event_ids"].as_array().map(Vec::len), Some(19));
    assert_eq!(last["engine"], json!("slow"));
}
