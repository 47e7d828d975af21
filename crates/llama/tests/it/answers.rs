//! What the engine writes can be read, whatever its weights and seed are.

use modelstat_engine::{Answer, Failure};
use modelstat_llama::Options;
use modelstat_redact::{RawText, RedactedText};
use modelstat_summarize::{Outline, Turn, read_answer};
use modelstat_testkit::gguf::{Encoding, Shape};

use crate::asked::{Asked, Budget};
use crate::support::{SMALL, TEXT, Tiny};

const SEEDS: u64 = 25;

/// Texts of each seed: as many as the engine takes at once.
const TOGETHER: usize = 8;

/// Random weights close a text only by chance, which takes a few hundred tokens at worst.
const BUDGET: Budget = Budget { prompt_tokens: 48, answer_tokens: 1_200 };

fn outline(number: usize) -> Outline {
    let turn = Turn {
        kind: RedactedText::from_static("user_message"),
        model: None,
        text: Some(RawText::from(format!("{number} times {TEXT}")).redact().0),
        tools: Vec::new(),
        failed: false,
    };
    Outline::of(&[turn])
}

/// Draws answers of as many texts as are written together, with one seed after the other.
fn check(shape: &Shape) {
    let tiny = Tiny::new(shape, Encoding::Q8);
    let outlines: Vec<Outline> = (0..TOGETHER).map(outline).collect();
    let mut texts = Vec::new();
    for seed in 0..SEEDS {
        let start = |options: &mut Options| (options.seed, options.temperature) = (seed, 1.0);
        for answer in Asked::start(tiny.path(), start).answers(&outlines, BUDGET) {
            let answer = answer.unwrap_or_else(|failure| panic!("seed {seed}: {failure:?}"));
            assert!(read_answer(&answer.text).is_ok(), "seed {seed}: {}", answer.text);
            texts.push(answer.text);
        }
    }
    texts.sort();
    texts.dedup();
    assert_eq!(texts.len(), 200, "each is another");
}

#[test]
fn every_seed_of_a_qwen3_is_read() {
    check(&SMALL[0]);
}

#[test]
fn every_seed_of_a_qwen35_is_read() {
    check(&SMALL[1]);
}

#[test]
fn the_same_seed_writes_the_same() {
    let tiny = Tiny::new(&SMALL[0], Encoding::Q8);
    let outline = [outline(0)];
    let said = || Asked::start(tiny.path(), |_| {}).answers(&outline, BUDGET);
    let text = |answers: Vec<Result<Answer, Failure>>| {
        answers.into_iter().map(|answer| answer.map(|answer| answer.text)).collect::<Vec<_>>()
    };
    assert_eq!(text(said()), text(said()));
}
