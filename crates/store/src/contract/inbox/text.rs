//! What every inbox must keep of the text that waits for its abstract.

use std::collections::BTreeMap;
use std::time::Duration;

use modelstat_redact::{Floor, RedactedText};
use modelstat_summarize::{
    Making, SegmentLimits, SegmentSource, SegmentsOrigin, StoredTurn, TurnPlace, make_segment,
    plan, segments_batch,
};
use modelstat_wire::{Timestamp, encode_batch};

use super::{commit, entry, sample};
use crate::{
    ClosedText, EntryTurns, Inbox, InboxEntry, InboxPayload, LookedAt, MAX_TEXT_MS, Receipt,
    TextClosing, TextSession, TextSummary,
};

/// Something whose arrival is long ago.
const QUIET: Timestamp = Timestamp::from_millis(1_000_000);

/// A turn of a session: its event's id, when it happened in seconds, its text.
pub(crate) type Said<'a> = (&'a str, i64, &'a str);

/// An entry whose turns wait, as `/v1/ingest/raw` makes it; everything in it arrived at 0.
pub(crate) fn said(org: &str, session: &str, batch_id: &str, turns: &[Said<'_>]) -> InboxEntry {
    let mut batch = sample::batch(Some("app"));
    batch.batch_id = sample::text(batch_id);
    batch.events = (turns.iter())
        .map(|(id, second, text)| {
            let mut event = sample::bare_event(id);
            event.session_id = sample::text(session);
            event.ts = Timestamp::from_millis(second * 1_000);
            event.content_excerpt = (!text.is_empty()).then(|| sample::text(*text));
            event
        })
        .collect();
    let turns = EntryTurns::of(&batch, sample::text("app"), BTreeMap::new());
    batch.events.iter_mut().for_each(|event| event.content_excerpt = None);
    let encoded = encode_batch(&batch);
    InboxEntry {
        batch_id: batch.batch_id,
        content_hash: *blake3::hash(&encoded).as_bytes(),
        encoded,
        is_raw: true,
        turns: Some(turns),
        ..entry(org, 0)
    }
}

pub(crate) fn session(org: &str, session: &str) -> TextSession {
    TextSession {
        org_id: org.to_owned(),
        app: sample::text("app"),
        session_id: sample::text(session),
    }
}

/// Makes what closes everything of a session with the template.
pub(crate) fn closing(inbox: &dyn Inbox, session: &TextSession, now: Timestamp) -> TextClosing {
    let places = inbox.places(session).expect("read");
    let closed = inbox.closed_places(session, Timestamp::from_millis(0)).expect("read");
    let limits = SegmentLimits { quiet: Duration::ZERO, ..SegmentLimits::default() };
    let plan = plan(&places, &closed, now, now, &limits);
    assert!(plan.left.is_empty());
    let making = Making { engines: &[], floor: Floor::built_in(), removed_key: [0; 32] };
    let (mut made, mut segments) = (Vec::new(), Vec::new());
    for planned in &plan.closing {
        let earlier = planned.reopens.and_then(|at| inbox.closed_segment(at.row).expect("read"));
        let (new_events, turns) = read(inbox, &planned.turns);
        let source = SegmentSource {
            app: Some("app"),
            session_id: &session.session_id,
            planned,
            earlier: earlier.as_ref(),
            new_events: &new_events,
            turns,
        };
        let one = make_segment(source, making);
        segments.push(ClosedText::of(&one, planned));
        made.push(one);
    }
    let origin = SegmentsOrigin { app: None, producer: "test/1", summarizer_mode: "self-hosted" };
    let batch = segments_batch(&made, origin).expect("something to close");
    let encoded = encode_batch(&batch);
    let own = InboxEntry {
        received_at: now,
        is_raw: false,
        request_bytes: 0,
        events: 0,
        content_hash: *blake3::hash(&encoded).as_bytes(),
        batch_id: batch.batch_id,
        encoded,
        ..entry(&session.org_id, 0)
    };
    TextClosing { session: session.clone(), entry: own, segments, expired: false }
}

type Turns = Vec<StoredTurn<RedactedText>>;

fn read(inbox: &dyn Inbox, places: &[TurnPlace]) -> (Vec<RedactedText>, Turns) {
    let read = places.iter().map(|place| inbox.turn(place.row).expect("read").expect("it waits"));
    let (ids, turns): (Vec<_>, Vec<_>) = read.unzip();
    (ids, turns.into_iter().flatten().collect())
}

fn texts(inbox: &dyn Inbox, session: &TextSession) -> Vec<Option<String>> {
    let (_, turns) = read(inbox, &inbox.places(session).expect("read"));
    turns.into_iter().map(|turn| turn.text.map(|text| text.as_str().to_owned())).collect()
}

fn due(inbox: &dyn Inbox, org: &str, now: Timestamp) -> Vec<TextSession> {
    let due = inbox.due_sessions(now, &SegmentLimits::default(), 100).expect("read");
    let of_org = due.into_iter().filter(|due| due.session.org_id == org);
    of_org.map(|due| due.session).collect()
}

fn summary(inbox: &dyn Inbox, org: &str) -> TextSummary {
    inbox.text_summary(Some(org)).expect("read")
}

pub(crate) fn run(inbox: &dyn Inbox) {
    text_waits_until_its_session_is_quiet(inbox);
    an_event_that_comes_again_adds_no_text(inbox);
    an_abstract_takes_the_place_of_its_text(inbox);
    late_turns_make_the_next_generation(inbox);
    text_is_found_by_its_age(inbox);
    what_is_kept_of_text_is_forgotten_in_time(inbox);
    an_orgs_text_is_forgotten_alone(inbox);
    let newest = inbox.newest_position().expect("a position");
    inbox.forget_through(newest).expect("forgotten");
}

fn text_waits_until_its_session_is_quiet(inbox: &dyn Inbox) {
    let session = session("waits", "s");
    let turns = [("e2", 5, "the second"), ("e1", 4, "the first"), ("e3", 2_000, "")];
    commit(inbox, said("waits", "s", "b", &turns)).expect("taken");
    // The gap between two of them is known at once, and that nothing came for a minute later.
    assert_eq!(due(inbox, "waits", Timestamp::from_millis(1)), std::slice::from_ref(&session));
    let looked_at = LookedAt { session: session.clone(), turns: 3 };
    inbox.note_looked_at(vec![looked_at]).expect("noted");
    assert!(due(inbox, "waits", Timestamp::from_millis(59_999)).is_empty());
    assert_eq!(due(inbox, "waits", Timestamp::from_millis(60_000)), std::slice::from_ref(&session));
    let expected = [Some("the first".to_owned()), Some("the second".to_owned()), None];
    assert_eq!(texts(inbox, &session), expected);
    let chars: Vec<_> =
        inbox.places(&session).expect("read").iter().map(|place| place.mark.chars).collect();
    assert_eq!(chars, [9, 10, 0]);
    let summary = summary(inbox, "waits");
    assert_eq!((summary.turns, summary.oldest_at), (3, Some(Timestamp::from_millis(0))));
    assert!(summary.bytes > 0);
}

fn an_event_that_comes_again_adds_no_text(inbox: &dyn Inbox) {
    let session = session("again", "s");
    let first = said("again", "s", "b1", &[("e1", 1, "once")]);
    assert_eq!(commit(inbox, first.clone()).expect("taken"), Receipt::Taken);
    assert_eq!(commit(inbox, first).expect("taken"), Receipt::Repeat);
    let other = said("again", "s", "b2", &[("e1", 1, "twice"), ("e2", 2, "new")]);
    assert_eq!(commit(inbox, other).expect("taken"), Receipt::Taken);
    let expected = ["once", "new"].map(|text| Some(text.to_owned()));
    assert_eq!(texts(inbox, &session), expected);
    assert!(inbox.close_text(closing(inbox, &session, QUIET)).expect("closed"));
    commit(inbox, said("again", "s", "b3", &[("e1", 1, "thrice")])).expect("taken");
    assert!(inbox.places(&session).expect("read").is_empty());
    assert_eq!(summary(inbox, "again").turns, 0);
    // The same names in another org are another event.
    commit(inbox, said("again-too", "s", "b3", &[("e1", 1, "theirs")])).expect("taken");
    assert_eq!(summary(inbox, "again-too").turns, 1);
}

fn an_abstract_takes_the_place_of_its_text(inbox: &dyn Inbox) {
    let session = session("closes", "s");
    let turns = [("e1", 1, "why does the query fail"), ("e2", 2_000, "thanks")];
    commit(inbox, said("closes", "s", "b", &turns)).expect("taken");
    let before = inbox.newest_position().expect("a position");
    let twice = [closing(inbox, &session, QUIET), closing(inbox, &session, QUIET)];
    let [first, second] = twice;
    assert!(inbox.close_text(first).expect("closed"));
    assert!(inbox.places(&session).expect("read").is_empty());
    assert!(due(inbox, "closes", QUIET).is_empty());
    let entries = inbox.read_after(before, 10).expect("read");
    let [own] = entries.as_slice() else { panic!("one entry") };
    let InboxPayload::Batch(batch) = &own.payload else { panic!("a batch") };
    assert_eq!((own.org_id.as_str(), own.request_bytes, own.is_raw), ("closes", 0, false));
    let ids: Vec<_> = batch.segments.iter().map(|segment| &segment.source_event_ids).collect();
    assert_eq!(ids, [&[sample::text("e1")], &[sample::text("e2")]]);
    // Whoever made the same meanwhile comes too late, and changes nothing.
    let counted = summary(inbox, "closes");
    assert!(!inbox.close_text(second).expect("refused"));
    assert_eq!(summary(inbox, "closes"), counted);
    assert_eq!(inbox.read_after(before, 10).expect("read").len(), 1);
    assert_eq!((counted.turns, counted.bytes, counted.oldest_at), (0, 0, None));
    assert_eq!(counted.made, BTreeMap::from([("template".to_owned(), 2)]));
}

fn late_turns_make_the_next_generation(inbox: &dyn Inbox) {
    let session = session("late", "s");
    commit(inbox, said("late", "s", "b1", &[("e1", 1, "first"), ("e2", 9, "last")]))
        .expect("taken");
    assert!(inbox.close_text(closing(inbox, &session, QUIET)).expect("closed"));
    commit(inbox, said("late", "s", "b2", &[("e3", 5, "between")])).expect("taken");
    let before = inbox.newest_position().expect("a position");
    let [first, second] = [closing(inbox, &session, QUIET), closing(inbox, &session, QUIET)];
    assert!(inbox.close_text(first).expect("closed"));
    assert!(!inbox.close_text(second).expect("refused"));
    let entries = inbox.read_after(before, 10).expect("read");
    let InboxPayload::Batch(batch) = &entries[0].payload else { panic!("a batch") };
    let [segment] = batch.segments.as_slice() else { panic!("one segment") };
    let ids = ["e1", "e2", "e3"].map(sample::text);
    assert_eq!((segment.generation, segment.source_event_ids.as_slice()), (2, ids.as_slice()));
    let counted = summary(inbox, "late");
    assert_eq!((counted.again, counted.made["template"]), (1, 2));
    let closed = inbox.closed_places(&session, Timestamp::from_millis(9_000)).expect("read");
    assert_eq!(closed.iter().map(|place| place.mark.turns).collect::<Vec<_>>(), [3]);
    assert!(inbox.closed_places(&session, Timestamp::from_millis(9_001)).expect("read").is_empty());
}

fn text_is_found_by_its_age(inbox: &dyn Inbox) {
    commit(inbox, said("old", "s", "b", &[("e1", 1, "text")])).expect("taken");
    let expired = |before| {
        let found = inbox.expired_sessions(Timestamp::from_millis(before), 100).expect("read");
        found.iter().filter(|due| due.session.org_id == "old").count()
    };
    assert_eq!((expired(0), expired(1)), (0, 1));
    let closing = TextClosing { expired: true, ..closing(inbox, &session("old", "s"), QUIET) };
    assert!(inbox.close_text(closing).expect("closed"));
    assert_eq!((expired(1), summary(inbox, "old").expired), (0, 1));
}

fn what_is_kept_of_text_is_forgotten_in_time(inbox: &dyn Inbox) {
    let session = session("forgets", "s");
    commit(inbox, said("forgets", "s", "b1", &[("e1", 1, "text")])).expect("taken");
    assert!(inbox.close_text(closing(inbox, &session, QUIET)).expect("closed"));
    let after = |millis| Timestamp::from_millis(QUIET.as_millis() + millis);
    let start = Timestamp::from_millis(0);
    let is_kept = || !inbox.closed_places(&session, start).expect("read").is_empty();
    inbox.forget_closed(after(MAX_TEXT_MS)).expect("forgotten");
    assert!(is_kept());
    inbox.forget_closed(after(MAX_TEXT_MS + 1)).expect("forgotten");
    assert!(!is_kept());
    // The event is known for a week.
    commit(inbox, said("forgets", "s", "b2", &[("e1", 1, "again")])).expect("taken");
    assert_eq!(summary(inbox, "forgets").turns, 0);
    inbox.forget_closed(Timestamp::from_millis(7 * MAX_TEXT_MS + 1)).expect("forgotten");
    commit(inbox, said("forgets", "s", "b3", &[("e1", 1, "again")])).expect("taken");
    assert_eq!(summary(inbox, "forgets").turns, 1);
    // What waits for longer than events are known is still no second turn.
    inbox.forget_closed(Timestamp::from_millis(7 * MAX_TEXT_MS + 1)).expect("forgotten");
    commit(inbox, said("forgets", "s", "b4", &[("e1", 1, "again")])).expect("taken");
    let counted = summary(inbox, "forgets");
    assert_eq!(counted.turns, 1);
    assert!(inbox.close_text(closing(inbox, &session, QUIET)).expect("closed"));
    assert_eq!(summary(inbox, "forgets").bytes, 0);
}

fn an_orgs_text_is_forgotten_alone(inbox: &dyn Inbox) {
    for org in ["gone-text", "stays-text"] {
        commit(inbox, said(org, "s", "b", &[("e1", 1, "text")])).expect("taken");
    }
    let late = closing(inbox, &session("gone-text", "s"), QUIET);
    inbox.forget_org("gone-text").expect("forgotten");
    assert_eq!(summary(inbox, "gone-text"), TextSummary::default());
    assert!(inbox.places(&session("gone-text", "s")).expect("read").is_empty());
    assert_eq!(summary(inbox, "stays-text").turns, 1);
    // An abstract that was being made of it comes to nothing.
    assert!(!inbox.close_text(late).expect("refused"));
    assert_eq!(summary(inbox, "gone-text"), TextSummary::default());
}
