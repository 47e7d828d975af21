//! Reads turns into what may be said of them: words of the vocabulary, and signs of what was done.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use crate::engine::Turn;
use crate::features::Features;
use crate::language::language_of;
use crate::phrases::{Phrases, Said};
use crate::program::Programs;
use crate::subject::Subject;
use crate::vocabulary::{Part, VOCABULARY};
use crate::work_type::WorkType;

/// How often one word counts for a kind of work, so that a word in every line decides nothing alone.
const MAX_VOTES: u64 = 3;

/// Most that one kept number counts, so that a damaged one overflows no sum.
const MAX_RECALLED: u64 = 1_000_000_000;

/// How much of one turn is read: the longest may have a million bytes, and says what it is about sooner.
const MAX_TURN_BYTES: usize = 32 * 1024;

/// How much of a segment is read, which bounds the work whatever the limits of a segment are.
const MAX_READ_BYTES: usize = 512 * 1024;

/// What a placeholder of the floor begins with; it ends with the next bracket.
pub(crate) const PLACEHOLDER: &str = "[REDACTED:";

/// What the SDK writes between what was asked and what was answered.
pub(crate) const SEPARATOR: &str = "\n---\n";

/// How many bytes at the start of the first question count most: that is where people say what they want.
const OPENING_BYTES: usize = 400;

/// Part of a turn: what was asked, or what was answered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Piece<'a> {
    pub(crate) text: &'a str,
    pub(crate) is_question: bool,
    pub(crate) turn: usize,
}

/// The pieces of turns, each cut to what is read of it.
pub(crate) fn pieces(turns: &[Turn]) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut left = MAX_READ_BYTES;
    for (turn, said) in turns.iter().enumerate() {
        let Some(text) = said.text.as_deref() else { continue };
        let text = &text[..text.floor_char_boundary(MAX_TURN_BYTES.min(left))];
        left -= text.len();
        let kind = said.kind.as_str();
        let is_user =
            ["user", "human", "prompt", "question"].iter().any(|word| kind.contains(word));
        match text.split_once(SEPARATOR) {
            Some((question, answer)) if !is_user => {
                pieces.push(Piece { text: question, is_question: true, turn });
                pieces.push(Piece { text: answer, is_question: false, turn });
            }
            _ => pieces.push(Piece { text, is_question: is_user, turn }),
        }
    }
    pieces
}

/// Whether the first question is where people say what they want, or is one of many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opening {
    Weighty,
    Plain,
}

/// What the turns' words come to.
#[derive(Default)]
pub(crate) struct Reading {
    pub(crate) phrases: Phrases,
    pub(crate) programs: Programs,
    /// The natural language, if enough tells.
    pub(crate) language: Option<&'static str>,
    votes: HashMap<&'static str, u64>,
    subjects: BTreeMap<Subject, u64>,
    /// What words that are gone spoke for.
    earlier_work: BTreeMap<WorkType, u64>,
}

impl Reading {
    /// Reads every piece once.
    pub(crate) fn of(pieces: &[Piece<'_>], opening: Opening) -> Self {
        let language = language_of(pieces.iter().map(|piece| piece.text));
        let mut reading = Self { language, ..Self::default() };
        let first = pieces.iter().position(|piece| piece.is_question).unwrap_or(0);
        let first = if opening == Opening::Weighty { first } else { pieces.len() };
        for (index, piece) in pieces.iter().enumerate() {
            let weight = match (index == first, piece.is_question) {
                (true, _) => 3,
                (false, true) => 2,
                (false, false) => 1,
            };
            if index == first {
                let opening = piece.text.floor_char_boundary(OPENING_BYTES);
                let end = piece.text[opening..]
                    .find(char::is_whitespace)
                    .map_or(piece.text.len(), |space| opening + space);
                let (opening, rest) = piece.text.split_at(end);
                reading.read(opening, 2 * weight, piece.turn);
                reading.read(rest, weight, piece.turn);
            } else {
                reading.read(piece.text, weight, piece.turn);
            }
        }
        reading
    }

    /// Adds what is kept of turns that are gone.
    pub(crate) fn recall(&mut self, earlier: &Features) {
        for (program, weight) in &earlier.programs {
            self.programs.recall(program, *weight);
        }
        for (word, weight) in &earlier.subjects {
            if let Some(subject) = Subject::from_word(word) {
                let total = self.subjects.entry(subject).or_default();
                *total = total.saturating_add(*weight).min(MAX_RECALLED);
            }
        }
        for (word, score) in &earlier.work {
            if let Some(kind) = WorkType::from_word(word) {
                self.earlier_work.insert(kind, (*score).min(MAX_RECALLED));
            }
        }
        for phrase in &earlier.phrases {
            let (weight, turns) = (phrase.weight.min(MAX_RECALLED), phrase.turns.min(MAX_RECALLED));
            self.phrases.recall(&phrase.words, weight, turns);
        }
    }

    /// What the words speak for, by subject.
    pub(crate) fn subjects(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        self.subjects.iter().map(|(subject, weight)| (subject.as_str(), *weight))
    }

    fn is_english(&self) -> bool {
        self.language.is_none_or(|language| language == "English")
    }

    fn read(&mut self, text: &str, weight: u64, turn: usize) {
        let mut is_code = false;
        for line in text.lines() {
            if let Some(tag) = line.trim_start().strip_prefix("```") {
                is_code = !is_code;
                if is_code {
                    self.programs.fence(tag.split_whitespace().next().unwrap_or_default());
                }
                continue;
            }
            if is_code {
                continue;
            }
            for token in line.split(' ') {
                self.programs.token(token);
            }
            if !looks_like_code(line) {
                self.read_line(line, weight, turn);
            }
        }
    }

    fn read_line(&mut self, line: &str, weight: u64, turn: usize) {
        let mut run: Vec<Said<'_>> = Vec::new();
        let mut starts_sentence = true;
        let mut rest = line;
        while !rest.is_empty() {
            if let Some(placeholder) = rest.strip_prefix(PLACEHOLDER) {
                self.end_run(&mut run, weight, turn);
                rest = placeholder.split_once(']').map_or("", |(_, after)| after);
                starts_sentence = false;
                continue;
            }
            let word_end = rest.find(|c: char| !is_word_character(c)).unwrap_or(rest.len());
            let (word, after) = rest.split_at(word_end);
            if word.is_empty() {
                let mut letters = rest.chars();
                let mark = letters.next().unwrap_or_default();
                rest = letters.as_str();
                if mark != ' ' {
                    self.end_run(&mut run, weight, turn);
                    let ends = matches!(mark, '!' | '?' | ':')
                        || (mark == '.' && !rest.starts_with(is_word_character));
                    starts_sentence |= ends;
                }
                continue;
            }
            // A file name or host: none of its words is a word.
            let is_dotted = after
                .strip_prefix(['.', '@', ':'])
                .is_some_and(|tail| tail.starts_with(|c: char| c.is_alphanumeric()));
            if is_dotted {
                self.end_run(&mut run, weight, turn);
                rest = after.trim_start_matches(|c: char| !c.is_whitespace());
                starts_sentence = false;
                continue;
            }
            self.take(word, starts_sentence, &mut run, (weight, turn));
            starts_sentence = false;
            rest = after;
        }
        self.end_run(&mut run, weight, turn);
    }

    /// Adds a word to the run if it may be said; a capital within a sentence makes it a name.
    fn take<'a>(
        &mut self,
        word: &'a str,
        starts_sentence: bool,
        run: &mut Vec<Said<'a>>,
        (weight, turn): (u64, usize),
    ) {
        let word = word.strip_suffix("'s").unwrap_or(word);
        let parts: Vec<&str> = word.split('-').collect();
        let known: Option<Vec<_>> = (parts.len() <= 3)
            .then(|| {
                let place = |(index, part): (usize, &&'a str)| {
                    self.known(part, starts_sentence && index == 0)
                };
                parts.iter().enumerate().map(place).collect()
            })
            .flatten();
        let Some(known) = known else {
            self.end_run(run, weight, turn);
            return;
        };
        for said in known {
            let Some(said) = said else {
                self.end_run(run, weight, turn);
                continue;
            };
            run.push(said);
        }
    }

    /// A word of the vocabulary, with its votes counted; the inner `None` is one that only votes.
    #[expect(clippy::option_option, reason = "unknown, known, and known to be sayable")]
    fn known<'a>(&mut self, word: &'a str, may_be_capital: bool) -> Option<Option<Said<'a>>> {
        let first_lower = word.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase());
        let rest_lower = word.bytes().skip(1).all(|byte| byte.is_ascii_lowercase());
        if !rest_lower || !(first_lower || may_be_capital) {
            return None;
        }
        let lower =
            if first_lower { Cow::Borrowed(word) } else { Cow::Owned(word.to_ascii_lowercase()) };
        let (listed, known) = VOCABULARY.find(&lower)?;
        if !known.work.is_empty() {
            *self.votes.entry(listed).or_default() += 1;
        }
        let part = known.part.filter(|_| known.is_technical || self.is_english());
        if part == Some(Part::Topic) {
            for subject in &known.subjects {
                // Of a word of many subjects, each gets a share.
                let share = 12 / known.subjects.len().min(12) as u64;
                *self.subjects.entry(*subject).or_default() += share;
            }
        }
        Some(part.map(|part| Said { word: lower, listed, part }))
    }

    fn end_run(&mut self, run: &mut Vec<Said<'_>>, weight: u64, turn: usize) {
        self.phrases.add(run, weight, turn);
        run.clear();
    }

    /// The subject of most words; of equals, the first of the list.
    pub(crate) fn subject(&self) -> Option<Subject> {
        let weight = |subject: &Subject| self.subjects.get(subject).copied().unwrap_or(0);
        let best = Subject::ALL.into_iter().rev().max_by_key(weight)?;
        let total: u64 = self.subjects.values().sum();
        (weight(&best) > 0 && weight(&best) * 4 >= total).then_some(best)
    }

    /// The subject, where it is clear enough to be said.
    pub(crate) fn clear_subject(&self) -> Option<Subject> {
        let subject = self.subject()?;
        let weight = self.subjects.get(&subject).copied().unwrap_or(0);
        let total: u64 = self.subjects.values().sum();
        // Three words that speak for nothing else.
        (weight >= 36 && weight * 5 >= total * 2).then_some(subject)
    }

    /// Whether the words are those of people who build software.
    pub(crate) fn is_technical(&self) -> bool {
        let of = |subject| self.subjects.get(&subject).copied().unwrap_or(0);
        let total: u64 = self.subjects.values().sum();
        !self.programs.named().is_empty() || (total > 0 && of(Subject::Software) * 5 >= total * 2)
    }

    /// How much the words speak for each kind of work.
    pub(crate) fn work(&self) -> BTreeMap<WorkType, u64> {
        let mut scores = self.earlier_work.clone();
        for (word, count) in &self.votes {
            for kind in VOCABULARY.find(word).map_or(&[][..], |(_, word)| &word.work) {
                *scores.entry(*kind).or_default() += (*count).min(MAX_VOTES);
            }
        }
        scores
    }

    /// The kind of work that the words speak for.
    pub(crate) fn work_type(&self) -> Option<WorkType> {
        let is_technical = self.is_technical();
        let mut scores = self.work();
        scores.retain(|kind, _| is_technical || !kind.is_of_software());
        let score = |kind: &WorkType| scores.get(kind).copied().unwrap_or(0);
        // `rev`, since the last of equals wins and the list is in the order of preference.
        let best = WorkType::ALL.into_iter().rev().max_by_key(score)?;
        (score(&best) > 0).then_some(best)
    }
}

/// Digits and marks within a word make it something else than a word, so they belong to it.
fn is_word_character(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '_' | '-' | '@' | '/' | '\\' | '\'')
}

/// Whether a line is rather of a program or a log than of a person.
fn looks_like_code(line: &str) -> bool {
    let line = line.trim();
    let marks = line.bytes().filter(|byte| b"{}()[]<>=;|\\/_#$&%*+\"".contains(byte)).count();
    let ends = line.ends_with([';', '{', '}']);
    marks * 6 > line.len().max(18) || (ends && marks > 1)
}
