//! How much of a written summary the opt-in extract shares, on dialogues of this project's own.

use std::collections::HashMap;

use modelstat_redact::{Floor, RawText, RedactedText};
use modelstat_summarize::{ExtractEngine, Removed, Turn, summarise_with};

/// Dialogues, each with what a person would write of it.
const DIALOGUES: &[(&str, &[&str])] = &[
    (
        "The customer wants to change the delivery address of an order, and the agent changes it.",
        &[
            "Hello, I would like to change the delivery address of my order.",
            "Sure, what is the order number?",
            "It is 4417. I am moving next week, so please send it to my new flat.",
            "I have changed the address. The order will arrive on Tuesday.",
            "Great, thanks a lot.",
        ],
    ),
    (
        "They plan to see a film on Friday evening and to eat pizza before.",
        &[
            "Do you have plans for Friday evening?",
            "Not yet. Shall we go and see a film?",
            "Good idea. The new comedy starts at eight.",
            "Then let us eat pizza before, at the place near the cinema.",
            "Perfect, I will book a table for half past six.",
        ],
    ),
    (
        "The patient has had a cough for two weeks, and the doctor advises rest and an x-ray.",
        &[
            "What brings you here today?",
            "I have had a bad cough for two weeks and I feel weak.",
            "Do you smoke or have a fever?",
            "No fever, and I stopped smoking last year.",
            "We should take an x-ray to be safe. Please rest for a few days.",
        ],
    ),
    (
        "The student asks for more time for the essay because of illness, and the teacher gives one week.",
        &[
            "Excuse me, could I have more time for the essay?",
            "Why do you need more time?",
            "I was ill last week and could not read the books.",
            "All right, you can have one more week, but no longer.",
            "Thank you very much.",
        ],
    ),
    (
        "The guest complains that the room is loud and gets another room at the back of the hotel.",
        &[
            "Good evening, my room is too loud, I cannot sleep.",
            "I am sorry about that. The bar is below your room.",
            "Can I have another room?",
            "Yes, there is a quiet room at the back of the hotel. I will have your bags moved.",
        ],
    ),
    (
        "The manager offers the applicant the job, who will start in May after the notice period.",
        &[
            "We liked your interview and want to offer you the job.",
            "That is wonderful news, thank you!",
            "When could you start?",
            "My notice period is two months, so I could start in May.",
            "May is fine for us. I will send the contract tomorrow.",
        ],
    ),
];

fn counts(text: &str) -> HashMap<String, usize> {
    let mut counts = HashMap::new();
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    for word in words {
        *counts.entry(word.to_lowercase()).or_default() += 1;
    }
    counts
}

/// ROUGE-1 F1 without stemming, in percent.
fn rouge(made: &str, reference: &str) -> f64 {
    let (made, reference) = (counts(made), counts(reference));
    let shared: usize =
        made.iter().map(|(word, count)| *count.min(reference.get(word).unwrap_or(&0))).sum();
    let total: usize = made.values().chain(reference.values()).sum();
    let count = |number: usize| f64::from(u32::try_from(number).expect("few words"));
    200.0 * count(shared) / count(total)
}

#[test]
fn the_extract_shares_words_with_a_summary() {
    let mut sum = 0.0;
    for (reference, lines) in DIALOGUES {
        let turn = |line: &&str| Turn {
            kind: RedactedText::from_static("message"),
            model: None,
            text: Some(RawText::from(*line).redact().0),
            tools: Vec::new(),
            failed: false,
        };
        let turns: Vec<Turn> = lines.iter().map(turn).collect();
        let summary = summarise_with(&[&ExtractEngine], &turns, Floor::built_in(), Removed::none());
        assert!(summary.refused.is_empty(), "{:?}", summary.refused);
        sum += rouge(&summary.chosen.text, reference);
    }
    let mean = sum / f64::from(u32::try_from(DIALOGUES.len()).expect("few dialogues"));
    println!("ROUGE-1 of the extract on {} dialogues: {mean:.1}", DIALOGUES.len());
    assert!(mean >= 24.0);
}
