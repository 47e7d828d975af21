//! A vocabulary of byte pairs, learnt from one paragraph.

use std::collections::{BTreeMap, HashSet};

/// What the merges are learnt from: words of summaries, and what stands around them.
const PARAGRAPH: &str = "\
{\"abstract\":\"The session looked into a slow query of the billing service and added an index, after which \
the tests of the service passed again.\",\"title\":\"Slow query of the billing service\",\
\"work_type\":\"debugging\"} They asked why the import of the orders had failed on the second day, and the \
answer was that a field of the table had changed its type. The import was written again, with a test that \
fails where the type is not the one that is expected. Another session planned how the service could be \
moved to another region without stopping: the data is copied first, then the new service is started, then \
the address is changed, and the old one is stopped when nobody asks it any more. It's what we'd have done \
in 2019, they said; we've 17 of them now, and I'm sure that they'll do.";

/// How many merges are learnt.
const MERGES: usize = 180;

/// How many tokens are learnt: every byte, and what each merge makes.
pub(super) const LEARNT: usize = 256 + MERGES;

/// Tokens that no text holds, and of which kind they are.
const SPECIAL: [(&str, i32); 5] = [
    ("<|endoftext|>", CONTROL),
    ("<|im_start|>", CONTROL),
    ("<|im_end|>", CONTROL),
    ("<think>", USER_DEFINED),
    ("</think>", USER_DEFINED),
];

const NORMAL: i32 = 1;
const CONTROL: i32 = 3;
const USER_DEFINED: i32 = 4;
const UNUSED: i32 = 5;

/// The tokens of a model.
pub(super) struct Vocabulary {
    /// What each stands for, with a printable letter in place of each byte.
    pub(super) tokens: Vec<String>,
    /// The kind of each, as GGUF numbers them.
    pub(super) kinds: Vec<i32>,
    /// The pairs that become one token, the first to be merged first.
    pub(super) merges: Vec<String>,
    pub(super) end_of_text: u32,
    pub(super) end_of_message: u32,
}

impl Vocabulary {
    /// Makes `size` tokens, of which `words` stand for text: those that are learnt, and pairs of tokens
    /// after them, so that a vocabulary can be as large as a real one. The rest is unused.
    pub(super) fn new(size: usize, words: usize) -> Self {
        let letters = byte_letters();
        let mut tokens: Vec<String> = letters.iter().map(char::to_string).collect();
        let mut merges = Vec::new();
        for (left, right) in learn(&letters) {
            merges.push(format!("{left} {right}"));
            tokens.push(left + &right);
        }
        fill(&mut tokens, &mut merges, words);
        let mut kinds = vec![NORMAL; tokens.len()];
        let first_special = u32::try_from(tokens.len()).expect("counted in u32 by every reader");
        for (token, kind) in SPECIAL {
            tokens.push(token.to_owned());
            kinds.push(kind);
        }
        for number in 0..size.saturating_sub(tokens.len()) {
            tokens.push(format!("[PAD{number}]"));
            kinds.push(UNUSED);
        }
        assert_eq!(tokens.len(), size, "a vocabulary has room for what is learnt");
        Self {
            tokens,
            kinds,
            merges,
            end_of_text: first_special,
            end_of_message: first_special + 2,
        }
    }
}

/// Adds pairs of tokens that there are not yet, until there are enough.
fn fill(tokens: &mut Vec<String>, merges: &mut Vec<String>, words: usize) {
    let mut known: HashSet<String> = tokens.iter().cloned().collect();
    let mut left = 0;
    while tokens.len() < words {
        for right in 0..LEARNT {
            let pair = format!("{}{}", tokens[left], tokens[right]);
            if tokens.len() < words && known.insert(pair.clone()) {
                merges.push(format!("{} {}", tokens[left], tokens[right]));
                tokens.push(pair);
            }
        }
        left += 1;
    }
}

/// A printable letter for each byte, by the convention of GPT-2: bytes that are printable in Latin-1
/// stand for themselves, the others for the letters from 256 on, in their order.
fn byte_letters() -> Vec<char> {
    let mut next = 256;
    let letter = |byte: u8| {
        if matches!(byte, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF) {
            return char::from(byte);
        }
        next += 1;
        char::from_u32(next - 1).unwrap_or(char::REPLACEMENT_CHARACTER)
    };
    (0..=u8::MAX).map(letter).collect()
}

/// The merges of the pairs that stand together most often; of equal ones the first by alphabet.
fn learn(letters: &[char]) -> Vec<(String, String)> {
    let spell = |word: &str| -> Vec<String> {
        word.bytes().map(|byte| letters[usize::from(byte)].to_string()).collect()
    };
    let mut words: Vec<Vec<String>> = words(PARAGRAPH).into_iter().map(spell).collect();
    let mut merges = Vec::new();
    while merges.len() < MERGES {
        let mut counts: BTreeMap<(&str, &str), usize> = BTreeMap::new();
        for pair in words.iter().flat_map(|word| word.windows(2)) {
            *counts.entry((&pair[0], &pair[1])).or_default() += 1;
        }
        let best = counts.into_iter().rev().max_by_key(|(_, count)| *count);
        let ((left, right), _) = best.expect("the paragraph has pairs enough");
        let (left, right) = (left.to_owned(), right.to_owned());
        for word in &mut words {
            merge(word, &left, &right);
        }
        merges.push((left, right));
    }
    merges
}

fn merge(word: &mut Vec<String>, left: &str, right: &str) {
    let mut at = 0;
    while at + 1 < word.len() {
        if word[at] == left && word[at + 1] == right {
            let removed = word.remove(at + 1);
            word[at].push_str(&removed);
        }
        at += 1;
    }
}

/// Splits a text of ASCII letters, digits, spaces and signs as the tokenisers of Qwen do: no merge goes
/// beyond a word.
fn words(text: &str) -> Vec<&str> {
    let bytes = text.as_bytes();
    let is = |at: usize, what: fn(&u8) -> bool| bytes.get(at).is_some_and(what);
    let mut words = Vec::new();
    let mut start = 0;
    while start < bytes.len() {
        let mut end = start + 1;
        if is(start, u8::is_ascii_alphabetic) || is(end, u8::is_ascii_alphabetic) {
            while is(end, u8::is_ascii_alphabetic) {
                end += 1;
            }
        } else if !is(start, u8::is_ascii_digit) {
            while is(end, u8::is_ascii_punctuation) {
                end += 1;
            }
        }
        words.push(&text[start..end]);
        start = end;
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_token_is_another_and_every_merge_makes_one() {
        for (size, words) in [(1_024, 0), (20_000, 19_000)] {
            let vocabulary = Vocabulary::new(size, words);
            let all: HashSet<&str> = vocabulary.tokens.iter().map(String::as_str).collect();
            assert_eq!((all.len(), vocabulary.kinds.len()), (size, size));
            assert_eq!(vocabulary.merges.len() + 256, words.max(LEARNT));
            for pair in &vocabulary.merges {
                let (left, right) = pair.split_once(' ').expect("two parts");
                assert!(all.contains(left) && all.contains(right), "{pair}");
                assert!(all.contains(pair.replace(' ', "").as_str()), "{pair}");
            }
        }
    }

    #[test]
    fn frequent_words_are_tokens() {
        let vocabulary = Vocabulary::new(1_024, 0);
        // A space is written as Ġ.
        for word in ["Ġthe", "Ġservice", "Ġsession", "ed"] {
            assert!(vocabulary.tokens.iter().any(|token| token == word), "{word}");
        }
        assert_eq!(vocabulary.tokens[vocabulary.end_of_message as usize], "<|im_end|>");
    }
}
