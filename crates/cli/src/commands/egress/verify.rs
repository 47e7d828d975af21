//! `modelstat egress verify`: nothing was altered, and with `--server` nothing is missing.

use modelstat_daemon::{Verification, VerifyError, verify_ledger};
use serde::Serialize;

use super::receipts::{self, ServerCheck};
use crate::args::QuietArguments;
use crate::error::hinted;
use crate::home::Home;
use crate::output;

/// What no look at the ledger alone can tell.
const NEVER_PROVEN: [&str; 3] = [
    "that no other program on this machine sent something: the ledger has what this daemon sent",
    "what dropped payloads said: of them only the signed checkpoint is left",
    "that whoever can read `device.key` did not write the ledger anew and sign it",
];

/// What asking the server would add.
const NOT_ASKED: &str = "that nothing is missing which the server received, nor that the file is the \
                         newest one: `--server` compares with the receipts that the server keeps";

/// What even the server's receipts leave open.
const OF_THE_SERVER: [&str; 2] = [
    "that the server shows every receipt that it has",
    "that what was written anew is not newer than the last receipt that the server keeps",
];

/// What is printed with `--json`.
#[derive(Serialize)]
struct Report {
    ok: bool,
    ledger: Verification,
    server: Option<ServerCheck>,
    not_proven: Vec<String>,
}

/// `modelstat egress verify`
pub(super) fn run(asks_server: bool, quiet: &QuietArguments) -> anyhow::Result<()> {
    let folder = Home::open(&quiet.home)?.daemon_folder();
    let (ledger, requests) = verify_ledger(&folder).map_err(|error| explain(&error))?;
    let server = if asks_server && ledger.problem.is_none() {
        Some(receipts::compare(&folder, &quiet.home, &ledger, requests)?)
    } else {
        None
    };
    let report = Report {
        ok: ledger.problem.is_none() && server.as_ref().is_none_or(|check| check.problem.is_none()),
        not_proven: not_proven(server.as_ref()),
        ledger,
        server,
    };
    if quiet.json {
        output::json(&report);
    } else {
        print(&report);
    }
    verdict(&report)
}

fn not_proven(server: Option<&ServerCheck>) -> Vec<String> {
    let mut all: Vec<String> = NEVER_PROVEN.map(str::to_owned).into();
    match server {
        None => all.push(NOT_ASKED.to_owned()),
        Some(check) => {
            all.extend(OF_THE_SERVER.map(str::to_owned));
            all.extend(check.left_open.iter().cloned());
        }
    }
    all
}

fn print(report: &Report) {
    let ledger = &report.ledger;
    output::line(&format!("device       {}", ledger.device));
    output::line(&format!(
        "records      {} looked at, {} of them requests; the newest has the number {}",
        ledger.records, ledger.requests, ledger.newest
    ));
    output::line(&format!("chain head   {}", ledger.head));
    if ledger.adopted > 0 {
        output::line(&format!(
            "adopted      {} requests are older than the chain; what was done to them before is unknown",
            ledger.adopted
        ));
    }
    if let Some(checkpoint) = &ledger.checkpoint {
        output::line(&format!(
            "checkpoint   records up to {} made room ({} records, {} bytes), signed at {}",
            checkpoint.number, checkpoint.records, checkpoint.bytes, checkpoint.at
        ));
    }
    for number in &ledger.key_changes {
        output::line(&format!("key change   another device key signs from record {number} on"));
    }
    if let Some(server) = &report.server {
        output::line(&format!(
            "server       {} receipts, {} of them below the checkpoint; {} requests answered with 2xx compared",
            server.receipts, server.below_checkpoint, server.compared
        ));
    }
    if report.ok {
        output::line("result       nothing was altered");
        if report.server.is_some() {
            output::line("             nothing is missing that the server received");
        }
    }
    output::line("");
    output::line("This does not prove:");
    for line in &report.not_proven {
        output::line(&format!("- {line}"));
    }
}

fn verdict(report: &Report) -> anyhow::Result<()> {
    let of_server = report.server.as_ref().and_then(|check| check.problem.as_ref());
    let Some(problem) = report.ledger.problem.as_ref().or(of_server) else { return Ok(()) };
    let place = problem.number.map_or_else(String::new, |number| format!("record {number}: "));
    Err(hinted(
        format!("the egress ledger does not hold: {place}{}", problem.what),
        "keep `egress.db` and `device.key` as they are for whoever looks into it; a backup from before \
         tells what it said",
    ))
}

fn explain(error: &VerifyError) -> anyhow::Error {
    let hint = match error {
        VerifyError::NoLedger => {
            "nothing has run here yet: name the data directory of the daemon with --data-dir"
        }
        VerifyError::NoKey => {
            "without the key no signature can be checked; restore `device.key` from a backup"
        }
        VerifyError::Older => "start the daemon once: it takes the rows of older versions in",
        _ => "the file may be damaged: keep it, and restore a backup beside it to compare",
    };
    let message = match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    };
    hinted(message, hint)
}
