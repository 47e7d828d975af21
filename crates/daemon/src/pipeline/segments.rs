//! Closed segments: an abstract of each, queued while its turns are deleted.

use modelstat_redact::RedactedText;
use modelstat_summarize::{
    Contents, Engine, Load, MadeSegment, Plan, Planned, ReadSegment, SegmentSource, SegmentsOrigin,
    StoredTurn, TurnPlace, joinable_since, plan, segments_batch,
};
use modelstat_wire::Timestamp;
use modelstat_wire::egress::EgressBatch;

use super::abstracts::Abstracts;
use super::bench::UntilEnding;
use super::body::to_ship;
use super::sessions::Due;
use crate::database::DatabaseError;
use crate::spool::{Closing, Keep, SessionKey, pack_small};

/// What says which daemon made a batch.
pub(super) const DAEMON_VERSION: &str = concat!("modelstat-daemon/", env!("CARGO_PKG_VERSION"));

/// A segment that is made and not yet queued.
pub(super) struct Made {
    made: MadeSegment,
    closing: Closing,
}

/// What to do where a model would be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asking {
    /// It is asked, which may take long.
    Now,
    /// The segment is left for later.
    Later,
    /// It is left alone, as too much waits for it.
    Never,
}

impl Made {
    /// Whether an engine that was to make it did not.
    pub(super) fn is_fallback(&self) -> bool {
        !self.made.refused.is_empty()
    }

    /// Whether both can leave in one request.
    pub(super) fn shares_device(&self, other: &Self) -> bool {
        self.made.kept.device_id == other.made.kept.device_id
    }
}

impl Abstracts {
    /// Plans what of a session is closed now.
    pub(super) fn plan(
        &self,
        due: &Due,
        places: &[TurnPlace],
        now: Timestamp,
    ) -> Result<Plan, DatabaseError> {
        let Some(since) = joinable_since(places, &self.limits) else { return Ok(Plan::default()) };
        let closed = self.spool.closed_places(&due.session, since)?;
        Ok(plan(places, &closed, due.last_arrival, now, &self.limits))
    }

    /// Makes one segment, or makes it again; `None` where it is left for later. A turn that cannot be read
    /// back counts without words.
    pub(super) fn make(
        &self,
        session: &SessionKey,
        planned: &Planned,
        asking: Asking,
    ) -> Result<Option<Made>, DatabaseError> {
        let earlier = match planned.reopens {
            Some(closed) => self.spool.closed(closed.row)?,
            None => None,
        };
        let (new_events, turns) = self.read(&planned.turns)?;
        let source = SegmentSource {
            app: session.app.as_deref(),
            session_id: &session.session_id,
            planned,
            earlier: earlier.as_ref(),
            new_events: &new_events,
            turns,
        };
        let read = ReadSegment::of(source, self.removed_key);
        let engines = self.engines.in_order().into_iter();
        let engines: Vec<_> =
            engines.map(|engine| UntilEnding { engine, wake: &self.wake }).collect();
        let engines: Vec<&dyn Engine> = engines.iter().map(|engine| engine as _).collect();
        let load = if asking == Asking::Never { Load::Crowded } else { Load::Free };
        // What one team's content became is never told to another.
        let owner = session.key.to_be_bytes();
        let mut contents = Contents::new(&self.content_key, &owner);
        let mut failure = None;
        let chain = read.chain(&engines, load, |engine, model, outline| {
            contents.look_up(engine, model, outline, |hash| {
                let known = self.spool.known(hash);
                known.map_err(|error| failure = Some(error)).ok().flatten()
            })
        });
        if let Some(error) = failure {
            return Err(error);
        }
        if asking == Asking::Later && chain.asks_a_model() {
            return Ok(None);
        }
        let mut made = read.make(&chain, &self.floor);
        let encoded =
            serde_json::to_vec(&made.kept).expect("a segment has text keys and whole numbers only");
        let closing = Closing {
            rows: planned.turns.iter().map(|place| place.row).collect(),
            made_by: made.made_by,
            refused: made.refused.iter().map(|(engine, why)| (*engine, why.as_str())).collect(),
            lessons: contents.lessons(std::mem::take(&mut made.learned), made.made_by),
            keep: Keep {
                session: session.clone(),
                reopened: made.reopened,
                mark: made.mark,
                body: pack_small(&encoded),
                new_events,
            },
        };
        Ok(Some(Made { made, closing }))
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

    /// Queues a request with segments of one app and device, and deletes their turns.
    pub(super) fn queue(
        &self,
        key: u32,
        app: Option<&RedactedText>,
        made: Vec<Made>,
        now: Timestamp,
    ) -> Result<(), DatabaseError> {
        let (made, closing): (Vec<_>, Vec<_>) =
            made.into_iter().map(|made| (made.made, made.closing)).unzip();
        let origin = SegmentsOrigin {
            app: app.cloned(),
            producer: DAEMON_VERSION,
            summarizer_mode: "local",
        };
        let Some(batch) = segments_batch(&made, origin) else { return Ok(()) };
        let batch_id = batch.batch_id.as_str().to_owned();
        let request = to_ship(key, batch_id, 0, &EgressBatch::new(batch, &self.policy));
        self.spool.close(&request, &closing, now)?;
        self.shipper.ring();
        Ok(())
    }
}
