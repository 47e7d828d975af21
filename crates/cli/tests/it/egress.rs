//! The record of what left, checked by the real binary against the real server.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::support::{Product, batch, create_key, event, get, modelstat, post, totals, wait_until};

const NOW: &str = "2026-06-19T12:34:56.789Z";

/// A product that has shipped three batches.
struct Case {
    _folder: tempfile::TempDir,
    data: PathBuf,
    product: Product,
}

/// What a run of the binary said.
struct Told {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Told {
    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|_| panic!("{}{}", self.out, self.err))
    }
}

impl Case {
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let data = folder.path().join("data");
        let product = Product::up(&data);
        let case = Self { _folder: folder, data, product };
        for number in 1..=3 {
            case.ship(number);
        }
        case
    }

    /// Posts a batch of one event, and waits until the server has it and the daemon knows.
    fn ship(&self, number: u64) {
        let mut call = event(&format!("evt_{number}"), "sess_1", NOW);
        let address = ["jane.roe", "@", "example.com"].concat();
        call["content_excerpt"] = json!(format!("call {number}: write to {address}"));
        call["metadata"] = json!({"feature": format!("search-{number}")});
        let key = self.product.word("ingest_key");
        let answer = post(self.product.word("daemon_url"), key, &batch("app", &[call]));
        assert_eq!(answer.status, 200, "{}", answer.text);
        let (server, read) = (self.product.server(), self.product.word("read_key"));
        wait_until("it ships", || totals(&server, read, &["calls"])["calls"] == number);
        wait_until("the answer is recorded", || {
            let entries = self.entries(&[]);
            entries.len() as u64 >= number && entries.iter().all(|entry| entry["status"] == 200)
        });
    }

    fn egress(&self, arguments: &[&str]) -> Told {
        egress(&self.data, arguments)
    }

    fn entries(&self, arguments: &[&str]) -> Vec<Value> {
        let told = self.egress(&[&["--json"], arguments].concat());
        assert_eq!(told.code, Some(0), "{}", told.err);
        let lines = told.out.lines();
        lines.map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }

    fn ledger(&self) -> PathBuf {
        self.data.join("daemon/egress.db")
    }
}

fn egress(data: &Path, arguments: &[&str]) -> Told {
    let data = data.to_str().expect("a plain path");
    let arguments = [&["egress"], arguments, &["--data-dir", data]].concat();
    let output = modelstat(&arguments).output().expect("it runs");
    Told {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).expect("text"),
        err: String::from_utf8(output.stderr).expect("text"),
    }
}

fn change(file: &Path, sql: &str) {
    let connection = rusqlite::Connection::open(file).expect("opens");
    connection.busy_timeout(std::time::Duration::from_secs(10)).expect("set");
    connection.execute_batch(sql).expect("changed");
}

#[test]
fn what_was_shipped_is_verified_and_tampering_is_named() {
    let case = Case::start();
    let verified = case.egress(&["verify", "--server", "--json"]);
    assert_eq!(verified.code, Some(0), "{}{}", verified.out, verified.err);
    let report = verified.json();
    assert_eq!(report["ok"], true, "{report}");
    assert_eq!(
        (&report["server"]["receipts"], &report["server"]["compared"]),
        (&json!(3), &json!(3))
    );
    let open = report["not_proven"].to_string();
    assert!(open.contains("no other program") && open.contains("device.key"), "{open}");
    let plain = case.egress(&["verify"]);
    assert!(plain.out.contains("nothing was altered"), "{}", plain.out);
    assert!(plain.out.contains("This does not prove:"), "{}", plain.out);
    assert!(plain.out.contains("--server"), "{}", plain.out);

    // Also while it is stopped.
    let (ledger, data) = (case.ledger(), case.data.clone());
    assert!(case.product.stop().success());
    assert_eq!(egress(&data, &["verify"]).code, Some(0));
    let asked = egress(&data, &["verify", "--server"]);
    assert_eq!(asked.code, Some(1));
    assert!(asked.err.contains("modelstat up"), "{}", asked.err);
    change(&ledger, "UPDATE entries SET destination = 'elsewhere:443/v1/ingest' WHERE id = 2");
    let told = egress(&data, &["verify", "--json"]);
    assert_eq!(told.code, Some(1));
    let number = told.json()["ledger"]["problem"]["number"].clone();
    assert_eq!(number, 3, "{}", told.out);
    assert!(told.err.contains("record 3: the record was altered"), "{}", told.err);
}

/// Who holds the device key can write a ledger that is whole in itself; the server's receipts tell.
#[test]
fn a_ledger_that_is_begun_anew_contradicts_the_receipts() {
    let case = Case::start();
    let (ledger, data) = (case.ledger(), case.data.clone());
    assert!(case.product.stop().success());
    for name in ["egress.db", "egress.db-wal", "egress.db-shm"] {
        std::fs::remove_file(ledger.with_file_name(name)).ok();
    }
    let product = Product::up(&data);
    assert_eq!(egress(&data, &["verify"]).code, Some(0), "the new ledger is whole in itself");
    let told = egress(&data, &["verify", "--server"]);
    assert_eq!(told.code, Some(1), "{}", told.out);
    assert!(told.err.contains("the server received"), "{}", told.err);
    assert!(product.stop().success());
}

#[test]
fn the_server_keeps_and_shows_receipts() {
    let case = Case::start();
    let (server, read) = (case.product.server(), case.product.word("read_key").to_owned());
    let ingest = case.product.word("ingest_key").to_owned();
    let other_ingest = create_key(&case.data, "ingest");
    let receipts = |key: &str, parameters: &str| {
        let answer = get(&format!("{server}/v1/receipts?{parameters}"), key);
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.body["receipts"].as_array().expect("receipts").clone()
    };
    let all = receipts(&read, "");
    assert_eq!(all.len(), 3);
    for (receipt, entry) in all.iter().zip(case.entries(&[])) {
        assert_eq!(receipt["number"], entry["number"]);
        assert_eq!(receipt["head"], entry["head"]);
        assert_eq!(receipt["payload"], entry["payload_hash"]);
    }
    let after = all[0]["position"].to_string();
    assert_eq!(receipts(&read, &format!("after={after}&limit=1")), all[1..2]);
    assert_eq!(receipts(&ingest, ""), all);
    assert!(receipts(&other_ingest, "").is_empty(), "a key sees what came with itself alone");
    assert!(receipts(&read, "device=dk_0123456789abcdef").is_empty());
    assert_eq!(get(&format!("{server}/v1/receipts?limit=0"), &read).status, 400);
    assert_eq!(get(&format!("{server}/v1/receipts"), "guess").status, 401);

    // A receipt of another body is counted, and the batch is taken.
    let bearer = format!("Bearer {ingest}");
    let stolen = all[0]["receipt"].as_str().expect("a text");
    for receipt in [stolen, "garbage"] {
        let headers = [
            ("Authorization", bearer.as_str()),
            ("Content-Type", "application/json"),
            ("Modelstat-Receipt", receipt),
        ];
        let body = batch("app", &[event("evt_9", "s", NOW)]).to_string();
        let url = case.product.word("ingest_url");
        let answer = crate::support::send("POST", url, &headers, body.as_bytes());
        assert_eq!(answer.expect("an answer").status, 200);
    }
    let privacy = get(&format!("{server}/v1/privacy"), &read).body;
    let summary = &privacy["receipts"];
    assert_eq!(summary["valid"], 3, "{summary}");
    assert_eq!(summary["invalid"], json!({"payload": 1, "unreadable": 1}));
    assert_eq!(summary["devices"][0]["device"], all[0]["device"]);
    assert_eq!(summary["devices"][0]["newest_number"], all[2]["number"]);
    assert!(case.product.stop().success());
}

#[test]
fn entries_are_chosen_by_time_and_pattern() {
    let case = Case::start();
    let entries = case.entries(&[]);
    assert_eq!(entries[0]["findings"], json!({"email": 1}), "{}", entries[0]);
    let numbers = |arguments: &[&str]| {
        let entries = case.entries(arguments);
        entries.iter().filter_map(|entry| entry["number"].as_i64()).collect::<Vec<_>>()
    };
    assert_eq!(numbers(&["--limit", "2"]), [3, 5]);
    assert_eq!(numbers(&["--since", "1h"]), [1, 3, 5]);
    assert_eq!(numbers(&["--since", "2100-01-01"]), [0_i64; 0]);
    assert_eq!(numbers(&["--grep", "search-[23]"]), [3, 5]);
    assert_eq!(numbers(&["--grep", "search-", "--limit", "1"]), [5]);
    let table = case.egress(&["--grep", "search-2"]).out;
    assert!(table.contains("FINDINGS") && table.contains("email 1"), "{table}");
    for bad in [["--grep", "search-["], ["--since", "yesterday"]] {
        let told = case.egress(&bad);
        assert_ne!(told.code, Some(0));
        assert!(told.err.contains("hint:") || told.err.contains("7d"), "{}", told.err);
    }
    assert!(case.product.stop().success());
}

#[test]
fn following_shows_what_leaves_from_now_on() {
    use std::io::{BufRead, BufReader};

    let case = Case::start();
    let data = case.data.to_str().expect("a plain path");
    let mut command =
        modelstat(&["egress", "--follow", "--json", "--limit", "1", "--data-dir", data]);
    let mut child = command.stdout(std::process::Stdio::piped()).spawn().expect("it runs");
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let mut next = || {
        let line = lines.next().expect("a line").expect("readable");
        serde_json::from_str::<Value>(&line).expect("JSON")["number"].clone()
    };
    assert_eq!(next(), 5);
    case.ship(4);
    assert_eq!(next(), 7);
    child.kill().expect("it runs");
    child.wait().expect("it ended");
    assert!(case.product.stop().success());
}
