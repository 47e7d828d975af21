//! The engine that needs no model: facts, and short key phrases of a known vocabulary.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::engine::{Draft, Engine, EngineError, MAX_ABSTRACT_CHARS, MAX_TITLE_CHARS, Turn};
use crate::material::Material;
use crate::outcome::Outcome;
use crate::subject::Subject;
use crate::words::Reading;
use crate::work_type::WorkType;

/// Longest name of a model or tool that is repeated; a longer one may be anything.
const MAX_NAME_CHARS: usize = 40;

/// Most tools that are named.
const MAX_TOOLS: usize = 3;

/// Words in a title, at most.
const MAX_TITLE_WORDS: usize = 8;

/// States facts and names what a segment was about. The same turns always read the same.
///
/// Of a text that is not English it says the language, the facts, and words of software.
#[derive(Clone, Copy, Debug, Default)]
pub struct TemplateEngine;

impl Engine for TemplateEngine {
    fn name(&self) -> &'static str {
        "template"
    }

    fn version(&self) -> &'static str {
        "2"
    }

    fn draft(&self, turns: &[Turn]) -> Result<Draft, EngineError> {
        Ok(draft(&Material::of(turns)))
    }
}

/// The draft with the phrases that tell most.
pub(crate) fn draft(material: &Material) -> Draft {
    Facts::of(material).write(&key_phrases(material))
}

/// The phrases that tell most.
pub(crate) fn key_phrases(material: &Material) -> Vec<String> {
    material.reading.phrases.key_phrases(material.reading.subject())
}

/// The draft with single words in place of phrases, of which only those are said that may be.
pub(crate) fn strict(material: &Material, may_say: impl Fn(&str) -> bool) -> Draft {
    let mut words = material.reading.phrases.key_words(material.reading.subject());
    words.retain(|word| may_say(word));
    Facts::of(material).write(&words)
}

/// The draft without any word of the input, names of models and tools included.
pub(crate) fn facts_only(material: &Material) -> Draft {
    let facts = Facts {
        label: label(WorkType::Misc, None, None),
        work_type: WorkType::Misc,
        subject: None,
        turns: material.turns,
        model: None,
        outcome: material.outcome,
        programs: Vec::new(),
        language: None,
        tool_calls: material.tool_calls,
        tools: Vec::new(),
        errors: material.errors,
    };
    facts.write(&[])
}

/// What can be said without a word of what was written.
struct Facts<'a> {
    label: &'static str,
    work_type: WorkType,
    subject: Option<&'static str>,
    turns: u64,
    model: Option<&'a str>,
    outcome: Outcome,
    programs: Vec<&'static str>,
    /// Where it is not English.
    language: Option<&'static str>,
    tool_calls: u64,
    tools: Vec<&'a str>,
    errors: u64,
}

impl<'a> Facts<'a> {
    fn of(material: &'a Material) -> Self {
        let Material { reading, task, .. } = material;
        let main = reading.subject();
        let task = *task;
        let is_technical = reading.is_technical();
        let work_type = reading.work_type().unwrap_or(match task {
            Some("Planning") => WorkType::Planning,
            Some("Writing" | "Proofreading") => WorkType::Docs,
            Some(_) if is_technical => WorkType::Research,
            _ if material.tool_calls > 0 => WorkType::Misc,
            _ => WorkType::Chat,
        });
        let label = label(work_type, task, main);
        Self {
            label,
            work_type,
            subject: said_subject(label, reading).filter(|_| !work_type.is_of_software()),
            turns: material.turns,
            model: main_model(&material.models),
            outcome: material.outcome,
            programs: reading.programs.named(),
            language: reading.language.filter(|language| *language != "English"),
            tool_calls: material.tool_calls,
            tools: main_tools(&material.tools),
            errors: material.errors,
        }
    }

    /// Writes as many of the phrases as fit.
    fn write(&self, phrases: &[String]) -> Draft {
        for count in (0..=phrases.len()).rev() {
            let text = self.text(&phrases[..count]);
            if text.chars().count() <= MAX_ABSTRACT_CHARS || count == 0 {
                let phrases = phrases[..count].to_vec();
                let title = self.title(&phrases);
                return Draft { text, title, work_type: self.work_type, phrases };
            }
        }
        unreachable!("no phrase at all is the last of the counts")
    }

    fn text(&self, phrases: &[String]) -> String {
        let mut text = self.label.to_owned();
        if let Some(subject) = self.subject {
            push(&mut text, format_args!(" about {subject}"));
        }
        push(&mut text, format_args!(" in {}", counted(self.turns, "turn")));
        if let Some(model) = self.model {
            push(&mut text, format_args!(" with {model}"));
        }
        if !phrases.is_empty() {
            push(&mut text, format_args!(": {}", phrases.join(", ")));
        }
        text.push('.');
        if !self.programs.is_empty() {
            push(&mut text, format_args!(" Code: {}.", self.programs.join(", ")));
        }
        if let Some(language) = self.language {
            push(&mut text, format_args!(" Written in {language}."));
        }
        let mut happened = Vec::new();
        if self.tool_calls > 0 {
            let named = if self.tools.is_empty() {
                String::new()
            } else {
                format!(" ({})", self.tools.join(", "))
            };
            happened.push(format!("{}{named}", counted(self.tool_calls, "tool call")));
        }
        if self.errors > 0 {
            happened.push(counted(self.errors, "error"));
        }
        if !happened.is_empty() {
            push(&mut text, format_args!(" {}.", happened.join(", ")));
        }
        push(&mut text, format_args!(" Outcome: {}.", self.outcome.as_str()));
        text
    }

    fn title(&self, phrases: &[String]) -> String {
        let mut title = self.label.to_owned();
        let mut has_phrase = false;
        for phrase in phrases {
            let words = title.split_whitespace().count() + phrase.split_whitespace().count();
            // Marks between phrases and the count of turns need room too.
            let chars = title.chars().count() + phrase.chars().count() + 2;
            if words <= MAX_TITLE_WORDS && chars <= MAX_TITLE_CHARS {
                push(&mut title, format_args!("{} {phrase}", if has_phrase { "," } else { ":" }));
                has_phrase = true;
            }
        }
        if title.split_whitespace().count() < 3 {
            push(&mut title, format_args!(" in {}", counted(self.turns, "turn")));
        }
        title
    }
}

/// Work on software is called by its kind, everything else by what was asked for.
fn label(work_type: WorkType, task: Option<&'static str>, main: Option<Subject>) -> &'static str {
    if work_type.is_of_software() {
        return work_type.label();
    }
    match task {
        Some(task @ ("Translation" | "Summary" | "Proofreading")) => task,
        _ if main == Some(Subject::Support) => "Support request",
        Some(task) => task,
        None => work_type.label(),
    }
}

/// The subject, unless the label says it already.
fn said_subject(label: &str, reading: &Reading) -> Option<&'static str> {
    let subject = reading.clear_subject()?;
    let says_it = matches!(
        (subject, label),
        (Subject::Support, "Support request") | (Subject::Writing, "Writing" | "Proofreading")
    );
    subject.said().filter(|_| !says_it)
}

fn push(text: &mut String, more: std::fmt::Arguments<'_>) {
    text.write_fmt(more).expect("a string takes any text");
}

fn counted(count: u64, thing: &str) -> String {
    format!("{count} {thing}{}", if count == 1 { "" } else { "s" })
}

/// The model of most turns; of several, the first by name. One without a name that may be said is none.
fn main_model(models: &BTreeMap<String, u64>) -> Option<&str> {
    let (name, _) = models.iter().rev().max_by_key(|(_, count)| **count)?;
    Some(name.as_str()).filter(|name| is_name(name))
}

/// The tools of most calls; of equals, the first by name.
fn main_tools(tools: &BTreeMap<String, u64>) -> Vec<&str> {
    let mut named: Vec<_> = tools.iter().collect();
    named.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    named.into_iter().take(MAX_TOOLS).map(|(tool, _)| tool.as_str()).collect()
}

/// One short word of the characters that names of models and tools are made of.
pub(crate) fn is_name(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:/".contains(&byte);
    !text.is_empty() && text.len() <= MAX_NAME_CHARS && text.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use modelstat_redact::{RawText, RedactedText};

    use super::*;

    fn turn(text: &str) -> Turn {
        Turn {
            kind: RedactedText::from_static("assistant_message"),
            model: Some(RedactedText::from_static("gpt-4o")),
            text: Some(RawText::from(text).redact().0),
            tools: Vec::new(),
            failed: false,
        }
    }

    fn check(turns: &[Turn], text: &str, title: &str) {
        let draft = TemplateEngine.draft(turns).expect("the template always answers");
        assert_eq!((draft.text.as_str(), draft.title.as_str()), (text, title));
    }

    #[test]
    fn facts_and_key_phrases_are_told() {
        let mut turns = vec![
            turn("Why is there a pytest failure after the retry policy was added?"),
            turn("The pytest failure is a bug: the retry policy never ends."),
        ];
        turns[1].tools = vec![(RedactedText::from_static("Bash"), 2)];
        turns[1].failed = true;
        check(
            &turns,
            "Debugging in 2 turns with gpt-4o: retry policy, pytest failure, bug. Code: Python. \
             2 tool calls (Bash), 1 error. Outcome: failed.",
            "Debugging: retry policy, pytest failure, bug",
        );
    }

    #[test]
    fn names_digits_and_unknown_words_are_never_told() {
        let text =
            "We asked Cache Index of jane about report42 and api/secret, and the Timeout zebra.";
        check(
            &[turn(text)],
            "Conversation in 1 turn with gpt-4o. Outcome: done.",
            "Conversation in 1 turn",
        );
    }

    #[test]
    fn a_phrase_has_four_words_at_most() {
        let words = "failed database connection pool timeout error handler";
        let draft = TemplateEngine.draft(&[turn(words)]).expect("the template always answers");
        let longest = draft.phrases.iter().map(|phrase| phrase.split(' ').count()).max();
        assert!(longest.is_some_and(|longest| longest <= 4), "{:?}", draft.phrases);
    }

    #[test]
    fn a_placeholder_is_no_word() {
        check(
            &[turn("[REDACTED:path] [REDACTED:email]")],
            "Conversation in 1 turn with gpt-4o. Outcome: done.",
            "Conversation in 1 turn",
        );
    }

    #[test]
    fn a_name_that_is_a_sentence_is_left_out() {
        let mut turns = vec![turn("")];
        turns[0].model = Some(RedactedText::from_static("tell nobody about this"));
        check(&turns, "Conversation in 1 turn. Outcome: done.", "Conversation in 1 turn");
    }

    #[test]
    fn another_language_is_told_by_facts() {
        let text =
            "Warum ist das Backup auf dem Server nicht fertig und wie kann ich das timeout ändern?";
        check(
            &[turn(text)],
            "Debugging in 1 turn with gpt-4o: timeout. Written in German. Outcome: open.",
            "Debugging: timeout in 1 turn",
        );
    }

    #[test]
    fn a_segment_without_text_has_facts() {
        let mut turns = vec![turn("")];
        turns[0].text = None;
        assert_eq!(facts_only(&Material::of(&turns)).text, "Work in 1 turn. Outcome: done.");
    }
}
