//! What was asked for where the kinds of software work say nothing: a closed list.

use crate::words::PLACEHOLDER;

/// How many words of the first question are looked at.
const MAX_WORDS: usize = 60;

/// A task, and the words in a question that speak for it.
const TASKS: &[(&str, &[&str])] = &[
    (
        "Translation",
        &[
            "translate",
            "translation",
            "translating",
            "übersetze",
            "übersetzen",
            "traduire",
            "traduce",
            "traducir",
        ],
    ),
    ("Summary", &["summarize", "summarise", "summary", "tldr", "condense", "zusammenfassen"]),
    ("Proofreading", &["proofread", "proofreading", "grammar", "rephrase", "reword", "paraphrase"]),
    ("Classification", &["classify", "classification", "categorize", "categorise", "sentiment"]),
    ("Extraction", &["extract", "extracting"]),
    ("Comparison", &["compare", "comparison", "versus", "difference", "differences", "better"]),
    ("Calculation", &["calculate", "calculation", "compute"]),
    ("Planning", &["plan", "planning", "itinerary", "schedule", "organize", "organise", "prepare"]),
    (
        "Writing",
        &["write", "draft", "compose", "rewrite", "poem", "essay", "letter", "slogan", "story"],
    ),
    (
        "Recommendation",
        &[
            "recommend",
            "recommendation",
            "recommendations",
            "suggest",
            "suggestions",
            "advice",
            "ideas",
            "tips",
            "should",
        ],
    ),
    (
        "Explanation",
        &["explain", "why", "meaning", "mean", "understand", "how", "what", "who", "when", "where"],
    ),
];

/// The task of that name.
pub(crate) fn known(name: &str) -> Option<&'static str> {
    TASKS.iter().map(|(task, _)| *task).find(|task| *task == name)
}

/// The task of a question; `None` when no word tells.
pub(crate) fn task_of(question: &str) -> Option<&'static str> {
    // A placeholder holds words of ours.
    let said = question.split(PLACEHOLDER).enumerate().map(|(index, part)| match index {
        0 => part,
        _ => part.split_once(']').map_or("", |(_, after)| after),
    });
    let words: Vec<String> = said
        .flat_map(|part| part.split(|c: char| !c.is_alphanumeric()))
        .filter(|word| !word.is_empty())
        .take(MAX_WORDS)
        .map(str::to_lowercase)
        .collect();
    let asks =
        |(_, signs): &&(&str, &[&str])| words.iter().any(|word| signs.contains(&word.as_str()));
    TASKS.iter().find(asks).map(|(name, _)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_question_says_what_is_asked_for() {
        assert_eq!(task_of("Please translate this into Spanish"), Some("Translation"));
        assert_eq!(task_of("What is osmosis?"), Some("Explanation"));
        assert_eq!(task_of("hello"), None);
        assert_eq!(task_of("[REDACTED:email] hello"), None);
    }
}
