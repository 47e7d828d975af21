//! `modelstat egress`: what left this machine.

use std::collections::VecDeque;

use serde_json::Value;

use super::{daemon_client, running_process};
use crate::args::EgressArguments;
use crate::client::Client;
use crate::output;

/// Entries of one reading; a payload of each is in memory meanwhile.
const PAGE_ENTRIES: usize = 200;

/// `modelstat egress`
pub(crate) fn run(arguments: &EgressArguments) -> anyhow::Result<()> {
    let note = running_process(&arguments.quiet.home)?;
    let limit = usize::try_from(arguments.limit).unwrap_or(usize::MAX);
    let entries = newest(&daemon_client(&note)?, limit)?;
    if arguments.quiet.json {
        for entry in &entries {
            output::json(entry);
        }
        return Ok(());
    }
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Null => "–".to_owned(),
        other => other.to_string(),
    };
    let fields = ["id", "at", "destination", "status", "events", "sent_bytes", "batch_id"];
    let row = |entry: &Value| fields.iter().map(|field| text(&entry[*field])).collect();
    let rows: Vec<Vec<String>> = entries.iter().map(row).collect();
    output::table(&["NO", "WHEN", "TO", "STATUS", "EVENTS", "BYTES", "BATCH"], &rows);
    if rows.is_empty() {
        output::note("nothing has left this machine yet");
    }
    Ok(())
}

/// Reads the ledger to its end and keeps the newest entries, oldest first.
fn newest(client: &Client, limit: usize) -> anyhow::Result<VecDeque<Value>> {
    let mut kept = VecDeque::new();
    let mut after = 0;
    loop {
        let mut page = client.get(&format!("/v1/egress?after={after}&limit={PAGE_ENTRIES}"))?;
        let Value::Array(entries) = page["entries"].take() else { return Ok(kept) };
        if entries.is_empty() {
            return Ok(kept);
        }
        after = page["next_after"].as_i64().unwrap_or(i64::MAX);
        for entry in entries {
            if kept.len() == limit {
                kept.pop_front();
            }
            kept.push_back(entry);
        }
    }
}
