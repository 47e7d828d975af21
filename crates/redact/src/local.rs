//! What one host adds: names that it knows, and its own rules.

use std::fmt;

use aho_corasick::{AhoCorasick, AhoCorasickBuilder, AhoCorasickKind, MatchKind};

use crate::bytes::{byte_at, byte_before};
use crate::engine::{Form, Span};
use crate::rule::IDENTIFIER;
#[cfg(feature = "user-rules")]
use crate::user::UserRules;

/// Shortest name that is hidden.
const MIN_NAME: usize = 3;

/// Names of accounts and hosts that say nothing about anybody.
const COMMON: &[&str] = &[
    "root",
    "user",
    "admin",
    "administrator",
    "ubuntu",
    "debian",
    "runner",
    "docker",
    "nobody",
    "daemon",
    "localhost",
    "localdomain",
    "home",
    "build",
    "test",
    "guest",
    "vagrant",
    "node",
    "app",
    "www-data",
    "ec2-user",
    "default",
    "git",
    "dev",
    "developer",
    "jenkins",
    "ci",
    "server",
];

/// What one host adds to the rules.
#[derive(Clone, Default)]
pub(crate) struct Local {
    names: Vec<String>,
    finder: Option<AhoCorasick>,
    #[cfg(feature = "user-rules")]
    rules: Vec<UserRules>,
}

impl fmt::Debug for Local {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Local");
        shown.field("names", &self.names.len());
        #[cfg(feature = "user-rules")]
        shown.field("rules", &self.rules);
        shown.finish_non_exhaustive()
    }
}

impl Local {
    pub(crate) fn add_identifiers(&mut self, names: impl IntoIterator<Item = impl AsRef<str>>) {
        for name in names {
            let name = name.as_ref().trim().to_ascii_lowercase();
            let tells = name.len() >= MIN_NAME
                && !COMMON.contains(&name.as_str())
                && name.bytes().any(|byte| byte.is_ascii_alphabetic() || !byte.is_ascii())
                && !name.contains('\n');
            if tells && !self.names.contains(&name) {
                self.names.push(name);
            }
        }
        // Without names there is nothing to look for; with too many, the library refuses, and nothing was lost.
        self.finder = AhoCorasickBuilder::new()
            .ascii_case_insensitive(true)
            .match_kind(MatchKind::LeftmostLongest)
            .kind(Some(AhoCorasickKind::DFA))
            .build(&self.names)
            .ok()
            .filter(|_| !self.names.is_empty());
    }

    #[cfg(feature = "user-rules")]
    pub(crate) fn add_rules(&mut self, rules: &UserRules) {
        self.rules.push(rules.clone());
    }

    /// Whether this host adds nothing.
    pub(crate) fn is_empty(&self) -> bool {
        #[cfg(feature = "user-rules")]
        if self.rules.iter().any(|rules| !rules.is_empty()) {
            return false;
        }
        self.finder.is_none()
    }

    /// Adds what is found in the text.
    pub(crate) fn find(&self, text: &[u8], spans: &mut Vec<Span>) {
        if let Some(finder) = &self.finder {
            for found in finder.find_iter(text) {
                let (start, end) = (found.start(), found.end());
                let touches =
                    |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric());
                let is_word = (!touches(byte_before(text, start))
                    || crate::bytes::ends_escape(text, start))
                    && !touches(byte_at(text, end));
                if is_word {
                    spans.push(Span { rule: IDENTIFIER, start, end, form: Form::Plain });
                }
            }
        }
        #[cfg(feature = "user-rules")]
        for rules in &self.rules {
            rules.find(text, spans);
        }
    }
}
