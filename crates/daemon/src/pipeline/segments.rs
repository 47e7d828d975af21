//! Closed segments: an abstract of each, queued while its turns are deleted.

use std::collections::BTreeMap;

use modelstat_redact::RedactedText;
use modelstat_summarize::{Abstract, Turn, split, summarise};
use modelstat_wire::egress::EgressBatch;
use modelstat_wire::{DEFAULT_APP, IngestBatch, Pairs, Segment, Timestamp, TokenUsage};

use super::Pipeline;
use super::body::{own_id, to_ship};
use super::sessions::Sessions;
use crate::database::DatabaseError;
use crate::spool::{ClosedTurns, SessionKey, StoredTurn, TurnPlace};

/// Most segments of one request, so that little text is in memory at a time.
const MAX_SEGMENTS: usize = 50;

/// What says which daemon made a batch.
pub(super) const DAEMON_VERSION: &str = concat!("modelstat-daemon/", env!("CARGO_PKG_VERSION"));

/// A segment is made once: its turns are deleted with it.
const GENERATION: u64 = 1;

/// A segment that is made and not yet queued.
struct Made {
    segment: Segment<RedactedText>,
    closed: ClosedTurns,
    device_id: RedactedText,
    is_titled: bool,
}

/// Sessions of one app that share a key, and when the last turn of each arrived.
type DueByApp = BTreeMap<(u32, Option<RedactedText>), Vec<(SessionKey, Timestamp)>>;

impl Pipeline {
    /// Closes what can be closed of every session.
    pub(super) fn close_segments(&self, sessions: &mut Sessions) -> Result<(), DatabaseError> {
        let now = self.clock.now();
        let mut by_app = DueByApp::new();
        for (session, last_arrival) in sessions.due(now, &self.limits) {
            let app = (session.key, session.app.clone());
            by_app.entry(app).or_default().push((session, last_arrival));
        }
        for ((key, app), due) in by_app {
            let mut made = Vec::new();
            for (session, last_arrival) in due {
                let places = self.spool.places(&session)?;
                let marks: Vec<_> = places.iter().map(|place| place.mark).collect();
                let spans = split(&marks, last_arrival, now, &self.limits);
                let closed: Vec<_> = spans.into_iter().filter(|span| span.is_closed).collect();
                for span in &closed {
                    let next = self.make(&session, &places[span.turns.clone()])?;
                    let is_other = |last: &Made| last.device_id != next.device_id;
                    if made.len() >= MAX_SEGMENTS || made.last().is_some_and(is_other) {
                        self.queue(key, app.as_ref(), std::mem::take(&mut made), now)?;
                    }
                    made.push(next);
                }
                let left = closed.last().map_or(0, |span| span.turns.end);
                sessions.keep(&session, &places[left..]);
            }
            self.queue(key, app.as_ref(), made, now)?;
        }
        Ok(())
    }

    /// Makes the abstract of one segment. A turn that cannot be read back counts without words.
    fn make(&self, session: &SessionKey, places: &[TurnPlace]) -> Result<Made, DatabaseError> {
        let mut event_ids = Vec::with_capacity(places.len());
        let mut stored = Vec::with_capacity(places.len());
        for place in places {
            let (event_id, turn) = self.spool.turn(place.row)?;
            event_ids.push(event_id);
            stored.extend(turn);
        }
        let (tokens, redaction) = (total_tokens(&stored), total_redactions(&stored));
        let device_id = stored
            .first()
            .map_or_else(|| RedactedText::from_static("unknown"), |turn| turn.device_id.clone());
        let agent = stored.first().map(|turn| turn.agent.clone());
        let is_titled = stored.iter().any(|turn| turn.is_titled);
        let turns: Vec<Turn> = stored.into_iter().map(turn).collect();
        let made = summarise(self.engine.as_ref(), &turns, &self.floor);
        let app = session.app.as_deref().unwrap_or(DEFAULT_APP);
        let segment_id = modelstat_wire::segment_id(app, &session.session_id, &event_ids);
        let Abstract { text, title, work_type, engine, engine_version, fallback } = made;
        let segment = Segment {
            segment_id: own_id(segment_id),
            generation: GENERATION,
            session_id: session.session_id.clone(),
            agent,
            started_at: places.first().map_or(Timestamp::from_micros(0), |place| place.mark.ts),
            ended_at: places.last().map_or(Timestamp::from_micros(0), |place| place.mark.ts),
            summary: Some(text),
            title: Some(title),
            work_type: Some(RedactedText::from_static(work_type.as_str())),
            engine: Some(engine),
            engine_version: Some(engine_version),
            tokens,
            tags: Vec::new(),
            redaction,
            source_event_ids: event_ids,
        };
        let made_by = match fallback {
            None => self.engine.name(),
            Some(_) => "template",
        };
        let fallback = fallback.map(modelstat_summarize::Fallback::as_str);
        let closed =
            ClosedTurns { rows: places.iter().map(|place| place.row).collect(), made_by, fallback };
        Ok(Made { segment, closed, device_id, is_titled })
    }

    /// Queues a request with segments of one app and device, and deletes their turns.
    fn queue(
        &self,
        key: u32,
        app: Option<&RedactedText>,
        made: Vec<Made>,
        now: Timestamp,
    ) -> Result<(), DatabaseError> {
        let Some(last) = made.last() else { return Ok(()) };
        let device_id = last.device_id.clone();
        let ids = made.iter().map(|made| made.segment.segment_id.as_str());
        // The published formula over the events' ids would be one constant, as there are none.
        let batch_id = modelstat_wire::batch_id(ids.chain(["segments"]));
        let untitled = made.iter().filter(|made| !made.is_titled).map(|made| &made.segment);
        let titles: BTreeMap<RedactedText, RedactedText> = untitled
            .filter_map(|segment| Some((segment.session_id.clone(), segment.title.clone()?)))
            .collect();
        let (segments, closed): (Vec<_>, Vec<_>) =
            made.into_iter().map(|made| (made.segment, made.closed)).unzip();
        let batch = IngestBatch {
            batch_id: own_id(batch_id.clone()),
            device_id,
            daemon_version: RedactedText::from_static(DAEMON_VERSION),
            app: app.cloned(),
            events: Vec::new(),
            segments,
            tool_calls: Vec::new(),
            session_installs: Pairs::default(),
            session_titles: titles.into_iter().collect(),
            auto_taxonomy: None,
            summarizer_mode: Some(RedactedText::from_static("local")),
            tz: None,
            instance_id: None,
            outcomes: None,
            sent_at: None,
        };
        let request = to_ship(key, batch_id, 0, &EgressBatch::new(batch, &self.policy));
        self.spool.close(&request, &closed, now)?;
        self.shipper.ring();
        Ok(())
    }
}

fn turn(stored: StoredTurn<RedactedText>) -> Turn {
    Turn {
        kind: stored.kind,
        model: stored.model,
        text: stored.text,
        tools: stored.tools,
        failed: stored.failed,
    }
}

/// The sums of each class; `None` when no turn has any.
fn total_tokens(turns: &[StoredTurn<RedactedText>]) -> Option<TokenUsage> {
    let add = |total: TokenUsage, more: TokenUsage| TokenUsage {
        input: sum(total.input, more.input),
        output: sum(total.output, more.output),
        cache_creation: sum(total.cache_creation, more.cache_creation),
        cache_read: sum(total.cache_read, more.cache_read),
        reasoning: sum(total.reasoning, more.reasoning),
    };
    turns.iter().filter_map(|turn| turn.tokens).reduce(add)
}

/// A sum that the wire can carry: beyond its largest count the server would refuse the segment.
fn sum(left: u64, right: u64) -> u64 {
    left.saturating_add(right).min(modelstat_wire::limits::MAX_COUNT)
}

fn total_redactions(turns: &[StoredTurn<RedactedText>]) -> Pairs<RedactedText, u64> {
    let mut totals: BTreeMap<&RedactedText, u64> = BTreeMap::new();
    for (rule, count) in turns.iter().flat_map(|turn| &turn.redactions) {
        let total = totals.entry(rule).or_default();
        *total = sum(*total, *count);
    }
    let totals = totals.into_iter().map(|(rule, count)| (rule.clone(), count));
    totals.take(modelstat_wire::limits::MAX_LIST_ENTRIES).collect()
}
