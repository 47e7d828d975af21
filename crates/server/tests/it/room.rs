//! How much text waits, and for how long.

use std::time::Duration;

use serde_json::{Value, json};

use crate::world::{Setup, World, batch, turn, wait_until};

/// Words that no compression makes small.
fn long_text(seed: u64) -> String {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut word = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let letters = (0..6).map(|place| char::from(b'a' + ((state >> (place * 5)) % 26) as u8));
        letters.collect::<String>()
    };
    (0..600).map(|_| word()).collect::<Vec<_>>().join(" ")
}

fn turns(session: &str, count: u64) -> Vec<Value> {
    (0..count)
        .map(|number| {
            let second = i64::try_from(number).expect("few");
            turn(&format!("evt_{session}_{number}"), session, second, &long_text(number + 1))
        })
        .collect()
}

/// Beyond the bound numbers and facts are taken as ever, and never is a batch refused.
#[test]
fn an_org_keeps_so_much_text_and_no_more() {
    let world = World::start(Setup { text_bytes: 24 * 1024, ..Setup::default() });
    let other = world.org("other");
    let answer = world.send(&world.keys, &batch(&turns("sess", 60)));
    assert_eq!(answer["accepted_events"], 60);
    let text = world.text_of(&world.keys);
    let number = |name: &str| text[name].as_u64().expect("a number");
    assert!(number("bytes") <= 24 * 1024 * 9 / 8, "{text}");
    assert!(number("dropped_text") > 0 && number("dropped_turns") > 0, "{text}");
    assert_eq!(number("turns") + number("dropped_turns"), 60, "{text}");

    world.send(&other, &batch(&turns("theirs", 2)));
    let theirs = world.text_of(&other);
    assert_eq!((&theirs["turns"], &theirs["dropped_text"]), (&json!(2), &json!(0)));

    world.clock.pass(Duration::from_secs(61));
    let segments = world.wait_for_segments(&world.keys, "sess", 2);
    let told: usize = segments
        .iter()
        .map(|segment| segment["source_event_ids"].as_array().map_or(0, Vec::len))
        .sum();
    assert_eq!(told as u64, number("turns"), "what found room for its facts is told by them");
    wait_until("there is room again", || world.text_of(&world.keys)["bytes"] == 0);
    world.send(&world.keys, &batch(&turns("next", 1)));
    assert_eq!(world.text_of(&world.keys)["dropped_text"], text["dropped_text"]);
    let privacy = world.get("/v1/privacy", &world.keys.read);
    wait_until("all calls are in the ledger", || {
        let question = json!({"measures": ["calls"], "from": "2026-01-01T00:00:00Z", "to": "2027-01-01T00:00:00Z"});
        world.ask("POST", "/v1/query", &world.keys.read, &question).body["totals"]["calls"] == 61
    });
    assert_eq!(privacy["text"]["excerpts"], 0);
}
