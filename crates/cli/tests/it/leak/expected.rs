//! Where planted text stands when nothing hides it: what the search must find there.

use std::collections::BTreeSet;

use modelstat_testkit::{Hit, Plant, Planted, Shape};

use super::chain::Door;

/// How much of a metadata key and of a command family is kept; what is planted begins within it.
const KEY_CHARS: usize = 64;
const FAMILY_CHARS: usize = 40;

/// How much of a planted text must be kept for the search to know it.
const KNOWN_CHARS: usize = 12;

/// In the daemon's files before anything was shipped, and then in what it sent.
const DAEMON: [&str; 7] = [
    "daemon/daemon/spool.db » turns.session_id",
    "daemon/daemon/spool.db » turns.event_id",
    "daemon/daemon/spool.db » turns.body » lz4",
    "daemon/daemon/spool.db » outbox.batch_id",
    "daemon/daemon/spool.db » outbox.body » gzip",
    "daemon/daemon/egress.db » payloads.body » gzip",
    "daemon/daemon/egress.db » entries.batch_id",
];

/// On the way to the server, and on it, whatever way it took.
const EVERYWHERE: [&str; 17] = [
    "answers",
    "server/server/inbox.db » repeats.batch_id",
    "server/server/ledger.duckdb » events.batch_id",
    "server/server/ledger.duckdb » events.device_id",
    "server/server/ledger.duckdb » events.source_event_id",
    "server/server/ledger.duckdb » events.session_id",
    "server/server/ledger.duckdb » events.git_remote_slug",
    "server/server/ledger.duckdb » events.git_host",
    "server/server/ledger.duckdb » events.git_branch",
    "server/server/ledger.duckdb » tool_calls.external_call_id",
    "server/server/ledger.duckdb » tool_calls.session_id",
    "server/server/ledger.duckdb » tool_calls.agent",
    "server/server/ledger.duckdb » tool_calls.server",
    "server/server/ledger.duckdb » tool_calls.name",
    "server/server/ledger.duckdb » tool_calls.status",
    "server/server/ledger.duckdb » tool_calls.model",
    "server/server/ledger.duckdb » requests.device_id",
];

/// What only clients of 0.1.0 say.
const CURRENT: [&str; 38] = [
    "events.app",
    "events.kind",
    "events.agent",
    "events.provider",
    "events.model",
    "events.metadata",
    "events.error_type",
    "events.finish_reason",
    "events.response_id",
    "events.git_slug_source",
    "events.redactions",
    "events.tool_calls",
    "events.tokens_unmapped",
    "events.actor_id",
    "events.recipient_actor_id",
    "events.parent_event_id",
    "events.billing",
    "events.service_tier",
    "events.speed",
    "events.producer",
    "events.instance_id",
    "segments.segment_id",
    "segments.session_id",
    "segments.agent",
    "segments.summary",
    "segments.title",
    "segments.work_type",
    "segments.engine",
    "segments.engine_version",
    "segments.tag_roots",
    "segments.tag_names",
    "segments.redaction",
    "segments.source_event_ids",
    "session_titles.title",
    "session_titles.session_id",
    "session_installs.provider_account_id",
    "session_installs.provider",
    "reported.reason",
];

/// What a server is told directly, and a daemon keeps to itself.
const SERVER: [&str; 2] = ["events.git_remote_url", "events.cwd"];
const SERVER_CURRENT: [&str; 4] =
    ["events.files_touched", "events.source_file", "events.time_zone", "events.summarizer_mode"];
const SERVER_TEXT: [&str; 1] = ["events.content_excerpt"];
const SERVER_TEXT_CURRENT: [&str; 1] = ["events.reasoning_excerpt"];

/// Where whole turns wait on a server.
const SERVER_RAW: [&str; 3] = [
    "server/server/inbox.db » pending_text.session_id",
    "server/server/inbox.db » pending_text.event_id",
    WAITING_ON_SERVER,
];
const WAITING_ON_SERVER: &str = "server/server/inbox.db » pending_text.body » zstd";
const WAITING_ON_DAEMON: &str = "daemon/daemon/spool.db » turns.body » lz4";

/// Fails with the list of places in which something that is there was not found.
pub(super) fn check(plants: &[(Plant, Door, Shape)], hits: &[Hit]) {
    let found: BTreeSet<(&str, &str)> =
        hits.iter().map(|hit| (hit.needle.as_str(), hit.place.as_str())).collect();
    let mut missed = Vec::new();
    for (plant, door, shape) in plants {
        let places = places(*door, *shape);
        for planted in plant.planted() {
            let missing = places.iter().filter(|place| {
                is_kept(planted, place) && !found.contains(&(planted.name.as_str(), place.as_str()))
            });
            missed.extend(missing.map(|place| format!("{} in {place}", planted.name)));
            if door.is_daemon() && !was_sent(&found, &planted.name) {
                missed.push(format!("{} in bytes sent", planted.name));
            }
        }
        let waits = match door {
            Door::Daemon | Door::DaemonRaw => Some(WAITING_ON_DAEMON),
            Door::ServerRaw => Some(WAITING_ON_SERVER),
            Door::Server => None,
        };
        let sentence = plant.canary_name();
        let missing = waits.filter(|place| !found.contains(&(sentence.as_str(), place)));
        missed.extend(missing.map(|place| format!("{sentence} in {place}")));
    }
    let count = missed.len();
    missed.truncate(60);
    assert!(missed.is_empty(), "{count} were not found:\n{}", missed.join("\n"));
}

fn places(door: Door, shape: Shape) -> Vec<String> {
    let mut places: Vec<String> = EVERYWHERE.map(str::to_owned).into();
    let mut columns: Vec<&str> = Vec::new();
    if door.is_daemon() {
        places.extend(DAEMON.map(str::to_owned));
    } else {
        columns.extend(SERVER);
        if shape == Shape::Current {
            columns.extend(SERVER_CURRENT);
        }
    }
    if door == Door::Server {
        columns.extend(SERVER_TEXT);
        if shape == Shape::Current {
            columns.extend(SERVER_TEXT_CURRENT);
        }
    }
    if door == Door::ServerRaw {
        places.extend(SERVER_RAW.map(str::to_owned));
    }
    if shape == Shape::Current {
        columns.extend(CURRENT);
    }
    columns.push("tool_calls.command_families");
    places.extend(
        columns.into_iter().map(|column| format!("server/server/ledger.duckdb » {column}")),
    );
    places
}

/// Whether a field is long enough to keep what is planted.
fn is_kept(planted: &Planted, place: &str) -> bool {
    let limit_chars = if place.ends_with("command_families") { FAMILY_CHARS } else { KEY_CHARS };
    let begin = planted.text.find(&planted.core).unwrap_or_default();
    begin + KNOWN_CHARS <= limit_chars
}

fn was_sent(found: &BTreeSet<(&str, &str)>, needle: &str) -> bool {
    found.iter().any(|(name, place)| {
        *name == needle && place.starts_with("proxy » ") && place.ends_with(" » sent » gzip")
    })
}
