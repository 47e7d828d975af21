//! What redaction took out, counted by rule.

use std::collections::BTreeMap;

use modelstat_redact::{Class, Finding, Rule};

/// Counts of findings by the name of their rule: never a value, never a position.
///
/// Rules that share a name count together, and stand for each other, unless one finds secrets and the
/// other personal data.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FindingCounts(BTreeMap<(&'static str, Class), (Rule, u64)>);

impl FindingCounts {
    /// Counts one text's findings.
    pub fn add(&mut self, findings: &[Finding]) {
        for finding in findings {
            let rule = finding.rule;
            self.0.entry((rule.name(), rule.class())).or_insert((rule, 0)).1 += 1;
        }
    }

    /// Adds the counts of another.
    pub fn merge(&mut self, other: &Self) {
        for (kind, (rule, count)) in &other.0 {
            self.0.entry(*kind).or_insert((*rule, 0)).1 += count;
        }
    }

    /// Returns whether nothing was found.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Goes through rules and counts in the order of the rules' names.
    pub fn iter(&self) -> impl Iterator<Item = (Rule, u64)> {
        self.0.values().copied()
    }

    /// Returns how many findings are of the class.
    pub fn of_class(&self, class: Class) -> u64 {
        self.iter().filter(|(rule, _)| rule.class() == class).map(|(_, count)| count).sum()
    }
}
