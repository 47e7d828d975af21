//! The opt-in engine that quotes: redacted sentences of the input, chosen and cut.

use std::collections::{HashMap, HashSet};

use crate::engine::{Draft, Engine, EngineError, Turn};
use crate::gate::{Quoting, gives_away};
use crate::template::TemplateEngine;
use crate::words::{PLACEHOLDER, Piece, pieces};

/// Longest quotation in code points: measured summaries of dialogue are shorter than two sentences.
const MAX_EXTRACT_CHARS: usize = 280;

/// Longest part of one sentence, so that one does not crowd out the others.
const MAX_SENTENCE_CHARS: usize = 150;

/// Shorter ones (`Hi there!`) say nothing.
const MIN_SENTENCE_WORDS: usize = 4;

/// Sentences that are ranked; what matters is said early.
const MAX_SENTENCES: usize = 400;

/// What stands for a token that may not be quoted.
const LEFT_OUT: &str = "…";

/// Quotes what a segment began with and what weighs most in it. Names stay in: only an operator turns it on.
#[derive(Clone, Copy, Debug, Default)]
pub struct ExtractEngine;

impl Engine for ExtractEngine {
    fn name(&self) -> &'static str {
        "extract"
    }

    fn version(&self) -> &'static str {
        "1"
    }

    fn quoting(&self) -> Quoting {
        Quoting::Allowed
    }

    fn draft(&self, turns: &[Turn]) -> Result<Draft, EngineError> {
        let mut draft = TemplateEngine.draft(turns)?;
        let quoted = quote(&pieces(turns));
        if !quoted.is_empty() {
            draft.text = quoted;
        }
        Ok(draft)
    }
}

struct Sentence {
    text: String,
    words: Vec<String>,
    /// The number of its piece, and its own within that piece.
    piece: usize,
    place: usize,
    is_question: bool,
}

fn quote(pieces: &[Piece<'_>]) -> String {
    let sentences = sentences(pieces);
    let mut counts: HashMap<&str, usize> = HashMap::new();
    for sentence in &sentences {
        let distinct: HashSet<&str> = sentence.words.iter().map(String::as_str).collect();
        for word in distinct {
            *counts.entry(word).or_default() += 1;
        }
    }
    let mut ranked: Vec<(usize, usize)> = sentences
        .iter()
        .enumerate()
        .map(|(index, sentence)| (score(sentence, &counts), index))
        .collect();
    ranked.sort_by_key(|(score, index)| (std::cmp::Reverse(*score), *index));
    let mut chosen: Vec<usize> = Vec::new();
    let mut length = 0;
    for (_, index) in ranked {
        let more = sentences[index].text.chars().count() + 1;
        let repeats = chosen.iter().any(|other| sentences[*other].words == sentences[index].words);
        if length + more <= MAX_EXTRACT_CHARS && !repeats {
            length += more;
            chosen.push(index);
        }
    }
    chosen.sort_unstable();
    let ended = |index: &usize| {
        let text = sentences[*index].text.as_str();
        // A line without a mark at its end would run into the next.
        if text.ends_with(char::is_alphanumeric) { format!("{text}.") } else { text.to_owned() }
    };
    chosen.iter().map(ended).collect::<Vec<_>>().join(" ")
}

/// Position first: what a dialogue begins with says what it is about, and its first turns most.
fn score(sentence: &Sentence, counts: &HashMap<&str, usize>) -> usize {
    let position = match (sentence.piece, sentence.place) {
        (0, 0) => 40,
        (0, 1) => 30,
        (1, 0) => 26,
        (2, 0) => 20,
        (_, 0) => 12,
        _ => 8,
    };
    let shared = |word: &String| counts.get(word.as_str()).copied().unwrap_or(0).min(4);
    let content: usize = sentence.words.iter().map(shared).sum::<usize>().min(24);
    let question = if sentence.is_question { 4 } else { 0 };
    position + content + question
}

fn sentences(pieces: &[Piece<'_>]) -> Vec<Sentence> {
    let mut found = Vec::new();
    for (number, piece) in pieces.iter().enumerate() {
        let mut place = 0;
        let mut is_code = false;
        for line in piece.text.lines() {
            if line.trim_start().starts_with("```") {
                is_code = !is_code;
                continue;
            }
            if is_code || found.len() >= MAX_SENTENCES {
                continue;
            }
            for text in split_sentences(line) {
                let words = content_words(text);
                if text.split_whitespace().count() < MIN_SENTENCE_WORDS && !is_ideographic(text) {
                    continue;
                }
                found.push(Sentence {
                    text: cut(&scrub(text)),
                    words,
                    piece: number,
                    place,
                    is_question: piece.is_question,
                });
                place += 1;
            }
        }
    }
    found
}

/// Parts a line where a sentence ends: not within `3.5`, not after a single letter as in `e.g.`.
fn split_sentences(line: &str) -> Vec<&str> {
    let mut sentences = Vec::new();
    let mut start = 0;
    for (at, mark) in line.char_indices() {
        let end = at + mark.len_utf8();
        let is_wide = matches!(mark, '。' | '？' | '！');
        let is_mark = matches!(mark, '.' | '!' | '?')
            && line[end..].chars().next().is_none_or(char::is_whitespace);
        let is_initial = mark == '.'
            && line[start..at].chars().rev().nth(1).is_some_and(|before| !before.is_alphanumeric());
        if is_wide || (is_mark && !is_initial) {
            sentences.push(&line[start..end]);
            start = end;
        }
    }
    sentences.push(&line[start..]);
    sentences.into_iter().map(str::trim).filter(|text| !text.is_empty()).collect()
}

/// Replaces tokens that the gate would refuse.
fn scrub(text: &str) -> String {
    let kept = text.split_whitespace().map(|token| {
        if !token.contains(PLACEHOLDER) && gives_away(token) { LEFT_OUT } else { token }
    });
    let mut words: Vec<&str> = kept.collect();
    words.dedup_by(|left, right| *left == LEFT_OUT && *right == LEFT_OUT);
    let text = words.join(" ");
    // Numbers in groups are one number only together.
    if gives_away_number(&text) { text.replace(|c: char| c.is_ascii_digit(), "") } else { text }
}

fn gives_away_number(text: &str) -> bool {
    text.chars().filter(char::is_ascii_digit).count() >= 5 && gives_away(text)
}

/// Cuts a long sentence between two words.
fn cut(text: &str) -> String {
    let Some((limit, _)) = text.char_indices().nth(MAX_SENTENCE_CHARS) else {
        return text.to_owned();
    };
    let mut end = text[..limit].rfind(' ').unwrap_or(limit);
    // Half a placeholder would be read as text.
    if let Some(open) = text[..end].rfind(PLACEHOLDER)
        && !text[open..end].contains(']')
    {
        end = open;
    }
    format!("{}{LEFT_OUT}", text[..end].trim_end())
}

fn content_words(text: &str) -> Vec<String> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| word.chars().count() > 3)
        .map(str::to_lowercase)
        .collect()
}

fn is_ideographic(text: &str) -> bool {
    text.chars().filter(|c| *c >= '\u{2E80}').count() >= MIN_SENTENCE_WORDS
}
