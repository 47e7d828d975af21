//! The words that a template may say, and what they sound like.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::work_type::WorkType;

/// The shipped vocabulary.
pub(crate) static VOCABULARY: LazyLock<Vocabulary> =
    LazyLock::new(|| Vocabulary::parse(include_str!("vocabulary.txt")));

/// Words by what they may be used for.
#[derive(Debug, Default)]
pub(crate) struct Vocabulary {
    words: HashMap<&'static str, Word>,
}

/// What a word may be used for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Word {
    /// What it may be in a phrase, if it may be said.
    pub(crate) part: Option<Part>,
    /// The kinds of work that it speaks for.
    pub(crate) work: Vec<WorkType>,
}

/// What a word may be in a phrase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// It may stand alone.
    Topic,
    /// It needs a topic beside it.
    Qualifier,
}

impl Vocabulary {
    fn parse(file: &'static str) -> Self {
        let mut vocabulary = Self::default();
        let mut section = "";
        for line in file.lines().filter(|line| !line.starts_with('#')) {
            if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
                section = name;
                continue;
            }
            for word in line.split_whitespace() {
                let word = vocabulary.words.entry(word).or_default();
                match section.strip_prefix("work ").and_then(WorkType::from_word) {
                    Some(kind) => word.work.push(kind),
                    None if section == "topic" => word.part = Some(Part::Topic),
                    None => word.part = word.part.or(Some(Part::Qualifier)),
                }
            }
        }
        vocabulary
    }

    /// Looks up a lower-case word, or what it is the plural of.
    pub(crate) fn find(&self, word: &str) -> Option<&Word> {
        let forms = [Some(word), word.strip_suffix('s'), word.strip_suffix("es")];
        forms.into_iter().flatten().find_map(|form| self.words.get(form))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_lower_case_and_every_section_known() {
        let file = include_str!("vocabulary.txt");
        for line in file.lines().filter(|line| !line.starts_with('#')) {
            match line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
                Some(name) => {
                    let kind = name.strip_prefix("work ").and_then(WorkType::from_word);
                    assert!(kind.is_some() || matches!(name, "topic" | "qualifier"), "{name}");
                }
                None => {
                    assert!(line.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b' ')), "{line}");
                }
            }
        }
        let sayable =
            |part| VOCABULARY.words.values().filter(|word| word.part == Some(part)).count();
        assert!(sayable(Part::Topic) > 300 && sayable(Part::Qualifier) > 200);
    }

    #[test]
    fn plurals_are_known_by_their_singular() {
        let part = |word| VOCABULARY.find(word).and_then(|word| word.part);
        assert_eq!(part("caches"), Some(Part::Topic));
        assert_eq!(part("indexes"), Some(Part::Topic));
        assert_eq!(part("jane"), None);
    }
}
