//! The stage behind the floor: something that knows names and addresses, such as a model on this machine.

use std::fmt;

use crate::engine::{Form, Span};
use crate::rule::{Class, DETECTED, Definition, Rule, Tier};

/// A stretch of text that a detector wants hidden.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Detection {
    /// What it is; [`Rule::detected`] makes one.
    pub rule: Rule,
    /// The first byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

/// Finds what no form tells, such as names of people and postal addresses.
///
/// It is given the text after the floor, so that it never sees a secret, and can only add: a placeholder
/// stays whatever it says, a range outside of the text is left out, and one that would cut a character is
/// widened. A panic in it drops the text.
pub trait Detector: fmt::Debug + Send + Sync {
    /// Finds in text that the floor has redacted.
    fn detect(&self, text: &str) -> Vec<Detection>;
}

impl Rule {
    /// A rule of a detector, for personal data of a kind that the floor has no rule for.
    ///
    /// `None` if a placeholder cannot have that name. What is made lives as long as the process, so make it once.
    pub fn detected(name: &str) -> Option<Rule> {
        if name == DETECTED.name() {
            return Some(DETECTED);
        }
        if !crate::schema::is_name(name) {
            return None;
        }
        let name: &'static str = Box::leak(name.to_owned().into_boxed_str());
        let definition = Definition { id: name, name, class: Class::Pii, tier: Tier::Detected };
        Some(Rule(Box::leak(Box::new(definition))))
    }
}

/// What a detector finds in a text; nothing in one that is no UTF-8.
pub(crate) fn spans_of(detector: &dyn Detector, text: &[u8]) -> Vec<Span> {
    let Ok(text) = std::str::from_utf8(text) else {
        return Vec::new();
    };
    let detections = detector.detect(text).into_iter();
    detections
        .filter(|found| found.start < found.end && found.end <= text.len())
        .map(|found| Span {
            rule: found.rule,
            start: text.floor_char_boundary(found.start),
            end: text.ceil_char_boundary(found.end),
            form: Form::Plain,
        })
        .collect()
}
