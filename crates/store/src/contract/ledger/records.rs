//! Records that are read back, one by one.

use std::collections::BTreeMap;

use modelstat_wire::{Event, PicoUsd, Timestamp, limits::MAX_COUNT};

use super::{apply, apply_one, days};
use crate::contract::sample::{self, DAY_MICROS, at, text};
use crate::rows::ErrorRow;
use crate::{
    Activity, Applied, AppliedBatch, Costing, EventRow, Ledger, LedgerError, Measure, Query,
    QueryValue, ToolCallRow,
};

pub(super) fn run(ledger: &dyn Ledger) {
    every_field_is_read_back(ledger);
    an_id_with_other_content_is_kept_under_a_derived_one(ledger);
    implausible_times_count_at_their_receipt(ledger);
    whole_turns_are_not_kept(ledger);
    an_id_of_several_apps_needs_the_app(ledger);
    tool_calls_are_held_once(ledger);
    an_org_is_forgotten_alone(ledger);
    costings_must_be_complete(ledger);
}

fn every_field_is_read_back(ledger: &dyn Ledger) {
    let mut batch = sample::batch(None);
    batch.events = vec![sample::full_event("full"), sample::bare_event("bare")];
    batch.tool_calls = vec![sample::tool_call("call", Some("full"), "session-0")];
    let costing = || Costing {
        cost: Some(PicoUsd(-12)),
        price_id: Some("price".to_owned()),
        price_book: Some("book".to_owned()),
        unpriced_reason: Some("reason"),
    };
    apply(ledger, vec![sample::applied(0, "records", batch, costing)]);

    let (event, calls) =
        ledger.event("records", None, "full").expect("an answer").expect("it is held");
    assert_eq!(event, full_row());
    assert_eq!(calls, [call_row()]);
    let (bare, calls) =
        ledger.event("records", Some("default"), "bare").expect("an answer").expect("it is held");
    assert!(
        calls.is_empty()
            && bare.git.is_none()
            && bare.error.is_none()
            && bare.usage_detail.is_none()
    );
    assert!(bare.metadata.is_empty() && bare.model.is_none() && !bare.usage_known);
    assert!(ledger.event("others", None, "full").expect("an answer").is_none());
    assert!(ledger.event("records", Some("other"), "full").expect("an answer").is_none());
    let keys = ledger.metadata_keys("records", days(0, 1)).expect("a list");
    assert_eq!(keys, ["customer", "feature"]);
    assert!(ledger.metadata_keys("records", days(1, 2)).expect("a list").is_empty());
    let activity = Activity { first_event_at: Some(at(0)), last_event_at: Some(at(0)) };
    assert_eq!(ledger.activity("records").expect("an answer"), activity);
    assert_eq!(ledger.activity("others").expect("an answer"), Activity::default());
}

fn texts(entries: &[(&str, &str)]) -> BTreeMap<String, String> {
    entries.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn full_row() -> EventRow {
    let word = |word: &str| Some(word.to_owned());
    let git = [
        ("branch", "main"),
        ("host", "github.com"),
        ("remote_slug", "acme/web"),
        ("remote_url", "https://github.com/acme/web"),
        ("slug_source", "remote"),
    ];
    let detail: BTreeMap<String, serde_json::Value> = serde_json::from_str(
        r#"{"cache_creation_1h":1,"audio_input":2,"audio_output":3,"web_search_requests":4,
            "service_tier":"flex","speed":"fast","batch":false}"#,
    )
    .expect("valid JSON");
    EventRow {
        app: "default".to_owned(),
        source_event_id: "full".to_owned(),
        original_event_id: None,
        ts: Some(at(0)),
        received_at: Some(at(2 * DAY_MICROS)),
        kind: "assistant_message".to_owned(),
        agent: "raw_sdk_openai".to_owned(),
        provider: "openai".to_owned(),
        model: word("gpt-4o"),
        session_id: "session-0".to_owned(),
        tokens: modelstat_wire::TokenUsage {
            input: 1,
            output: 2,
            cache_creation: 3,
            cache_read: 4,
            reasoning: MAX_COUNT,
        },
        usage_known: true,
        cost: Some(PicoUsd(-12)),
        reported_cost: sample::full_event("").reported_cost,
        price_id: word("price"),
        price_book: word("book"),
        unpriced_reason: word("reason"),
        duration_ms: Some(2_000),
        first_token_ms: Some(1_000),
        started_at: Some(at(-2_000_001)),
        first_token_at: Some(at(-1_000_000)),
        error: Some(ErrorRow { kind: word("rate_limit"), status: Some(429) }),
        finish_reason: word("stop"),
        response_id: word("resp_1"),
        attempt: Some(2),
        metadata: texts(&[("feature", "søk \0 🦀"), ("customer", "acme")]),
        git: Some(texts(&git)),
        cwd: word("/srv/web"),
        content_excerpt: word("an excerpt"),
        content_bytes: Some(10),
        redactions: [("email".to_owned(), 2), ("made_up_rule".to_owned(), 1)].into(),
        flags: Vec::new(),
        turn_index: Some(4),
        seq: Some(3),
        billing: word("api"),
        device_id: word("dev_1"),
        producer: word("sdk-0.1.0"),
        batch_id: word("batch-1"),
        floor_version: word("1"),
        usage_detail: Some(detail),
    }
}

fn call_row() -> ToolCallRow {
    let word = |word: &str| Some(word.to_owned());
    ToolCallRow {
        external_call_id: "call".to_owned(),
        session_id: "session-0".to_owned(),
        source_event_id: word("full"),
        segment_id: None,
        agent: None,
        server: word("builtin"),
        name: "bash".to_owned(),
        call_index: Some(0),
        turn_index: None,
        started_at: at(0),
        ended_at: Some(at(5)),
        status: word("success"),
        args_hash: word("aa"),
        signature_hash: None,
        args_bytes: Some(12),
        result_bytes: None,
        model: word("gpt-4o"),
        command_families: vec!["git".to_owned(), "cargo".to_owned()],
    }
}

fn an_id_with_other_content_is_kept_under_a_derived_one(ledger: &dyn Ledger) {
    let send = |finish: &str, sent: i64| {
        let mut batch = sample::batch(Some("app"));
        let event = sample::bare_event("same");
        let finish_reason = Some(text(finish));
        batch.events.push(Event { finish_reason, sent_at: Some(at(sent)), ..event });
        apply_one(ledger, "conflicts", batch)
    };
    assert_eq!(send("one", 1), Applied { accepted: 1, ..Applied::default() });
    assert_eq!(send("one", 2), Applied { duplicate: 1, ..Applied::default() });
    assert_eq!(send("two", 3), Applied { id_conflict: 1, ..Applied::default() });
    assert_eq!(send("two", 4), Applied { duplicate: 1, ..Applied::default() });
    assert_eq!(send("three", 5), Applied { id_conflict: 1, ..Applied::default() });

    let session =
        ledger.session("conflicts", None, "session-0", 10).expect("an answer").expect("it is held");
    let mut kept: Vec<_> = session
        .events
        .iter()
        .map(|event| (event.finish_reason.as_deref(), event.original_event_id.as_deref()))
        .collect();
    kept.sort_unstable();
    assert_eq!(
        kept,
        [(Some("one"), None), (Some("three"), Some("same")), (Some("two"), Some("same"))]
    );
    let derived = session.events.iter().filter(|event| event.source_event_id.starts_with("evtc_"));
    assert_eq!(derived.count(), 2);
}

fn implausible_times_count_at_their_receipt(ledger: &dyn Ledger) {
    let batch = || {
        let mut batch = sample::batch(Some("app"));
        for (id, ts) in
            [("future", at(40 * DAY_MICROS)), ("past", Timestamp::from_micros(0)), ("fine", at(3))]
        {
            batch.events.push(Event { ts, ..sample::bare_event(id) });
        }
        batch
    };
    apply_one(ledger, "times", batch());
    // The same events on another day are still the same events.
    let later = AppliedBatch {
        received_at: at(3 * DAY_MICROS),
        ..sample::applied(0, "times", batch(), Costing::default)
    };
    let applied = apply(ledger, vec![later]);
    assert_eq!(applied, Applied { duplicate: 3, ..Applied::default() });
    let question = Query {
        measures: vec![Measure::Calls],
        dimensions: Vec::new(),
        filters: Vec::new(),
        range: days(2, 3),
        buckets: Vec::new(),
        order_by: 0,
        limit: 1,
    };
    let answer = ledger.query("times", &question).expect("an answer");
    assert_eq!((answer.totals, answer.flagged_time), (vec![QueryValue::Count(2)], 2));
    for (id, flag, ts) in [
        ("future", "ts_future", at(40 * DAY_MICROS)),
        ("past", "ts_past", Timestamp::from_micros(0)),
    ] {
        let (event, _) = ledger.event("times", None, id).expect("an answer").expect("it is held");
        assert_eq!((event.flags, event.ts), (vec![flag.to_owned()], Some(ts)));
    }
}

fn whole_turns_are_not_kept(ledger: &dyn Ledger) {
    let mut batch = sample::batch(Some("app"));
    batch.events = vec![sample::full_event("turn"), sample::bare_event("no turn")];
    let raw = AppliedBatch { is_raw: true, ..sample::applied(0, "raw", batch, Costing::default) };
    apply(ledger, vec![raw]);
    let (event, _) = ledger.event("raw", None, "turn").expect("an answer").expect("it is held");
    assert_eq!((event.content_excerpt, event.content_bytes), (None, Some(10)));
    let text = ledger.privacy("raw", days(0, 1)).expect("a report").text;
    assert_eq!((text.excerpts, text.excerpt_chars, text.no_abstract), (0, 0, 1));

    // The server tells them in an abstract of its own, which no request brought.
    let mut own = sample::batch(Some("app"));
    let mut segment = sample::segment("segment", 1, "session-0", "words");
    segment.source_event_ids = vec![sample::text("turn")];
    own.segments.push(segment);
    let own = AppliedBatch { request_bytes: 0, ..sample::applied(0, "raw", own, Costing::default) };
    apply(ledger, vec![own]);
    let report = ledger.privacy("raw", days(0, 3)).expect("a report");
    assert_eq!((report.text.no_abstract, report.text.abstracts), (0, 1));
    let received: Vec<_> =
        report.received.iter().map(|row| (row.requests, row.excerpts, row.abstracts)).collect();
    assert_eq!(received, [(1, 2, 0)]);
}

fn an_id_of_several_apps_needs_the_app(ledger: &dyn Ledger) {
    for app in ["one", "two"] {
        let mut batch = sample::batch(Some(app));
        batch.events.push(sample::bare_event("shared"));
        assert_eq!(apply_one(ledger, "apps", batch).accepted, 1);
    }
    assert!(matches!(ledger.event("apps", None, "shared"), Err(LedgerError::Query(_))));
    assert!(matches!(ledger.session("apps", None, "session-0", 1), Err(LedgerError::Query(_))));
    let (event, _) =
        ledger.event("apps", Some("two"), "shared").expect("an answer").expect("it is held");
    assert_eq!(event.app, "two");
}

fn tool_calls_are_held_once(ledger: &dyn Ledger) {
    for _ in 0..2 {
        let mut batch = sample::batch(Some("app"));
        batch.tool_calls = vec![sample::tool_call("call", Some("event"), "session-0"); 2];
        apply_one(ledger, "calls", batch);
    }
    let mut batch = sample::batch(Some("app"));
    batch.events.push(sample::bare_event("event"));
    apply_one(ledger, "calls", batch);
    let (_, calls) = ledger.event("calls", None, "event").expect("an answer").expect("it is held");
    assert_eq!(calls.len(), 1);
}

fn an_org_is_forgotten_alone(ledger: &dyn Ledger) {
    for org in ["gone", "stays"] {
        let mut batch = sample::batch(Some("app"));
        batch.events.push(sample::full_event("event"));
        batch.segments.push(sample::segment("segment", 0, "session-0", "words"));
        apply_one(ledger, org, batch);
    }
    ledger.forget_org("gone").expect("forgotten");
    assert!(ledger.event("gone", None, "event").expect("an answer").is_none());
    assert_eq!(ledger.activity("gone").expect("an answer"), Activity::default());
    let report = ledger.privacy("gone", days(0, 4)).expect("a report");
    assert!(report.received.is_empty() && report.outcomes.iter().all(|outcome| outcome.count == 0));
    assert!(ledger.event("stays", None, "event").expect("an answer").is_some());
    assert!(ledger.checkpoint().expect("durable") > 0);
}

fn costings_must_be_complete(ledger: &dyn Ledger) {
    let position = ledger.position().expect("a position");
    let mut batch = sample::batch(Some("app"));
    batch.events.push(sample::bare_event("event"));
    let mut applied = sample::applied(position + 1, "costings", batch, Costing::default);
    applied.costings.clear();
    let drain = crate::Drain { through: position + 1, batches: vec![applied] };
    assert!(matches!(ledger.apply(&drain), Err(LedgerError::Engine { .. })));
    assert_eq!(ledger.position().expect("a position"), position);
}
