//! What proves afterwards what left: the chained ledger and the receipts.

use modelstat_daemon::verify_ledger;
use modelstat_wire::{RECEIPT_HEADER, SignedReceipt};
use ring::signature::{ED25519, UnparsedPublicKey};
use serde_json::{Value, json};

use crate::client;
use crate::upstream::{Say, Seen, Upstream, say};
use crate::world::{ADMIN, World, batch, event};

fn receipt_of(seen: &Seen) -> SignedReceipt {
    let header = seen.header(RECEIPT_HEADER).expect("a receipt");
    assert!(header.len() < 1_024);
    SignedReceipt::parse(header).expect("well formed")
}

fn entries(world: &World) -> Vec<Value> {
    let ledger = client::get(world.address(), "/v1/egress", ADMIN).json();
    ledger["entries"].as_array().expect("entries").clone()
}

#[test]
fn every_try_carries_a_receipt_that_the_ledger_bears_out() {
    let upstream = Upstream::start();
    upstream.script([say(503)]);
    let world = World::start(upstream.url());
    world.send(&batch(&[event("evt_1", "a")]));
    world.wait_shipped();
    let (seen, entries) = (upstream.seen(), entries(&world));
    assert_eq!((seen.len(), entries.len()), (2, 2));
    for (seen, entry) in seen.iter().zip(&entries) {
        let SignedReceipt { receipt, signature } = receipt_of(seen);
        UnparsedPublicKey::new(&ED25519, &receipt.public_key)
            .verify(&receipt.message(), &signature)
            .expect("the device signed it");
        assert_eq!(entry["number"], receipt.number);
        assert_eq!(entry["head"], blake3::Hash::from_bytes(receipt.head).to_hex().as_str());
        assert_eq!(receipt.payload, *blake3::hash(&seen.body).as_bytes());
        let text = |field: &str| entry[field].as_str().expect("a text").to_owned();
        assert_eq!(receipt.destination, *blake3::hash(text("destination").as_bytes()).as_bytes());
        assert_eq!(receipt.batch, *blake3::hash(text("batch_id").as_bytes()).as_bytes());
        assert_eq!(text("at"), receipt.at.to_string());
    }
    assert_ne!(seen[0].header(RECEIPT_HEADER), seen[1].header(RECEIPT_HEADER));
    let (found, requests) = verify_ledger(world.data()).expect("readable");
    assert_eq!(found.problem, None);
    assert_eq!(requests[&receipt_of(&seen[1]).receipt.number].status, Some(200));
}

#[test]
fn one_key_signs_over_restarts() {
    let upstream = Upstream::start();
    let mut world = World::start(upstream.url());
    world.send(&batch(&[event("evt_1", "a")]));
    world.wait_shipped();
    world.restart();
    world.send(&batch(&[event("evt_2", "b")]));
    world.wait_shipped();
    let seen = upstream.seen();
    let [first, second] = [&seen[0], &seen[1]].map(|seen| receipt_of(seen).receipt);
    assert_eq!(first.public_key, second.public_key);
    assert!(first.number < second.number);
    world.stop(std::time::Duration::from_secs(5));
    assert_eq!(verify_ledger(world.data()).expect("readable").0.problem, None);
}

#[test]
fn an_entry_says_what_redaction_had_taken_out() {
    let upstream = Upstream::start();
    let world = World::start(upstream.url());
    let address = ["jane.roe", "@", "example.com"].concat();
    let text = format!("write to {address} or again to {address}");
    world.send(&batch(&[event("evt_1", &text), event("evt_2", &text)]));
    world.wait_shipped();
    let entry = &entries(&world)[0];
    assert_eq!(entry["findings"], json!({"email": 4}), "{entry}");
}

#[test]
fn a_reading_begins_where_it_is_asked_to() {
    let upstream = Upstream::start();
    let world = World::start(upstream.url());
    for number in 1..=3 {
        world.send(&batch(&[event(&format!("evt_{number}"), "a")]));
        world.wait_shipped();
        world.clock.advance(std::time::Duration::from_secs(10));
    }
    let ids = |parameters: &str| {
        let path = format!("/v1/egress?{parameters}");
        let answer = client::get(world.address(), &path, ADMIN).json();
        let entries = answer["entries"].as_array().expect("entries").clone();
        entries.iter().filter_map(|entry| entry["id"].as_i64()).collect::<Vec<_>>()
    };
    assert_eq!(ids("tail=2"), [2, 3]);
    assert_eq!(ids("tail=9"), [1, 2, 3]);
    assert_eq!(ids("since=2026-06-19T12:00:10Z"), [2, 3]);
    assert_eq!(ids("since=2026-06-19T13:00:00Z"), [0_i64; 0]);
    assert_eq!(ids("since=2026-06-19T12:00:15Z&tail=2"), [2, 3]);
    assert_eq!(client::get(world.address(), "/v1/egress?since=then", ADMIN).status, 400);
}

#[test]
fn the_server_is_asked_for_receipts_through_the_one_door() {
    let upstream = Upstream::start();
    upstream.rule(|seen| {
        let is_question = seen.head.starts_with("GET /v1/receipts?device=dk_");
        let body = Some("{\"receipts\":[],\"next_after\":0,\"dropped\":0}");
        is_question.then_some(Say { status: 200, header: "", body })
    });
    let world = World::start(upstream.url());
    world.send_with_key("key_of_app", &batch(&[event("evt_1", "a")]));
    world.wait_shipped();
    let said = client::get(world.address(), "/v1/egress/receipts?key=1&after=3", ADMIN).json();
    assert_eq!((&said["status"], &said["answer"]["next_after"]), (&json!(200), &json!(0)));
    let seen = upstream.seen();
    assert_eq!(seen.len(), 2);
    assert_eq!(seen[1].key(), "key_of_app");
    assert!(seen[1].head.contains("&after=3&limit="), "{}", seen[1].head);
    // The question left the machine too.
    let asked = entries(&world).pop().expect("an entry");
    assert!(asked["destination"].as_str().expect("a text").contains("/v1/receipts?device="));
    assert_eq!((&asked["payload"], &asked["status"]), (&json!(""), &json!(200)));
    assert_eq!(seen[1].header(RECEIPT_HEADER), None);
    let other = client::get(world.address(), "/v1/egress/receipts?key=7", ADMIN);
    assert_eq!(other.status, 404);
    assert_eq!(client::get(world.address(), "/v1/egress/receipts?key=1", "guess").status, 401);
}
