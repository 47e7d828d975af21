//! The tables of the ledger.

use duckdb::Connection;

use super::columns::{Kind, Table};

/// The version of the tables, kept in the file.
pub(super) const VERSION: u64 = 1 + STEPS.len() as u64;

/// What makes each later version out of the one before. A step that was released never changes.
const STEPS: [&str; 1] = ["
    ALTER TABLE segments ADD COLUMN model_sha256 VARCHAR;
    ALTER TABLE segments ADD COLUMN prompt_version VARCHAR;
    ALTER TABLE segments ADD COLUMN fallback_reason VARCHAR;
"];

use Kind::{Count, CountMap, Day, Flag, Money, Text, TextList, TextMap, Time};

/// One row an event. `counted_at` is the time by which it is found and summed: its own, or that of
/// its receipt where its own is implausible.
pub(super) static EVENTS: Table = Table {
    name: "events",
    columns: &[
        ("org_id", Text),
        ("stored_day", Day),
        ("event_key", Count),
        ("counted_at", Time),
        ("app", Text),
        ("source_event_id", Text),
        ("original_event_id", Text),
        ("fingerprint_high", Count),
        ("fingerprint_low", Count),
        ("ts", Time),
        ("received_at", Time),
        ("flags", TextList),
        ("kind", Text),
        ("agent", Text),
        ("provider", Text),
        ("model", Text),
        ("session_id", Text),
        ("input_tokens", Count),
        ("output_tokens", Count),
        ("cache_creation_tokens", Count),
        ("cache_read_tokens", Count),
        ("reasoning_tokens", Count),
        ("usage_known", Flag),
        ("cost", Money),
        ("reported_cost", Money),
        ("price_id", Text),
        ("price_book", Text),
        ("unpriced_reason", Text),
        ("started_at", Time),
        ("first_token_at", Time),
        ("sent_at", Time),
        ("duration_ms", Count),
        ("first_token_ms", Count),
        ("has_error", Flag),
        ("error_type", Text),
        ("error_status", Count),
        ("finish_reason", Text),
        ("response_id", Text),
        ("attempt", Count),
        ("metadata", TextMap),
        ("has_git", Flag),
        ("git_remote_url", Text),
        ("git_host", Text),
        ("git_remote_slug", Text),
        ("git_branch", Text),
        ("git_slug_source", Text),
        ("cwd", Text),
        ("content_excerpt", Text),
        ("content_bytes", Count),
        ("content_hash", Text),
        ("reasoning_excerpt", Text),
        ("reasoning_bytes", Count),
        ("redactions", CountMap),
        ("tool_calls", CountMap),
        ("tokens_unmapped", CountMap),
        ("files_touched", TextList),
        ("actor_id", Text),
        ("recipient_actor_id", Text),
        ("parent_event_id", Text),
        ("seq", Count),
        ("turn_index", Count),
        ("source_file", Text),
        ("source_byte_offset", Count),
        ("billing", Text),
        ("has_usage_detail", Flag),
        ("cache_creation_1h", Count),
        ("audio_input", Count),
        ("audio_output", Count),
        ("web_search_requests", Count),
        ("service_tier", Text),
        ("speed", Text),
        ("is_batch", Flag),
        ("batch_id", Text),
        ("device_id", Text),
        ("producer", Text),
        ("auto_taxonomy", Flag),
        ("instance_id", Text),
        ("summarizer_mode", Text),
        ("time_zone", Text),
        ("floor_version", Text),
        ("is_raw", Flag),
        ("dropped_text", Flag),
    ],
};

/// One row a tool call; `event_key` is that of the event that it is part of.
pub(super) static TOOL_CALLS: Table = Table {
    name: "tool_calls",
    columns: &[
        ("org_id", Text),
        ("stored_day", Day),
        ("counted_at", Time),
        ("call_key", Count),
        ("event_key", Count),
        ("app", Text),
        ("external_call_id", Text),
        ("session_id", Text),
        ("source_event_id", Text),
        ("segment_id", Text),
        ("agent", Text),
        ("server", Text),
        ("name", Text),
        ("turn_index", Count),
        ("call_index", Count),
        ("started_at", Time),
        ("ended_at", Time),
        ("status", Text),
        ("args_hash", Text),
        ("signature_hash", Text),
        ("args_bytes", Count),
        ("result_bytes", Count),
        ("model", Text),
        ("command_families", TextList),
    ],
};

/// One row a making of a segment; the newest generation counts.
pub(super) static SEGMENTS: Table = Table {
    name: "segments",
    columns: &[
        ("org_id", Text),
        ("segment_key", Count),
        ("generation", Count),
        ("app", Text),
        ("segment_id", Text),
        ("session_id", Text),
        ("agent", Text),
        ("started_at", Time),
        ("ended_at", Time),
        ("summary", Text),
        ("title", Text),
        ("work_type", Text),
        ("engine", Text),
        ("engine_version", Text),
        ("has_tokens", Flag),
        ("input_tokens", Count),
        ("output_tokens", Count),
        ("cache_creation_tokens", Count),
        ("cache_read_tokens", Count),
        ("reasoning_tokens", Count),
        ("tag_roots", TextList),
        ("tag_names", TextList),
        ("redaction", CountMap),
        ("source_event_ids", TextList),
        ("received_at", Time),
        ("batch_id", Text),
        ("floor_version", Text),
        ("model_sha256", Text),
        ("prompt_version", Text),
        ("fallback_reason", Text),
    ],
};

/// The last title of each session.
pub(super) static SESSION_TITLES: Table = Table {
    name: "session_titles",
    columns: &[
        ("org_id", Text),
        ("app", Text),
        ("session_id", Text),
        ("title", Text),
        ("received_at", Time),
    ],
};

/// The last provider account of each session.
pub(super) static SESSION_INSTALLS: Table = Table {
    name: "session_installs",
    columns: &[
        ("org_id", Text),
        ("app", Text),
        ("session_id", Text),
        ("provider_account_id", Text),
        ("provider", Text),
        ("received_at", Time),
    ],
};

/// What became of events, by the day of receipt.
pub(super) static OUTCOMES: Table = Table {
    name: "outcomes",
    columns: &[
        ("org_id", Text),
        ("day", Day),
        ("outcome", Text),
        ("reason", Text),
        ("count", Count),
    ],
};

/// What was received, by the day of receipt.
pub(super) static REQUESTS: Table = Table {
    name: "requests",
    columns: &[
        ("org_id", Text),
        ("day", Day),
        ("producer", Text),
        ("app", Text),
        ("device_id", Text),
        ("requests", Count),
        ("events", Count),
        ("bytes", Count),
        ("excerpts", Count),
        ("abstracts", Count),
        ("titles", Count),
        ("first_at", Time),
        ("last_at", Time),
    ],
};

/// What producing processes say of their own calls: the largest of each cumulative counter.
pub(super) static REPORTED: Table = Table {
    name: "reported",
    columns: &[
        ("org_id", Text),
        ("app", Text),
        ("instance_id", Text),
        ("counter", Text),
        ("reason", Text),
        ("count", Count),
        ("first_at", Time),
        ("last_at", Time),
    ],
};

/// What a reprice replaced.
pub(super) static COST_HISTORY: Table = Table {
    name: "cost_history",
    columns: &[
        ("org_id", Text),
        ("stored_day", Day),
        ("event_key", Count),
        ("source_event_id", Text),
        ("cost", Money),
        ("price_id", Text),
        ("price_book", Text),
        ("unpriced_reason", Text),
        ("replaced_at", Time),
    ],
};

/// The keys of a drain, by which held rows are found.
pub(super) static WANTED: Table =
    Table { name: "wanted", columns: &[("stored_day", Day), ("wanted_key", Count)] };

/// Every table that holds something of an org.
pub(super) static ORG_TABLES: [&Table; 9] = [
    &EVENTS,
    &TOOL_CALLS,
    &SEGMENTS,
    &SESSION_TITLES,
    &SESSION_INSTALLS,
    &OUTCOMES,
    &REQUESTS,
    &REPORTED,
    &COST_HISTORY,
];

/// Makes the tables of an empty file, or takes the steps that an older one lacks. Returns false if the file is
/// of a later version.
pub(super) fn create(connection: &Connection) -> Result<bool, duckdb::Error> {
    connection
        .execute_batch("CREATE TABLE IF NOT EXISTS meta (version UBIGINT, position UBIGINT)")?;
    let held: Option<u64> =
        connection.query_row("SELECT max(version) FROM meta", [], |row| row.get(0))?;
    if let Some(held) = held {
        return take_steps(connection, held);
    }
    let transaction = connection.unchecked_transaction()?;
    for table in ORG_TABLES {
        transaction.execute_batch(&format!("CREATE TABLE {}", table.definition()))?;
    }
    transaction.execute("INSERT INTO meta VALUES (?, 0)", [VERSION])?;
    transaction.commit()?;
    Ok(true)
}

fn take_steps(connection: &Connection, held: u64) -> Result<bool, duckdb::Error> {
    let taken = usize::try_from(held.saturating_sub(1)).unwrap_or(usize::MAX);
    let Some(missing) = STEPS.get(taken..) else { return Ok(false) };
    if !missing.is_empty() {
        let transaction = connection.unchecked_transaction()?;
        missing.iter().try_for_each(|step| transaction.execute_batch(step))?;
        transaction.execute("UPDATE meta SET version = ?", [VERSION])?;
        transaction.commit()?;
    }
    Ok(true)
}
