//! The segments of one session: made, and committed in place of their text.

use std::sync::atomic::Ordering;

use modelstat_redact::{FLOOR_VERSION, RedactedText};
use modelstat_store::{
    CarriedReceipt, ClosedText, DueSession, InboxEntry, InboxError, LookedAt, TextClosing,
    TextSession,
};
use modelstat_summarize::{
    Contents, Engine, Lesson, Load, MadeSegment, Plan, Planned, ReadSegment, SegmentLimits,
    SegmentSource, SegmentsOrigin, StoredTurn, TurnPlace, joinable_since, plan, segments_batch,
};
use modelstat_wire::{IngestBatch, Timestamp, encode_batch};

use super::Shared;

/// What says which server made a batch.
const SERVER_VERSION: &str = concat!("modelstat-server/", env!("CARGO_PKG_VERSION"));

/// The credential of what no request brought.
const OWN_KEY: &str = "server";

/// Most segments of one commit, so that little text is in memory at a time.
const MAX_SEGMENTS: usize = 50;

/// How segments are made.
pub(super) struct Mode<'a> {
    pub(super) now: Timestamp,
    pub(super) limits: SegmentLimits,
    /// The engines before the template.
    pub(super) engines: Vec<&'a dyn Engine>,
    /// Whether a model has time for them.
    pub(super) load: Load,
    /// Whether their text has waited for as long as it may.
    pub(super) expired: bool,
}

/// Segments of one session and device that are committed together.
#[derive(Default)]
struct Gathered {
    made: Vec<MadeSegment>,
    closed: Vec<ClosedText>,
    lessons: Vec<Lesson>,
}

impl Shared {
    /// Closes what can be closed of a session. Returns what was seen of it where nothing could.
    pub(super) fn close_session(
        &self,
        due: &DueSession,
        mode: &Mode<'_>,
    ) -> Result<Option<LookedAt>, InboxError> {
        let session = &due.session;
        let places = self.making.inbox.places(session)?;
        let plan = self.plan(due, &places, mode)?;
        if plan.closing.is_empty() {
            return Ok(Some(LookedAt { session: session.clone(), turns: places.len() as u64 }));
        }
        let mut gathered = Gathered::default();
        for planned in &plan.closing {
            // A draft may have taken long, and who stops should not wait for all of them.
            if self.is_stopping.load(Ordering::Relaxed) {
                break;
            }
            let next = self.make(session, planned, mode)?;
            let Some((next, lessons)) = next else { return Ok(None) };
            // An engine that is being ended fails; what it would have said is worth another start.
            if self.is_stopping.load(Ordering::Relaxed) && !mode.expired && !next.refused.is_empty()
            {
                break;
            }
            let is_full = gathered.made.len() >= MAX_SEGMENTS;
            let is_other = |last: &MadeSegment| last.kept.device_id != next.kept.device_id;
            if is_full || gathered.made.last().is_some_and(is_other) {
                self.commit(session, std::mem::take(&mut gathered), mode)?;
            }
            gathered.closed.push(ClosedText::of(&next, planned));
            gathered.made.push(next);
            gathered.lessons.extend(lessons);
        }
        self.commit(session, gathered, mode)?;
        Ok(None)
    }

    fn plan(
        &self,
        due: &DueSession,
        places: &[TurnPlace],
        mode: &Mode<'_>,
    ) -> Result<Plan, InboxError> {
        let Some(since) = joinable_since(places, &mode.limits) else { return Ok(Plan::default()) };
        let closed = self.making.inbox.closed_places(&due.session, since)?;
        Ok(plan(places, &closed, due.last_arrival, mode.now, &mode.limits))
    }

    /// Makes one segment, or makes it again, and says what it teaches; `None` when its text is gone
    /// meanwhile. A turn that cannot be read back counts without words.
    fn make(
        &self,
        session: &TextSession,
        planned: &Planned,
        mode: &Mode<'_>,
    ) -> Result<Option<(MadeSegment, Vec<Lesson>)>, InboxError> {
        let earlier = match planned.reopens {
            Some(closed) => self.making.inbox.closed_segment(closed.row)?,
            None => None,
        };
        let Some((new_events, turns)) = self.read(&planned.turns)? else { return Ok(None) };
        let source = SegmentSource {
            app: Some(session.app.as_str()),
            session_id: &session.session_id,
            planned,
            earlier: earlier.as_ref(),
            new_events: &new_events,
            turns,
        };
        let read = ReadSegment::of(source, self.making.removed_key);
        let mut contents = Contents::new(&self.making.content_key, session.org_id.as_bytes());
        let chain = read.chain(&mode.engines, mode.load, |engine, model, outline| {
            contents.look_up(engine, model, outline, |hash| self.making.known.find(hash, mode.now))
        });
        let mut segment = read.make(&chain, &self.making.floor);
        let lessons = contents.lessons(std::mem::take(&mut segment.learned), segment.made_by);
        Ok(Some((segment, lessons)))
    }

    fn read(&self, places: &[TurnPlace]) -> Result<Option<ReadTurns>, InboxError> {
        let mut event_ids = Vec::with_capacity(places.len());
        let mut turns = Vec::with_capacity(places.len());
        for place in places {
            let Some((event_id, turn)) = self.making.inbox.turn(place.row)? else {
                return Ok(None);
            };
            event_ids.push(event_id);
            turns.extend(turn);
        }
        Ok(Some((event_ids, turns)))
    }

    /// Commits segments in place of their text. Where another has closed some of it meanwhile, nothing is
    /// stored, and the next look finds what is left.
    fn commit(
        &self,
        session: &TextSession,
        gathered: Gathered,
        mode: &Mode<'_>,
    ) -> Result<(), InboxError> {
        let origin = SegmentsOrigin {
            app: Some(session.app.clone()),
            producer: SERVER_VERSION,
            summarizer_mode: "self-hosted",
        };
        let Some(batch) = segments_batch(&gathered.made, origin) else { return Ok(()) };
        let closing = TextClosing {
            session: session.clone(),
            entry: self.entry(session, &batch),
            segments: gathered.closed,
            expired: mode.expired,
        };
        if self.making.inbox.close_text(closing)? {
            self.has_deleted.store(true, Ordering::Release);
            self.making.applier.wake();
            let now = self.making.clock.now();
            self.making.known.learn(&session.org_id, gathered.lessons, now);
        }
        Ok(())
    }

    fn entry(&self, session: &TextSession, batch: &IngestBatch<RedactedText>) -> InboxEntry {
        let encoded = encode_batch(batch);
        InboxEntry {
            org_id: session.org_id.clone(),
            key_id: OWN_KEY.to_owned(),
            received_at: self.making.clock.now(),
            is_raw: false,
            request_bytes: 0,
            batch_id: batch.batch_id.clone(),
            content_hash: *blake3::hash(&encoded).as_bytes(),
            events: 0,
            encoded,
            rejected: Vec::new(),
            floor_version: FLOOR_VERSION,
            receipt: CarriedReceipt::None,
            turns: None,
        }
    }
}

/// Ids of events, and those of their turns that can be read.
type ReadTurns = (Vec<RedactedText>, Vec<StoredTurn<RedactedText>>);
