//! From what a provider reports to five disjoint token classes.
//!
//! Providers disagree about what their counts include: one counts cached tokens within the input,
//! another beside it, and the same goes for reasoning and the output. [`Shape`] names how a usage
//! object is laid out and [`normalise`] reads it by the one table that all languages share.
//! [`UsageStream`] does so for an answer that comes in chunks, [`attributes`] for a span.
//!
//! A usage that is absent is unknown, which is not zero. What is wrong with a usage becomes an
//! [`Anomaly`], which names a field and never holds what the provider sent.

mod anomaly;
pub mod attributes;
mod count;
mod counts;
mod settle;
mod shape;
mod stream;
mod table;

use serde::Serialize;
use serde_json::Value;

pub use anomaly::{Anomaly, AnomalyKind};
pub use shape::Shape;
pub use stream::UsageStream;

use crate::{TokenUsage, UsageDetail};
use counts::Counts;

/// What one call used.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Usage {
    /// The five disjoint classes; all zero where nothing was reported.
    pub tokens: TokenUsage,
    /// What the price depends on beyond them.
    pub detail: UsageDetail<String>,
    /// Whether `tokens` is the whole of what the call used.
    ///
    /// Where it is not, `tokens` holds what could be read, which is too little to be priced.
    #[serde(rename = "known")]
    pub is_known: bool,
    /// What was wrong with the report, in the order of the fields.
    pub anomalies: Vec<Anomaly>,
}

/// Reads a usage object of a known shape.
///
/// `null` is a usage that was not reported. A usage of another shape is not guessed at: it is
/// unknown, with an anomaly that says so.
pub fn normalise(shape: Shape, usage: &Value) -> Usage {
    let row = shape.row();
    let counts = match usage {
        Value::Null => return Usage::default(),
        Value::Object(_) => Counts::read(row, usage),
        _ => return Usage::unreadable(AnomalyKind::WrongShape),
    };
    if counts.is_empty() {
        let says_nothing =
            usage.as_object().is_some_and(|usage| usage.values().all(Value::is_null));
        let reads = Counts::has_any(row, usage);
        if says_nothing || reads {
            return Usage::default();
        }
        return Usage::unreadable(AnomalyKind::WrongShape);
    }
    settle::settle(row.rules, &counts)
}

impl Usage {
    fn unreadable(kind: AnomalyKind) -> Self {
        let anomalies = vec![Anomaly { kind, field: "usage" }];
        Self { anomalies, ..Self::default() }
    }
}
