//! Refuses output that gives its input away.
//!
//! What it undoes before it compares: case, full-width and mathematical letters, invisible characters, words
//! spread over single letters, digits in groups, words or letters in reverse. What it does not find: letters
//! of other alphabets that look alike, words spread in pieces of two or more letters, ciphers and encodings
//! that the floor does not know, and names that the floor did not remove.

mod fold;
mod removed;
mod shape;

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hasher};

use modelstat_redact::Floor;

pub use removed::{MAX_REMOVED_WORDS, Removed};

use fold::{fold, numbers, spread_words};
use shape::{each_token, is_long, shape_of, squeeze};

/// Longest run of words that an output may share with its input: a name of something, no sentence.
pub const MAX_VERBATIM_WORDS: usize = 5;

/// Shortest number that is told apart from a count.
const MIN_NUMBER_DIGITS: usize = 5;

/// So many single letters in a row are no list of letters, whatever they spell.
const MAX_SPREAD_LETTERS: usize = 8;

/// Shorter words read backwards are often other words.
const MIN_REVERSED_CHARS: usize = 8;

/// Longest output that is looked at; no engine has a reason to make more.
pub const MAX_OUTPUT_BYTES: usize = 16 * 1024;

/// Why an output was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum LeakError {
    /// A run of words stands in the input too.
    #[error("the output repeats more than {MAX_VERBATIM_WORDS} words of its input")]
    Verbatim,
    /// Several runs of five words stand in the input too.
    #[error("the output is made of pieces of its input")]
    Pieces,
    /// The floor finds something.
    #[error("the output holds what the floor hides")]
    Finding,
    /// A token is longer than words are.
    #[error("the output holds a token that is too long for a word")]
    LongToken,
    /// An identifier of the input.
    #[error("the output holds an identifier of its input")]
    Identifier,
    /// A path of the input.
    #[error("the output holds a path of its input")]
    Path,
    /// An address of the web of the input.
    #[error("the output holds a URL of its input")]
    Url,
    /// A mail address of the input.
    #[error("the output holds an e-mail address of its input")]
    Email,
    /// A number of the input.
    #[error("the output holds a number of its input")]
    Number,
    /// Words of the input, letter by letter.
    #[error("the output spells words of its input letter by letter")]
    Spread,
    /// A word that the floor removed from the input.
    #[error("the output holds what redaction removed")]
    Removed,
    /// More than any abstract has.
    #[error("the output is longer than {MAX_OUTPUT_BYTES} bytes")]
    TooLong,
}

impl LeakError {
    /// The word under which it is counted.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Verbatim => "verbatim_run",
            Self::Pieces => "verbatim_pieces",
            Self::Finding => "finding",
            Self::LongToken => "long_token",
            Self::Identifier => "identifier",
            Self::Path => "path",
            Self::Url => "url",
            Self::Email => "email",
            Self::Number => "number",
            Self::Spread => "spread_letters",
            Self::Removed => "removed_word",
            Self::TooLong => "too_long",
        }
    }
}

/// Whether an engine may repeat sentences of its input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quoting {
    /// It writes words of its own.
    Refused,
    /// It is the opt-in that quotes redacted sentences; every other rule holds for it too.
    Allowed,
}

/// What outputs are checked with.
#[derive(Debug)]
pub struct Gate<'a> {
    /// The floor that the input passed.
    pub floor: &'a Floor,
    /// What it removed there.
    pub removed: &'a Removed,
    /// Names that leave in fields of their own (of models and tools), so that repeating them gives
    /// nothing away. Each is one token.
    pub names: Vec<&'a str>,
}

/// What of an output would give the input away if it stood there too.
#[derive(Default)]
struct Suspects {
    runs: HashSet<[u64; MAX_VERBATIM_WORDS + 1]>,
    /// Runs of one word less, with the place where each begins first.
    pieces: HashMap<[u64; MAX_VERBATIM_WORDS], usize>,
    /// Squeezed tokens, with what they look like in the output.
    tokens: HashMap<u64, Option<LeakError>>,
    numbers: HashSet<[u32; MIN_NUMBER_DIGITS]>,
}

impl Gate<'_> {
    /// Checks outputs that belong together against the texts that they were made of.
    pub fn check<'t>(
        &self,
        outputs: &[&str],
        inputs: impl IntoIterator<Item = &'t str>,
        quoting: Quoting,
    ) -> Result<(), LeakError> {
        if outputs.iter().map(|output| output.len()).sum::<usize>() > MAX_OUTPUT_BYTES {
            return Err(LeakError::TooLong);
        }
        let mut suspects = Suspects::default();
        for output in outputs {
            let folded = fold(output);
            let spread = spread_words(&folded);
            self.check_floor(output, &folded, &spread)?;
            self.check_removed(&folded, &spread)?;
            let unnamed = self.without_names(&folded);
            suspects.add(&unnamed, &spread)?;
        }
        if quoting == Quoting::Allowed {
            suspects.runs.clear();
            suspects.pieces.clear();
        }
        suspects.find_in(inputs)
    }

    fn check_floor(&self, output: &str, folded: &str, spread: &[String]) -> Result<(), LeakError> {
        let is_clean = |text: &str| self.floor.redact(text).is_clean();
        let is_clean = is_clean(output)
            && (folded == output || is_clean(folded))
            && (spread.is_empty() || is_clean(&spread.join(" ")));
        if is_clean { Ok(()) } else { Err(LeakError::Finding) }
    }

    fn check_removed(&self, folded: &str, spread: &[String]) -> Result<(), LeakError> {
        if self.removed.is_full() {
            return Err(LeakError::Removed);
        }
        if self.removed.is_empty() {
            return Ok(());
        }
        let mut holds = false;
        let mut look = |token: &str| holds |= self.removed.holds(&squeeze(token));
        each_token(folded, &mut look);
        folded.split(|c: char| !c.is_alphanumeric()).for_each(&mut look);
        for word in spread {
            look(word);
        }
        for digits in numbers(folded) {
            let number: String = digits.iter().filter_map(|d| char::from_digit(*d, 10)).collect();
            holds |= self.removed.holds(&number);
        }
        if holds { Err(LeakError::Removed) } else { Ok(()) }
    }

    /// Leaves out names where they stand as words of their own.
    fn without_names(&self, folded: &str) -> String {
        let words = folded.split(' ').map(|word| {
            let bare = word.trim_matches(|c: char| "(),.;:".contains(c));
            if self.names.contains(&bare) { "" } else { word }
        });
        words.collect::<Vec<_>>().join(" ")
    }
}

impl Suspects {
    fn add(&mut self, output: &str, spread: &[String]) -> Result<(), LeakError> {
        let words: Vec<u64> = words_of(output).collect();
        let mut reversed = words.clone();
        reversed.reverse();
        for words in [&words, &reversed] {
            self.runs.extend(words.windows(MAX_VERBATIM_WORDS + 1).map(|run| {
                <[u64; MAX_VERBATIM_WORDS + 1]>::try_from(run).expect("a window of that length")
            }));
        }
        let before = self.pieces.values().max().map_or(0, |last| last + 1_000);
        for (place, run) in words.windows(MAX_VERBATIM_WORDS).enumerate() {
            let run = run.try_into().expect("a window of that length");
            self.pieces.entry(run).or_insert(before + place);
        }
        let mut is_too_long = false;
        each_token(output, &mut |token| {
            is_too_long |= is_long(token) && !token.contains(['/', '\\', '@', ':', '.']);
            self.token(&squeeze(token), shape_of(token));
        });
        for word in spread {
            let letters = word.chars().count();
            let is_number = word.chars().all(char::is_numeric);
            if letters >= MAX_SPREAD_LETTERS && !is_number {
                return Err(LeakError::Spread);
            }
            let shape = if is_number { LeakError::Number } else { LeakError::Spread };
            self.token(&squeeze(word), Some(shape));
        }
        if is_too_long {
            return Err(LeakError::LongToken);
        }
        for digits in numbers(output) {
            self.numbers.extend(windows(&digits));
        }
        Ok(())
    }

    fn token(&mut self, squeezed: &str, shape: Option<LeakError>) {
        if squeezed.chars().nth(2).is_none() {
            return;
        }
        let known = self.tokens.entry(hash(squeezed)).or_default();
        *known = known.or(shape);
        if squeezed.chars().nth(MIN_REVERSED_CHARS - 1).is_some() {
            let reversed: String = squeezed.chars().rev().collect();
            self.tokens.entry(hash(&reversed)).or_insert(Some(LeakError::Spread));
        }
    }

    fn find_in<'t>(&self, inputs: impl IntoIterator<Item = &'t str>) -> Result<(), LeakError> {
        let mut shared = HashSet::new();
        for input in inputs {
            let folded = fold(input);
            self.find_words(&folded, &mut shared)?;
            self.find_tokens(&folded)?;
            let repeats =
                |digits: Vec<u32>| windows(&digits).any(|run| self.numbers.contains(&run));
            if !self.numbers.is_empty() && numbers(&folded).any(repeats) {
                return Err(LeakError::Number);
            }
        }
        let mut places: Vec<usize> = shared.into_iter().collect();
        places.sort_unstable();
        let is_apart = places
            .last()
            .zip(places.first())
            .is_some_and(|(last, first)| last - first >= MAX_VERBATIM_WORDS);
        if is_apart { Err(LeakError::Pieces) } else { Ok(()) }
    }

    /// Looks for runs of words; notes the places of shorter ones.
    fn find_words(&self, input: &str, shared: &mut HashSet<usize>) -> Result<(), LeakError> {
        if self.runs.is_empty() && self.pieces.is_empty() {
            return Ok(());
        }
        let mut run = [0; MAX_VERBATIM_WORDS + 1];
        for (index, word) in words_of(input).enumerate() {
            run.rotate_left(1);
            run[MAX_VERBATIM_WORDS] = word;
            if index >= MAX_VERBATIM_WORDS && self.runs.contains(&run) {
                return Err(LeakError::Verbatim);
            }
            let piece: &[u64; MAX_VERBATIM_WORDS] =
                run[1..].try_into().expect("one word less than a run");
            shared.extend(self.pieces.get(piece));
        }
        Ok(())
    }

    fn find_tokens(&self, input: &str) -> Result<(), LeakError> {
        let mut found = None;
        each_token(input, &mut |token| {
            let squeezed = squeeze(token);
            if let Some(in_output) = self.tokens.get(&hash(&squeezed)) {
                found = found.or(*in_output).or_else(|| shape_of(token));
            }
        });
        found.map_or(Ok(()), Err)
    }
}

fn windows(digits: &[u32]) -> impl Iterator<Item = [u32; MIN_NUMBER_DIGITS]> + '_ {
    digits.windows(MIN_NUMBER_DIGITS).filter_map(|run| run.try_into().ok())
}

fn hash(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(text.as_bytes());
    hasher.finish()
}

/// Whether a token of a sentence would be refused if the sentence were quoted.
pub(crate) fn gives_away(token: &str) -> bool {
    let folded = fold(token);
    let mut found = numbers(&folded).any(|digits| digits.len() >= MIN_NUMBER_DIGITS);
    each_token(&folded, &mut |part| found |= shape_of(part).is_some());
    found
}

/// Hashes of the lower-case words, without what stands between them: texts are long, and a false match
/// costs words only. Scripts that write no spaces count by letter.
fn words_of(text: &str) -> impl Iterator<Item = u64> {
    let mut letters = text.chars().peekable();
    std::iter::from_fn(move || {
        while letters.next_if(|letter| !letter.is_alphanumeric()).is_some() {}
        let first = letters.next()?;
        let mut word = DefaultHasher::new();
        hash_lower(first, &mut word);
        if !is_word_of_its_own(first) {
            let in_word = |letter: &char| letter.is_alphanumeric() && !is_word_of_its_own(*letter);
            while let Some(letter) = letters.next_if(in_word) {
                hash_lower(letter, &mut word);
            }
        }
        Some(word.finish())
    })
}

fn hash_lower(letter: char, word: &mut DefaultHasher) {
    for lower in letter.to_lowercase() {
        word.write_u32(u32::from(lower));
    }
}

/// From the CJK radicals on, letters are syllables or words.
fn is_word_of_its_own(letter: char) -> bool {
    letter >= '\u{2E80}'
}

#[cfg(test)]
mod tests;
