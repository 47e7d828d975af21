//! From whole turns to abstracts, and what is left of the turns.

use std::time::Duration;

use serde_json::{Value, json};

use crate::world::{Setup, World, batch, turn, wait_until};

/// Longer than a session's last segment waits for more.
const QUIET: Duration = Duration::from_secs(61);

const QUESTION: &str = "Why does the migration of the billing database fail after the deploy?\n---\n\
    The column is renamed before the import has ended, so retry the import first.";

fn later(world: &World) -> Setup {
    use modelstat_wire::Clock;
    Setup { at: world.clock.now(), ..Setup::default() }
}

#[test]
fn a_turn_becomes_an_abstract_and_its_text_is_overwritten() {
    let world = World::start(Setup::default());
    let mail = ["jane", "doe.example"].join("@");
    let text = format!("{QUESTION} Ask {mail} or Zebedee Quillfeather about the otters.");
    let answer = world.send(&world.keys, &batch(&[turn("evt_1", "sess", 0, &text)]));
    assert_eq!((&answer["accepted"], &answer["accepted_events"]), (&json!(true), &json!(1)));
    let waiting = world.text();
    assert_eq!((&waiting["turns"], &waiting["engines"]), (&json!(1), &json!(["template"])));
    assert!(waiting["bytes"].as_u64() > Some(0) && waiting["oldest_at"].is_string());
    let pieces = world.pieces();
    assert!(!world.files_with(&pieces[0]).is_empty(), "the search finds what is there");

    world.clock.pass(QUIET);
    let segments = world.wait_for_segments(&world.keys, "sess", 1);
    assert_eq!(
        (&segments[0]["engine"], &segments[0]["generation"]),
        (&json!("template"), &json!(1))
    );
    assert_eq!(segments[0]["source_event_ids"], json!(["evt_1"]));
    let told = segments[0].to_string();
    for word in ["Zebedee", "Quillfeather", "jane", "renamed before"] {
        assert!(!told.contains(word), "{told}");
    }
    wait_until("the text is overwritten", || world.files_with(&pieces[0]).is_empty());
    let after = world.text();
    assert_eq!(
        (&after["turns"], &after["bytes"], &after["oldest_at"]),
        (&json!(0), &json!(0), &Value::Null)
    );
    assert_eq!(after["made"], json!({"template": 1}));

    let event = world.get("/v1/events/evt_1", &world.keys.read)["event"].clone();
    assert_eq!(event["content_excerpt"], Value::Null);
    let privacy = world.get("/v1/privacy", &world.keys.read);
    assert_eq!(
        (&privacy["text"]["no_abstract"], &privacy["text"]["abstracts"]),
        (&json!(0), &json!(1))
    );
    let received: Vec<_> = privacy["received"].as_array().expect("a list").iter().collect();
    assert_eq!(received.len(), 1, "the server's own abstracts are no request: {received:?}");
    world.stop();
}

/// The inbox keeps entries until a checkpoint, and in quarantine for longer: no turn is in them.
#[test]
fn an_entry_holds_no_turn() {
    let world = World::start(Setup::default());
    let plain = "unmistakable turnip lighthouse";
    let mut one = turn("evt_1", "sess", 0, plain);
    one["reasoning_excerpt"] = json!("unmistakable parsnip windmill");
    world.send(&world.keys, &batch(&[one]));
    let file = world.files().into_iter().find(|file| file.ends_with("inbox.db")).expect("a file");
    let connection = rusqlite::Connection::open(file).expect("a file");
    let payloads: Vec<(Vec<u8>, i64)> = connection
        .prepare("SELECT payload, encoded_bytes FROM entries")
        .expect("a table")
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .expect("rows")
        .collect::<Result<_, _>>()
        .expect("rows");
    let [(payload, bytes)] = payloads.as_slice() else { panic!("one entry") };
    let capacity = usize::try_from(*bytes).expect("a size");
    let plain = zstd::bulk::decompress(payload, capacity).expect("packed");
    let plain = String::from_utf8(plain).expect("JSON");
    assert!(plain.contains("evt_1") && !plain.contains("unmistakable"), "{plain}");
}

#[test]
fn text_that_comes_again_is_told_once() {
    let world = World::start(Setup::default());
    let sent = batch(&[turn("evt_1", "sess", 0, QUESTION)]);
    world.send(&world.keys, &sent);
    assert_eq!(world.send(&world.keys, &sent)["duplicate"], 1);
    let regrouped =
        batch(&[turn("evt_1", "sess", 0, QUESTION), turn("evt_2", "sess", 5, "Thanks.")]);
    world.send(&world.keys, &regrouped);
    assert_eq!(world.text()["turns"], 2);
    world.clock.pass(QUIET);
    let segments = world.wait_for_segments(&world.keys, "sess", 1);
    assert_eq!(segments[0]["source_event_ids"], json!(["evt_1", "evt_2"]));
    let again = batch(&[turn("evt_2", "sess", 5, "Thanks.")]);
    world.send(&world.keys, &again);
    assert_eq!(world.text()["turns"], 0);
}

#[test]
fn late_turns_join_their_segment() {
    let world = World::start(Setup::default());
    world.send(&world.keys, &batch(&[turn("evt_1", "sess", 0, QUESTION)]));
    world.clock.pass(QUIET);
    world.wait_for_segments(&world.keys, "sess", 1);
    world.send(&world.keys, &batch(&[turn("evt_2", "sess", 90, "It works after the retry.")]));
    world.clock.pass(QUIET);
    wait_until("the next generation is shown", || {
        world.segments(&world.keys, "sess").iter().any(|segment| segment["generation"] == 2)
    });
    let segments = world.segments(&world.keys, "sess");
    assert_eq!(segments.len(), 1);
    assert_eq!(segments[0]["source_event_ids"], json!(["evt_1", "evt_2"]));
    assert_eq!(world.text()["again"], 1);
}

#[test]
fn what_waited_when_the_server_was_killed_is_told_once() {
    let world = World::start(Setup::default());
    world.send(&world.keys, &batch(&[turn("evt_1", "sess", 0, QUESTION)]));
    let before = world.after_a_kill(later(&world));
    assert_eq!(before.text()["turns"], 1);
    before.clock.pass(QUIET);
    assert_eq!(before.wait_for_segments(&before.keys, "sess", 1).len(), 1);

    world.clock.pass(QUIET);
    // Closed in the inbox, and perhaps not yet in the ledger.
    wait_until("the text is gone", || world.text()["turns"] == 0);
    let after = world.after_a_kill(later(&world));
    let segments = after.wait_for_segments(&after.keys, "sess", 1);
    assert_eq!((segments.len(), &segments[0]["generation"]), (1, &json!(1)));
    assert_eq!(
        (&after.text()["turns"], &after.text()["made"]),
        (&json!(0), &json!({"template": 1}))
    );
    let calls = after.get("/v1/sessions/sess?app=app", &after.keys.read);
    assert_eq!(calls["events"].as_array().map(Vec::len), Some(1));
    // Its log is emptied by whoever comes next.
    let pieces = before.pieces();
    assert!(pieces.is_empty());
}

#[test]
fn a_kill_leaves_no_text_for_longer() {
    let world = World::start(Setup::default());
    world.send(&world.keys, &batch(&[turn("evt_1", "sess", 0, QUESTION)]));
    let piece = world.pieces().remove(0);
    world.clock.pass(QUIET);
    wait_until("the text is gone", || world.text()["turns"] == 0);
    let next = world.after_a_kill(later(&world));
    wait_until("the text is overwritten", || next.files_with(&piece).is_empty());
}

#[test]
fn an_orgs_text_is_its_own() {
    let world = World::start(Setup::default());
    let other = world.org("other");
    world.send(&world.keys, &batch(&[turn("evt_1", "sess", 0, QUESTION)]));
    world
        .send(&other, &batch(&[turn("evt_1", "sess", 0, "Lunch with the otters at the harbour.")]));
    assert_eq!(
        (&world.text_of(&world.keys)["turns"], &world.text_of(&other)["turns"]),
        (&json!(1), &json!(1))
    );
    world.clock.pass(QUIET);
    let ours = world.wait_for_segments(&world.keys, "sess", 1).remove(0).to_string();
    let theirs = world.wait_for_segments(&other, "sess", 1).remove(0).to_string();
    assert!(ours.contains("migration") && !ours.contains("harbour"), "{ours}");
    assert!(theirs.contains("harbour") && !theirs.contains("migration"), "{theirs}");
}

#[test]
fn an_org_that_is_removed_takes_its_text_along() {
    let world = World::start(Setup::default());
    let other = world.org("other");
    world.send(&other, &batch(&[turn("evt_1", "sess", 0, QUESTION)]));
    let piece = world.pieces().remove(0);
    world.send(&world.keys, &batch(&[turn("evt_1", "sess", 0, QUESTION)]));
    assert_eq!(world.operate("DELETE", "/v1/admin/orgs/other").status, 204);
    assert_eq!(world.text()["turns"], 1);
    world.clock.pass(QUIET);
    world.wait_for_segments(&world.keys, "sess", 1);
    wait_until("the text is overwritten", || world.files_with(&piece).is_empty());
    assert_eq!(world.text()["made"], json!({"template": 1}));
}

#[test]
fn excerpts_of_plain_ingest_wait_for_nothing() {
    let world = World::start(Setup::default());
    let sent = batch(&[turn("evt_1", "sess", 0, "a short excerpt")]);
    assert_eq!(world.ask("POST", "/v1/ingest", &world.keys.ingest, &sent).status, 200);
    assert_eq!(world.text()["turns"], 0);
    wait_until("it is in the ledger", || {
        world.get("/v1/events/evt_1", &world.keys.read)["event"]["content_excerpt"]
            == "a short excerpt"
    });
}
