//! What the file holds of text that was deleted.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use modelstat_wire::Timestamp;
use rusqlite::Connection;

use crate::contract::inbox::commit;
use crate::contract::inbox::text::{closing, said, session};
use crate::contract::sample::Dice;
use crate::embedded::EmbeddedOptions;
use crate::embedded::inbox::SqliteInbox;
use crate::{Inbox, TextSummary};

const NOW: Timestamp = Timestamp::from_millis(1_000_000);

/// How many bytes of a body are looked for.
const PIECE_BYTES: usize = 24;

fn open(file: &Path, text_bytes: u64) -> SqliteInbox {
    let options = EmbeddedOptions { text_bytes, ..EmbeddedOptions::default() };
    SqliteInbox::open(file, options, 0).expect("opened")
}

/// Letters that no compression makes short.
fn noise(dice: &mut Dice, chars: usize) -> String {
    (0..chars).map(|_| char::from(b'!' + u8::try_from(dice.below(90)).expect("small"))).collect()
}

/// Pieces of every body that waits, with the session that it belongs to.
fn pieces(file: &Path) -> Vec<(String, Vec<u8>)> {
    let connection = Connection::open(file).expect("a file");
    let mut statement = connection
        .prepare("SELECT session_id, body FROM pending_text WHERE spent = 0")
        .expect("a table");
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get::<_, Vec<u8>>(1)?)));
    let mut pieces = Vec::new();
    for row in rows.expect("rows") {
        let (session, body): (String, Vec<u8>) = row.expect("a row");
        let ends = [PIECE_BYTES * 3, body.len() / 2, body.len()];
        pieces.extend(ends.map(|end| (session.clone(), body[end - PIECE_BYTES..end].to_vec())));
    }
    pieces
}

/// The sessions of which a piece stands in the file or its log.
fn found(file: &Path, pieces: &[(String, Vec<u8>)]) -> HashSet<String> {
    let log = file.with_extension("db-wal");
    let bytes = [std::fs::read(file), std::fs::read(log)].map(Result::unwrap_or_default).concat();
    let sought: HashMap<&[u8], &String> =
        pieces.iter().map(|(session, piece)| (piece.as_slice(), session)).collect();
    bytes.windows(PIECE_BYTES).filter_map(|window| sought.get(window)).copied().cloned().collect()
}

/// How many rows the table has, with those that are spent.
fn rows(file: &Path) -> i64 {
    let connection = Connection::open(file).expect("a file");
    connection
        .query_row("SELECT count(*) FROM pending_text", (), |row| row.get(0))
        .expect("a count")
}

/// Pages are split, merged and used again while rows of all sizes come and go: nothing of a row that went
/// is left in a gap of one.
#[test]
fn text_that_is_gone_is_nowhere_in_the_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("inbox.db");
    let inbox = open(&file, u64::MAX);
    let mut dice = Dice::new(7);
    let (mut waiting, mut gone, mut all) = (Vec::new(), HashSet::new(), Vec::new());
    for round in 0..5 {
        for number in 0..30 {
            let name = format!("s{round}-{number}");
            let text = |dice: &mut Dice| {
                let chars = if dice.one_in(40) { 9_000 } else { 150 + dice.below(500) };
                noise(dice, usize::try_from(chars).expect("small"))
            };
            let turns: Vec<_> =
                (0..15).map(|turn| (format!("{name}-{turn}"), text(&mut dice))).collect();
            let turns: Vec<_> =
                turns.iter().map(|(id, text)| (id.as_str(), 1, text.as_str())).collect();
            commit(&inbox, said("org", &name, &name, &turns)).expect("taken");
            waiting.push(name);
        }
        all = pieces(&file).into_iter().chain(all).collect();
        assert_eq!(found(&file, &all).len(), waiting.len(), "the search finds what is there");
        for _ in 0..28 {
            // Mostly the oldest, as when an engine works off what waits.
            let is_any = dice.one_in(4);
            let place = if is_any { dice.below(waiting.len() as u64) } else { 0 };
            let name = waiting.remove(usize::try_from(place).expect("small"));
            let closing = closing(&inbox, &session("org", &name), NOW);
            assert!(inbox.close_text(closing).expect("closed"));
            gone.insert(name);
        }
        inbox.forget_closed(NOW).expect("forgotten");
        assert!(inbox.erase_deleted().expect("erased"));
        let left: Vec<_> = found(&file, &all).intersection(&gone).cloned().collect();
        assert!(
            left.is_empty(),
            "round {round}: {} of {} are left: {left:?}",
            left.len(),
            gone.len()
        );
    }
    let live = inbox.text_summary(None).expect("read").turns;
    assert_eq!(live, waiting.len() as u64 * 15);
    assert!(rows(&file) < 5 * 30 * 15, "spent rows far from others are deleted");
    for name in waiting {
        let closing = closing(&inbox, &session("org", &name), NOW);
        assert!(inbox.close_text(closing).expect("closed"));
    }
    inbox.forget_closed(NOW).expect("forgotten");
    assert!(inbox.erase_deleted().expect("erased"));
    assert_eq!((rows(&file), found(&file, &all)), (0, HashSet::new()));
}

#[test]
fn what_finds_no_room_loses_its_text_first() {
    let folder = tempfile::tempdir().expect("a folder");
    let inbox = open(&folder.path().join("inbox.db"), 8_000);
    let text = noise(&mut Dice::new(3), 4_000);
    let turns = [("e1", 1, text.as_str()), ("e2", 2, &text), ("e3", 3, &text)];
    commit(&inbox, said("org", "s", "b1", &turns)).expect("taken");
    let summary = |org| inbox.text_summary(Some(org)).expect("read");
    let first = summary("org");
    assert_eq!((first.turns, first.dropped_text, first.dropped_turns), (3, 1, 0));
    assert!(first.bytes <= 9_000, "{}", first.bytes);
    let chars = inbox.places(&session("org", "s")).expect("read");
    assert_eq!(chars.iter().map(|place| place.mark.chars).collect::<Vec<_>>(), [4_000, 4_000, 0]);

    let many: Vec<_> = (0..20).map(|number| format!("m{number}")).collect();
    let turns: Vec<_> = many.iter().map(|id| (id.as_str(), 4, text.as_str())).collect();
    commit(&inbox, said("org", "s", "b2", &turns)).expect("taken");
    let second = summary("org");
    assert!(second.bytes <= 9_000 && second.dropped_turns > 0, "{second:?}");
    assert_eq!(second.turns + second.dropped_turns, 23);
    commit(&inbox, said("other", "s", "b1", &[("e1", 1, &text)])).expect("taken");
    assert_eq!(summary("other").dropped_text, 0);

    assert!(inbox.close_text(closing(&inbox, &session("org", "s"), NOW)).expect("closed"));
    assert_eq!(summary("org").bytes, 0);
    commit(&inbox, said("org", "s", "b3", &[("e9", 9, &text)])).expect("taken");
    assert_eq!(summary("org").dropped_text, second.dropped_text);
}

#[test]
fn a_turn_that_is_damaged_is_counted_and_goes_with_its_segment() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("inbox.db");
    let inbox = open(&file, u64::MAX);
    let turns = [("e1", 1, "the first"), ("e2", 2, "the second")];
    commit(&inbox, said("org", "s", "b", &turns)).expect("taken");
    let other = Connection::open(&file).expect("a connection");
    other
        .execute("UPDATE pending_text SET body = x'00' WHERE event_id = 'e1'", ())
        .expect("damaged");
    let places = inbox.places(&session("org", "s")).expect("read");
    assert!(inbox.turn(places[0].row).expect("read").expect("it waits").1.is_none());
    assert!(inbox.close_text(closing(&inbox, &session("org", "s"), NOW)).expect("closed"));
    let summary = inbox.text_summary(None).expect("read");
    let made = [("template".to_owned(), 1)].into();
    assert_eq!(summary, TextSummary { damaged: 1, made, ..TextSummary::default() });
}
