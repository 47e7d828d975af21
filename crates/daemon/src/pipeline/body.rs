//! The bytes of a request, made once.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use modelstat_redact::{RawText, RedactedText};
use modelstat_wire::egress::EgressBatch;

use crate::spool::{ToShip, digest};

/// Encodes and compresses a request; equal batches have equal bytes, as the frame holds no time.
pub(super) fn to_ship(key: u32, batch_id: String, events: usize, batch: &EgressBatch) -> ToShip {
    let plain = batch.encode();
    let body = compress(&plain);
    let sessions = sessions_of(key, batch);
    ToShip { key, batch_id, events: events as u64, plain_bytes: plain.len() as u64, body, sessions }
}

fn sessions_of(key: u32, batch: &EgressBatch) -> Vec<u64> {
    let app = batch.app().map_or("", |app| app.as_str());
    let mut names: Vec<&str> = batch.sessions().map(RedactedText::as_str).collect();
    names.sort_unstable();
    names.dedup();
    names.into_iter().map(|session| digest(key, app, session)).collect()
}

/// Compresses a body; equal bodies have equal bytes.
pub(crate) fn compress(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::new(4));
    encoder.write_all(plain).expect("memory takes any bytes");
    encoder.finish().expect("memory takes any bytes")
}

/// Lets an id of our own making be text of a batch.
pub(super) fn own_id(id: String) -> RedactedText {
    RawText::from(id).redact().0
}
