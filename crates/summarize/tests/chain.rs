//! When a model is asked, when it is left alone, and what is remembered of it.

use std::sync::atomic::{AtomicUsize, Ordering};

use modelstat_redact::{Floor, RawText, RedactedText};
use modelstat_summarize::{
    Chain, Content, Draft, Earlier, Engine, EngineError, ExtractEngine, Fallback, Features, Known,
    LatePlace, LeakError, Load, MIN_MODEL_WORDS, Model, Removed, Skip, Summary, Turn, WorkType,
    summarise_with,
};

const SHA256: &str = "6f85a640a97cf2bf5b8e764087b1e83da0fdb51d7c9fab7d0fece9385611df83";

/// A model that says one thing.
struct Says {
    name: &'static str,
    answer: Result<&'static str, EngineError>,
    asked: AtomicUsize,
}

impl Says {
    fn new(name: &'static str, answer: Result<&'static str, EngineError>) -> Self {
        Self { name, answer, asked: AtomicUsize::new(0) }
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

impl Engine for Says {
    fn name(&self) -> &'static str {
        self.name
    }

    fn version(&self) -> &'static str {
        "1"
    }

    fn model(&self) -> Option<Model> {
        Some(Model { sha256: Some(SHA256.to_owned()), prompt_version: "1" })
    }

    fn draft(&self, _: &[Turn]) -> Result<Draft, EngineError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        self.answer.map(draft)
    }
}

fn draft(text: &str) -> Draft {
    assert!(text != "panic", "as asked");
    Draft {
        text: text.to_owned(),
        title: "Three good words".to_owned(),
        work_type: WorkType::Debugging,
        phrases: Vec::new(),
    }
}

fn turn(text: &str) -> Turn {
    Turn {
        kind: RedactedText::from_static("user_message"),
        model: None,
        text: Some(RawText::from(text).redact().0),
        tools: Vec::new(),
        failed: false,
    }
}

fn words(count: usize) -> [Turn; 1] {
    [turn(&"why does this test fail again ".repeat(count / 6 + 1))]
}

fn about(
    engines: &[&dyn Engine],
    turns: &[Turn],
    load: Load,
    known: impl Fn(&str) -> Option<Known>,
) -> (bool, Summary) {
    let content = Content { turns, earlier: None };
    let chain = Chain::about(engines, &content, load, |engine, _, _| known(engine.name()));
    (chain.asks_a_model(), chain.summarise(&content, Floor::built_in(), Removed::none()))
}

fn nothing_known(_: &str) -> Option<Known> {
    None
}

#[test]
fn a_model_is_asked_about_enough_words_and_what_it_is_stands_beside_its_abstract() {
    let model = Says::new("llama", Ok("A test was looked into."));
    let (asks, summary) = about(&[&model], &words(MIN_MODEL_WORDS), Load::Free, nothing_known);
    assert!(asks);
    assert_eq!(summary.chosen.model_sha256.as_deref(), Some(SHA256), "the floor leaves it alone");
    assert_eq!(summary.chosen.prompt_version.as_deref(), Some("1"));
    assert_eq!((summary.made_by, summary.fallback_reason()), ("llama", None));
    assert_eq!(summary.learned, [("llama", Known::Made(draft("A test was looked into.")))]);
}

#[test]
fn few_words_skip_models_and_nothing_else() {
    let model = Says::new("llama", Ok("A test was looked into."));
    let turns = words(20);
    let (asks, summary) = about(&[&model, &ExtractEngine], &turns, Load::Free, nothing_known);
    assert!(!asks);
    assert_eq!((summary.made_by, model.asked()), ("extract", 0));
    assert_eq!(summary.fallback_reason().as_deref(), Some("llama.too_short"));
    assert_eq!((summary.chosen.model_sha256, summary.chosen.prompt_version), (None, None));
    assert_eq!(summary.learned, []);
}

#[test]
fn a_crowd_skips_models() {
    let model = Says::new("llama", Ok("A test was looked into."));
    let (asks, summary) = about(&[&model], &words(100), Load::Crowded, nothing_known);
    assert_eq!((asks, summary.made_by, model.asked()), (false, "template", 0));
    assert_eq!(summary.refused, [("llama", Fallback::Skipped(Skip::Queue))]);
}

#[test]
fn a_known_draft_is_used_again_even_in_a_crowd() {
    let model = Says::new("llama", Ok("Never said."));
    let known = |_: &str| Some(Known::Made(draft("A test was looked into.")));
    let (asks, summary) = about(&[&model], &words(100), Load::Crowded, known);
    assert_eq!((asks, model.asked(), summary.made_by), (false, 0, "llama"));
    assert_eq!(summary.chosen.text.as_str(), "A test was looked into.");
    assert_eq!(summary.learned, []);
}

#[test]
fn a_known_draft_passes_the_gate_with_the_words_that_were_removed_here() {
    let (first, second) = (Says::new("llama", Ok("Never.")), Says::new("http", Ok("Never.")));
    let turns = words(100);
    let content = Content { turns: &turns, earlier: None };
    let engines: [&dyn Engine; 2] = [&first, &second];
    let chain = Chain::about(&engines, &content, Load::Free, |_, _, _| {
        Some(Known::Made(draft("Zebedee looked into a test.")))
    });
    let mut removed = Removed::new([1; 32]);
    removed.add(&RawText::from("zebedee"));
    let summary = chain.summarise(&content, Floor::built_in(), &removed);
    assert_eq!((summary.made_by, first.asked(), second.asked()), ("template", 0, 0));
    assert_eq!(summary.fallback_reason().as_deref(), Some("llama.removed_word"));
    assert_eq!(summary.learned, [], "it stays good for other segments");
}

#[test]
fn a_model_that_failed_at_the_content_is_left_alone_and_the_next_is_asked() {
    let (first, second) = (Says::new("llama", Ok("Never.")), Says::new("http", Ok("A test.")));
    let known = |name: &str| (name == "llama").then_some(Known::Failed);
    let (asks, summary) = about(&[&first, &second], &words(100), Load::Free, known);
    assert_eq!((asks, first.asked(), second.asked(), summary.made_by), (true, 0, 1, "http"));
    assert_eq!(summary.refused, [("llama", Fallback::Skipped(Skip::Known))]);
    assert_eq!(summary.learned, [("http", Known::Made(draft("A test.")))]);
}

#[test]
fn what_the_content_is_to_blame_for_is_remembered_and_nothing_else() {
    let check = |answer, learns: bool, why: Fallback| {
        let model = Says::new("llama", answer);
        let (_, summary) = about(&[&model], &words(100), Load::Free, nothing_known);
        assert_eq!(summary.refused, [("llama", why)]);
        let learned: &[_] = if learns { &[("llama", Known::Failed)] } else { &[] };
        assert_eq!(summary.learned, learned, "{why:?}");
    };
    let repeats = "why does this test fail again why does";
    check(Err(EngineError::BadAnswer), true, Fallback::Failed(EngineError::BadAnswer));
    check(Ok(repeats), true, Fallback::Refused(LeakError::Verbatim));
    check(Err(EngineError::Timeout), false, Fallback::Failed(EngineError::Timeout));
    check(Err(EngineError::Unavailable), false, Fallback::Failed(EngineError::Unavailable));
    check(Ok("panic"), false, Fallback::Panicked);
}

#[test]
fn a_late_word_goes_to_a_model_where_a_model_made_the_abstract() {
    let text = RedactedText::from_static("A test was looked into.");
    let late = words(6);
    let asks = |is_of_model| {
        let model = Says::new("llama", Ok("A test was looked into again."));
        let features = Features::default();
        let earlier =
            Earlier { features: &features, text: &text, is_of_model, place: LatePlace::default() };
        let content = Content { turns: &late, earlier: Some(earlier) };
        let engines: [&dyn Engine; 1] = [&model];
        Chain::about(&engines, &content, Load::Free, |_, _, _| None).asks_a_model()
    };
    assert_eq!((asks(true), asks(false)), (true, false));
}

/// A reason crosses the floor as it is.
#[test]
fn the_floor_leaves_reasons_alone() {
    for reason in ["too_short", "known", "queue", "timeout", "bad_answer", "removed_word"] {
        let reason = format!("llama.{reason}");
        assert_eq!(RawText::from(reason.as_str()).redact().0.as_str(), reason);
    }
}

#[test]
fn an_engine_without_a_model_is_asked_about_anything() {
    let turns = words(6);
    let summary = summarise_with(&[&ExtractEngine], &turns, Floor::built_in(), Removed::none());
    let (asks, same) = about(&[&ExtractEngine], &turns, Load::Crowded, nothing_known);
    assert_eq!((asks, same), (false, summary));
}
