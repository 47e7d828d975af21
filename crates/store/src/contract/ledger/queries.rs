//! Drains with everything that goes wrong, and questions about them, each compared with the model.

use modelstat_redact::RedactedText;
use modelstat_wire::{Event, IngestBatch, Timestamp};

use super::model::Model;
use super::{apply, days};
use crate::contract::sample::{self, DAY_MICROS, Dice, at, text};
use crate::query::TimeRange;
use crate::{
    AppliedBatch, Bucket, Costing, Dimension, Drain, Filter, FilterOp, Ledger, LedgerError,
    Measure, Query,
};

const ORGS: [&str; 2] = ["org-a", "org-b"];
const DAYS: i64 = 3;

const MEASURES: [Measure; 16] = [
    Measure::Calls,
    Measure::Errors,
    Measure::Sessions,
    Measure::ToolCalls,
    Measure::Cost,
    Measure::UnpricedCalls,
    Measure::UnknownUsageCalls,
    Measure::InputTokens,
    Measure::OutputTokens,
    Measure::CacheCreationTokens,
    Measure::CacheReadTokens,
    Measure::ReasoningTokens,
    Measure::TotalTokens,
    Measure::LatencyMs(50),
    Measure::LatencyMs(99),
    Measure::FirstTokenMs(95),
];

pub(super) fn run(ledger: &dyn Ledger) {
    let model = apply_mixed_drains(ledger);
    every_measure_is_exact(ledger, &model);
    thrown_questions_are_answered_as_by_the_model(ledger, &model);
    percentiles_are_the_nearest_rank(ledger);
    what_cannot_be_asked_is_refused(ledger);
}

fn event(dice: &mut Dice) -> Event<RedactedText> {
    let id = format!("event-{}", dice.below(100_000));
    sample::thrown_event(dice, &id, DAYS)
}

/// Duplicates within a batch and across drains, retries sent later, conflicts, repeats and replays.
fn apply_mixed_drains(ledger: &dyn Ledger) -> Model {
    let mut dice = Dice::new(1);
    let mut model = Model::default();
    let mut earlier: Vec<Event<RedactedText>> = Vec::new();
    let mut drains: Vec<Vec<AppliedBatch>> = Vec::new();
    for _ in 0..6 {
        let mut drain = Vec::new();
        for _ in 0..5 {
            let mut batch = sample::batch(dice.pick(&[None, Some("checkout"), Some("søk")]));
            for _ in 0..25 {
                let mut event = event(&mut dice);
                if !earlier.is_empty() && dice.one_in(4) {
                    let known =
                        usize::try_from(dice.below(earlier.len() as u64)).expect("a short list");
                    event = earlier[known].clone();
                    event.sent_at = Some(at(7));
                    if dice.one_in(2) {
                        event.finish_reason = Some(text(dice.pick(&["length", "stop"])));
                    }
                }
                add_calls(&mut dice, &mut batch, &event);
                earlier.push(event.clone());
                batch.events.push(event);
            }
            let org = dice.pick(&ORGS);
            let mut applied = sample::applied(0, org, batch, || sample::thrown_costing(&mut dice));
            applied.repeated_events = dice.below(3);
            drain.push(applied);
        }
        drains.push(drain);
    }
    for drain in drains {
        let expected = model.apply(&drain);
        let (from, again) = (ledger.position().expect("a position"), copy(&drain));
        assert_eq!(apply(ledger, drain), expected);
        replays_change_nothing(ledger, from, again);
    }
    model
}

fn add_calls(dice: &mut Dice, batch: &mut IngestBatch<RedactedText>, event: &Event<RedactedText>) {
    let (id, session) = (&event.source_event_id, &event.session_id);
    for number in 0..dice.below(3) {
        let call = sample::tool_call(&format!("{id}-{number}"), Some(id), session);
        batch.tool_calls.push(call);
    }
}

fn copy(drain: &[AppliedBatch]) -> Vec<AppliedBatch> {
    let copy = |batch: &AppliedBatch| AppliedBatch {
        org_id: batch.org_id.clone(),
        floor_version: batch.floor_version.clone(),
        rejected: batch.rejected.clone(),
        batch: batch.batch.clone(),
        costings: batch.costings.clone(),
        ..*batch
    };
    drain.iter().map(copy).collect()
}

/// After a crash the applier hands over what the ledger has: all of it, or a part at the beginning.
fn replays_change_nothing(ledger: &dyn Ledger, from: u64, mut batches: Vec<AppliedBatch>) {
    for (batch, position) in batches.iter_mut().zip(from + 1..) {
        batch.position = position;
    }
    let through = from + batches.len() as u64;
    let applied = ledger.apply(&Drain { through, batches: copy(&batches) }).expect("skipped");
    assert_eq!(applied, crate::Applied::default());
    let applied = ledger.apply(&Drain { through: through + 1, batches }).expect("skipped");
    assert_eq!(applied, crate::Applied::default());
    assert_eq!(ledger.position().expect("a position"), through + 1);
}

fn question(measures: &[Measure], range: TimeRange) -> Query {
    Query {
        measures: measures.to_vec(),
        dimensions: Vec::new(),
        filters: Vec::new(),
        range,
        buckets: Vec::new(),
        order_by: 0,
        limit: 10,
    }
}

fn every_measure_is_exact(ledger: &dyn Ledger, model: &Model) {
    for org in ORGS {
        let query = question(&MEASURES, days(0, DAYS));
        let answer = ledger.query(org, &query).expect("an answer");
        assert_eq!(answer, model.answer(org, &query));
        assert_eq!((answer.rows.len(), answer.other.len()), (1, 0));
    }
    let nothing =
        ledger.query("no such org", &question(&MEASURES, days(0, DAYS))).expect("an answer");
    assert!(nothing.rows.is_empty() && nothing.other.is_empty());
    assert_eq!(
        nothing,
        Model::default().answer("no such org", &question(&MEASURES, days(0, DAYS)))
    );
}

fn thrown_questions_are_answered_as_by_the_model(ledger: &dyn Ledger, model: &Model) {
    let mut dice = Dice::new(2);
    for _ in 0..80 {
        let query = thrown_question(&mut dice);
        let org = dice.pick(&ORGS);
        let answer = ledger.query(org, &query).expect("an answer");
        assert_eq!(answer, model.answer(org, &query), "{query:?}");
    }
}

fn thrown_question(dice: &mut Dice) -> Query {
    let (from, to) = (dice.pick(&[0, 1_234_567]), dice.pick(&[DAY_MICROS, DAYS * DAY_MICROS - 1]));
    let range = TimeRange { from: at(from), to: at(to) };
    let measures: Vec<Measure> = (0..=dice.below(4)).map(|_| dice.pick(&MEASURES)).collect();
    let dimensions = (0..dice.below(4)).map(|_| thrown_dimension(dice)).collect();
    let filters = (0..dice.below(3)).map(|_| thrown_filter(dice)).collect();
    let buckets = match dice.below(3) {
        0 => Vec::new(),
        1 => chain(range, 1),
        _ => chain(range, 1 + i64::try_from(dice.below(300)).expect("a few")),
    };
    let order_by = usize::try_from(dice.below(measures.len() as u64)).expect("a short list");
    let limit = usize::try_from(1 + dice.below(6)).expect("a small limit");
    Query { measures, dimensions, filters, range, buckets, order_by, limit }
}

fn thrown_dimension(dice: &mut Dice) -> Dimension {
    match dice.below(8) {
        0 => Dimension::Provider,
        1 => Dimension::Model,
        2 => Dimension::App,
        3 => Dimension::Agent,
        4 => Dimension::Session,
        5 => Dimension::Kind,
        6 => Dimension::Metadata("feature".to_owned()),
        _ => Dimension::Metadata("customer".to_owned()),
    }
}

fn thrown_filter(dice: &mut Dice) -> Filter {
    const VALUES: [&str; 8] = [
        "openai",
        "model-1",
        "model-2",
        "checkout",
        "session-3",
        "søk",
        "",
        "it's; DROP TABLE events",
    ];
    let values =
        (0..dice.below(4)).map(|_| (!dice.one_in(4)).then(|| dice.pick(&VALUES).to_owned()));
    let values = values.collect();
    let op = dice.pick(&[FilterOp::In, FilterOp::NotIn]);
    Filter { dimension: thrown_dimension(dice), op, values }
}

/// Buckets of unequal length that cover a range and a little more.
fn chain(range: TimeRange, count: i64) -> Vec<Bucket> {
    let (from, to) = (range.from.as_micros(), range.to.as_micros());
    let edge = |index: i64| {
        if index == 0 {
            return Timestamp::from_micros(from - 5);
        }
        let share = i128::from(to - from) * i128::from(index * index) / i128::from(count * count);
        Timestamp::from_micros(from + i64::try_from(share).expect("a part of the range") + 3)
    };
    (0..count).map(|index| Bucket { from: edge(index), to: edge(index + 1) }).collect()
}

fn percentiles_are_the_nearest_rank(ledger: &dyn Ledger) {
    let measures = [50, 95, 99].map(Measure::LatencyMs);
    let mut batches = Vec::new();
    for count in (1..=101).chain([200, 300, 1_000]) {
        let mut batch = sample::batch(Some(&format!("app-{count}")));
        for number in 0..count {
            let mut event = sample::bare_event(&format!("{number}"));
            event.duration_ms = Some(number);
            batch.events.push(event);
        }
        batches.push(sample::applied(0, "ranks", batch, Costing::default));
    }
    let mut model = Model::default();
    model.apply(&batches);
    apply(ledger, batches);
    let query =
        Query { dimensions: vec![Dimension::App], limit: 1_000, ..question(&measures, days(0, 1)) };
    assert_eq!(ledger.query("ranks", &query).expect("an answer"), model.answer("ranks", &query));
}

fn what_cannot_be_asked_is_refused(ledger: &dyn Ledger) {
    let calls = question(&[Measure::Calls], days(0, 1));
    let gap = vec![Bucket { from: at(0), to: at(5) }, Bucket { from: at(6), to: at(DAY_MICROS) }];
    let short = vec![Bucket { from: at(0), to: at(5) }];
    for query in [
        Query { order_by: 1, ..calls.clone() },
        Query { buckets: gap, ..calls.clone() },
        Query { buckets: short, ..calls },
    ] {
        assert!(matches!(ledger.query("org-a", &query), Err(LedgerError::Query(_))));
    }
}
