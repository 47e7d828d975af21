//! The privacy report.

use modelstat_redact::RedactedText;
use modelstat_wire::{Event, Pairs, ReportedOutcomes};

use super::{apply, apply_one, days};
use crate::contract::sample::{self, DAY_MICROS, at, text};
use crate::{AppliedBatch, Costing, Ledger, OutcomeCount, RuleCount};

const ORG: &str = "privacy";

pub(super) fn run(ledger: &dyn Ledger) {
    what_was_received_and_what_became_of_it_is_reported(ledger);
    the_largest_of_what_an_instance_says_counts(ledger);
    counters_of_many_drains_add_up(ledger);
}

fn outcome(outcome: &str, reason: Option<&str>, count: u64) -> OutcomeCount {
    OutcomeCount { outcome: outcome.to_owned(), reason: reason.map(str::to_owned), count }
}

fn what_was_received_and_what_became_of_it_is_reported(ledger: &dyn Ledger) {
    let mut batch = sample::batch(Some("app"));
    batch.events = vec![
        sample::full_event("a"),
        Event { redactions: Pairs(vec![(text("email"), 5)]), ..sample::bare_event("b") },
        sample::full_event("a"),
    ];
    batch.segments = vec![
        sample::segment("s", 0, "session-0", "ünï"),
        sample::segment("s", 1, "session-0", "four"),
    ];
    batch.session_titles = Pairs(vec![(text("session-0"), text("a title"))]);
    let applied = AppliedBatch {
        received_at: at(0),
        rejected: vec![("ts: missing".to_owned(), 4)],
        ..sample::applied(0, ORG, batch, Costing::default)
    };
    let repeat = AppliedBatch {
        received_at: at(1),
        repeated_events: 3,
        batch: None,
        costings: Vec::new(),
        ..sample::applied(0, ORG, sample::batch(None), Costing::default)
    };
    let applied = apply(ledger, vec![applied, repeat]);
    assert_eq!((applied.accepted, applied.duplicate), (2, 4));

    let report = ledger.privacy(ORG, days(0, 1)).expect("a report");
    let [received] = report.received.as_slice() else { panic!("one producer") };
    assert_eq!((received.producer.as_str(), received.app.as_str()), ("sdk-0.1.0", "app"));
    assert_eq!((received.requests, received.events, received.bytes), (1, 3, 1_000));
    assert_eq!((received.excerpts, received.abstracts, received.titles), (4, 2, 3));
    assert_eq!((received.first_at, received.last_at), (at(0), at(0)));
    let text = report.text;
    assert_eq!((text.abstracts, text.abstract_chars, text.titles), (1, 4, 2));
    assert_eq!((text.excerpts, text.excerpt_chars, text.no_abstract), (2, 19, 0));
    let rule = |rule: &str, class, count| RuleCount { rule: rule.to_owned(), class, count };
    assert_eq!(report.findings, [rule("email", "pii", 7), rule("made_up_rule", "secret", 1)]);
    let expected = [
        outcome("accepted", None, 2),
        outcome("duplicate", None, 4),
        outcome("id_conflict", None, 0),
        outcome("rejected", Some("ts: missing"), 4),
    ];
    assert_eq!(report.outcomes, expected);
    assert_eq!(report.floor_versions, ["1"]);
    assert!(report.reported.is_empty());
    let later = ledger.privacy(ORG, days(1, 2)).expect("a report");
    assert!(later.received.is_empty() && later.findings.is_empty() && later.text.abstracts == 0);
}

fn the_largest_of_what_an_instance_says_counts(ledger: &dyn Ledger) {
    let say = |recorded, sent, dropped: &[(&str, u64)]| {
        let dropped: Pairs<RedactedText, u64> =
            dropped.iter().map(|(reason, count)| (text(*reason), *count)).collect();
        let mut batch = sample::batch(Some("app"));
        batch.instance_id = Some(text("instance"));
        batch.outcomes = Some(ReportedOutcomes { recorded, sent, dropped });
        apply_one(ledger, "reported", batch);
    };
    say(10, 8, &[("queue_full", 1)]);
    say(30, 25, &[("queue_full", 2), ("expired", 1)]);
    say(20, 20, &[]);
    let report = ledger.privacy("reported", days(2, 3)).expect("a report");
    let [instance] = report.reported.as_slice() else { panic!("one instance") };
    assert_eq!((instance.recorded, instance.sent), (30, 25));
    assert_eq!(instance.dropped, [("expired".to_owned(), 1), ("queue_full".to_owned(), 2)].into());
    let dropped: Vec<_> =
        report.outcomes.iter().filter(|row| row.outcome == "dropped").cloned().collect();
    assert_eq!(
        dropped,
        [outcome("dropped", Some("expired"), 1), outcome("dropped", Some("queue_full"), 2)]
    );
    assert!(ledger.privacy("reported", days(0, 2)).expect("a report").reported.is_empty());
}

fn counters_of_many_drains_add_up(ledger: &dyn Ledger) {
    for number in 0..3_i64 {
        let mut batch = sample::batch(Some("app"));
        batch.events.push(sample::bare_event(&format!("event-{number}")));
        let applied = sample::applied(0, "counters", batch, Costing::default);
        apply(ledger, vec![AppliedBatch { received_at: at(number * DAY_MICROS / 2), ..applied }]);
    }
    let first_day = ledger.privacy("counters", days(0, 1)).expect("a report");
    assert_eq!((first_day.received[0].requests, first_day.outcomes[0].count), (2, 2));
    let both = ledger.privacy("counters", days(0, 2)).expect("a report");
    assert_eq!((both.received[0].requests, both.outcomes[0].count), (3, 3));
    assert_eq!((both.received[0].first_at, both.received[0].last_at), (at(0), at(DAY_MICROS)));
}
