//! `modelstat egress`: what left this machine.

mod receipts;
mod since;
mod verify;

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::time::Duration;

use modelstat_wire::{Clock, SystemClock, Timestamp};
use regex::{Regex, RegexBuilder};
use serde_json::Value;

use super::{daemon_client, running_process};
use crate::args::{EgressArguments, EgressVerb};
use crate::client::Client;
use crate::error::hinted;
use crate::output;

pub(crate) use since::Since;

/// Entries of one reading; a payload of each is in memory meanwhile.
const PAGE_ENTRIES: usize = 200;

/// How many entries are shown, unless `--limit` or `--since` say.
const DEFAULT_ENTRIES: usize = 50;

/// How often `--follow` looks.
const FOLLOW_TIME: Duration = Duration::from_millis(500);

/// How long `--follow` holds a request back whose answer is not there yet: longer than any takes.
const ANSWER_TIME: Duration = Duration::from_secs(90);

/// Most memory of a compiled pattern.
const PATTERN_BYTES: usize = 4 * 1024 * 1024;

const HEADS: [&str; 8] = ["NO", "WHEN", "TO", "STATUS", "EVENTS", "BYTES", "FINDINGS", "BATCH"];

/// `modelstat egress`
pub(crate) fn run(arguments: &EgressArguments) -> anyhow::Result<()> {
    if let Some(EgressVerb::Verify { server, quiet }) = &arguments.verb {
        return verify::run(*server, quiet);
    }
    let pattern = arguments.grep.as_deref().map(pattern).transpose()?;
    let note = running_process(&arguments.quiet.home)?;
    let reading = Reading { client: daemon_client(&note)?, pattern, is_json: arguments.quiet.json };
    let since = arguments.since.map(|since| since.at(SystemClock.now()));
    let limit = match (arguments.limit, since) {
        (Some(limit), _) => usize::try_from(limit).unwrap_or(usize::MAX),
        (None, Some(_)) => usize::MAX,
        (None, None) => DEFAULT_ENTRIES,
    };
    let (entries, after) = reading.newest(since, limit)?;
    if arguments.follow {
        let entries = entries.into_iter().collect::<Vec<_>>();
        if reading.print(&entries).is_break() {
            return Ok(());
        }
        return reading.follow(after);
    }
    reading.show(&entries);
    Ok(())
}

fn pattern(text: &str) -> anyhow::Result<Regex> {
    RegexBuilder::new(text).size_limit(PATTERN_BYTES).build().map_err(|_| {
        hinted(
            "the pattern of --grep is no regular expression, or too large a one",
            "characters such as . ( [ * stand for themselves after a backslash",
        )
    })
}

/// What is read, and how it is shown.
struct Reading {
    client: Client,
    pattern: Option<Regex>,
    is_json: bool,
}

impl Reading {
    /// Reads the newest matching entries, oldest first, and the place after which to go on.
    fn newest(
        &self,
        since: Option<Timestamp>,
        limit: usize,
    ) -> anyhow::Result<(VecDeque<Value>, i64)> {
        // Without a pattern every entry matches, so that only the newest need reading.
        let start = match (since, &self.pattern) {
            (Some(since), _) => format!("since={since}"),
            (None, None) => format!("tail={limit}"),
            (None, Some(_)) => "after=0".to_owned(),
        };
        let (mut kept, mut start) = (VecDeque::new(), start);
        loop {
            let (entries, after) = self.page(&start)?;
            if entries.is_empty() {
                return Ok((kept, after));
            }
            for entry in entries.into_iter().filter(|entry| self.matches(entry)) {
                if kept.len() == limit {
                    kept.pop_front();
                }
                kept.push_back(entry);
            }
            start = format!("after={after}");
        }
    }

    fn page(&self, start: &str) -> anyhow::Result<(Vec<Value>, i64)> {
        let mut page = self.client.get(&format!("/v1/egress?{start}&limit={PAGE_ENTRIES}"))?;
        let after = page["next_after"].as_i64().unwrap_or(i64::MAX);
        let Value::Array(entries) = page["entries"].take() else { return Ok((Vec::new(), after)) };
        Ok((entries, after))
    }

    /// Looks for the pattern in what was sent and where to.
    fn matches(&self, entry: &Value) -> bool {
        let Some(pattern) = &self.pattern else { return true };
        let texts = ["payload", "destination", "batch_id"];
        texts.iter().filter_map(|field| entry[*field].as_str()).any(|text| pattern.is_match(text))
    }

    fn show(&self, entries: &VecDeque<Value>) {
        if self.is_json {
            for entry in entries {
                output::json(entry);
            }
            return;
        }
        let rows: Vec<Vec<String>> = entries.iter().map(row).collect();
        output::table(&HEADS, &rows);
        if rows.is_empty() {
            output::note(match self.pattern {
                Some(_) => "nothing that left this machine matches",
                None => "nothing has left this machine yet",
            });
        }
    }

    /// Prints one line for each entry, until the reader goes away.
    fn print(&self, entries: &[Value]) -> ControlFlow<()> {
        for entry in entries {
            let mut line = if self.is_json { entry.to_string() } else { row(entry).join("  ") };
            line.push('\n');
            if !matches!(output::bytes(line.as_bytes()), Ok(ControlFlow::Continue(()))) {
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(())
    }

    /// Prints what leaves from now on, each request once its answer is known.
    fn follow(&self, mut after: i64) -> anyhow::Result<()> {
        loop {
            let (mut entries, _) = self.page(&format!("after={after}"))?;
            let now = SystemClock.now();
            let ready = entries.iter().take_while(|entry| is_settled(entry, now)).count();
            entries.truncate(ready);
            if let Some(last) = entries.last().and_then(|entry| entry["id"].as_i64()) {
                after = last;
            }
            entries.retain(|entry| self.matches(entry));
            if self.print(&entries).is_break() {
                return Ok(());
            }
            if ready < PAGE_ENTRIES {
                std::thread::sleep(FOLLOW_TIME);
            }
        }
    }
}

fn is_settled(entry: &Value, now: Timestamp) -> bool {
    let at = entry["at"].as_str().and_then(|at| at.parse::<Timestamp>().ok());
    let is_old = at.is_none_or(|at| {
        let age = now.as_micros().saturating_sub(at.as_micros());
        u64::try_from(age).is_ok_and(|age| Duration::from_micros(age) > ANSWER_TIME)
    });
    is_old || !entry["outcome"].is_null()
}

fn row(entry: &Value) -> Vec<String> {
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Null => "–".to_owned(),
        other => other.to_string(),
    };
    let cell = |field: &str| text(&entry[field]);
    let status = match (&entry["status"], &entry["outcome"]) {
        (Value::Null, Value::String(outcome)) => outcome.clone(),
        (status, _) => text(status),
    };
    vec![
        cell("number"),
        cell("at"),
        cell("destination"),
        status,
        cell("events"),
        bytes(entry),
        findings(&entry["findings"]),
        cell("batch_id"),
    ]
}

/// The bytes that left; a payload that the ledger can no longer show is told beside them.
fn bytes(entry: &Value) -> String {
    let bytes = &entry["sent_bytes"];
    match entry["payload_problem"].as_str() {
        Some(problem) => format!("{bytes} (payload {problem})"),
        None => bytes.to_string(),
    }
}

fn findings(counts: &Value) -> String {
    let Some(counts) = counts.as_object() else { return "–".to_owned() };
    let counts: Vec<String> =
        counts.iter().map(|(rule, count)| format!("{rule} {count}")).collect();
    if counts.is_empty() { "none".to_owned() } else { counts.join(", ") }
}
