//! The receipts that the server keeps, against the ledger that they are about.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, bail};
use modelstat_daemon::{
    LedgerProblem, LedgerRequest, Verification, is_receipt_signed, verify_ledger,
};
use modelstat_wire::{EgressReceipt, SignedReceipt};
use serde::{Deserialize, Serialize};

use crate::args::HomeArguments;
use crate::client::Client;
use crate::commands::{daemon_client, running_process};
use crate::error::hinted;

/// The number of the daemon's own key.
const OWN_KEY: u32 = 0;

/// Most keys of one daemon.
const MAX_KEYS: u32 = 1_000;

type Requests = BTreeMap<u64, LedgerRequest>;

/// What a comparison found.
#[derive(Debug, Default, Serialize)]
pub(super) struct ServerCheck {
    /// How many receipts of this device the server showed.
    pub(super) receipts: u64,
    /// How many of them are about requests that made room.
    pub(super) below_checkpoint: u64,
    /// How many requests that the server answered with 2xx were looked for.
    pub(super) compared: u64,
    /// The first thing that is wrong.
    pub(super) problem: Option<LedgerProblem>,
    /// What could not be compared, in words.
    #[serde(skip)]
    pub(super) left_open: Vec<String>,
}

/// What the daemon passes on of the server's answer.
#[derive(Deserialize)]
struct ServerSaid {
    destination: String,
    status: Option<u16>,
    failure: Option<String>,
    answer: Option<Page>,
}

#[derive(Deserialize)]
struct Page {
    #[serde(default)]
    receipts: Vec<Shown>,
    #[serde(default)]
    next_after: u64,
    #[serde(default)]
    dropped: u64,
}

#[derive(Deserialize)]
struct Shown {
    receipt: String,
}

/// What the server keeps of one key.
#[derive(Default)]
struct Kept {
    receipts: Vec<SignedReceipt>,
    numbers: BTreeSet<u64>,
    dropped: u64,
}

/// Everything that the server showed.
#[derive(Default)]
struct Collected {
    destination: String,
    by_key: BTreeMap<u32, Kept>,
    refused_keys: Vec<u32>,
}

/// Fetches the receipts through the running daemon, and compares both ways.
pub(super) fn compare(
    folder: &Path,
    home: &HomeArguments,
    ledger: &Verification,
    requests: Requests,
) -> anyhow::Result<ServerCheck> {
    let note = running_process(home).context("the server is asked through the running daemon")?;
    let collected = collect(&daemon_client(&note)?)?;
    if collected.destination.is_empty() && !requests.is_empty() {
        bail!(hinted(
            "the running daemon has no key to ask the server with",
            "it may be of an older version: restart it, or see whether its file `keys` was removed",
        ));
    }
    let newest = collected.receipts().map(|signed| signed.receipt.number).max();
    let known = requests.last_key_value().map(|(number, _)| *number);
    // What left since the first look has receipts too.
    let (later, requests) = if newest > known {
        let (later, requests) = verify_ledger(folder)?;
        (Some(later), requests)
    } else {
        (None, requests)
    };
    let mut check = Check {
        ledger: later.as_ref().unwrap_or(ledger),
        looked_at: ledger.newest.unsigned_abs(),
        requests,
        found: ServerCheck::default(),
    };
    check.found.problem = check.run(&collected).err();
    Ok(check.found)
}

fn collect(client: &Client) -> anyhow::Result<Collected> {
    let mut collected = Collected::default();
    if fetch(client, OWN_KEY, &mut collected)? {
        // Its own key stands in for all.
        return Ok(collected);
    }
    for key in 1..=MAX_KEYS {
        if !fetch(client, key, &mut collected)? {
            break;
        }
    }
    Ok(collected)
}

/// Reads what the server keeps of a key; `false` when the daemon has no such key.
fn fetch(client: &Client, key: u32, collected: &mut Collected) -> anyhow::Result<bool> {
    let mut kept = Kept::default();
    let mut after = 0;
    loop {
        let path = format!("/v1/egress/receipts?key={key}&after={after}");
        let Some(said) = client.find(&path)? else { return Ok(false) };
        let said: ServerSaid = serde_json::from_value(said).context("the daemon's answer")?;
        collected.destination.clone_from(&said.destination);
        let page = match (said.status, said.answer) {
            (Some(200), Some(page)) => page,
            (Some(401 | 403), _) => {
                collected.refused_keys.push(key);
                return Ok(true);
            }
            (Some(status), _) => return Err(no_receipts(status)),
            (None, _) => {
                let why = said.failure.unwrap_or_default();
                bail!(hinted(
                    format!("the server does not answer ({why})"),
                    "is it reachable? `modelstat status` tells how shipping goes",
                ));
            }
        };
        for shown in &page.receipts {
            let signed = SignedReceipt::parse(&shown.receipt)
                .context("the server shows something that is no receipt")?;
            kept.numbers.insert(signed.receipt.number);
            kept.receipts.push(signed);
        }
        kept.dropped = page.dropped;
        if page.receipts.is_empty() || page.next_after <= after {
            collected.by_key.insert(key, kept);
            return Ok(true);
        }
        after = page.next_after;
    }
}

fn no_receipts(status: u16) -> anyhow::Error {
    hinted(
        format!("the server shows no receipts (it answered {status})"),
        "servers of this version keep receipts; others only let the ledger itself be verified",
    )
}

impl Collected {
    fn receipts(&self) -> impl Iterator<Item = &SignedReceipt> {
        self.by_key.values().flat_map(|kept| &kept.receipts)
    }
}

struct Check<'a> {
    ledger: &'a Verification,
    /// The newest record before the server was asked: later ones may have come after its answer.
    looked_at: u64,
    requests: Requests,
    found: ServerCheck,
}

impl Check<'_> {
    fn run(&mut self, collected: &Collected) -> Result<(), LedgerProblem> {
        if let Some(problem) = &self.ledger.problem {
            return Err(problem.clone());
        }
        for signed in collected.receipts() {
            self.receipt(signed)?;
        }
        self.answered(collected)?;
        for key in &collected.refused_keys {
            self.found.left_open.push(format!(
                "anything about key {key}, which the server refuses (revoked or expired)"
            ));
        }
        Ok(())
    }

    /// What the server received must be in the ledger, as it was received.
    fn receipt(&mut self, signed: &SignedReceipt) -> Result<(), LedgerProblem> {
        let receipt = &signed.receipt;
        let number = receipt.number;
        if receipt.device() != self.ledger.device || !is_receipt_signed(signed) {
            return Err(problem(
                number,
                "the server shows a receipt that this device did not sign",
            ));
        }
        self.found.receipts += 1;
        let checkpoint = self.ledger.checkpoint.as_ref().map(|checkpoint| checkpoint.number);
        if checkpoint.is_some_and(|checkpoint| number <= checkpoint.unsigned_abs()) {
            self.found.below_checkpoint += 1;
            return Ok(());
        }
        let Some(request) = self.requests.get(&number) else {
            return Err(problem(number, "the server received a request that the ledger lacks"));
        };
        match difference(receipt, request) {
            None => Ok(()),
            Some(what) => {
                let what = format!("the server received the request with another {what}");
                Err(problem(number, &what))
            }
        }
    }

    /// What the server acknowledged must be among its receipts.
    fn answered(&mut self, collected: &Collected) -> Result<(), LedgerProblem> {
        let (mut elsewhere, mut dropped, mut other_keys) = (0_u64, 0_u64, BTreeSet::new());
        let first = self.ledger.key_changes.last().map_or(0, |number| number.unsigned_abs());
        for (number, request) in self.requests.range(first..=self.looked_at) {
            let is_taken = request.status.is_some_and(|status| (200..300).contains(&status));
            let is_batch = request.destination.ends_with("/v1/ingest");
            if request.is_adopted || !is_taken || !is_batch {
                continue;
            }
            if request.destination != collected.destination {
                elsewhere += 1;
                continue;
            }
            let Some(kept) = collected.by_key.get(&request.key) else {
                other_keys.insert(request.key);
                continue;
            };
            self.found.compared += 1;
            if kept.numbers.contains(number) {
                continue;
            }
            if kept.dropped > 0 && kept.numbers.first().is_none_or(|oldest| number < oldest) {
                dropped += 1;
                continue;
            }
            return Err(problem(*number, "the server took the request, and has no receipt of it"));
        }
        self.leave_open(elsewhere, "requests that went to another server");
        self.leave_open(dropped, "requests whose receipts made room at the server");
        self.leave_open(other_keys.len() as u64, "keys that the daemon no longer ships with");
        self.leave_open(first, "records of before another device key took over");
        Ok(())
    }

    fn leave_open(&mut self, count: u64, what: &str) {
        if count > 0 {
            self.found.left_open.push(format!("anything about {count} {what}"));
        }
    }
}

/// Names the first thing in which a receipt and the ledger differ.
fn difference(receipt: &EgressReceipt, request: &LedgerRequest) -> Option<&'static str> {
    let destination = *blake3::hash(request.destination.as_bytes()).as_bytes();
    let compared = [
        (receipt.payload == request.payload, "payload"),
        (receipt.batch == request.batch, "batch id"),
        (receipt.destination == destination, "destination"),
        (receipt.at == request.at, "time"),
        (receipt.head == request.head, "past: the chain up to it differs"),
    ];
    compared.into_iter().find(|(is_equal, _)| !is_equal).map(|(_, what)| what)
}

fn problem(number: u64, what: &str) -> LedgerProblem {
    LedgerProblem { number: i64::try_from(number).ok(), what: what.to_owned() }
}
