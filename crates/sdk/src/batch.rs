//! From captured calls to the batch that is sent.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write;

use modelstat_redact::{Finding, Floor};
use modelstat_wire::limits::{MAX_COMMAND_FAMILIES, MAX_COMMAND_FAMILY_CHARS, MAX_EXCERPT_CHARS};
use modelstat_wire::{batch_id, source_event_id, tool_call_id};
use serde::{Serialize, Serializer};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::call::{ArgumentDigest, LlmCall, MAX_TEXT_BYTES, ToolCallInput};
use crate::config::{Config, RedactionPolicy};
use crate::wire::{IngestBatch, RawEvent, SessionInstall, ToolCallWire, cap_metadata, cut_chars};

/// Longest excerpt of a turn in code points, as published; an ellipsis follows a cut.
const EXCERPT_CHARS: usize = 320;
/// Longest client version in code points, as published.
const CLIENT_VERSION_CHARS: usize = 40;
/// Room for what follows the session in an event's place: two numbers.
const PLACE_BYTES: usize = 48;
/// Stands between prompt and completion.
const SEPARATOR: &str = "\n---\n";
/// How much of a long text is looked at at once for its excerpt.
const LOOK_BYTES: usize = 4 * 1024;
/// How much is left out before the place where a text was cut: more than any secret has.
const CUT_MARGIN_BYTES: usize = 16 * 1024;
/// What the floor reports when it gives a text up.
const REDACTION_FAILED: &str = "redaction_failed";

/// How much of a turn is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// Its first 320 characters.
    Excerpt,
    /// All of it, up to the wire's limit.
    Whole,
}

/// How calls become events.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Making<'a> {
    pub(crate) config: &'a Config,
    pub(crate) turn: Turn,
    pub(crate) redaction: RedactionPolicy,
    /// Whether findings are counted in the events.
    pub(crate) counts_findings: bool,
}

impl<'a> Making<'a> {
    /// As the published crate makes batches.
    pub(crate) fn published(config: &'a Config) -> Self {
        let turn = if config.sends_full_turns() { Turn::Whole } else { Turn::Excerpt };
        Self { config, turn, redaction: config.redaction, counts_findings: false }
    }

    /// Makes one call an event and its tool calls.
    pub(crate) fn event(&self, call: LlmCall, seq: u64) -> MadeEvent {
        let config = self.config;
        let millis = call.started_at.timestamp_millis();
        let mut place = String::with_capacity(call.session_id.len() + PLACE_BYTES);
        place.push_str(&call.session_id);
        write!(place, "::{millis}::{seq}").expect("a string takes what is written");
        let event_id = source_event_id(&config.device_id, &place);
        let mut redactions = BTreeMap::new();
        let content_excerpt = self.excerpt(&call, &mut redactions);
        let has_failed = redactions.contains_key(REDACTION_FAILED);
        if !self.counts_findings {
            redactions.clear();
        }
        let tool_calls = self.tool_calls(&call, &event_id);
        let extra = call.extra.map(|extra| *extra).unwrap_or_default();
        let event = RawEvent {
            source_event_id: event_id,
            ts: call.started_at,
            started_at: Some(call.started_at),
            first_token_at: call.first_token_at,
            kind: call.kind,
            agent: config.agent.clone(),
            provider: call.provider,
            model: call.model,
            session_id: call.session_id,
            tokens: call.tokens,
            cwd: call.cwd,
            git: call.git,
            duration_ms: call
                .duration
                .map(|duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)),
            content_excerpt: content_excerpt.filter(|_| !has_failed),
            metadata: self.metadata(call.metadata),
            redactions,
            billing: extra.billing,
            usage_known: extra.is_usage_unknown.then_some(false),
            usage_detail: extra.usage_detail,
            error: extra.error,
            finish_reason: extra.finish_reason,
            response_id: extra.response_id,
            attempt: extra.attempt,
        };
        MadeEvent { event, tool_calls, has_failed_redaction: has_failed }
    }

    fn metadata(&self, own: BTreeMap<String, String>) -> Option<BTreeMap<String, String>> {
        let mut merged = own;
        for (key, value) in &self.config.metadata {
            if !merged.contains_key(key) {
                merged.insert(key.clone(), value.clone());
            }
        }
        (!merged.is_empty()).then(|| cap_metadata(merged))
    }

    fn tool_calls(&self, call: &LlmCall, event_id: &str) -> Vec<ToolCallWire> {
        let digests = call.extra.as_ref().map_or(&[][..], |extra| &extra.arguments);
        let made = call.tool_calls.iter().enumerate().map(|(index, tool)| {
            let known = digests.get(index).cloned().flatten();
            let digest = known.unwrap_or_else(|| digest_arguments(tool));
            ToolCallWire {
                external_call_id: tool_call_id(event_id, index),
                session_id: call.session_id.clone(),
                source_event_id: event_id.to_owned(),
                segment_id: None,
                agent: self.config.agent.clone(),
                server: tool.server.clone(),
                name: tool.name.clone(),
                turn_index: None,
                call_index: u32::try_from(index).unwrap_or(u32::MAX),
                started_at: tool.started_at,
                ended_at: tool.ended_at,
                status: tool.status,
                args_hash: digest.args_hash,
                signature_hash: digest.signature_hash,
                args_bytes: digest.args_bytes,
                result_bytes: tool.result_bytes,
                model: call.model.clone(),
                command_families: command_families(tool),
            }
        });
        made.collect()
    }

    /// Makes the text of a turn; `None` when there is none.
    fn excerpt(&self, call: &LlmCall, redactions: &mut BTreeMap<String, u64>) -> Option<String> {
        let prompt = call.prompt.as_deref().unwrap_or_default();
        let completion = call.completion.as_deref().unwrap_or_default();
        let separator = if prompt.is_empty() || call.completion.is_none() { "" } else { SEPARATOR };
        let pieces = [prompt, separator, completion];
        if pieces.iter().all(|piece| piece.is_empty()) {
            return None;
        }
        let limit = match self.turn {
            Turn::Excerpt => EXCERPT_CHARS,
            Turn::Whole => MAX_EXCERPT_CHARS,
        };
        let mut text = match self.redaction {
            RedactionPolicy::None => pieces.concat(),
            RedactionPolicy::Floor => {
                let is_cut = call.extra.as_ref().is_some_and(|extra| extra.is_cut);
                let (text, findings) = redact_pieces(&pieces, limit, is_cut);
                count(&findings, redactions);
                text
            }
        };
        let whole_bytes = text.len();
        cut_chars(&mut text, limit);
        if text.len() < whole_bytes {
            text.push('…');
        }
        Some(text)
    }
}

/// One event and what belongs to it.
pub(crate) struct MadeEvent {
    pub(crate) event: RawEvent,
    pub(crate) tool_calls: Vec<ToolCallWire>,
    /// The floor gave the text up; the numbers stay.
    pub(crate) has_failed_redaction: bool,
}

/// Redacts a turn until there is more than is sent of it.
///
/// A short turn is redacted whole. Of a long one only as much is looked at as is sent: what the
/// redactor has settled is what redacting the whole begins with.
fn redact_pieces(pieces: &[&str; 3], limit_chars: usize, is_cut: bool) -> (String, Vec<Finding>) {
    let length: usize = pieces.iter().map(|piece| piece.len()).sum();
    if !is_cut && length <= 2 * LOOK_BYTES {
        let joined = pieces.concat();
        let redacted = modelstat_redact::redact(&joined);
        let findings = redacted.findings;
        return match redacted.text {
            Cow::Owned(text) => (text, findings),
            Cow::Borrowed(_) => (joined, findings),
        };
    }
    let mut output = Vec::new();
    let mut findings = Vec::new();
    let mut redactor = Floor::built_in().redactor();
    for piece in pieces {
        let mut rest = piece.as_bytes();
        // Looks grow, so that a text without lines is not searched again and again.
        let mut look_bytes = LOOK_BYTES;
        while !rest.is_empty() {
            let (look, later) = rest.split_at(look_bytes.min(rest.len()));
            rest = later;
            look_bytes *= 2;
            redactor.push(look, &mut output);
            redactor.settle(&mut output);
            if has_more_chars(&output, limit_chars) {
                findings.extend(redactor.take_findings());
                return (into_text(output), findings);
            }
        }
        // A secret across the cut was not known as one: nothing near it is sent.
        if is_cut && piece.len() > MAX_TEXT_BYTES - char::MAX.len_utf8() {
            findings.extend(redactor.finish(&mut output));
            redactor = Floor::built_in().redactor();
            output.truncate(output.len().saturating_sub(CUT_MARGIN_BYTES));
            while !output.is_empty() && str::from_utf8(&output).is_err() {
                output.pop();
            }
        }
    }
    findings.extend(redactor.finish(&mut output));
    (into_text(output), findings)
}

fn has_more_chars(text: &[u8], limit: usize) -> bool {
    text.len() > limit && chars_begun(text) > limit
}

/// How many code points begin in the bytes.
fn chars_begun(text: &[u8]) -> usize {
    text.iter().filter(|byte| (**byte & 0b1100_0000) != 0b1000_0000).count()
}

/// The redactor cuts between characters only; should it ever not, nothing is sent.
fn into_text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_default()
}

fn count(findings: &[Finding], redactions: &mut BTreeMap<String, u64>) {
    for finding in findings {
        let name = finding.rule.name();
        match redactions.get_mut(name) {
            Some(total) => *total += 1,
            None => drop(redactions.insert(name.to_owned(), 1)),
        }
    }
}

fn command_families(tool: &ToolCallInput) -> Vec<String> {
    let kept = tool.command_families.iter().take(MAX_COMMAND_FAMILIES);
    kept.map(|family| {
        let mut family = family.clone();
        cut_chars(&mut family, MAX_COMMAND_FAMILY_CHARS);
        family
    })
    .collect()
}

fn digest_arguments(tool: &ToolCallInput) -> ArgumentDigest {
    match &tool.args {
        None => ArgumentDigest::none(),
        Some(args) => {
            let names = match args {
                Value::Object(fields) => Some(fields.keys().map(String::as_str).collect()),
                _ => None,
            };
            ArgumentDigest::of(&serde_json::to_string(&Sorted(args)).unwrap_or_default(), names)
        }
    }
}

/// Arguments with their names in order, also in a program where some crate has `serde_json` keep them
/// as they came: a hash must not depend on that.
struct Sorted<'a>(&'a Value);

impl Serialize for Sorted<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Object(fields) => {
                let mut fields: Vec<_> = fields.iter().collect();
                fields.sort_unstable_by_key(|(name, _)| *name);
                serializer
                    .collect_map(fields.into_iter().map(|(name, value)| (name, Sorted(value))))
            }
            Value::Array(values) => serializer.collect_seq(values.iter().map(Sorted)),
            other => other.serialize(serializer),
        }
    }
}

impl ArgumentDigest {
    /// Of a tool without arguments.
    #[must_use]
    pub fn none() -> Self {
        Self { args_hash: String::new(), signature_hash: "none".into(), args_bytes: 0 }
    }

    /// Of arguments that are JSON already, and their names if they are an object.
    #[must_use]
    pub fn of(json: &str, names: Option<Vec<&str>>) -> Self {
        let signature_hash = names.map_or_else(
            || "none".into(),
            |mut names| {
                names.sort_unstable();
                sha256(names.join(",").as_bytes())
            },
        );
        Self {
            args_hash: sha256(json.as_bytes()),
            signature_hash,
            args_bytes: u32::try_from(json.len()).unwrap_or(u32::MAX),
        }
    }
}

fn sha256(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().fold(String::with_capacity(64), |mut text, byte| {
        for digit in [byte >> 4, byte & 0xF] {
            text.push(char::from_digit(u32::from(digit), 16).unwrap_or_default());
        }
        text
    })
}

/// Gathers events to a batch.
pub(crate) struct Gathering {
    batch: IngestBatch,
}

impl Gathering {
    pub(crate) fn new(config: &Config) -> Self {
        let mut client_version = config.client_version.clone();
        cut_chars(&mut client_version, CLIENT_VERSION_CHARS);
        let batch = IngestBatch {
            batch_id: String::new(),
            device_id: config.device_id.clone(),
            daemon_version: client_version,
            app: Some(config.app.clone()),
            events: Vec::new(),
            tool_calls: Vec::new(),
            session_installs: BTreeMap::new(),
            auto_taxonomy: Some(config.auto_taxonomy),
            instance_id: None,
            outcomes: None,
            sent_at: None,
        };
        Self { batch }
    }

    pub(crate) fn add(&mut self, made: MadeEvent) {
        let MadeEvent { event, tool_calls, .. } = made;
        let account = self.batch.app.as_deref().unwrap_or_default();
        if !event.provider.is_empty() {
            let is_known = self
                .batch
                .session_installs
                .get(&event.session_id)
                .is_some_and(|install| install.provider == event.provider);
            if !is_known {
                let install = SessionInstall {
                    provider_account_id: account.to_owned(),
                    provider: event.provider.clone(),
                };
                self.batch.session_installs.insert(event.session_id.clone(), install);
            }
        }
        self.batch.events.push(event);
        self.batch.tool_calls.extend(tool_calls);
    }

    pub(crate) fn finish(mut self) -> IngestBatch {
        self.batch.batch_id = id_of(&self.batch.events);
        self.batch
    }
}

fn id_of(events: &[RawEvent]) -> String {
    batch_id(events.iter().map(|event| &event.source_event_id))
}

/// Makes the batch that the published crate makes of these calls.
pub(crate) fn build(config: &Config, calls: Vec<LlmCall>, seq: &mut u64) -> IngestBatch {
    let making = Making::published(config);
    let mut gathering = Gathering::new(config);
    for call in calls {
        *seq = seq.wrapping_add(1);
        gathering.add(making.event(call, *seq));
    }
    gathering.finish()
}

/// Splits a batch into two, each with what belongs to its events.
pub(crate) fn halve(mut batch: IngestBatch) -> (IngestBatch, IngestBatch) {
    let later_events = batch.events.split_off(batch.events.len() / 2);
    let is_later = |id: &str| later_events.iter().any(|event| event.source_event_id == id);
    let (later_calls, tool_calls) =
        batch.tool_calls.into_iter().partition(|call| is_later(&call.source_event_id));
    batch.tool_calls = tool_calls;
    let mut later = IngestBatch {
        batch_id: id_of(&later_events),
        events: later_events,
        tool_calls: later_calls,
        session_installs: batch.session_installs.clone(),
        device_id: batch.device_id.clone(),
        daemon_version: batch.daemon_version.clone(),
        app: batch.app.clone(),
        auto_taxonomy: batch.auto_taxonomy,
        instance_id: batch.instance_id.clone(),
        outcomes: batch.outcomes.clone(),
        sent_at: batch.sent_at,
    };
    batch.batch_id = id_of(&batch.events);
    for half in [&mut batch, &mut later] {
        let IngestBatch { events, session_installs, .. } = half;
        session_installs
            .retain(|session, _| events.iter().any(|event| event.session_id == *session));
    }
    (batch, later)
}
