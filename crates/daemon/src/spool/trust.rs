//! The encodings of the spool, and the one door through which it takes its own text back.

use std::sync::{Mutex, PoisonError};

use modelstat_redact::{RawText, RedactedText};
use modelstat_summarize::{ClosedSegment, StoredTurn};
use modelstat_wire::{IngestBatch, StoredBatchError};

/// Quick, and a third of the size already.
const LEVEL: i32 = 1;

/// No record of ours decompresses to more: the largest body, and what redaction may add to it.
const MAX_UNPACKED_BYTES: usize = 4 * modelstat_wire::limits::MAX_RAW_BODY_BYTES;

/// Compresses records, with one context for all of them: making one costs more than a turn's compression.
pub(crate) struct Packer(zstd::bulk::Compressor<'static>);

impl Packer {
    pub(crate) fn new() -> Self {
        Self(zstd::bulk::Compressor::new(LEVEL).expect("the level is one of zstd's"))
    }

    pub(crate) fn pack(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.0.compress(bytes).expect("memory takes any bytes")
    }
}

/// Compressors that wait for their next record: each holds more memory than a batch has bytes, so it is
/// made once for each worker and not for each request.
#[derive(Default)]
pub(crate) struct Packers(Mutex<Vec<Packer>>);

impl Packers {
    pub(crate) fn pack(&self, bytes: &[u8]) -> Vec<u8> {
        let free = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut packer = free.unwrap_or_else(Packer::new);
        let record = packer.pack(bytes);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(packer);
        record
    }
}

/// Decompresses a record.
pub(crate) fn unpack(bytes: &[u8]) -> Option<Vec<u8>> {
    let size = zstd::zstd_safe::get_frame_content_size(bytes).ok().flatten()?;
    let size = usize::try_from(size).ok().filter(|size| *size <= MAX_UNPACKED_BYTES)?;
    zstd::bulk::decompress(bytes, size).ok()
}

/// Decodes a batch that the spool or the outbox kept.
pub(crate) fn decode_batch(bytes: &[u8]) -> Result<IngestBatch<RedactedText>, StoredBatchError> {
    modelstat_wire::decode_stored(bytes, |text| trusted(&text))
}

/// Decodes a turn that the spool kept.
pub(super) fn decode_turn(bytes: &[u8]) -> Option<StoredTurn<RedactedText>> {
    let turn: StoredTurn<RawText> = serde_json::from_slice(bytes).ok()?;
    Some(turn.map(|text| trusted(&text)))
}

/// Decodes what the spool kept of a closed segment.
pub(super) fn decode_closed(bytes: &[u8]) -> Option<ClosedSegment<RedactedText>> {
    let closed: ClosedSegment<RawText> = serde_json::from_slice(bytes).ok()?;
    Some(closed.map(|text| trusted(&text)))
}

/// Takes back a name that a column kept.
pub(super) fn trusted_name(name: String) -> RedactedText {
    trusted(&RawText::from(name))
}

#[expect(clippy::disallowed_methods, reason = "text that the floor saw before the spool kept it")]
fn trusted(text: &RawText) -> RedactedText {
    RedactedText::from_store(text.reveal().to_owned())
}
