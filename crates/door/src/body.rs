//! Reads a body within limits of size, time and memory.

use std::io::{self, Read};
use std::pin::Pin;
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::http::{HeaderMap, header};
use bytes::{Bytes, BytesMut};
use tokio::sync::OwnedSemaphorePermit;

use crate::budget::{Arriving, BodyBudget};
use crate::refusal::{Refusal, refuse};

/// The first share of a body in the memory budget: as many connections as a listener takes fit together.
const FIRST_SHARE: usize = 64 * 1024;

/// How much larger each further share is, so that little is copied twice.
const SHARE_GROWTH: usize = 4;

/// Largest window of a zstd frame as a power of two: 8 MiB, what decoders must take by the format.
const ZSTD_WINDOW_LOG: u32 = 23;

/// How much of a body that is too large is read on and thrown away: a client that still writes would
/// otherwise see a broken connection instead of the answer.
const MAX_DISCARDED: usize = 256 * 1024 * 1024;

/// How a body is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    Plain,
    Gzip,
    Zstd,
}

/// A body as it came. Its place in the budget is given back when it is dropped.
#[derive(Debug)]
pub struct Received {
    bytes: Bytes,
    encoding: Encoding,
    limit: usize,
    _arrived: Option<OwnedSemaphorePermit>,
    _unpacked: Option<OwnedSemaphorePermit>,
}

impl Received {
    /// Returns the bytes on the wire, before decompression.
    pub fn as_received(&self) -> &[u8] {
        &self.bytes
    }

    /// Returns the size on the wire.
    pub fn wire_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Decompresses to at most the limit; work for a thread that may block.
    pub fn decompress(&self) -> Result<Bytes, Refusal> {
        decompress(&self.bytes, self.encoding, self.limit)
    }
}

/// Reads a body of at most `limit` bytes within a time.
pub async fn receive(
    headers: &HeaderMap,
    body: Body,
    limit: usize,
    time: Duration,
    budget: &BodyBudget,
) -> Result<Received, Refusal> {
    let encoding = encoding(headers)?;
    let declared = body.size_hint().exact().and_then(|bytes| usize::try_from(bytes).ok());
    let mut arriving = budget.open();
    let read = read(body, declared, limit, &mut arriving);
    let bytes = tokio::time::timeout(time, read).await.map_err(|_| refuse::TOO_SLOW)??;
    let unpacked = match encoding {
        Encoding::Plain => None,
        Encoding::Gzip | Encoding::Zstd => Some(budget.unpack(limit, time).await?),
    };
    Ok(Received { bytes, encoding, limit, _arrived: arriving.finish(), _unpacked: unpacked })
}

async fn read(
    mut body: Body,
    declared: Option<usize>,
    limit: usize,
    arriving: &mut Arriving,
) -> Result<Bytes, Refusal> {
    let mut taken = BytesMut::new();
    let mut total = 0_usize;
    loop {
        let frame = std::future::poll_fn(|context| Pin::new(&mut body).poll_frame(context));
        let frame = tokio::select! {
            biased;
            frame = frame => frame,
            () = arriving.asked_to_give_up() => return Err(refuse::TOO_SLOW),
        };
        let Some(frame) = frame else { break };
        let Ok(data) = frame.map_err(|_| refuse::CUT_SHORT)?.into_data() else { continue };
        total = total.saturating_add(data.len());
        if total <= limit {
            make_room(&mut taken, total, declared.unwrap_or(limit).min(limit), arriving).await?;
            taken.extend_from_slice(&data);
        } else {
            taken = BytesMut::new();
        }
        if total > limit.saturating_add(MAX_DISCARDED) {
            break;
        }
    }
    if total > limit {
        return Err(refuse::TOO_LARGE);
    }
    Ok(taken.freeze())
}

/// Memory grows with what came, not with what was announced.
async fn make_room(
    taken: &mut BytesMut,
    total: usize,
    longest: usize,
    arriving: &mut Arriving,
) -> Result<(), Refusal> {
    if total > taken.capacity() {
        let share =
            total.max(SHARE_GROWTH * taken.capacity()).max(FIRST_SHARE).min(longest.max(total));
        arriving.grow(share).await?;
        taken.reserve(share - taken.len());
    }
    Ok(())
}

fn encoding(headers: &HeaderMap) -> Result<Encoding, Refusal> {
    let mut given = headers.get_all(header::CONTENT_ENCODING).iter();
    let (Some(value), None) = (given.next(), given.next()) else {
        let is_absent = !headers.contains_key(header::CONTENT_ENCODING);
        return if is_absent { Ok(Encoding::Plain) } else { Err(refuse::CONTENT_ENCODING) };
    };
    match value.as_bytes().trim_ascii().to_ascii_lowercase().as_slice() {
        b"" | b"identity" => Ok(Encoding::Plain),
        b"gzip" | b"x-gzip" => Ok(Encoding::Gzip),
        b"zstd" => Ok(Encoding::Zstd),
        _ => Err(refuse::CONTENT_ENCODING),
    }
}

/// Decompresses to at most `limit` bytes.
fn decompress(bytes: &Bytes, encoding: Encoding, limit: usize) -> Result<Bytes, Refusal> {
    match encoding {
        Encoding::Plain => Ok(bytes.clone()),
        Encoding::Gzip => bounded(flate2::read::MultiGzDecoder::new(bytes.as_ref()), limit),
        Encoding::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(bytes.as_ref())
                .map_err(|_| refuse::COMPRESSION)?;
            decoder.window_log_max(ZSTD_WINDOW_LOG).map_err(|_| refuse::COMPRESSION)?;
            bounded(decoder, limit)
        }
    }
}

fn bounded(decoder: impl Read, limit: usize) -> Result<Bytes, Refusal> {
    let mut plain = Vec::new();
    let read: io::Result<usize> = decoder.take(limit as u64 + 1).read_to_end(&mut plain);
    read.map_err(|_| refuse::COMPRESSION)?;
    if plain.len() > limit {
        return Err(refuse::TOO_LARGE);
    }
    Ok(plain.into())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use axum::http::StatusCode;

    use super::*;

    fn gzip(bytes: &[u8]) -> Bytes {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(bytes).expect("in memory");
        encoder.finish().expect("in memory").into()
    }

    fn zstd(bytes: &[u8]) -> Bytes {
        zstd::encode_all(bytes, 1).expect("in memory").into()
    }

    #[test]
    fn bombs_stop_at_the_limit() {
        let zeros = vec![0; 8 << 20];
        for (encoding, packed) in [(Encoding::Gzip, gzip(&zeros)), (Encoding::Zstd, zstd(&zeros))] {
            assert!(packed.len() < 20_000);
            let refusal = decompress(&packed, encoding, 1 << 20).expect_err("too large");
            assert_eq!(refusal.status(), StatusCode::PAYLOAD_TOO_LARGE);
        }
    }

    #[test]
    fn packed_bodies_are_unpacked_and_damage_is_told() {
        let text = b"{\"events\": []}";
        assert_eq!(decompress(&gzip(text), Encoding::Gzip, 100).expect("whole"), &text[..]);
        assert_eq!(decompress(&zstd(text), Encoding::Zstd, 100).expect("whole"), &text[..]);
        for encoding in [Encoding::Gzip, Encoding::Zstd] {
            let damaged = Bytes::from_static(b"not packed at all");
            let refusal = decompress(&damaged, encoding, 100).expect_err("damaged");
            assert_eq!(refusal.status(), StatusCode::BAD_REQUEST);
        }
    }
}
