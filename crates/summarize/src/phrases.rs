//! Key phrases: short runs of known words, ranked so that a reader knows the topic.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};

use crate::subject::Subject;
use crate::vocabulary::{Part, VOCABULARY};

/// Most words of a key phrase: a name of something, never a sentence.
pub(crate) const MAX_PHRASE_WORDS: usize = 4;

/// Most key phrases: what a glance can hold.
pub(crate) const MAX_PHRASES: usize = 8;

/// Most phrases that are ranked, which bounds the memory; a segment of ordinary length has hundreds.
const MAX_CANDIDATES: usize = 20_000;

/// How often one turn counts for one phrase, so that what a single answer repeats does not win.
const MAX_PER_TURN: u64 = 3;

/// Words of a run beyond these begin another: no English phrase is longer.
const MAX_RUN_WORDS: usize = 12;

/// A word that may be said.
#[derive(Clone, Debug)]
pub(crate) struct Said<'a> {
    /// In lower case, as it was written.
    pub(crate) word: Cow<'a, str>,
    /// As the vocabulary lists it, which is what makes plurals equal.
    pub(crate) listed: &'static str,
    pub(crate) part: Part,
}

/// What is known of a phrase.
#[derive(Debug, Default)]
struct Count {
    /// The sum of the weights of the places where it stands.
    weight: u64,
    /// The turn in which it was met last, and how often there.
    turn: usize,
    in_turn: u64,
    turns: u64,
    /// How often each spelling was met: one is plural, another is not.
    spellings: BTreeMap<String, u64>,
}

/// Every phrase of the turns.
#[derive(Debug, Default)]
pub(crate) struct Phrases {
    counts: HashMap<Vec<&'static str>, Count>,
}

/// A phrase with what it is worth.
struct Ranked<'a> {
    listed: &'a [&'static str],
    score: u64,
    spelling: &'a str,
}

impl Phrases {
    /// Counts the phrases of a run of words that follow each other.
    pub(crate) fn add(&mut self, run: &[Said<'_>], weight: u64, turn: usize) {
        for run in run.chunks(MAX_RUN_WORDS) {
            for end in 1..=run.len() {
                // The noun of an English phrase stands last.
                if run[end - 1].part == Part::Qualifier {
                    continue;
                }
                for start in end.saturating_sub(MAX_PHRASE_WORDS)..end {
                    let words = &run[start..end];
                    if tells(words) && !repeats(words) {
                        self.count(words, weight, turn);
                    }
                }
            }
        }
    }

    fn count(&mut self, words: &[Said<'_>], weight: u64, turn: usize) {
        let listed: Vec<&'static str> = words.iter().map(|word| word.listed).collect();
        if self.counts.len() >= MAX_CANDIDATES && !self.counts.contains_key(&listed) {
            return;
        }
        let count = self.counts.entry(listed).or_default();
        if count.turns == 0 || count.turn != turn {
            (count.turn, count.in_turn) = (turn, 0);
            count.turns += 1;
        }
        count.in_turn += 1;
        if count.in_turn <= MAX_PER_TURN {
            count.weight += weight;
        }
        let spelling: Vec<&str> = words.iter().map(|word| word.word.as_ref()).collect();
        *count.spellings.entry(spelling.join(" ")).or_default() += 1;
    }

    /// How much a phrase weighs, and in how many turns it was met.
    pub(crate) fn weight_of(&self, words: &str) -> Option<(u64, u64)> {
        let count = self.counts.get(&listed(words)?)?;
        Some((count.weight, count.turns))
    }

    /// Adds a phrase that was kept of turns that are gone.
    pub(crate) fn recall(&mut self, words: &str, weight: u64, turns: u64) {
        let Some(listed) = listed(words) else { return };
        let count = self.counts.entry(listed).or_default();
        count.weight += weight;
        count.turns += turns;
        *count.spellings.entry(words.to_owned()).or_default() += turns;
    }

    /// The phrases that tell most: no two share all of their topics, and none stands within another.
    pub(crate) fn key_phrases(&self, subject: Option<Subject>) -> Vec<String> {
        let mut ranked: Vec<Ranked<'_>> =
            self.counts.iter().map(|(listed, count)| rank(listed, count, subject)).collect();
        ranked.sort_by(|left, right| {
            right.score.cmp(&left.score).then_with(|| left.listed.cmp(right.listed))
        });
        let least = ranked.first().map_or(0, |best| best.score / 8);
        let mut chosen: Vec<&Ranked<'_>> = Vec::new();
        let mut said: HashSet<&str> = HashSet::new();
        for phrase in &ranked {
            if chosen.len() == MAX_PHRASES || (phrase.score < least && chosen.len() >= 3) {
                break;
            }
            let topics = || phrase.listed.iter().filter(|word| is_topic(word));
            let has_new_topic = topics().any(|topic| !said.contains(topic))
                || (topics().next().is_none() && phrase.listed.iter().all(|w| !said.contains(w)));
            let stands_in = chosen.iter().any(|other| {
                contains(other.listed, phrase.listed) || contains(phrase.listed, other.listed)
            });
            if has_new_topic && !stands_in {
                said.extend(phrase.listed);
                chosen.push(phrase);
            }
        }
        chosen.into_iter().map(|phrase| phrase.spelling.to_owned()).collect()
    }

    /// Single topics alone, best first: what is said when phrases may not be.
    pub(crate) fn key_words(&self, subject: Option<Subject>) -> Vec<String> {
        let single = self.counts.iter().filter(|(listed, _)| listed.len() == 1);
        let mut ranked: Vec<Ranked<'_>> =
            single.map(|(listed, count)| rank(listed, count, subject)).collect();
        ranked.sort_by(|left, right| {
            right.score.cmp(&left.score).then_with(|| left.listed.cmp(right.listed))
        });
        ranked.iter().take(MAX_PHRASES).map(|phrase| phrase.spelling.to_owned()).collect()
    }
}

fn rank<'a>(listed: &'a [&'static str], count: &'a Count, subject: Option<Subject>) -> Ranked<'a> {
    let worth: u64 = listed.iter().map(|word| worth(word, subject)).sum();
    let length = listed.len() as u64;
    // Two words name a thing better than one; beyond three a phrase is rather a part of a sentence.
    let factor = [10, 10, 22, 24, 19][listed.len().min(4)];
    let spread = 2 + count.turns.min(4);
    let score = count.weight * spread * factor * worth / length;
    let by_count = |(left, right): (&(&String, &u64), &(&String, &u64))| {
        left.1.cmp(right.1).then_with(|| right.0.cmp(left.0))
    };
    let spelling =
        count.spellings.iter().max_by(|left, right| by_count((left, right))).map_or("", |(s, _)| s);
    Ranked { listed, score, spelling }
}

/// How much one word tells.
fn worth(word: &str, subject: Option<Subject>) -> u64 {
    let Some((_, word)) = VOCABULARY.find(word) else { return 0 };
    match word.part {
        Some(Part::Topic) if subject.is_some_and(|main| word.subjects.contains(&main)) => 13,
        Some(Part::Topic) => 10,
        Some(Part::Generic) => 4,
        Some(Part::Qualifier) => 6,
        None => 0,
    }
}

/// The words of a phrase as the vocabulary lists them; `None` unless each may be said.
fn listed(words: &str) -> Option<Vec<&'static str>> {
    let known = words.split(' ').map(|word| VOCABULARY.find(word));
    known
        .map(|known| known.filter(|(_, word)| word.part.is_some()).map(|(listed, _)| listed))
        .collect()
}

fn is_topic(word: &str) -> bool {
    VOCABULARY.find(word).is_some_and(|(_, word)| word.part == Some(Part::Topic))
}

/// Whether there is a topic among the words, or two nouns that tell something together.
fn tells(words: &[Said<'_>]) -> bool {
    let nouns = words.iter().filter(|word| word.part == Part::Generic).count();
    nouns > 1 || words.iter().any(|word| word.part == Part::Topic)
}

/// Whether a word stands in the run twice.
fn repeats(words: &[Said<'_>]) -> bool {
    words
        .iter()
        .enumerate()
        .any(|(index, word)| words[..index].iter().any(|earlier| earlier.listed == word.listed))
}

fn contains(phrase: &[&str], part: &[&str]) -> bool {
    phrase.windows(part.len()).any(|window| window == part)
}
