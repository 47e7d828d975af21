//! The words that a template may say, and what they sound like.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use crate::subject::Subject;
use crate::work_type::WorkType;

/// The shipped vocabulary.
pub(crate) static VOCABULARY: LazyLock<Vocabulary> =
    LazyLock::new(|| Vocabulary::parse(include_str!("vocabulary.txt")));

/// Words by what they may be used for.
#[derive(Debug, Default)]
pub(crate) struct Vocabulary {
    words: HashMap<&'static str, Word>,
    /// Plurals that are names, though the singular is none.
    never: HashSet<&'static str>,
    /// Forms with digits that name no one thing (`utf8`).
    forms: HashSet<&'static str>,
}

/// What a word may be used for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Word {
    /// What it may be in a phrase, if it may be said.
    pub(crate) part: Option<Part>,
    /// Whether it is a word of software, which other languages use too.
    pub(crate) is_technical: bool,
    /// The subjects that it speaks for.
    pub(crate) subjects: Vec<Subject>,
    /// The kinds of work that it speaks for.
    pub(crate) work: Vec<WorkType>,
}

/// What a word may be in a phrase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// It may stand alone.
    Topic,
    /// A noun that tells little: it needs a topic beside it.
    Generic,
    /// It needs a noun after it.
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
                vocabulary.add(section, word);
            }
        }
        vocabulary
    }

    fn add(&mut self, section: &str, word: &'static str) {
        match section {
            "never" => {
                self.never.insert(word);
                return;
            }
            "form" => {
                self.forms.insert(word);
                return;
            }
            _ => {}
        }
        let word = self.words.entry(word).or_default();
        if let Some(kind) = section.strip_prefix("work ").and_then(WorkType::from_word) {
            word.work.push(kind);
        } else if let Some(subject) = section.strip_prefix("topic ").and_then(Subject::from_word) {
            word.part = Some(Part::Topic);
            word.subjects.push(subject);
        } else if section == "technical" {
            word.part = Some(Part::Topic);
            word.is_technical = true;
            word.subjects.push(Subject::Software);
        } else {
            let part = if section == "generic" { Part::Generic } else { Part::Qualifier };
            word.part = word.part.or(Some(part));
        }
    }

    /// Looks up a lower-case word, or what it is the plural of; gives the form that is listed.
    pub(crate) fn find(&self, word: &str) -> Option<(&'static str, &Word)> {
        if self.never.contains(word) {
            return None;
        }
        let known =
            |form: &str| self.words.get_key_value(form).map(|(listed, word)| (*listed, word));
        known(word)
            .or_else(|| word.strip_suffix('s').filter(|form| !form.ends_with('s')).and_then(known))
            .or_else(|| word.strip_suffix("es").and_then(known))
            .or_else(|| word.strip_suffix("ies").and_then(|stem| known(&format!("{stem}y"))))
    }

    /// Whether a lower-case word may stand in a phrase.
    pub(crate) fn may_say(&self, word: &str) -> bool {
        self.find(word).is_some_and(|(_, word)| word.part.is_some())
    }

    /// Whether a word, without marks within it, names no one thing although it looks like a name.
    pub(crate) fn is_common_form(&self, squeezed: &str) -> bool {
        self.forms.contains(squeezed) || self.may_say(squeezed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_lower_case_and_every_section_known() {
        let file = include_str!("vocabulary.txt");
        let mut section = "";
        for line in file.lines().filter(|line| !line.starts_with('#')) {
            if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
                let kind = name.strip_prefix("work ").and_then(WorkType::from_word);
                let subject = name.strip_prefix("topic ").and_then(Subject::from_word);
                let others = ["technical", "generic", "qualifier", "never", "form"];
                assert!(kind.is_some() || subject.is_some() || others.contains(&name), "{name}");
                section = name;
            } else if section != "form" {
                assert!(line.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b' ')), "{line}");
            }
        }
        let sayable =
            |part| VOCABULARY.words.values().filter(|word| word.part == Some(part)).count();
        assert!(sayable(Part::Topic) > 3_000, "{}", sayable(Part::Topic));
        assert!(sayable(Part::Generic) > 200 && sayable(Part::Qualifier) > 1_000);
    }

    #[test]
    fn no_frequent_name_may_be_said() {
        let names = include_str!("../tests/names.txt").split_whitespace();
        let said: Vec<_> = names.filter(|name| VOCABULARY.may_say(name)).collect();
        assert_eq!(said, Vec::<&str>::new());
    }

    #[test]
    fn plurals_are_known_by_their_singular() {
        let listed = |word| VOCABULARY.find(word).map(|(listed, _)| listed);
        assert_eq!(listed("caches"), Some("cache"));
        assert_eq!(listed("indexes"), Some("index"));
        assert_eq!(listed("allergies"), Some("allergy"));
        assert_eq!(listed("jane"), None);
        assert_eq!(listed("gates"), None);
    }
}
