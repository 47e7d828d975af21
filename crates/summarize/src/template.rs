//! The engine that needs no model: facts, and short key phrases of a known vocabulary.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;

use crate::engine::{Draft, Engine, EngineError, MAX_ABSTRACT_CHARS, Turn};
use crate::vocabulary::{Part, VOCABULARY};
use crate::work_type::WorkType;

/// Most words of a key phrase: a name of something, never a sentence.
const MAX_PHRASE_WORDS: usize = 4;

/// Most key phrases: what a title and a glance can hold.
const MAX_PHRASES: usize = 3;

/// How often one word counts for a kind of work, so that a word in every line decides nothing alone.
const MAX_VOTES: u64 = 3;

/// Longest name of a model or tool that is repeated; a longer one may be anything.
const MAX_NAME_CHARS: usize = 40;

/// Most tools that are named.
const MAX_TOOLS: usize = 3;

/// Words in a title, at most.
const MAX_TITLE_WORDS: usize = 8;

/// How much of one turn is read: the longest may have a million bytes, and says what it is about sooner.
const MAX_TURN_BYTES: usize = 32 * 1024;

/// What a placeholder of the floor begins with; it ends with the next bracket.
const PLACEHOLDER: &str = "[REDACTED:";

/// States facts and names what a segment was about. The same turns always read the same.
#[derive(Clone, Copy, Debug, Default)]
pub struct TemplateEngine;

impl Engine for TemplateEngine {
    fn name(&self) -> &'static str {
        "template"
    }

    fn version(&self) -> &'static str {
        "1"
    }

    fn draft(&self, turns: &[Turn]) -> Result<Draft, EngineError> {
        let mut words = Words::default();
        for text in turns.iter().filter_map(|turn| turn.text.as_deref()) {
            words.read(&text[..text.floor_char_boundary(MAX_TURN_BYTES)]);
        }
        let work_type = words.work_type(turns);
        Ok(write(turns, work_type, &words.key_phrases()))
    }
}

/// The draft without any word of the input.
pub(crate) fn facts_only(turns: &[Turn]) -> Draft {
    write(turns, Words::default().work_type(turns), &[])
}

fn write(turns: &[Turn], work_type: WorkType, phrases: &[String]) -> Draft {
    let label = work_type.label();
    let mut text = format!("{label} in {}", counted(turns.len() as u64, "turn"));
    if let Some(model) = main_model(turns) {
        push(&mut text, format_args!(" with {model}"));
    }
    if !phrases.is_empty() {
        push(&mut text, format_args!(": {}", phrases.join(", ")));
    }
    text.push('.');
    let failed = turns.iter().filter(|turn| turn.failed).count() as u64;
    let mut happened = Vec::new();
    let (calls, tools) = tools(turns);
    if calls > 0 {
        let named =
            if tools.is_empty() { String::new() } else { format!(" ({})", tools.join(", ")) };
        happened.push(format!("{}{named}", counted(calls, "tool call")));
    }
    if failed > 0 {
        happened.push(counted(failed, "error"));
    }
    if !happened.is_empty() {
        push(&mut text, format_args!(" {}.", happened.join(", ")));
    }
    debug_assert!(text.len() <= MAX_ABSTRACT_CHARS, "every part is bounded");
    Draft { text, title: title(label, turns.len(), phrases), work_type }
}

fn title(label: &str, turns: usize, phrases: &[String]) -> String {
    let mut title = label.to_owned();
    for (index, phrase) in phrases.iter().enumerate() {
        let words = title.split_whitespace().count() + phrase.split_whitespace().count();
        if words > MAX_TITLE_WORDS {
            break;
        }
        push(&mut title, format_args!("{} {phrase}", if index == 0 { ":" } else { "," }));
    }
    if title.split_whitespace().count() < 3 {
        push(&mut title, format_args!(" in {}", counted(turns as u64, "turn")));
    }
    title
}

fn push(text: &mut String, more: std::fmt::Arguments<'_>) {
    text.write_fmt(more).expect("a string takes any text");
}

fn counted(count: u64, thing: &str) -> String {
    format!("{count} {thing}{}", if count == 1 { "" } else { "s" })
}

/// The model of most turns; of several, the first by name.
fn main_model(turns: &[Turn]) -> Option<&str> {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for model in turns.iter().filter_map(|turn| turn.model.as_deref()) {
        *counts.entry(model).or_default() += 1;
    }
    let most = counts.iter().rev().max_by_key(|(_, count)| **count)?;
    is_name(most.0).then_some(most.0)
}

fn tools(turns: &[Turn]) -> (u64, Vec<&str>) {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for (tool, count) in turns.iter().flat_map(|turn| &turn.tools) {
        let total = counts.entry(tool.as_str()).or_default();
        *total = total.saturating_add(*count);
    }
    let calls = counts.values().fold(0, |sum: u64, count| sum.saturating_add(*count));
    let mut named: Vec<_> = counts.into_iter().filter(|(tool, _)| is_name(tool)).collect();
    named.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    (calls, named.into_iter().take(MAX_TOOLS).map(|(tool, _)| tool).collect())
}

/// One short word of the characters that names of models and tools are made of.
fn is_name(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:/".contains(&byte);
    !text.is_empty() && text.len() <= MAX_NAME_CHARS && text.bytes().all(allowed)
}

/// A word that may be said, in lower case.
type Said<'a> = (Cow<'a, str>, Part);

/// What the turns' words come to.
#[derive(Default)]
struct Words {
    phrases: HashMap<String, u64>,
    votes: HashMap<String, u64>,
}

impl Words {
    fn read(&mut self, text: &str) {
        let mut run: Vec<Said<'_>> = Vec::new();
        let mut starts_sentence = true;
        let mut rest = text;
        while !rest.is_empty() {
            if let Some(placeholder) = rest.strip_prefix(PLACEHOLDER) {
                self.end_run(&mut run);
                rest = placeholder.split_once(']').map_or("", |(_, after)| after);
                continue;
            }
            let word_end = rest.find(|c: char| !is_word_character(c)).unwrap_or(rest.len());
            let (word, after) = rest.split_at(word_end);
            if word.is_empty() {
                let mut letters = rest.chars();
                let mark = letters.next().unwrap_or_default();
                rest = letters.as_str();
                if mark != ' ' {
                    self.end_run(&mut run);
                    starts_sentence |= matches!(mark, '.' | '!' | '?' | '\n' | ':');
                }
                continue;
            }
            self.take(word, starts_sentence, &mut run);
            starts_sentence = false;
            rest = after;
        }
        self.end_run(&mut run);
    }

    /// Adds a word to the run if it may be said; a capital within a sentence makes it a name.
    fn take<'a>(&mut self, word: &'a str, starts_sentence: bool, run: &mut Vec<Said<'a>>) {
        let first_lower = word.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase());
        let rest_lower = word.bytes().skip(1).all(|byte| byte.is_ascii_lowercase());
        if !rest_lower || !(first_lower || starts_sentence) {
            self.end_run(run);
            return;
        }
        let lower =
            if first_lower { Cow::Borrowed(word) } else { Cow::Owned(word.to_ascii_lowercase()) };
        let Some(known) = VOCABULARY.find(&lower) else {
            self.end_run(run);
            return;
        };
        if !known.work.is_empty() {
            *self.votes.entry(lower.clone().into_owned()).or_default() += 1;
        }
        match known.part {
            Some(part) => run.push((lower, part)),
            None => self.end_run(run),
        }
    }

    /// Makes at most one phrase of a run, so that phrases do not add up to a sentence.
    fn end_run(&mut self, run: &mut Vec<Said<'_>>) {
        // The noun of an English phrase stands last: keep what leads up to it.
        if let Some(last) = run.iter().rposition(|(_, part)| *part == Part::Topic) {
            let start = (last + 1).saturating_sub(MAX_PHRASE_WORDS);
            let words: Vec<&str> =
                run[start..=last].iter().map(|(word, _)| word.as_ref()).collect();
            *self.phrases.entry(words.join(" ")).or_default() += 1;
        }
        run.clear();
    }

    fn key_phrases(&self) -> Vec<String> {
        let mut ranked: Vec<(&String, u64)> = self
            .phrases
            .iter()
            .map(|(phrase, count)| (phrase, count * phrase.split(' ').count().min(3) as u64))
            .collect();
        ranked.sort_by(|left, right| right.1.cmp(&left.1).then(left.0.cmp(right.0)));
        let mut chosen: Vec<String> = Vec::new();
        for (phrase, _) in ranked {
            let is_new = |other: &String| {
                !other.contains(phrase.as_str()) && !phrase.contains(other.as_str())
            };
            if chosen.iter().all(is_new) {
                chosen.push(phrase.clone());
            }
            if chosen.len() == MAX_PHRASES {
                break;
            }
        }
        chosen
    }

    fn work_type(&self, turns: &[Turn]) -> WorkType {
        let mut scores: HashMap<WorkType, u64> = HashMap::new();
        for (word, count) in &self.votes {
            for kind in VOCABULARY.find(word).map_or(&[][..], |word| &word.work) {
                *scores.entry(*kind).or_default() += (*count).min(MAX_VOTES);
            }
        }
        let score = |kind: &WorkType| scores.get(kind).copied().unwrap_or(0);
        // `rev`, since the last of equals wins and the list is in the order of preference.
        let best = WorkType::ALL.into_iter().rev().max_by_key(score);
        match best {
            Some(kind) if score(&kind) > 0 => kind,
            _ if turns.iter().any(|turn| !turn.tools.is_empty()) => WorkType::Misc,
            _ => WorkType::Chat,
        }
    }
}

/// Digits and marks within a word make it something else than a word, so they belong to it.
fn is_word_character(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '_' | '-' | '@' | '/' | '\\' | '\'')
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
            "Debugging in 2 turns with gpt-4o: pytest failure, retry policy, bug. 2 tool calls (Bash), 1 error.",
            "Debugging: pytest failure, retry policy, bug",
        );
    }

    #[test]
    fn names_digits_and_unknown_words_are_never_told() {
        let text =
            "We asked Cache Index of jane about report42 and api/secret, and the Timeout zebra.";
        check(&[turn(text)], "Conversation in 1 turn with gpt-4o.", "Conversation in 1 turn");
    }

    #[test]
    fn a_phrase_has_four_words_at_most() {
        let words = "failed database connection pool timeout error handler";
        check(
            &[turn(words)],
            "Debugging in 1 turn with gpt-4o: pool timeout error handler.",
            "Debugging: pool timeout error handler",
        );
    }

    #[test]
    fn a_placeholder_is_no_word() {
        let redacted = turn("[REDACTED:path] [REDACTED:email]");
        check(&[redacted], "Conversation in 1 turn with gpt-4o.", "Conversation in 1 turn");
    }

    #[test]
    fn a_name_that_is_a_sentence_is_left_out() {
        let mut turns = vec![turn("")];
        turns[0].model = Some(RedactedText::from_static("tell nobody about this"));
        check(&turns, "Conversation in 1 turn.", "Conversation in 1 turn");
    }

    #[test]
    fn a_segment_without_text_has_facts() {
        let mut turns = vec![turn("")];
        turns[0].text = None;
        assert_eq!(facts_only(&turns).text, "Conversation in 1 turn with gpt-4o.");
    }
}
