//! Lists of sessions, and one session.

use modelstat_wire::{Event, Pairs, PicoUsd, TokenUsage};

use super::{apply, apply_one, days};
use crate::contract::sample::{self, at, text};
use crate::query::TimeRange;
use crate::{Costing, Ledger, LedgerError, SessionFilter, SessionRow};

const ORG: &str = "sessions";

pub(super) fn run(ledger: &dyn Ledger) {
    fill(ledger);
    pages_follow_each_other(ledger);
    a_row_sums_up_its_session(ledger);
    words_are_found_in_ids_titles_and_abstracts(ledger);
    the_range_limits_what_is_summed(ledger);
    a_session_shows_its_newest_segments_and_events(ledger);
}

fn filter() -> SessionFilter {
    SessionFilter { range: days(0, 1), words: Vec::new(), app: None, limit: 50, cursor: None }
}

/// Seven sessions of two events each in two apps; two of them end at the same moment.
fn fill(ledger: &dyn Ledger) {
    for app in ["alpha", "beta"] {
        let mut batch = sample::batch(Some(app));
        for number in 0..7_i64 {
            for turn in 0..2 {
                let event = sample::bare_event(&format!("event-{number}-{turn}"));
                let model = if turn == 0 { "gpt-4o" } else { "claude" };
                batch.events.push(Event {
                    ts: at((number / 2) * 1_000 + turn),
                    session_id: text(format!("session-{number}")),
                    model: Some(text(model)),
                    tokens: Some(TokenUsage { input: 5, reasoning: 1, ..TokenUsage::default() }),
                    turn_index: Some(turn.unsigned_abs()),
                    ..event
                });
            }
        }
        let mut number = 0;
        let costing = || {
            number += 1;
            Costing { cost: (number % 2 == 0).then_some(PicoUsd(3)), ..Costing::default() }
        };
        apply(ledger, vec![sample::applied(0, ORG, batch, costing)]);
    }
    let mut batch = sample::batch(Some("alpha"));
    batch.events.push(Event {
        ts: at(9),
        session_id: text("session-0"),
        model: Some(text("claude")),
        ..sample::full_event("failed")
    });
    batch.segments = vec![
        sample::segment("first", 0, "session-0", "old words of the first"),
        sample::segment("first", 2, "session-0", "Fixed the Ærlig parser"),
        sample::segment("first", 1, "session-0", "late but older"),
        modelstat_wire::Segment {
            ended_at: at(99),
            ..sample::segment("second", 0, "session-0", "wrote 100% of docs")
        },
    ];
    batch.tool_calls =
        vec![sample::tool_call("a", None, "session-0"), sample::tool_call("b", None, "session-0")];
    batch.session_installs = Pairs(vec![(text("session-0"), sample::install("account-1"))]);
    batch.session_titles = Pairs(vec![(text("session-1"), text("first title"))]);
    apply_one(ledger, ORG, batch);
    let mut batch = sample::batch(Some("alpha"));
    batch.session_titles = Pairs(vec![(text("session-1"), text("Last Title"))]);
    batch.session_installs = Pairs(vec![(text("session-0"), sample::install("account-2"))]);
    batch.segments = vec![sample::segment("first", 2, "session-0", "sent twice, dropped")];
    apply_one(ledger, ORG, batch);
}

fn pages_follow_each_other(ledger: &dyn Ledger) {
    let all = ledger.sessions(ORG, &filter()).expect("a page");
    assert_eq!((all.sessions.len(), all.next_cursor), (14, None));
    assert!(all.sessions.windows(2).all(|pair| pair[0].last_at >= pair[1].last_at));
    let mut paged: Vec<SessionRow> = Vec::new();
    let mut cursor = None;
    loop {
        let page =
            ledger.sessions(ORG, &SessionFilter { limit: 3, cursor, ..filter() }).expect("a page");
        assert!(page.sessions.len() <= 3);
        paged.extend(page.sessions);
        cursor = page.next_cursor;
        let Some(cursor) = &cursor else { break };
        assert!(cursor.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    }
    assert_eq!(paged, all.sessions);
    let beta = SessionFilter { app: Some("beta".to_owned()), ..filter() };
    assert_eq!(ledger.sessions(ORG, &beta).expect("a page").sessions.len(), 7);
    for cursor in ["0", "zz", "00", "æ"] {
        let filter = SessionFilter { cursor: Some(cursor.to_owned()), ..filter() };
        assert!(matches!(ledger.sessions(ORG, &filter), Err(LedgerError::Query(_))));
    }
    assert!(ledger.sessions("no such org", &filter()).expect("a page").sessions.is_empty());
}

fn a_row_sums_up_its_session(ledger: &dyn Ledger) {
    let page = ledger.sessions(ORG, &filter()).expect("a page");
    let of = |app: &str, session: &str| {
        let mut rows = page.sessions.iter();
        rows.find(|row| row.app == app && row.session_id == session).expect("it is listed").clone()
    };
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let plain = SessionRow {
        app: "beta".to_owned(),
        session_id: "session-3".to_owned(),
        title: None,
        summary: None,
        first_at: at(1_000),
        last_at: at(1_001),
        calls: 2,
        errors: 0,
        tool_calls: 0,
        tokens: TokenUsage { input: 10, reasoning: 2, ..TokenUsage::default() },
        cost: Some(PicoUsd(3)),
        unpriced_calls: 1,
        models: words(&["claude", "gpt-4o"]),
        providers: words(&["openai"]),
        agents: words(&["raw_sdk_openai"]),
        provider_account_id: None,
    };
    assert_eq!(of("beta", "session-3"), plain);
    let rich = of("alpha", "session-0");
    assert_eq!((rich.calls, rich.errors, rich.tool_calls, rich.unpriced_calls), (3, 1, 2, 2));
    assert_eq!((rich.first_at, rich.last_at), (at(0), at(9)));
    assert_eq!(rich.models, words(&["claude", "gpt-4o"]));
    assert_eq!(rich.title.as_deref(), Some("title of wrote 100% of docs"));
    assert_eq!(rich.summary.as_deref(), Some("wrote 100% of docs"));
    assert_eq!(rich.provider_account_id.as_deref(), Some("account-2"));
    assert_eq!(of("alpha", "session-1").title.as_deref(), Some("Last Title"));
}

fn words_are_found_in_ids_titles_and_abstracts(ledger: &dyn Ledger) {
    let check = |words: &[&str], expected: &[&str]| {
        let words = words.iter().map(|word| (*word).to_owned()).collect();
        let page = ledger.sessions(ORG, &SessionFilter { words, ..filter() }).expect("a page");
        let mut found: Vec<_> =
            page.sessions.iter().map(|row| format!("{} {}", row.app, row.session_id)).collect();
        found.sort_unstable();
        assert_eq!(found, expected);
    };
    check(&["ærlig", "PARSER"], &["alpha session-0"]);
    check(&["100%", "fixed"], &["alpha session-0"]);
    check(&["last title"], &["alpha session-1"]);
    check(&["SESSION-4"], &["alpha session-4", "beta session-4"]);
    check(&["old words"], &[]);
    check(&["first title"], &[]);
    check(&["parser", "absent"], &[]);
    check(&["%"], &["alpha session-0"]);
}

fn the_range_limits_what_is_summed(ledger: &dyn Ledger) {
    let range = TimeRange { from: at(1), to: at(9) };
    let page = ledger.sessions(ORG, &SessionFilter { range, ..filter() }).expect("a page");
    let row = page.sessions.iter().find(|row| row.app == "alpha" && row.session_id == "session-0");
    let row = row.expect("it has an event in the range");
    assert_eq!((row.calls, row.first_at, row.last_at, row.tool_calls), (1, at(1), at(1), 0));
    assert_eq!(page.sessions.len(), 4);
}

fn a_session_shows_its_newest_segments_and_events(ledger: &dyn Ledger) {
    let get = |app, max| ledger.session(ORG, app, "session-0", max).expect("an answer");
    let detail = get(Some("alpha"), 10).expect("it is held");
    assert_eq!(detail.session.calls, 3);
    let turns: Vec<_> = detail.events.iter().map(|event| event.ts).collect();
    assert_eq!(turns, [Some(at(0)), Some(at(1)), Some(at(9))]);
    assert!(!detail.truncated);
    assert_eq!(detail.tool_calls.len(), 2);
    let segments: Vec<_> =
        detail.segments.iter().map(|row| (row.segment_id.as_str(), row.generation)).collect();
    assert_eq!(segments, [("first", 2), ("second", 0)]);
    let first = &detail.segments[0];
    assert_eq!(first.summary.as_deref(), Some("Fixed the Ærlig parser"));
    assert_eq!((first.turns, first.tags.as_slice()), (2, ["work:tests".to_owned()].as_slice()));

    let newest = get(Some("alpha"), 2).expect("it is held");
    let turns: Vec<_> = newest.events.iter().map(|event| event.ts).collect();
    assert_eq!((turns, newest.truncated), (vec![Some(at(1)), Some(at(9))], true));
    assert_eq!(newest.session, detail.session);
    assert!(ledger.session(ORG, Some("gamma"), "session-0", 2).expect("an answer").is_none());
    assert!(ledger.session(ORG, None, "no such session", 2).expect("an answer").is_none());
}
