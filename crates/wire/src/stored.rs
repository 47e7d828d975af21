//! The encoding of a redacted batch in our own stores.

use modelstat_redact::{RawText, RedactedText};

use crate::event::TextMap;
use crate::redaction::TextRole;
use crate::{IngestBatch, ParseError, parse_batch};

/// What an event takes besides its text, so that an encoding is seldom moved as it grows.
const NUMBERS_BYTES: usize = 512;

/// A stored batch could not be read back.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoredBatchError {
    /// The frame is damaged.
    #[error("a stored batch is unreadable")]
    Frame(#[source] ParseError),
    /// A record is damaged.
    #[error("a record of a stored batch is unreadable ({reason})")]
    Record {
        /// Field and position, never a value.
        reason: String,
    },
}

/// Encodes a batch with its fields in one fixed order, so that equal batches have equal bytes.
pub fn encode_batch(batch: &IngestBatch<RedactedText>) -> Vec<u8> {
    let texts = batch.events.iter().map(|event| event.content_excerpt.as_ref());
    let likely: usize = texts.map(|text| text.map_or(0, |text| text.len()) + NUMBERS_BYTES).sum();
    let mut encoded = Vec::with_capacity(likely + NUMBERS_BYTES);
    serde_json::to_writer(&mut encoded, batch)
        .expect("a batch has text keys and finite numbers only");
    encoded
}

/// Decodes what [`encode_batch`] made. `trust` is the door through which a store takes its own text
/// back (`RedactedText::from_store`), so that only stores can open it.
pub fn decode_stored(
    bytes: &[u8],
    trust: impl FnMut(RawText) -> RedactedText,
) -> Result<IngestBatch<RedactedText>, StoredBatchError> {
    struct Trust<F>(F);
    impl<F: FnMut(RawText) -> RedactedText> TextMap<RawText, RedactedText> for Trust<F> {
        fn text(&mut self, _: TextRole, text: RawText) -> RedactedText {
            (self.0)(text)
        }
    }
    let parsed = parse_batch(bytes).map_err(StoredBatchError::Frame)?;
    if let Some(rejection) = parsed.rejected.into_iter().next() {
        return Err(StoredBatchError::Record { reason: rejection.reason });
    }
    Ok(parsed.batch.map(&mut Trust(trust)))
}
