use std::os::unix::fs::PermissionsExt;
use std::sync::mpsc::sync_channel;

use super::*;
use crate::contract::{ledger::apply, sample};
use crate::{Costing, Measure, QueryValue};

fn open(folder: &Path) -> DuckLedger {
    DuckLedger::open(&folder.join("ledger.duckdb"), EmbeddedOptions::default()).expect("opened")
}

fn apply_event(ledger: &DuckLedger, id: &str) {
    let mut batch = sample::batch(Some("app"));
    batch.events.push(sample::full_event(id));
    apply(ledger, vec![sample::applied(0, "org", batch, Costing::default)]);
}

fn calls(ledger: &DuckLedger) -> Vec<QueryValue> {
    let question = Query {
        measures: vec![Measure::Calls],
        dimensions: Vec::new(),
        filters: Vec::new(),
        range: TimeRange { from: sample::at(0), to: sample::at(1) },
        buckets: Vec::new(),
        order_by: 0,
        limit: 1,
    };
    ledger.query("org", &question).expect("an answer").totals
}

#[test]
fn keeps_the_contract() {
    let folder = tempfile::tempdir().expect("a folder");
    crate::contract::ledger::run(&open(folder.path()));
}

#[test]
fn rows_and_position_survive_a_crash_together() {
    let folder = tempfile::tempdir().expect("a folder");
    let ledger = open(folder.path());
    apply_event(&ledger, "checkpointed");
    assert_eq!(ledger.checkpoint().expect("durable"), 1);
    apply_event(&ledger, "in the log only");

    // What is on disk while the ledger is open is what a crash would leave.
    let crashed = tempfile::tempdir().expect("a folder");
    for name in ["ledger.duckdb", "ledger.duckdb.wal"] {
        fs::copy(folder.path().join(name), crashed.path().join(name)).expect("copied");
    }
    let recovered = open(crashed.path());
    assert_eq!(recovered.position().expect("a position"), 2);
    assert_eq!(calls(&recovered), [QueryValue::Count(2)]);
    apply_event(&recovered, "in the log only");
    assert_eq!(calls(&recovered), [QueryValue::Count(2)]);
}

#[test]
fn a_closed_ledger_opens_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let ledger = open(folder.path());
    apply_event(&ledger, "event");
    drop(ledger);
    let ledger = open(folder.path());
    assert_eq!(
        (ledger.position().expect("a position"), calls(&ledger)),
        (1, vec![QueryValue::Count(1)])
    );
}

#[test]
fn its_files_are_private() {
    let folder = tempfile::tempdir().expect("a folder");
    let ledger = open(folder.path());
    for id in ["one", "two"] {
        apply_event(&ledger, id);
        for entry in fs::read_dir(folder.path()).expect("a folder") {
            let metadata = entry.expect("an entry").metadata().expect("its metadata");
            assert_eq!(metadata.permissions().mode() & 0o077, 0);
        }
        ledger.checkpoint().expect("durable");
    }
}

#[test]
fn the_engine_is_closed_to_the_outside() {
    let folder = tempfile::tempdir().expect("a folder");
    let ledger = open(folder.path());
    for statement in [
        "SET enable_external_access = true",
        "SET autoinstall_known_extensions = true",
        "SET threads = 64",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SELECT * FROM read_text('/etc/hostname')",
        "COPY events TO '/tmp/events.csv'",
        "ATTACH '/tmp/other.duckdb'",
    ] {
        assert!(ledger.writer().execute_batch(statement).is_err(), "{statement}");
    }
}

#[test]
fn an_error_tells_its_kind_and_no_value() {
    let folder = tempfile::tempdir().expect("a folder");
    let ledger = open(folder.path());
    let check = |statement: &str, expected: &str| {
        let error = ledger.writer().execute_batch(statement).expect_err("it is refused");
        assert_eq!(code(&error), expected);
    };
    check("SELECT 'secret'::INTEGER", "duckdb conversion");
    check("SELECT secret FROM events", "duckdb binder");
    check("SELECT * FROM secret", "duckdb catalog");
    check("secret", "duckdb parser");
}

#[test]
fn the_file_of_a_later_version_is_left_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let ledger = open(folder.path());
    ledger.writer().execute_batch("UPDATE meta SET version = version + 1").expect("updated");
    drop(ledger);
    let opened = DuckLedger::open(&folder.path().join("ledger.duckdb"), EmbeddedOptions::default());
    assert!(matches!(opened, Err(OpenError::TooNew { store: "ledger" })));
}

#[test]
fn a_file_of_an_earlier_version_gets_the_columns_that_it_lacks() {
    let folder = tempfile::tempdir().expect("a folder");
    let apply_segment = |ledger: &DuckLedger, id: &str| {
        let mut batch = sample::batch(Some("app"));
        batch.events.push(sample::full_event(id));
        batch.segments.push(sample::segment(id, 1, "session-0", "words"));
        apply(ledger, vec![sample::applied(0, "org", batch, Costing::default)]);
    };
    let ledger = open(folder.path());
    apply_segment(&ledger, "old");
    let to_first = "ALTER TABLE segments DROP COLUMN model_sha256;
        ALTER TABLE segments DROP COLUMN prompt_version;
        ALTER TABLE segments DROP COLUMN fallback_reason; UPDATE meta SET version = 1;";
    ledger.writer().execute_batch(to_first).expect("an earlier version");
    drop(ledger);
    for _ in 0..2 {
        let ledger = open(folder.path());
        apply_segment(&ledger, "new");
        let detail = ledger.session("org", Some("app"), "session-0", 10).expect("readable");
        let detail = detail.expect("a session");
        let mut reasons: Vec<_> = detail
            .segments
            .iter()
            .map(|segment| (segment.segment_id.as_str(), segment.fallback_reason.as_deref()))
            .collect();
        reasons.sort_unstable();
        assert_eq!(reasons, [("new", Some("llama.timeout")), ("old", None)]);
    }
}

#[test]
fn a_checkpoint_waits_for_those_who_read_what_has_changed() {
    let folder = tempfile::tempdir().expect("a folder");
    let ledger = open(folder.path());
    apply_event(&ledger, "event");
    let (reading, is_reading) = sync_channel(0);
    let (finish, may_finish) = sync_channel::<()>(0);
    let ledger = &ledger;
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let read = ledger.readers.read(|connection| {
                let before = apply::position(connection)?;
                reading.send(()).expect("somebody waits");
                may_finish.recv().expect("somebody tells");
                Ok::<_, LedgerError>((before, apply::position(connection)?))
            });
            assert_eq!(read.expect("an answer"), (1, 1));
        });
        is_reading.recv().expect("the reader begins");
        apply_event(ledger, "another");
        ledger.forget_org("org").expect("forgotten");
        let checkpoint = scope.spawn(|| ledger.checkpoint());
        finish.send(()).expect("the reader waits");
        assert_eq!(checkpoint.join().expect("no panic").expect("durable"), 2);
    });
    assert_eq!(calls(ledger), [QueryValue::Count(0)]);
}
