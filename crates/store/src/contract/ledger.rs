//! What every ledger must keep.

mod model;
mod privacy;
mod queries;
mod records;
mod sessions;

use modelstat_redact::RedactedText;
use modelstat_wire::IngestBatch;

use super::sample;
use crate::query::TimeRange;
use crate::{Applied, AppliedBatch, Costing, Drain, Ledger};

pub(crate) fn run(ledger: &dyn Ledger) {
    assert_eq!(ledger.position().expect("a position"), 0);
    queries::run(ledger);
    records::run(ledger);
    sessions::run(ledger);
    privacy::run(ledger);
    a_large_drain_is_applied_at_once(ledger);
}

/// Applies batches as one drain at the next positions.
pub(crate) fn apply(ledger: &dyn Ledger, mut batches: Vec<AppliedBatch>) -> Applied {
    let position = ledger.position().expect("a position");
    for (batch, position) in batches.iter_mut().zip(position + 1..) {
        batch.position = position;
    }
    let through = position + batches.len() as u64;
    let applied = ledger.apply(&Drain { through, batches }).expect("applied");
    assert_eq!(ledger.position().expect("a position"), through);
    applied
}

/// Applies one batch of an org without costs.
fn apply_one(ledger: &dyn Ledger, org: &str, batch: IngestBatch<RedactedText>) -> Applied {
    apply(ledger, vec![sample::applied(0, org, batch, Costing::default)])
}

/// Days of the samples.
fn days(from: i64, to: i64) -> TimeRange {
    TimeRange {
        from: sample::at(from * sample::DAY_MICROS),
        to: sample::at(to * sample::DAY_MICROS),
    }
}

fn a_large_drain_is_applied_at_once(ledger: &dyn Ledger) {
    const EVENTS: usize = 20_000;
    let drain = || {
        let mut batch = sample::batch(Some("large"));
        let mut dice = sample::Dice::new(4);
        let event = |number| sample::thrown_event(&mut dice, &format!("event-{number}"), 2);
        batch.events = (0..EVENTS).map(event).collect();
        batch
    };
    let applied = apply_one(ledger, "large", drain());
    assert_eq!(applied, Applied { accepted: EVENTS as u64, ..Applied::default() });
    let applied = apply_one(ledger, "large", drain());
    assert_eq!(applied, Applied { duplicate: EVENTS as u64, ..Applied::default() });
}
