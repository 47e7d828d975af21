//! From bytes to a batch of raw text, one bad record at a time.

mod making;
mod record;
mod reported;

use modelstat_redact::RawText;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::answer::Rejection;
use crate::limits::{
    MAX_BATCH_EVENTS, MAX_BATCH_SEGMENTS, MAX_BATCH_TOOL_CALLS, MAX_NESTING, MAX_SESSION_ENTRIES,
};
use crate::listed::Listed;
use crate::nesting::nests_at_most;
use crate::problem::{Fault, Problem};
use crate::{Event, IngestBatch, Pairs, SessionInstall, Timestamp};
use record::{GoodEvent, OutcomesIn, SessionInstallIn};

/// Why a body as a whole was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseError {
    /// The body is no UTF-8.
    #[error("the body is not UTF-8")]
    NotUtf8,
    /// The body is no JSON.
    #[error("the body is not JSON (line {line}, column {column})")]
    NotJson {
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
    },
    /// The body nests too deep.
    #[error("the body nests deeper than {MAX_NESTING} levels")]
    TooDeep,
    /// The batch holds too many records; the sender should split it.
    #[error("the batch has more than {limit} {what}")]
    TooMany {
        /// Which records.
        what: &'static str,
        /// How many are accepted.
        limit: usize,
    },
    /// The frame around the records is malformed.
    #[error("{0}")]
    Frame(Problem),
}

/// What came of a body.
#[derive(Debug)]
pub struct ParsedBatch {
    /// The batch with its good records.
    pub batch: IngestBatch<RawText>,
    /// The bad records.
    pub rejected: Vec<Rejection<RawText>>,
    /// What the sender should know, in our own words.
    pub warnings: Vec<&'static str>,
}

/// The batch names no app, and was filed under the default one.
const WARNING_NO_APP: &str = "the batch names no app: filed under `default`";
const WARNING_NO_BATCH_ID: &str = "the batch has no batch_id: derived from its events";

/// `E` is an event, or the text of one that may be bad.
#[derive(Deserialize)]
#[serde(bound(deserialize = "E: Deserialize<'de>"))]
struct BatchIn<'a, E> {
    batch_id: Option<RawText>,
    device_id: Option<RawText>,
    daemon_version: Option<RawText>,
    app: Option<RawText>,
    events: Option<Listed<E, MAX_BATCH_EVENTS>>,
    #[serde(borrow)]
    segments: Option<Listed<&'a RawValue, MAX_BATCH_SEGMENTS>>,
    #[serde(borrow)]
    tool_calls: Option<Listed<&'a RawValue, MAX_BATCH_TOOL_CALLS>>,
    session_installs: Option<Pairs<RawText, SessionInstallIn>>,
    session_titles: Option<Pairs<RawText, RawText>>,
    auto_taxonomy: Option<bool>,
    summarizer_mode: Option<RawText>,
    tz: Option<RawText>,
    instance_id: Option<RawText>,
    outcomes: Option<OutcomesIn>,
    sent_at: Option<Timestamp>,
}

/// Parses a decompressed body.
///
/// Unknown keys end here, `null` equals absent, and a bad record is listed instead of failing its
/// batch. The work is linear in the body.
pub fn parse_batch(body: &[u8]) -> Result<ParsedBatch, ParseError> {
    let text = std::str::from_utf8(body).map_err(|_| ParseError::NotUtf8)?;
    if !nests_at_most(body, MAX_NESTING) {
        return Err(ParseError::TooDeep);
    }
    // Almost every batch is good throughout, and is read in one pass; the others in two.
    if let Ok(frame) = serde_json::from_str::<BatchIn<'_, GoodEvent>>(text) {
        return check_frame(frame, |events, _| events.into_iter().map(|good| good.0).collect());
    }
    check_frame(parse_frame(text)?, |events, rejected| {
        collect("events", events, record::parse_event, rejected)
    })
}

type Rejections = Vec<Rejection<RawText>>;

fn check_frame<E>(
    mut frame: BatchIn<'_, E>,
    read_events: impl FnOnce(Vec<E>, &mut Rejections) -> Vec<Event<RawText>>,
) -> Result<ParsedBatch, ParseError> {
    check_limits(&frame)?;
    let mut rejected = Vec::new();
    let events = read_events(listed(frame.events.take()), &mut rejected);
    let tool_calls =
        collect("tool_calls", listed(frame.tool_calls), record::parse_tool_call, &mut rejected);
    let segments =
        collect("segments", listed(frame.segments), record::parse_segment, &mut rejected);

    let mut warnings = Vec::new();
    let app = frame.app.and_then(record::trimmed);
    if app.is_none() {
        warnings.push(WARNING_NO_APP);
    }
    let batch_id = frame.batch_id.and_then(record::filled).unwrap_or_else(|| {
        warnings.push(WARNING_NO_BATCH_ID);
        record::derived_batch_id(&events)
    });
    let batch = IngestBatch {
        batch_id: record::identifier("batch_id", batch_id).map_err(ParseError::Frame)?,
        device_id: frame_name("device_id", frame.device_id)?
            .unwrap_or_else(|| RawText::from("unknown")),
        daemon_version: frame_name("daemon_version", frame.daemon_version)?
            .unwrap_or_else(|| RawText::from("unknown")),
        app: frame_name("app", app)?,
        events,
        segments,
        tool_calls,
        session_installs: session_installs(frame.session_installs)?,
        session_titles: session_titles(frame.session_titles)?,
        auto_taxonomy: frame.auto_taxonomy,
        summarizer_mode: frame_name("summarizer_mode", frame.summarizer_mode)?,
        tz: frame_name("tz", frame.tz)?,
        instance_id: frame_name("instance_id", frame.instance_id)?,
        outcomes: frame.outcomes.map(OutcomesIn::check).transpose().map_err(ParseError::Frame)?,
        sent_at: frame.sent_at,
    };
    Ok(ParsedBatch { batch, rejected, warnings })
}

fn listed<T, const MAX: usize>(list: Option<Listed<T, MAX>>) -> Vec<T> {
    list.unwrap_or_default().0
}

fn parse_frame(text: &str) -> Result<BatchIn<'_, &RawValue>, ParseError> {
    let error = match serde_json::from_str(text) {
        Ok(frame) => return Ok(frame),
        Err(error) => error,
    };
    if error.is_data() {
        let mut parser = serde_json::Deserializer::from_str(text);
        if let Err(error) =
            serde_path_to_error::deserialize::<_, BatchIn<'_, &RawValue>>(&mut parser)
        {
            return Err(ParseError::Frame(Problem::from_parser(&error)));
        }
    }
    Err(ParseError::NotJson { line: error.line(), column: error.column() })
}

fn check_limits<E>(frame: &BatchIn<'_, E>) -> Result<(), ParseError> {
    let counted = [
        ("events", frame.events.as_ref().map_or(0, |list| list.0.len()), MAX_BATCH_EVENTS),
        (
            "tool_calls",
            frame.tool_calls.as_ref().map_or(0, |list| list.0.len()),
            MAX_BATCH_TOOL_CALLS,
        ),
        ("segments", frame.segments.as_ref().map_or(0, |list| list.0.len()), MAX_BATCH_SEGMENTS),
        (
            "session_installs",
            frame.session_installs.as_ref().map_or(0, Pairs::len),
            MAX_SESSION_ENTRIES,
        ),
        (
            "session_titles",
            frame.session_titles.as_ref().map_or(0, Pairs::len),
            MAX_SESSION_ENTRIES,
        ),
    ];
    match counted.into_iter().find(|(_, count, limit)| count > limit) {
        Some((what, _, limit)) => Err(ParseError::TooMany { what, limit }),
        None => Ok(()),
    }
}

fn collect<R>(
    list: &str,
    records: Vec<&RawValue>,
    parse: impl Fn(&str) -> Result<R, Problem>,
    rejected: &mut Rejections,
) -> Vec<R> {
    let mut good = Vec::with_capacity(records.len());
    for (index, record) in records.into_iter().enumerate() {
        match parse(record.get()) {
            Ok(record) => good.push(record),
            Err(problem) => {
                let problem = if list == "events" {
                    problem
                } else {
                    problem.within(&format!("{list}[{index}]"))
                };
                let source_event_id = record::id_of(record.get());
                rejected.push(Rejection { source_event_id, reason: problem.to_string() });
            }
        }
    }
    good
}

fn frame_name(field: &'static str, text: Option<RawText>) -> Result<Option<RawText>, ParseError> {
    text.map(|text| record::identifier(field, text)).transpose().map_err(ParseError::Frame)
}

fn session_installs(
    installs: Option<Pairs<RawText, SessionInstallIn>>,
) -> Result<Pairs<RawText, SessionInstall<RawText>>, ParseError> {
    let check = |(session, install): (RawText, SessionInstallIn)| {
        Ok((record::identifier("session_installs", session)?, install.check()?))
    };
    let checked: Result<_, Problem> =
        installs.unwrap_or_default().0.into_iter().map(check).collect();
    checked.map_err(ParseError::Frame)
}

fn session_titles(
    titles: Option<Pairs<RawText, RawText>>,
) -> Result<Pairs<RawText, RawText>, ParseError> {
    let check = |(session, title): (RawText, RawText)| {
        Ok((record::identifier("session_titles", session)?, title))
    };
    let checked: Result<_, Problem> = titles.unwrap_or_default().0.into_iter().map(check).collect();
    checked.map_err(ParseError::Frame)
}

pub(crate) fn too_many(field: &'static str, limit: usize) -> Problem {
    Problem::new(field, Fault::TooMany { limit })
}

#[cfg(test)]
mod tests;
