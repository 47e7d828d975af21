//! The usage of an answer that comes in chunks.

use serde_json::Value;

use super::Usage;
use super::anomaly::{Anomaly, AnomalyKind};
use super::count::find;
use super::counts::{Counts, Field, read_tier};
use super::settle::settle;
use super::shape::Shape;
use super::table::{Merge, Row};

/// Gathers the usage of one call from the chunks of its answer.
///
/// It keeps counts only, so that its size does not depend on the stream. A whole answer may be
/// pushed as well, as the only chunk.
#[derive(Clone, Debug)]
pub struct UsageStream {
    shape: Shape,
    counts: Counts,
    service_tier: Option<String>,
    progress: Progress,
}

/// How far the reports of a stream have come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    /// Nothing was reported.
    Silent,
    /// What was reported so far stands for the beginning of the answer only.
    Opened,
    /// What was reported last stands.
    Reported,
}

impl UsageStream {
    /// Starts with nothing reported.
    pub fn new(shape: Shape) -> Self {
        Self { shape, counts: Counts::default(), service_tier: None, progress: Progress::Silent }
    }

    /// Takes one chunk, event or usage object; those that report no usage change nothing.
    pub fn push(&mut self, chunk: &Value) {
        let row = self.shape.row();
        if let Some(tier) = row.envelope_tiers.iter().find_map(|tier| read_tier(tier, chunk)) {
            self.service_tier = Some(tier);
        }
        let (usage, progress) = find_usage(row, chunk);
        let counts = Counts::read(row, usage);
        if counts.is_empty() {
            return;
        }
        match row.merge {
            Merge::Last => self.counts = counts,
            Merge::Overlay => self.counts.overlay(counts),
            Merge::Add => self.counts.add(counts),
        }
        self.progress = progress;
    }

    /// Returns what was used; a stream that reported nothing leaves the usage unknown.
    pub fn finish(self) -> Usage {
        if self.progress == Progress::Silent {
            return Usage::default();
        }
        let mut counts = self.counts;
        counts.service_tier = counts.service_tier.or(self.service_tier);
        let mut usage = settle(self.shape.row().rules, &counts);
        if self.progress == Progress::Opened {
            usage.is_known = false;
            let field = Field::Output.name();
            usage.anomalies.push(Anomaly { kind: AnomalyKind::Incomplete, field });
        }
        usage
    }
}

/// Finds the usage object within a chunk; what wraps none may be one itself.
fn find_usage<'a>(row: &Row, chunk: &'a Value) -> (&'a Value, Progress) {
    let wrapped = |path: &&str| find(chunk, path).filter(|usage| usage.is_object());
    if let Some(usage) = row.opening.iter().find_map(wrapped) {
        return (usage, Progress::Opened);
    }
    (row.wrappers.iter().find_map(wrapped).unwrap_or(chunk), Progress::Reported)
}
