//! Late turns are told together with what is kept of their segment.

use std::sync::Mutex;

use modelstat_redact::{Floor, RawText, RedactedText};
use modelstat_summarize::{
    Draft, Earlier, Engine, EngineError, ExtractEngine, Features, LatePlace, Removed, Summary,
    Turn, WorkType, summarise_again, summarise_with,
};

const WITHIN: LatePlace = LatePlace { begins: false, ends: false };
const AFTER: LatePlace = LatePlace { begins: false, ends: true };
const BEFORE: LatePlace = LatePlace { begins: true, ends: false };

fn turn(kind: &'static str, text: &str) -> Turn {
    Turn {
        kind: RedactedText::from_static(kind),
        model: Some(RedactedText::from_static("gpt-4o")),
        text: Some(RawText::from(text).redact().0),
        tools: vec![(RedactedText::from_static("Bash"), 1)],
        failed: false,
    }
}

fn first() -> [Turn; 2] {
    [
        turn("user_message", "Why is there a pytest failure after the retry policy was added?"),
        turn("assistant", "The pytest failure is a bug: the retry policy never ends. It is fixed."),
    ]
}

fn made(turns: &[Turn]) -> Summary {
    summarise_with(&[], turns, Floor::built_in(), Removed::none())
}

fn again(engines: &[&dyn Engine], before: &Summary, place: LatePlace, late: &[Turn]) -> Summary {
    let earlier = Earlier {
        features: &before.features,
        text: &before.chosen.text,
        is_of_model: false,
        place,
    };
    summarise_again(engines, &earlier, late, Floor::built_in(), Removed::none())
}

#[test]
fn the_template_tells_both_together() {
    let mut late = turn("assistant", "The invoice export is missing too, it still fails.");
    late.failed = true;
    let both = again(&[], &made(&first()), AFTER, &[late]);
    assert_eq!(
        both.chosen.text.as_str(),
        "Debugging in 3 turns with gpt-4o: retry policy, pytest failure, invoice export. \
         Code: Python. 3 tool calls (Bash), 1 error. Outcome: failed."
    );
    assert_eq!(both.made_by, "template");
}

#[test]
fn who_comes_last_says_what_came_of_it_and_who_comes_first_what_was_asked() {
    let outcome = |place| {
        let late = turn("user_message", "Please translate this: it is still not working");
        let both = again(&[], &made(&[turn("user_message", "hello, that worked")]), place, &[late]);
        both.chosen.text.as_str().to_owned()
    };
    assert!(outcome(WITHIN).ends_with("Outcome: done."), "{}", outcome(WITHIN));
    assert!(outcome(AFTER).ends_with("Outcome: failed."), "{}", outcome(AFTER));
    assert!(outcome(BEFORE).starts_with("Translation"), "{}", outcome(BEFORE));
}

/// What is kept can be kept again, in a store's encoding.
#[test]
fn features_add_up_over_generations() {
    let mut summary = made(&first());
    for _ in 0..3 {
        let encoded = serde_json::to_string(&summary.features).expect("features are JSON");
        summary.features =
            serde_json::from_str::<Features>(&encoded).expect("they can be read back");
        summary = again(&[], &summary, WITHIN, &[turn("assistant", "The retry policy is tested.")]);
    }
    let text = summary.chosen.text.as_str();
    assert!(text.contains("in 5 turns"), "{text}");
    assert!(text.contains("retry policy") && text.contains("5 tool calls"), "{text}");
}

/// What is kept holds no sentence and no word that the template may not say.
#[test]
fn features_hold_no_text() {
    let mut turns = first().to_vec();
    turns.push(turn(
        "assistant",
        "Zebedee of Quetzal Limited wrote down the whole story at length.",
    ));
    let kept = serde_json::to_string(&made(&turns).features).expect("features are JSON");
    for word in ["ebedee", "uetzal", "wrote", "never", "length", "Why", "added"] {
        assert!(!kept.contains(word), "{word}: {kept}");
    }
}

#[test]
fn damaged_features_harm_nothing() {
    let odd = r#"{"turns":18446744073709551615,"errors":18446744073709551615,"outcome":"x",
        "task":"y","language":"z","models":[["gpt-4o",18446744073709551615]],
        "tools":[["Bash",18446744073709551615]],"tool_calls":18446744073709551615,
        "programs":[["Rust",18446744073709551615],["none",1]],
        "subjects":[["software",18446744073709551615]],"work":[["testing",18446744073709551615]],
        "phrases":[{"words":"retry policy","weight":18446744073709551615,"turns":18446744073709551615},
            {"words":"of Zebedee","weight":9,"turns":9}]}"#;
    let mut before = made(&first());
    before.features = serde_json::from_str(odd).expect("it is of the shape");
    let text = again(&[], &before, WITHIN, &first()).chosen.text;
    assert!(text.contains("retry policy") && !text.contains("Zebedee"), "{text}");
}

/// Remembers what it read.
#[derive(Default)]
struct Reads(Mutex<Vec<String>>);

impl Engine for Reads {
    fn name(&self) -> &'static str {
        "reads"
    }

    fn version(&self) -> &'static str {
        "1"
    }

    fn draft(&self, turns: &[Turn]) -> Result<Draft, EngineError> {
        let texts = turns.iter().filter_map(|turn| turn.text.as_ref()).map(ToString::to_string);
        *self.0.lock().map_err(|_| EngineError::Unavailable)? = texts.collect();
        let title = "A title".to_owned();
        let (work_type, phrases) = (WorkType::Misc, Vec::new());
        Ok(Draft { text: "Both were told.".to_owned(), title, work_type, phrases })
    }
}

#[test]
fn an_engine_reads_the_earlier_abstract_in_place_of_the_turns() {
    let engine = Reads::default();
    let before = made(&first());
    let both = again(&[&engine], &before, AFTER, &[turn("assistant", "It works.")]);
    let read = engine.0.lock().expect("unpoisoned").clone();
    assert_eq!(read, [before.chosen.text.as_str(), "It works."]);
    assert_eq!((both.chosen.text.as_str(), both.made_by), ("Both were told.", "reads"));
    // What the template knows is kept all the same, for the next time.
    assert!(again(&[], &both, WITHIN, &[]).chosen.text.contains("retry policy"));
}

#[test]
fn the_engine_that_quotes_keeps_what_it_has_quoted() {
    let engines: [&dyn Engine; 1] = [&ExtractEngine];
    let before = summarise_with(&engines, &first(), Floor::built_in(), Removed::none());
    let late = turn("assistant", "The invoice export was fixed in the same way.");
    let both = again(&engines, &before, AFTER, &[late]);
    assert_eq!(both.made_by, "extract");
    for said in ["Why is there a pytest failure", "The invoice export was fixed"] {
        assert!(both.chosen.text.contains(said), "{said}: {}", both.chosen.text);
    }
    assert!(both.chosen.title.starts_with("Debugging"), "{}", both.chosen.title);
}

#[test]
fn what_was_removed_before_is_refused_again() {
    let mut removed = Removed::new([5; 32]);
    removed.add(&RawText::from("zebedee@example.com"));
    let before = made(&first());
    let earlier = Earlier {
        features: &before.features,
        text: &before.chosen.text,
        is_of_model: false,
        place: WITHIN,
    };
    let engine = Says("Zebedee was told.");
    let both = summarise_again(&[&engine], &earlier, &[], Floor::built_in(), &removed);
    assert_eq!(both.made_by, "template");
    let refused: Vec<_> = both.refused.iter().map(|(who, why)| (*who, why.as_str())).collect();
    assert_eq!(refused, [("says", "removed_word")]);
}

struct Says(&'static str);

impl Engine for Says {
    fn name(&self) -> &'static str {
        "says"
    }

    fn version(&self) -> &'static str {
        "1"
    }

    fn draft(&self, _: &[Turn]) -> Result<Draft, EngineError> {
        let (text, title) = (self.0.to_owned(), "A title".to_owned());
        Ok(Draft { text, title, work_type: WorkType::Misc, phrases: Vec::new() })
    }
}
