//! Closed segments: an abstract of each, queued while its turns are deleted.

use std::collections::BTreeMap;

use modelstat_redact::RedactedText;
use modelstat_summarize::{
    Earlier, LatePlace, Removed, Summary, Turn, summarise_again, summarise_with,
};
use modelstat_wire::egress::EgressBatch;
use modelstat_wire::{DEFAULT_APP, IngestBatch, Pairs, Segment, Tag, Timestamp, TokenUsage};

use super::abstracts::Abstracts;
use super::body::{own_id, to_ship};
use super::plan::Planned;
use crate::database::DatabaseError;
use crate::spool::{
    ClosedSegment, Closing, Keep, Packer, SessionKey, StoredRemoved, StoredTurn, TurnPlace,
};

/// What says which daemon made a batch.
pub(super) const DAEMON_VERSION: &str = concat!("modelstat-daemon/", env!("CARGO_PKG_VERSION"));

/// The root of the tags that key phrases become.
const TOPICS: &str = "topics";

/// A segment that is made and not yet queued.
pub(super) struct Made {
    segment: Segment<RedactedText>,
    closing: Closing,
    device_id: RedactedText,
    /// Whether it names its session: the producer did not, and no later segment does.
    names_session: bool,
}

impl Made {
    /// Whether both can leave in one request.
    pub(super) fn shares_device(&self, other: &Self) -> bool {
        self.device_id == other.device_id
    }
}

/// What the turns of a segment come to, those of its earlier generations included.
struct Sums {
    device_id: RedactedText,
    agent: Option<RedactedText>,
    tokens: Option<TokenUsage>,
    redactions: BTreeMap<RedactedText, u64>,
    event_ids: Vec<RedactedText>,
    is_titled: bool,
    removed: Removed,
}

impl Abstracts {
    /// Makes one segment, or makes it again. A turn that cannot be read back counts without words.
    pub(super) fn make(
        &self,
        session: &SessionKey,
        planned: &Planned,
    ) -> Result<Made, DatabaseError> {
        let earlier = match planned.reopens {
            Some(closed) => self.spool.closed(closed.row)?,
            None => None,
        };
        // What is damaged or just forgotten cannot be joined.
        let planned = &planned.joining(earlier.is_some());
        let (new_events, stored) = self.read(&planned.turns)?;
        let sums = self.sums(earlier.as_ref(), &new_events, &stored);
        let turns: Vec<Turn> = stored.into_iter().map(turn).collect();
        let summary = self.summarise(planned, earlier.as_ref(), &turns, &sums.removed);
        let kept = earlier.as_ref().map(|kept| (kept.segment_id.clone(), kept.generation + 1));
        let (segment_id, generation) = kept.unwrap_or_else(|| {
            let app = session.app.as_deref().unwrap_or(DEFAULT_APP);
            let id = modelstat_wire::segment_id(app, &session.session_id, &new_events);
            (own_id(id), 1)
        });
        let names_session = planned.is_newest && !sums.is_titled;
        let device_id = sums.device_id.clone();
        let kept = keep(&segment_id, generation, &sums, &summary);
        let encoded =
            serde_json::to_vec(&kept).expect("a segment has text keys and whole numbers only");
        let closing = Closing {
            rows: planned.turns.iter().map(|place| place.row).collect(),
            made_by: summary.made_by,
            refused: summary.refused.iter().map(|(engine, why)| (*engine, why.as_str())).collect(),
            keep: Keep {
                session: session.clone(),
                reopened: planned.reopens.map(|closed| closed.row),
                mark: planned.mark(),
                body: Packer::new().pack(&encoded),
                new_events,
            },
        };
        let segment = segment(session, planned, (segment_id, generation), sums, summary);
        Ok(Made { segment, closing, device_id, names_session })
    }

    fn read(
        &self,
        places: &[TurnPlace],
    ) -> Result<(Vec<RedactedText>, Vec<StoredTurn<RedactedText>>), DatabaseError> {
        let mut event_ids = Vec::with_capacity(places.len());
        let mut stored = Vec::with_capacity(places.len());
        for place in places {
            let (event_id, turn) = self.spool.turn(place.row)?;
            event_ids.push(event_id);
            stored.extend(turn);
        }
        Ok((event_ids, stored))
    }

    fn sums(
        &self,
        earlier: Option<&ClosedSegment<RedactedText>>,
        new_events: &[RedactedText],
        turns: &[StoredTurn<RedactedText>],
    ) -> Sums {
        let (device_id, agent) = match (earlier, turns.first()) {
            (Some(earlier), _) => (earlier.device_id.clone(), earlier.agent.clone()),
            (None, Some(turn)) => (turn.device_id.clone(), Some(turn.agent.clone())),
            (None, None) => (RedactedText::from_static("unknown"), None),
        };
        let tokens = earlier.and_then(|earlier| earlier.tokens).into_iter();
        let tokens = tokens.chain(turns.iter().filter_map(|turn| turn.tokens)).reduce(add);
        let mut redactions: BTreeMap<RedactedText, u64> = BTreeMap::new();
        let counted = earlier.iter().flat_map(|earlier| &earlier.redactions);
        for (rule, count) in counted.chain(turns.iter().flat_map(|turn| &turn.redactions)) {
            let total = redactions.entry(rule.clone()).or_default();
            *total = sum(*total, *count);
        }
        let mut removed = Removed::new(self.removed_key);
        let kept = earlier.iter().map(|earlier| &earlier.removed);
        for words in kept.chain(turns.iter().map(|turn| &turn.removed)) {
            words.add_to(&mut removed);
        }
        let kept_ids = earlier.iter().flat_map(|earlier| &earlier.event_ids);
        Sums {
            device_id,
            agent,
            tokens,
            redactions,
            event_ids: kept_ids.chain(new_events).cloned().collect(),
            is_titled: earlier.is_some_and(|earlier| earlier.is_titled)
                || turns.iter().any(|turn| turn.is_titled),
            removed,
        }
    }

    fn summarise(
        &self,
        planned: &Planned,
        earlier: Option<&ClosedSegment<RedactedText>>,
        turns: &[Turn],
        removed: &Removed,
    ) -> Summary {
        let engines = self.engines.in_order();
        let (Some(earlier), Some(closed)) = (earlier, planned.reopens) else {
            return summarise_with(&engines, turns, &self.floor, removed);
        };
        let first = planned.turns.first().map(|place| place.mark.ts);
        let last = planned.turns.last().map(|place| place.mark.ts);
        let earlier = Earlier {
            features: &earlier.features,
            text: &earlier.text,
            is_of_model: earlier.is_of_model,
            place: LatePlace {
                begins: first.is_some_and(|first| first < closed.mark.first),
                ends: last.is_some_and(|last| last >= closed.mark.last),
            },
        };
        summarise_again(&engines, &earlier, turns, &self.floor, removed)
    }

    /// Queues a request with segments of one app and device, and deletes their turns.
    pub(super) fn queue(
        &self,
        key: u32,
        app: Option<&RedactedText>,
        made: Vec<Made>,
        now: Timestamp,
    ) -> Result<(), DatabaseError> {
        let Some(last) = made.last() else { return Ok(()) };
        let device_id = last.device_id.clone();
        let ids = made.iter().map(|made| {
            format!("{}:{}", made.segment.segment_id.as_str(), made.segment.generation)
        });
        // The published formula over the events' ids would be one constant, as there are none.
        let batch_id = modelstat_wire::batch_id(ids.chain(["segments".to_owned()]));
        let naming = made.iter().filter(|made| made.names_session).map(|made| &made.segment);
        let titles: BTreeMap<RedactedText, RedactedText> = naming
            .filter_map(|segment| Some((segment.session_id.clone(), segment.title.clone()?)))
            .collect();
        let (segments, closing): (Vec<_>, Vec<_>) =
            made.into_iter().map(|made| (made.segment, made.closing)).unzip();
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
        self.spool.close(&request, &closing, now)?;
        self.shipper.ring();
        Ok(())
    }
}

/// The segment as it leaves.
fn segment(
    session: &SessionKey,
    planned: &Planned,
    (segment_id, generation): (RedactedText, u64),
    sums: Sums,
    summary: Summary,
) -> Segment<RedactedText> {
    let mark = planned.mark();
    let tag = |name| Tag { root_key: RedactedText::from_static(TOPICS), name };
    let redactions = sums.redactions.into_iter().take(modelstat_wire::limits::MAX_LIST_ENTRIES);
    let fallback_reason = summary.fallback_reason().map(own_id);
    let chosen = summary.chosen;
    Segment {
        segment_id,
        generation,
        session_id: session.session_id.clone(),
        agent: sums.agent,
        started_at: mark.first,
        ended_at: mark.last,
        summary: Some(chosen.text),
        title: Some(chosen.title),
        work_type: Some(RedactedText::from_static(chosen.work_type.as_str())),
        engine: Some(chosen.engine),
        engine_version: Some(chosen.engine_version),
        model_sha256: chosen.model_sha256,
        prompt_version: chosen.prompt_version,
        fallback_reason,
        tokens: sums.tokens,
        tags: summary.phrases.into_iter().map(tag).collect(),
        redaction: redactions.collect(),
        source_event_ids: sums.event_ids,
    }
}

/// What is kept of a segment, so that late turns can join it.
fn keep(
    segment_id: &RedactedText,
    generation: u64,
    sums: &Sums,
    summary: &Summary,
) -> ClosedSegment<RedactedText> {
    let redactions = sums.redactions.iter().map(|(rule, count)| (rule.clone(), *count));
    ClosedSegment {
        segment_id: segment_id.clone(),
        generation,
        device_id: sums.device_id.clone(),
        agent: sums.agent.clone(),
        tokens: sums.tokens,
        redactions: redactions.collect(),
        event_ids: sums.event_ids.clone(),
        is_titled: sums.is_titled,
        text: summary.chosen.text.clone(),
        is_of_model: summary.chosen.prompt_version.is_some(),
        features: summary.features.clone(),
        removed: StoredRemoved::of(&sums.removed),
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

fn add(total: TokenUsage, more: TokenUsage) -> TokenUsage {
    TokenUsage {
        input: sum(total.input, more.input),
        output: sum(total.output, more.output),
        cache_creation: sum(total.cache_creation, more.cache_creation),
        cache_read: sum(total.cache_read, more.cache_read),
        reasoning: sum(total.reasoning, more.reasoning),
    }
}

/// A sum that the wire can carry: beyond its largest count the server would refuse the segment.
fn sum(left: u64, right: u64) -> u64 {
    left.saturating_add(right).min(modelstat_wire::limits::MAX_COUNT)
}
