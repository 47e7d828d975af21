//! From what a store keeps of a segment to the segment as it leaves.

use std::collections::BTreeMap;

use modelstat_redact::{Floor, RawText, RedactedText};
use modelstat_wire::{DEFAULT_APP, IngestBatch, Pairs, Segment, Tag, TokenUsage};

use crate::chain::{Chain, Content, Known, Load, Model};
use crate::engine::{Earlier, Engine, Fallback, Summary, Turn};
use crate::gate::Removed;
use crate::late::ClosedMark;
use crate::material::LatePlace;
use crate::model::Outline;
use crate::plan::Planned;
use crate::removed_words::StoredRemoved;
use crate::stored::{ClosedSegment, StoredTurn};

/// The root of the tags that key phrases become.
const TOPICS: &str = "topics";

/// What a segment is made of.
#[derive(Debug)]
pub struct SegmentSource<'a> {
    /// The app, unless the batches named none.
    pub app: Option<&'a str>,
    /// The session.
    pub session_id: &'a RedactedText,
    /// Which of its turns they are, and what they join.
    pub planned: &'a Planned,
    /// What is kept of the segment that they join. What is damaged or just forgotten cannot be joined.
    pub earlier: Option<&'a ClosedSegment<RedactedText>>,
    /// The ids of the events that are new in it.
    pub new_events: &'a [RedactedText],
    /// Those of their turns that can be read, in the order of time.
    pub turns: Vec<StoredTurn<RedactedText>>,
}

/// What segments are made with.
#[derive(Clone, Copy)]
pub struct Making<'a> {
    /// The engines before the template, in their order.
    pub engines: &'a [&'a dyn Engine],
    /// What the turns passed, and abstracts pass too.
    pub floor: &'a Floor,
    /// Under which removed words are hashed.
    pub removed_key: [u8; 32],
}

/// A segment that is made and not yet stored.
#[derive(Debug)]
pub struct MadeSegment {
    /// The segment as it leaves.
    pub segment: Segment<RedactedText>,
    /// What is kept of it, so that late turns can join it.
    pub kept: ClosedSegment<RedactedText>,
    /// The row of the closed segment that it replaces.
    pub reopened: Option<i64>,
    /// From when to when it goes, and how full it is.
    pub mark: ClosedMark,
    /// Whether it names its session: the producer did not, and no later segment does.
    pub names_session: bool,
    /// The engine that made its abstract.
    pub made_by: &'static str,
    /// Every engine that failed, was refused or was left alone, with why.
    pub refused: Vec<(&'static str, Fallback)>,
    /// What came of the content from each model that was asked, where the same would come of it again.
    pub learned: Vec<(&'static str, Known)>,
}

/// Makes one segment, or makes it again.
pub fn make_segment(source: SegmentSource<'_>, making: Making<'_>) -> MadeSegment {
    let read = ReadSegment::of(source, making.removed_key);
    let chain = read.chain(making.engines, Load::Free, |_, _, _| None);
    read.make(&chain, making.floor)
}

/// A segment whose turns are in memory, so that it can be told which engines are asked about it.
pub struct ReadSegment<'a> {
    app: Option<&'a str>,
    session_id: &'a RedactedText,
    planned: Planned,
    earlier: Option<&'a ClosedSegment<RedactedText>>,
    new_events: &'a [RedactedText],
    turns: Vec<Turn>,
    sums: Sums,
}

impl<'a> ReadSegment<'a> {
    /// Takes what was read; removed words are hashed under the key.
    pub fn of(source: SegmentSource<'a>, removed_key: [u8; 32]) -> Self {
        let SegmentSource { app, session_id, earlier, new_events, turns, .. } = source;
        let sums = Sums::of(earlier, new_events, &turns, removed_key);
        let turns = turns.into_iter().map(Turn::from).collect();
        let planned = source.planned.joining(earlier.is_some());
        Self { app, session_id, planned, earlier, new_events, turns, sums }
    }

    /// Decides which engines are asked, as [`Chain::about`] does.
    pub fn chain<'e>(
        &self,
        engines: &[&'e dyn Engine],
        load: Load,
        known: impl FnMut(&dyn Engine, &Model, &Outline) -> Option<Known>,
    ) -> Chain<'e> {
        Chain::about(engines, &self.content(), load, known)
    }

    /// Makes the segment.
    pub fn make(self, chain: &Chain<'_>, floor: &Floor) -> MadeSegment {
        let summary = chain.summarise(&self.content(), floor, &self.sums.removed);
        let Self { app, session_id, planned, earlier, new_events, sums, .. } = self;
        let kept = earlier.map(|kept| (kept.segment_id.clone(), kept.generation + 1));
        let (segment_id, generation) = kept.unwrap_or_else(|| {
            let app = app.unwrap_or(DEFAULT_APP);
            (own_id(modelstat_wire::segment_id(app, session_id, new_events)), 1)
        });
        let kept = keep(&segment_id, generation, &sums, &summary);
        MadeSegment {
            kept,
            reopened: planned.reopens.map(|closed| closed.row),
            mark: planned.mark(),
            names_session: planned.is_newest && !sums.is_titled,
            made_by: summary.made_by,
            refused: summary.refused.clone(),
            learned: summary.learned.clone(),
            segment: segment(session_id, &planned, (segment_id, generation), sums, summary),
        }
    }

    fn content(&self) -> Content<'_> {
        let (Some(earlier), Some(closed)) = (self.earlier, self.planned.reopens) else {
            return Content { turns: &self.turns, earlier: None };
        };
        let first = self.planned.turns.first().map(|place| place.mark.ts);
        let last = self.planned.turns.last().map(|place| place.mark.ts);
        let earlier = Earlier {
            features: &earlier.features,
            text: &earlier.text,
            is_of_model: earlier.is_of_model,
            place: LatePlace {
                begins: first.is_some_and(|first| first < closed.mark.first),
                ends: last.is_some_and(|last| last >= closed.mark.last),
            },
        };
        Content { turns: &self.turns, earlier: Some(earlier) }
    }
}

/// Lets an id of our own making be text of a batch.
fn own_id(id: String) -> RedactedText {
    RawText::from(id).redact().0
}

/// Where the segments of a batch come from.
#[derive(Clone, Debug)]
pub struct SegmentsOrigin {
    /// The app, unless the batches named none.
    pub app: Option<RedactedText>,
    /// The program that made the abstracts.
    pub producer: &'static str,
    /// Where they are made, as batches say it.
    pub summarizer_mode: &'static str,
}

/// Puts segments of one app and device into a batch that holds nothing else; `None` where there are none.
///
/// The same segments make the same batch, so that one that is stored again is a repeat.
pub fn segments_batch(
    made: &[MadeSegment],
    origin: SegmentsOrigin,
) -> Option<IngestBatch<RedactedText>> {
    let device_id = made.last()?.kept.device_id.clone();
    let ids = made
        .iter()
        .map(|made| format!("{}:{}", made.segment.segment_id.as_str(), made.segment.generation));
    // The published formula over the events' ids would be one constant, as there are none.
    let batch_id = modelstat_wire::batch_id(ids.chain(["segments".to_owned()]));
    let naming = made.iter().filter(|made| made.names_session).map(|made| &made.segment);
    let titles: BTreeMap<RedactedText, RedactedText> = naming
        .filter_map(|segment| Some((segment.session_id.clone(), segment.title.clone()?)))
        .collect();
    Some(IngestBatch {
        batch_id: own_id(batch_id),
        device_id,
        daemon_version: RedactedText::from_static(origin.producer),
        app: origin.app,
        events: Vec::new(),
        segments: made.iter().map(|made| made.segment.clone()).collect(),
        tool_calls: Vec::new(),
        session_installs: Pairs::default(),
        session_titles: titles.into_iter().collect(),
        auto_taxonomy: None,
        summarizer_mode: Some(RedactedText::from_static(origin.summarizer_mode)),
        tz: None,
        instance_id: None,
        outcomes: None,
        sent_at: None,
    })
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

impl Sums {
    fn of(
        earlier: Option<&ClosedSegment<RedactedText>>,
        new_events: &[RedactedText],
        turns: &[StoredTurn<RedactedText>],
        removed_key: [u8; 32],
    ) -> Self {
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
        let mut removed = Removed::new(removed_key);
        let kept = earlier.iter().map(|earlier| &earlier.removed);
        for words in kept.chain(turns.iter().map(|turn| &turn.removed)) {
            words.add_to(&mut removed);
        }
        let kept_ids = earlier.iter().flat_map(|earlier| &earlier.event_ids);
        Self {
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
}

/// The segment as it leaves.
fn segment(
    session_id: &RedactedText,
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
        session_id: session_id.clone(),
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
