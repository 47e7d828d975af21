//! What the page says, before it is drawn.

use std::collections::BTreeMap;

use modelstat_engine::EngineStatus;
use modelstat_wire::Timestamp;

use crate::egress::Sent;
use crate::status::{Depth, KeyState, KeyStatus, LastShip, Status};
use modelstat_summarize::FallbackEngine;

/// Rows of a table; further ones are summed up in the last.
const MAX_ROWS: usize = 20;

/// Everything that the page says.
pub(super) struct Content {
    pub(super) version: &'static str,
    pub(super) now: String,
    pub(super) address: String,
    pub(super) verdict: String,
    pub(super) mood: Mood,
    pub(super) warnings: Vec<String>,
    pub(super) figures: Vec<Figure>,
    pub(super) sections: Vec<Section>,
}

/// How things are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mood {
    Good,
    Waiting,
    Bad,
}

/// One number that stands out.
pub(super) struct Figure {
    pub(super) label: &'static str,
    pub(super) value: String,
    pub(super) detail: String,
}

/// A table.
pub(super) struct Section {
    pub(super) title: &'static str,
    pub(super) columns: &'static [&'static str],
    pub(super) rows: Vec<Vec<String>>,
    /// What stands there when there is no row.
    pub(super) empty: &'static str,
}

impl Content {
    pub(super) fn of(status: &Status, sent: Sent) -> Self {
        let (verdict, mood) = verdict(status);
        Self {
            version: status.version,
            now: time(status.now),
            address: status.address.clone(),
            verdict,
            mood,
            warnings: status.warnings.clone(),
            figures: figures(status, sent),
            sections: sections(status),
        }
    }
}

fn verdict(status: &Status) -> (String, Mood) {
    let waiting = status.spool.outbox.rows;
    let paused = status.keys.iter().filter(|key| key.state == KeyState::Paused).count();
    if paused > 0 {
        let text = match paused {
            1 => "1 key is paused, as the server refuses it. What came with it waits.".to_owned(),
            _ => format!(
                "{paused} keys are paused, as the server refuses them. What came with them waits."
            ),
        };
        return (text, Mood::Bad);
    }
    if let Some(reason) = &status.last_failure {
        return (format!("The last try to ship failed: {reason}. It is repeated."), Mood::Bad);
    }
    if waiting > 0 || status.spool.incoming.rows > 0 {
        return (
            format!("{} on the way to the server.", counted(waiting, "request")),
            Mood::Waiting,
        );
    }
    ("Everything that may leave has been shipped.".to_owned(), Mood::Good)
}

fn figures(status: &Status, sent: Sent) -> Vec<Figure> {
    let spool = &status.spool;
    let share = spool.used_bytes.saturating_mul(100) / spool.limit_bytes.max(1);
    let last = match &status.last_ship {
        Some(LastShip { at, status: answer, events }) => Figure {
            label: "Last shipped",
            value: format!("{} ago", age(status.now, *at)),
            detail: format!("{}, answer {answer}", counted(*events, "event")),
        },
        None => Figure {
            label: "Last shipped",
            value: "not yet".to_owned(),
            detail: "since the start".to_owned(),
        },
    };
    vec![
        Figure {
            label: "Left today",
            value: counted(sent.requests, "request"),
            detail: left(sent),
        },
        Figure {
            label: "Waiting to leave",
            value: counted(spool.outbox.rows, "request"),
            detail: oldest(status.now, spool.outbox)
                .map_or_else(|| "nothing waits".to_owned(), |age| format!("the oldest for {age}")),
        },
        last,
        Figure {
            label: "Spool",
            value: bytes(spool.used_bytes),
            detail: format!("{share} % of {}", bytes(spool.limit_bytes)),
        },
    ]
}

fn left(sent: Sent) -> String {
    let told = format!("{}, {} (UTC day)", counted(sent.events, "event"), bytes(sent.bytes));
    match sent.unanswered {
        0 => told,
        tries => format!("{told}; {} without an answer", counted(tries, "more request")),
    }
}

fn sections(status: &Status) -> Vec<Section> {
    vec![
        Section {
            title: "Queues",
            columns: &["Queue", "Waiting", "Oldest"],
            rows: queues(status),
            empty: "",
        },
        Section {
            title: "Keys",
            columns: &["Key", "State", "Waiting", "Next try", "Why"],
            rows: status.keys.iter().map(key).collect(),
            empty: "No key has anything to ship.",
        },
        Section {
            title: "Events that arrived",
            columns: &["Outcome", "Events"],
            rows: counts(&status.outcomes),
            empty: "Nothing has arrived yet.",
        },
        Section {
            title: "Redaction",
            columns: &["Rule", "Findings"],
            rows: counts(&status.findings),
            empty: "Nothing was found.",
        },
        Section {
            title: "Abstracts",
            columns: &["Made by", "Segments"],
            rows: counts(&status.summaries),
            empty: "No segment was closed yet.",
        },
        Section {
            title: "Engines with a model",
            columns: &["Engine", "Model", "State", "Answers", "Memory", "Last trouble"],
            rows: status.engine_states.iter().map(engine).collect(),
            empty: "None is configured: the template makes abstracts.",
        },
        Section {
            title: "Refused requests",
            columns: &["Reason", "Requests since the start"],
            rows: counts(&status.refused_requests),
            empty: "None since the start.",
        },
        Section {
            title: "Refused records",
            columns: &["Reason", "Records"],
            rows: counts(&status.rejected),
            empty: "None.",
        },
        Section {
            title: "Never taken by the server",
            columns: &["Answer", "Events"],
            rows: counts(&status.quarantined),
            empty: "Nothing.",
        },
        Section { title: "This daemon", columns: &[], rows: about(status), empty: "" },
    ]
}

fn queues(status: &Status) -> Vec<Vec<String>> {
    let spool = &status.spool;
    let named = [
        ("arrived, not yet taken apart", spool.incoming),
        ("turns of open segments", spool.turns),
        ("to be shipped", spool.outbox),
        ("in quarantine", spool.quarantine),
        ("closed segments, kept for late events", spool.closed),
    ];
    let row = |(name, depth): (&str, Depth)| {
        let oldest = oldest(status.now, depth).unwrap_or_else(|| "–".to_owned());
        vec![name.to_owned(), grouped(depth.rows), oldest]
    };
    named.into_iter().map(row).collect()
}

fn engine(engine: &EngineStatus) -> Vec<String> {
    let dash = || "–".to_owned();
    let state = format!("{} for {}", engine.state.as_str(), span(engine.state_ms));
    let place = engine.destination.as_ref().map(|place| format!(" at {place}"));
    vec![
        engine.name.to_owned(),
        format!("{}{}", engine.model, place.unwrap_or_default()),
        state,
        grouped(engine.answers),
        engine.resident_bytes.map_or_else(dash, bytes),
        engine.reason.clone().unwrap_or_else(dash),
    ]
}

fn key(key: &KeyStatus) -> Vec<String> {
    let number = if key.key == 0 { "the daemon's own".to_owned() } else { key.key.to_string() };
    let state = match key.state {
        KeyState::Ready => "ready",
        KeyState::BackingOff => "backing off",
        KeyState::Paused => "paused",
    };
    let retry = key.retry_in_ms.map_or_else(|| "–".to_owned(), |ms| format!("in {}", span(ms)));
    let reason = key.reason.clone().unwrap_or_else(|| "–".to_owned());
    vec![number, state.to_owned(), grouped(key.waiting), retry, reason]
}

fn about(status: &Status) -> Vec<Vec<String>> {
    let yes = |is_so: bool| if is_so { "yes" } else { "no" }.to_owned();
    let fallback = match status.fallback {
        FallbackEngine::Template => "template: no sentence leaves",
        FallbackEngine::Extract => "extract: redacted sentences leave",
    };
    let rows = [
        ("listens on", status.address.clone()),
        ("unix socket", yes(status.socket.is_some())),
        ("asks for daemon.token over TCP", yes(status.requires_token)),
        ("ships to", status.destination.clone()),
        ("engines for abstracts, in order", status.engines.join(", ")),
        ("fallback", fallback.to_owned()),
        ("runs since", time(status.started_at)),
        ("last failure", status.last_failure.clone().unwrap_or_else(|| "none".to_owned())),
        ("version", status.version.to_owned()),
        ("redaction floor", status.floor_version.to_owned()),
    ];
    rows.into_iter().map(|(name, value)| vec![name.to_owned(), value]).collect()
}

/// The largest first; what is beyond the table's length is added up.
fn counts<K: AsRef<str>>(counts: &BTreeMap<K, u64>) -> Vec<Vec<String>> {
    let mut sorted: Vec<(&str, u64)> =
        counts.iter().map(|(name, count)| (name.as_ref(), *count)).collect();
    sorted.sort_by(|(name, count), (other, more)| more.cmp(count).then(name.cmp(other)));
    let rest: u64 = sorted.iter().skip(MAX_ROWS).map(|(_, count)| count).sum();
    let shown = sorted.iter().take(MAX_ROWS);
    let mut rows: Vec<Vec<String>> =
        shown.map(|(name, count)| vec![(*name).to_owned(), grouped(*count)]).collect();
    if rest > 0 {
        rows.push(vec!["others".to_owned(), grouped(rest)]);
    }
    rows
}

/// How long the oldest of a queue has been there.
fn oldest(now: Timestamp, depth: Depth) -> Option<String> {
    depth.oldest_at_ms.map(|at| age(now, Timestamp::from_millis(at)))
}

/// A time to the second.
fn time(at: Timestamp) -> String {
    let second = Timestamp::from_millis(at.as_millis().div_euclid(1_000) * 1_000);
    second.to_string().replace('T', " ").replace(".000Z", " UTC")
}

fn age(now: Timestamp, at: Timestamp) -> String {
    span(u64::try_from(now.as_millis().saturating_sub(at.as_millis())).unwrap_or(0))
}

/// A length of time in its largest unit.
fn span(ms: u64) -> String {
    let units = [("d", 86_400_000), ("h", 3_600_000), ("min", 60_000), ("s", 1_000)];
    let unit = units.into_iter().find(|(_, length)| ms >= *length);
    unit.map_or_else(|| format!("{ms} ms"), |(name, length)| format!("{} {name}", ms / length))
}

fn bytes(count: u64) -> String {
    let units = [("GiB", 30), ("MiB", 20), ("KiB", 10)];
    let Some((name, shift)) = units.into_iter().find(|(_, shift)| count >> shift > 0) else {
        return format!("{count} B");
    };
    let tenths = (u128::from(count) * 10) >> shift;
    format!("{}.{} {name}", tenths / 10, tenths % 10)
}

fn counted(count: u64, what: &str) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{} {what}{ending}", grouped(count))
}

/// Digits in groups of three.
fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_made_for_people() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([1, 1_536, 5 << 30].map(bytes), ["1 B", "1.5 KiB", "5.0 GiB"]);
        assert_eq!([7, 59_999, 7_200_000].map(span), ["7 ms", "59 s", "2 h"]);
        assert_eq!((counted(1, "key"), counted(2, "key")), ("1 key".into(), "2 keys".into()));
    }

    #[test]
    fn tries_without_an_answer_are_told_apart() {
        let sent = Sent { requests: 1, events: 12, bytes: 2_048, unanswered: 0 };
        assert_eq!(left(sent), "12 events, 2.0 KiB (UTC day)");
        let told = left(Sent { unanswered: 2, ..sent });
        assert!(told.ends_with("; 2 more requests without an answer"), "{told}");
    }

    #[test]
    fn times_are_told_to_the_second() {
        let at = "2026-06-19T12:00:01.234567Z".parse().expect("a time");
        assert_eq!(time(at), "2026-06-19 12:00:01 UTC");
    }

    #[test]
    fn long_lists_end_in_a_sum() {
        let many: BTreeMap<String, u64> =
            (0..30).map(|number| (format!("rule_{number:02}"), number + 1)).collect();
        let rows = counts(&many);
        assert_eq!(rows.len(), MAX_ROWS + 1);
        assert_eq!(rows[0], ["rule_29", "30"]);
        assert_eq!(rows[MAX_ROWS], ["others", "55"]);
    }
}
