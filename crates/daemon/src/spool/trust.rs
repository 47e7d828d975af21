//! The encodings of the spool, and the one door through which it takes its own text back.

use modelstat_redact::{RawText, RedactedText};
use modelstat_summarize::{ClosedSegment, StoredTurn};
use modelstat_wire::{IngestBatch, StoredBatchError};

/// What a record that is packed for speed begins with; one that is packed for size begins as zstd does.
/// It is long enough to be found by who searches a file for what such records hold.
const QUICK: [u8; 4] = *b"mLZ4";

/// A third of the size, at a cost that only what stays for long is worth.
const LEVEL: i32 = 1;

/// No record of ours unpacks to more: the largest body, and what redaction may add to it.
const MAX_UNPACKED_BYTES: usize = 4 * modelstat_wire::limits::MAX_RAW_BODY_BYTES;

/// Packs a record that stays for milliseconds or minutes: LZ4, as an acknowledgement waits for it.
pub(crate) fn pack_quickly(bytes: &[u8]) -> Vec<u8> {
    let longest = lz4_flex::block::get_maximum_output_size(bytes.len());
    let mut record = vec![0; HEAD_BYTES + longest];
    let size = u32::try_from(bytes.len()).expect("a record is far shorter than 4 GiB");
    record[..QUICK.len()].copy_from_slice(&QUICK);
    record[QUICK.len()..HEAD_BYTES].copy_from_slice(&size.to_le_bytes());
    let packed = lz4_flex::block::compress_into(bytes, &mut record[HEAD_BYTES..])
        .expect("the output has the room that any input needs");
    record.truncate(HEAD_BYTES + packed);
    record.shrink_to_fit();
    record
}

/// Bytes before what LZ4 made: the mark, and the size before.
const HEAD_BYTES: usize = QUICK.len() + 4;

/// Packs a record that stays for a day.
pub(crate) fn pack_small(bytes: &[u8]) -> Vec<u8> {
    zstd::bulk::compress(bytes, LEVEL).expect("memory takes any bytes")
}

/// Unpacks a record of either kind.
pub(crate) fn unpack(bytes: &[u8]) -> Option<Vec<u8>> {
    let is_likely = |size: &usize| *size <= MAX_UNPACKED_BYTES;
    if let Some(rest) = bytes.strip_prefix(&QUICK) {
        let (size, packed) = rest.split_first_chunk()?;
        let size = usize::try_from(u32::from_le_bytes(*size)).ok().filter(is_likely)?;
        let plain = lz4_flex::block::decompress(packed, size).ok()?;
        return (plain.len() == size).then_some(plain);
    }
    let size = zstd::zstd_safe::get_frame_content_size(bytes).ok().flatten()?;
    let size = usize::try_from(size).ok().filter(is_likely)?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_of_both_kinds_are_unpacked_and_damage_is_told() {
        let text = "a turn of some words, ".repeat(50);
        for packed in [pack_quickly(text.as_bytes()), pack_small(text.as_bytes())] {
            assert!(packed.len() < text.len() / 2);
            assert_eq!(unpack(&packed).as_deref(), Some(text.as_bytes()));
            assert_eq!(unpack(&packed[..packed.len() / 2]), None);
        }
        let mut boastful = pack_quickly(text.as_bytes());
        boastful[QUICK.len()..HEAD_BYTES].copy_from_slice(&u32::MAX.to_le_bytes());
        for damaged in [boastful.as_slice(), &[], &QUICK, &[7; 20]] {
            assert_eq!(unpack(damaged), None);
        }
        assert_eq!(unpack(&pack_quickly(b"")).as_deref(), Some(&b""[..]));
    }
}
