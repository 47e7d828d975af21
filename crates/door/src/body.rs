//! Bodies, bounded before and while decompressing.

use std::io::Read;
use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, header};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::Refusal;

/// Longest wait for a body: a slow sender must not hold memory for ever.
const BODY_TIMEOUT: std::time::Duration = std::time::Duration::from_mins(1);

/// Largest window of a zstd frame that is decoded (8 MiB), as browsers and proxies bound it.
const ZSTD_WINDOW_LOG_MAX: u32 = 23;

/// Most bytes of a refused body that are read to its end, and longest time for that.
const MAX_DISCARD_BYTES: usize = 128 * 1024 * 1024;
const DISCARD_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(10);

/// One unit of the budget; permits are counted in 32 bits.
const BUDGET_UNIT_BYTES: usize = 1024;

/// How many bytes of bodies may be in memory at once, over all requests.
#[derive(Clone, Debug)]
pub struct BodyBudget {
    units: Arc<Semaphore>,
}

impl BodyBudget {
    /// Makes a budget of so many bytes.
    pub fn new(bytes: usize) -> Self {
        Self { units: Arc::new(Semaphore::new(bytes / BUDGET_UNIT_BYTES)) }
    }

    fn take(&self, bytes: usize) -> Result<OwnedSemaphorePermit, Refusal> {
        let units = u32::try_from(bytes.div_ceil(BUDGET_UNIT_BYTES)).unwrap_or(u32::MAX);
        let permit = Arc::clone(&self.units).try_acquire_many_owned(units);
        permit.map_err(|_| Refusal::unavailable("too many large requests at once"))
    }
}

/// A body in memory; its share of the budget is given back when it is dropped.
#[derive(Debug)]
pub struct BudgetedBody {
    bytes: Bytes,
    wire_bytes: usize,
    _permit: OwnedSemaphorePermit,
}

impl BudgetedBody {
    /// Returns the decompressed bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Returns the size as it came.
    pub fn wire_bytes(&self) -> usize {
        self.wire_bytes
    }
}

/// How a body is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    Identity,
    Gzip,
    Zstd,
}

/// Reads a body of at most `limit` bytes, before and after decompressing.
///
/// The budget is taken for what the request declares, and for the whole limit when it is packed or
/// declares nothing.
pub async fn read_body(
    headers: &HeaderMap,
    body: Body,
    limit: usize,
    budget: &BodyBudget,
) -> Result<BudgetedBody, Refusal> {
    let encoding = encoding_of(headers)?;
    let declared = declared_length(headers);
    if declared.is_some_and(|length| length > limit) {
        tokio::time::timeout(DISCARD_TIMEOUT, discard(body)).await.ok();
        return Err(over(limit));
    }
    let share = match (encoding, declared) {
        (Encoding::Identity, Some(length)) => length,
        _ => limit,
    };
    let permit = budget.take(share)?;
    let packed = match tokio::time::timeout(BODY_TIMEOUT, collect(body, declared, limit)).await {
        Ok(packed) => packed?,
        Err(_) => {
            let message = "the body took longer than 60 s";
            return Err(Refusal::new(StatusCode::REQUEST_TIMEOUT, "timeout", message));
        }
    };
    let wire_bytes = packed.len();
    let bytes = match encoding {
        Encoding::Identity => packed,
        packing => tokio::task::spawn_blocking(move || unpack(packing, &packed, limit))
            .await
            .map_err(|_| Refusal::internal())??,
    };
    Ok(BudgetedBody { bytes, wire_bytes, _permit: permit })
}

fn encoding_of(headers: &HeaderMap) -> Result<Encoding, Refusal> {
    let Some(value) = headers.get(header::CONTENT_ENCODING) else { return Ok(Encoding::Identity) };
    match value.as_bytes() {
        b"" | b"identity" => Ok(Encoding::Identity),
        b"gzip" | b"x-gzip" => Ok(Encoding::Gzip),
        b"zstd" => Ok(Encoding::Zstd),
        _ => Err(Refusal::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "content_encoding",
            "Content-Encoding must be gzip, zstd or identity",
        )),
    }
}

fn declared_length(headers: &HeaderMap) -> Option<usize> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn over(limit: usize) -> Refusal {
    Refusal::too_large(format!("the body is larger than {} MiB: split the batch", limit >> 20))
}

/// Collects a body; one that turns out too large is read on without being kept.
async fn collect(mut body: Body, declared: Option<usize>, limit: usize) -> Result<Bytes, Refusal> {
    let mut bytes = BytesMut::with_capacity(declared.unwrap_or(0));
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else {
            return Err(Refusal::bad_request(
                "body",
                "the body ended early or its framing is wrong",
            ));
        };
        let Some(data) = frame.data_ref() else { continue };
        if bytes.len() + data.len() > limit {
            drop(bytes);
            tokio::time::timeout(DISCARD_TIMEOUT, discard(body)).await.ok();
            return Err(over(limit));
        }
        bytes.extend_from_slice(data);
    }
    Ok(bytes.freeze())
}

/// Reads what is left of a body without keeping it, so that a client that is still writing gets to
/// read the refusal instead of a broken connection. Bounded: who sends without end is cut off.
async fn discard(mut body: Body) {
    let mut left = MAX_DISCARD_BYTES;
    while let Some(Ok(frame)) = body.frame().await {
        let length = frame.data_ref().map_or(0, Bytes::len);
        if length > left {
            return;
        }
        left -= length;
    }
}

fn unpack(encoding: Encoding, packed: &[u8], limit: usize) -> Result<Bytes, Refusal> {
    let damaged = || {
        Refusal::bad_request("content_encoding", "the body is not what its Content-Encoding says")
    };
    let mut bytes = Vec::with_capacity(packed.len().saturating_mul(4).min(limit));
    let bound = limit as u64 + 1;
    let read = match encoding {
        Encoding::Gzip => {
            flate2::read::MultiGzDecoder::new(packed).take(bound).read_to_end(&mut bytes)
        }
        Encoding::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::new(packed).map_err(|_| damaged())?;
            decoder.window_log_max(ZSTD_WINDOW_LOG_MAX).map_err(|_| damaged())?;
            decoder.take(bound).read_to_end(&mut bytes)
        }
        Encoding::Identity => packed.take(bound).read_to_end(&mut bytes),
    };
    read.map_err(|_| damaged())?;
    if bytes.len() > limit {
        return Err(over(limit));
    }
    Ok(bytes.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(bytes).expect("in memory");
        encoder.finish().expect("in memory")
    }

    #[test]
    fn bombs_stop_at_the_limit() {
        let zeros = vec![0; 8 << 20];
        let limit = 1 << 20;
        for (encoding, packed) in [
            (Encoding::Gzip, gzip(&zeros)),
            (Encoding::Zstd, zstd::encode_all(&zeros[..], 1).expect("in memory")),
        ] {
            assert!(packed.len() < 20_000);
            let refusal = unpack(encoding, &packed, limit).expect_err("too large");
            assert_eq!(refusal.status(), StatusCode::PAYLOAD_TOO_LARGE);
        }
    }

    #[test]
    fn packed_bodies_are_unpacked_and_damage_is_told() {
        let text = b"{\"events\": []}";
        assert_eq!(unpack(Encoding::Gzip, &gzip(text), 100).expect("whole"), &text[..]);
        let packed = zstd::encode_all(&text[..], 1).expect("in memory");
        assert_eq!(unpack(Encoding::Zstd, &packed, 100).expect("whole"), &text[..]);
        for encoding in [Encoding::Gzip, Encoding::Zstd] {
            let refusal = unpack(encoding, b"not packed at all", 100).expect_err("damaged");
            assert_eq!(refusal.status(), StatusCode::BAD_REQUEST);
        }
    }

    #[test]
    fn the_budget_is_bounded_and_given_back() {
        let budget = BodyBudget::new(4096);
        let permit = budget.take(4096).expect("free");
        assert_eq!(budget.take(1).expect_err("taken").status(), StatusCode::SERVICE_UNAVAILABLE);
        drop(permit);
        assert!(budget.take(4096).is_ok());
    }
}
