use std::fs;
use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::config::LedgerLimits;
use crate::egress::ledger::{Conclusion, Intent, Ledger};

/// A ledger in a folder of its own.
struct Case {
    folder: tempfile::TempDir,
    limits: LedgerLimits,
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_millis(second * 1_000)
}

impl Case {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder"), limits: LedgerLimits::default() }
    }

    /// Records 0 (genesis), then request and answer in turn, the last request without an answer.
    fn with_requests(count: i64) -> Self {
        let case = Self::new();
        let ledger = case.open();
        for second in 0..count {
            let id = intend(&ledger, second);
            if second + 1 < count {
                conclude(&ledger, id, second);
            }
        }
        case
    }

    fn open(&self) -> Ledger {
        let key = Arc::new(DeviceKey::open(self.folder.path()).expect("a key"));
        let file = self.folder.path().join(FILE);
        Ledger::open(&file, self.limits, key, at(0)).expect("opens")
    }

    fn change(&self, sql: &str) {
        let connection = Connection::open(self.folder.path().join(FILE)).expect("opens");
        connection.execute_batch(sql).expect("changed");
    }

    fn verify(&self) -> Verification {
        verify_ledger(self.folder.path()).expect("readable").0
    }

    #[track_caller]
    fn check_problem(&self, number: i64, what: &str) {
        let problem = self.verify().problem.expect("a problem");
        assert_eq!(problem.number, Some(number), "{problem:?}");
        assert!(problem.what.contains(what), "{problem:?}");
    }
}

fn intend(ledger: &Ledger, second: i64) -> i64 {
    let payload = format!("payload {second}");
    let findings = [("email".to_owned(), 2)].into();
    let intent = Intent {
        at: at(second),
        destination: "a.example:443/v1/ingest",
        key: 1,
        batch_id: "batch_1",
        events: 3,
        plain_bytes: 9,
        payload: payload.as_bytes(),
        findings: &findings,
    };
    ledger.intend(&intent).expect("written").id
}

fn conclude(ledger: &Ledger, id: i64, second: i64) {
    let conclusion = Conclusion { status: Some(200), outcome: "answered", at: at(second) };
    ledger.conclude(id, &conclusion).expect("written");
}

#[test]
fn what_nobody_touched_is_whole_while_it_is_open_and_after() {
    let case = Case::with_requests(3);
    let ledger = case.open();
    let found = case.verify();
    assert_eq!(found.problem, None);
    assert_eq!((found.newest, found.records, found.requests, found.adopted), (5, 6, 3, 0));
    intend(&ledger, 9);
    assert_eq!(case.verify().newest, 6);
    drop(ledger);
    assert_eq!(case.verify().problem, None);
    let (_, requests) = verify_ledger(case.folder.path()).expect("readable");
    assert_eq!(requests.keys().copied().collect::<Vec<_>>(), [1, 3, 5, 6]);
    assert_eq!(requests[&1].status, Some(200));
}

#[test]
fn every_altered_column_is_told_with_its_record() {
    // Of the second request, whose records are 3 and 4.
    for (column, value, number) in [
        ("at", "1", 3),
        ("destination", "'elsewhere:443/v1/ingest'", 3),
        ("key", "2", 3),
        ("batch_id", "'batch_2'", 3),
        ("events", "4", 3),
        ("sent_bytes", "4", 3),
        ("plain_bytes", "4", 3),
        ("payload", "x'00'", 3),
        ("findings", "'{}'", 3),
        ("findings", "NULL", 3),
        ("status", "503", 4),
        ("status", "NULL", 4),
        ("outcome", "'timeout'", 4),
        ("outcome", "NULL", 4),
        ("concluded_at", "7", 4),
        ("concluded_at", "NULL", 4),
    ] {
        let case = Case::with_requests(3);
        case.change(&format!("UPDATE entries SET {column} = {value} WHERE id = 2"));
        let problem = case.verify().problem;
        let number_told = problem.as_ref().and_then(|problem| problem.number);
        assert_eq!(number_told, Some(number), "{column} = {value}: {problem:?}");
    }
    for (column, value) in [
        ("kind", "'answer'"),
        ("kind", "'adopted'"),
        ("kind", "'other'"),
        ("entry", "1"),
        ("entry", "NULL"),
        ("head", "x'00'"),
    ] {
        let case = Case::with_requests(3);
        case.change(&format!("UPDATE records SET {column} = {value} WHERE number = 3"));
        assert_eq!(case.verify().problem.and_then(|problem| problem.number), Some(3), "{column}");
    }
}

#[test]
fn an_altered_payload_is_told() {
    let case = Case::with_requests(3);
    case.change("UPDATE payloads SET body = CAST('other' AS BLOB) WHERE rowid = 2");
    case.check_problem(3, "payload was altered");
    let case = Case::with_requests(3);
    case.change("DELETE FROM payloads WHERE rowid = 2");
    case.check_problem(3, "payload is missing");
}

#[test]
fn a_request_that_is_taken_out_is_told() {
    let case = Case::with_requests(3);
    case.change("DELETE FROM records WHERE entry = 2; DELETE FROM entries WHERE id = 2");
    case.check_problem(3, "record is missing");
    let case = Case::with_requests(3);
    case.change("DELETE FROM entries WHERE id = 2");
    case.check_problem(3, "is missing");
    let case = Case::with_requests(3);
    case.change("DELETE FROM records WHERE number = 4");
    case.check_problem(3, "answer that stands in no record");
    // Closing the ranks changes the numbers, which are hashed too.
    let case = Case::with_requests(3);
    case.change(
        "DELETE FROM records WHERE entry = 2; DELETE FROM entries WHERE id = 2;
         UPDATE records SET number = 3 WHERE number = 5",
    );
    case.check_problem(3, "altered");
}

#[test]
fn a_cut_end_is_told() {
    let case = Case::with_requests(3);
    case.change("DELETE FROM records WHERE entry = 3; DELETE FROM entries WHERE id = 3");
    case.check_problem(5, "missing");
    // The signature names the old end, and cannot be made to name another.
    let case = Case::with_requests(3);
    case.change(
        "DELETE FROM records WHERE entry = 3; DELETE FROM entries WHERE id = 3;
         UPDATE seals SET number = 4, head = (SELECT head FROM records WHERE number = 4)",
    );
    case.check_problem(4, "signature");
    let case = Case::with_requests(3);
    case.change("DELETE FROM seals");
    case.check_problem(5, "signature of the chain's end is missing");
}

#[test]
fn a_start_after_tampering_leaves_the_evidence() {
    let cut = "DELETE FROM records WHERE entry = 3; DELETE FROM entries WHERE id = 3;";
    for (change, number) in [(cut.to_owned(), 5), (format!("{cut} DELETE FROM seals"), 5)] {
        let case = Case::with_requests(3);
        case.change(&change);
        let ledger = case.open();
        intend(&ledger, 9);
        drop(ledger);
        assert_eq!(case.verify().problem.and_then(|problem| problem.number), Some(number));
    }
    let case = Case::with_requests(3);
    case.change("UPDATE seals SET at = 1");
    drop(case.open());
    case.check_problem(6, "a wrong signature");
}

#[test]
fn swapped_requests_are_told() {
    let case = Case::with_requests(3);
    case.change(
        "UPDATE entries SET id = 9 WHERE id = 1; UPDATE entries SET id = 1 WHERE id = 2;
         UPDATE entries SET id = 2 WHERE id = 9",
    );
    case.check_problem(1, "altered");
    let case = Case::with_requests(3);
    case.change(
        "UPDATE records SET number = 9 WHERE number = 1; UPDATE records SET number = 1 WHERE number = 3;
         UPDATE records SET number = 3 WHERE number = 9",
    );
    case.check_problem(1, "altered");
}

/// Hashes need no key: what holds is the signature of the end.
#[test]
fn a_chain_that_is_computed_anew_lacks_its_signature() {
    let case = Case::with_requests(3);
    case.change("UPDATE entries SET destination = 'elsewhere:443/v1/ingest' WHERE id = 2");
    compute_anew(&case);
    case.check_problem(5, "signed end is that of another chain");
    drop(case.open());
    intend(&case.open(), 9);
    case.check_problem(6, "altered");
}

fn compute_anew(case: &Case) {
    let connection = Connection::open(case.folder.path().join(FILE)).expect("opens");
    let mut tip = Tip::EMPTY;
    let sql = format!(
        "SELECT kind, note, {ENTRY_COLUMNS} FROM records LEFT JOIN entries ON entries.id = entry
         ORDER BY number"
    );
    let mut statement = connection.prepare(&sql).expect("a question");
    let mut rows = statement.query([]).expect("rows");
    while let Some(row) = rows.next().expect("readable") {
        let kind = Kind::from_name(&row.get::<_, String>(0).expect("a kind")).expect("known");
        let note: Option<String> = row.get(1).expect("a note");
        let content = match kind {
            Kind::Request => Content::Request(request_fields(row, 2).expect("a request")),
            Kind::Answer => Content::Answer(answer_fields(row, 2).expect("an answer")),
            _ => Content::Note(note.as_deref().expect("a note")),
        };
        tip = tip.with(kind, &content);
        connection
            .execute("UPDATE records SET head = ?2 WHERE number = ?1", (tip.number, tip.head))
            .expect("changed");
    }
}

#[test]
fn a_request_beside_the_chain_is_told() {
    let case = Case::with_requests(2);
    case.change(
        "INSERT INTO entries (at, destination, key, batch_id, events, sent_bytes, plain_bytes, payload)
         SELECT at, destination, key, batch_id, events, sent_bytes, plain_bytes, payload FROM entries
         WHERE id = 1",
    );
    let problem = case.verify().problem.expect("a problem");
    assert!(problem.what.contains("stands in no record"), "{problem:?}");
}

#[test]
fn another_key_cannot_vouch_for_the_past() {
    let case = Case::with_requests(2);
    fs::remove_file(case.folder.path().join(DEVICE_KEY_FILE)).expect("there");
    assert!(matches!(verify_ledger(case.folder.path()), Err(VerifyError::NoKey)));
    DeviceKey::open(case.folder.path()).expect("made");
    case.check_problem(3, "signed by");
    // A daemon that starts with it says so in the chain, for good.
    drop(case.open());
    let found = case.verify();
    assert_eq!((found.problem, found.key_changes), (None, vec![4]));
}

#[test]
fn a_ledger_of_before_the_chain_is_taken_in() {
    let case = Case::with_requests(3);
    case.change(
        "DROP TABLE records; DROP TABLE seals; ALTER TABLE entries DROP COLUMN findings;
         PRAGMA user_version = 1",
    );
    assert!(matches!(verify_ledger(case.folder.path()), Err(VerifyError::Older)));
    let ledger = case.open();
    let found = case.verify();
    assert_eq!((found.problem, found.adopted, found.requests), (None, 3, 3));
    assert_eq!(ledger.read_after(0, 10).expect("read")[0].findings, None);
    intend(&ledger, 9);
    drop(ledger);
    assert_eq!(case.verify().newest, 6);
    case.change("UPDATE entries SET status = 418 WHERE id = 1");
    case.check_problem(2, "altered");
}

#[test]
fn what_made_room_is_behind_a_signed_checkpoint() {
    let mut case = Case::new();
    case.limits = LedgerLimits { bytes: 4 * 600, age: Duration::from_secs(1_000) };
    let ledger = case.open();
    for second in 0..20 {
        // The answer comes after the next request, as from two threads at once.
        let id = intend(&ledger, second);
        if second > 0 {
            conclude(&ledger, id - 1, second);
        }
    }
    drop(ledger);
    let found = case.verify();
    assert_eq!(found.problem, None);
    let checkpoint = found.checkpoint.expect("a checkpoint");
    assert_eq!(checkpoint.records + found.records, found.newest.unsigned_abs() + 1);
    assert!((1..5).contains(&found.requests), "{} requests", found.requests);
    assert!(checkpoint.bytes > 15 * 512);
    let ledger = case.open();
    intend(&ledger, 30);
    drop(ledger);
    assert_eq!(case.verify().problem, None);
    for column in ["number", "dropped_records", "dropped_bytes", "at"] {
        case.change(&format!("UPDATE seals SET {column} = {column} + 1 WHERE kind = 'checkpoint'"));
        let problem = case.verify().problem.expect("a problem");
        assert!(problem.what.contains("checkpoint's signature"), "{column}: {problem:?}");
        case.change(&format!("UPDATE seals SET {column} = {column} - 1 WHERE kind = 'checkpoint'"));
    }
    assert_eq!(case.verify().problem, None);
    case.change("DELETE FROM seals WHERE kind = 'checkpoint'");
    case.check_problem(0, "missing");
}

#[test]
fn what_is_too_old_leaves_a_checkpoint_too() {
    let mut case = Case::new();
    case.limits = LedgerLimits { bytes: 1 << 20, age: Duration::from_secs(100) };
    let ledger = case.open();
    for second in [0, 10, 500, 20, 530] {
        let id = intend(&ledger, second);
        conclude(&ledger, id, second);
    }
    drop(ledger);
    let found = case.verify();
    assert_eq!((found.problem, found.requests), (None, 3));
    assert_eq!(found.checkpoint.expect("a checkpoint").number, 4);
}

#[test]
fn everything_can_go_and_the_chain_goes_on() {
    let mut case = Case::new();
    case.limits = LedgerLimits { bytes: 1, age: Duration::from_secs(100) };
    let ledger = case.open();
    for second in 0..3 {
        intend(&ledger, second);
    }
    drop(ledger);
    drop(case.open());
    let found = case.verify();
    assert_eq!((found.problem, found.newest, found.requests), (None, 3, 1));
}
