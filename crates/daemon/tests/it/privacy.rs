//! What is left on the disk.

use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use crate::upstream::Upstream;
use crate::world::{World, batch, event, wait_until};

/// Looks for a text in every file, and in everything compressed that a file may hold.
fn holds(folder: &Path, needle: &str) -> bool {
    let files = std::fs::read_dir(folder).expect("readable");
    files.map(|file| file.expect("readable").path()).any(|path| {
        let bytes = std::fs::read(&path).expect("readable");
        let is_there = |bytes: &[u8]| bytes.windows(needle.len()).any(|at| at == needle.as_bytes());
        is_there(&bytes) || unpacked(&bytes).iter().any(|inner| is_there(inner))
    })
}

/// Decompresses from every place where a record of ours begins, as far as it goes.
fn unpacked(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    for start in 0..bytes.len() {
        let rest = &bytes[start..];
        let mut out = Vec::new();
        if let Some((size, block)) = rest.strip_prefix(b"mLZ4").and_then(<[u8]>::split_first_chunk)
        {
            out = vec![0; u32::from_le_bytes(*size).min(1 << 20) as usize];
            // What stands behind it is an error after all that can be read.
            let _rest = lz4_flex::block::decompress_into(block, &mut out);
        } else if rest.starts_with(&[0x28, 0xB5, 0x2F, 0xFD]) {
            let mut decoder = zstd::Decoder::new(rest).expect("memory");
            read_as_far(&mut decoder, &mut out);
        } else if rest.starts_with(&[0x1F, 0x8B, 0x08]) {
            read_as_far(&mut flate2::read::GzDecoder::new(rest), &mut out);
        }
        if !out.is_empty() {
            found.push(out);
        }
    }
    found
}

fn read_as_far(decoder: &mut impl Read, out: &mut Vec<u8>) {
    let mut chunk = [0; 256];
    while let Ok(length) = decoder.read(&mut chunk) {
        if length == 0 {
            return;
        }
        out.extend_from_slice(&chunk[..length]);
    }
}

const CANARY: &str = "quetzal waltzes over seven lighthouses";

#[test]
fn text_is_gone_once_its_segment_is_closed() {
    let upstream = Upstream::start();
    let mut world = World::start(upstream.url());
    for number in 0..20 {
        world.send(&batch(&[event(&format!("evt_{number}"), &format!("{CANARY} {number}"))]));
    }
    let status = world.wait_shipped();
    assert_eq!(status.spool.turns.rows, 20);
    assert!(holds(world.data(), CANARY), "the scan finds text that is there");
    world.clock.advance(Duration::from_secs(61));
    world.wait("turns closed", |status| status.spool.turns.rows == 0);
    wait_until("the log emptied", || !holds(world.data(), CANARY));
    world.wait_shipped();
    world.stop(Duration::from_secs(5));
    assert!(!holds(world.data(), CANARY));
    assert!(upstream.seen().iter().all(|seen| !seen.json().to_string().contains("quetzal")));
}

/// Pages are split and merged while rows of all sizes come and go: no stale copy may stay behind.
#[test]
fn no_copy_of_a_text_stays_in_a_page() {
    let upstream = Upstream::start();
    let world = World::start(upstream.url());
    for wave in 0..4 {
        for session in 0..30 {
            let events = (0..12).map(|number| {
                let id = format!("evt_{wave}_{session}_{number}");
                // Hexadecimal digits of a hash do not compress, so that rows differ in size.
                let filler = blake3_text(&id, (session * 37 + number * 101) % 900);
                let mut event = event(&id, &format!("{CANARY} {filler}"));
                event["session_id"] = format!("sess_{session}").into();
                event
            });
            world.send(&batch(&events.collect::<Vec<_>>()));
        }
        world.wait_shipped();
        world.clock.advance(Duration::from_secs(61));
        // The next wave arrives while segments of this one are closed.
    }
    world.wait("turns closed", |status| status.spool.turns.rows == 0);
    // Words at both ends of it that no abstract says: a key phrase may name the lighthouses.
    wait_until("no copy left", || !holds(world.data(), "quetzal") && !holds(world.data(), "seven"));
}

/// Half of the sessions go on, and their turns lie between those of the others. Of so many rows that go, some
/// leave a copy where a neighbour was moved.
#[test]
fn no_copy_of_a_text_stays_beside_text_that_waits() {
    const SESSIONS: usize = 400;
    let upstream = Upstream::start();
    let world = World::start(upstream.url());
    let turn = |session: usize, number: usize| {
        let id = format!("evt_{session}_{number}");
        let filler = blake3_text(&id, (session * 37 + number * 101) % 900);
        let text = if session.is_multiple_of(2) { CANARY } else { "other words" };
        let mut event = event(&id, &format!("{text} {filler}"));
        event["session_id"] = format!("sess_{session}").into();
        event
    };
    for number in 0..12 {
        let turns: Vec<_> = (0..SESSIONS).map(|session| turn(session, number)).collect();
        world.send(&batch(&turns));
    }
    world.wait_shipped();
    world.clock.advance(Duration::from_secs(55));
    let more: Vec<_> = (0..SESSIONS / 2).map(|half| turn(2 * half + 1, 12)).collect();
    world.send(&batch(&more));
    world.wait_shipped();
    world.clock.advance(Duration::from_secs(10));
    world.wait("half of them closed", |status| status.spool.turns.rows == SESSIONS as u64 / 2 * 13);
    wait_until("no copy left", || !holds(world.data(), "quetzal") && !holds(world.data(), "seven"));
    assert_eq!(world.status().spool.turns.rows, SESSIONS as u64 / 2 * 13);
}

fn blake3_text(seed: &str, chars: usize) -> String {
    let mut text = String::new();
    while text.len() < chars {
        text.push_str(&modelstat_wire::content_hash([seed, &text.len().to_string()]));
    }
    text
}

#[test]
fn a_secret_never_touches_the_disk() {
    let upstream = Upstream::start();
    let world = World::start(upstream.url());
    let secret = ["sk", "-ant-", "api03-", "Zq7Tr2Wx9Lm4Kp8Vb3Nc6Yd1"].concat();
    let mut sent = batch(&[event("evt_1", &format!("use {secret} now"))]);
    sent["events"][0]["metadata"] = serde_json::json!({"key": secret, secret.as_str(): "v"});
    sent["unknown"] = serde_json::json!(secret);
    assert_eq!(world.send(&sent).status, 200);
    let status = world.wait_shipped();
    assert_eq!(status.findings.get("anthropic_key"), Some(&3));
    let body = &secret[7..];
    assert!(!holds(world.data(), body));
    assert!(!upstream.seen()[0].json().to_string().contains(body));
}

#[test]
fn files_are_their_owners_alone() {
    let world = World::start("http://127.0.0.1:9".to_owned());
    world.send(&batch(&[event("evt_1", "a")]));
    let mode = |path: &Path| path.metadata().expect("there").permissions().mode() & 0o777;
    assert_eq!(mode(world.data()), 0o700);
    let files: Vec<_> = std::fs::read_dir(world.data()).expect("readable").flatten().collect();
    assert!(files.len() >= 3);
    for file in files {
        assert_eq!(mode(&file.path()), 0o600, "{:?}", file.file_name());
    }
}
