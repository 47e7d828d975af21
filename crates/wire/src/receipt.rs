//! The receipt of a batch that left a machine: signed by its daemon, kept by the server.
//!
//! A receipt names the bytes that left, their record's number in the machine's egress ledger, and what all
//! records up to there hash to. Who has it can tell later whether that ledger was altered. It holds
//! hashes and numbers only, so that no text travels in a header.

use crate::Timestamp;

/// The request header that carries a receipt.
pub const RECEIPT_HEADER: &str = "modelstat-receipt";

/// The version that a receipt begins with.
const VERSION: u8 = 1;

/// What is signed begins with this, so that no other statement of the key can stand for a receipt.
const CONTEXT: &[u8] = b"modelstat egress receipt 1\n";

/// Bytes of a public key and of every hash.
const DIGEST_BYTES: usize = 32;

/// Bytes of an Ed25519 signature.
const SIGNATURE_BYTES: usize = 64;

/// Bytes of everything that is signed, without the context.
const STATEMENT_BYTES: usize = 1 + 5 * DIGEST_BYTES + 2 * 8;

/// Hex digits of a device's id.
const DEVICE_DIGITS: usize = 16;

/// What a daemon states of one request with a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EgressReceipt {
    /// The device's Ed25519 public key.
    pub public_key: [u8; DIGEST_BYTES],
    /// The number of the request's record in the egress ledger.
    pub number: u64,
    /// The chain hash up to and including that record.
    pub head: [u8; DIGEST_BYTES],
    /// blake3 of the body as sent.
    pub payload: [u8; DIGEST_BYTES],
    /// blake3 of the batch's id.
    pub batch: [u8; DIGEST_BYTES],
    /// blake3 of host, port and path that it was sent to.
    pub destination: [u8; DIGEST_BYTES],
    /// When it was about to be sent.
    pub at: Timestamp,
}

/// A receipt with its signature, which is not checked yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedReceipt {
    /// What is stated.
    pub receipt: EgressReceipt,
    /// The Ed25519 signature of [`EgressReceipt::message`].
    pub signature: [u8; SIGNATURE_BYTES],
}

/// The header is no receipt that this version knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the header is no receipt of version {VERSION}")]
pub struct ReceiptError;

impl EgressReceipt {
    /// Returns what the device signs.
    pub fn message(&self) -> Vec<u8> {
        [CONTEXT, &self.statement()].concat()
    }

    /// Returns the id of the device that signed.
    pub fn device(&self) -> String {
        device_id(&self.public_key)
    }

    fn statement(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(STATEMENT_BYTES + SIGNATURE_BYTES);
        bytes.push(VERSION);
        bytes.extend_from_slice(&self.public_key);
        bytes.extend_from_slice(&self.number.to_be_bytes());
        for digest in [&self.head, &self.payload, &self.batch, &self.destination] {
            bytes.extend_from_slice(digest);
        }
        bytes.extend_from_slice(&self.at.as_micros().to_be_bytes());
        bytes
    }
}

impl SignedReceipt {
    /// Encodes it for the header: the statement and its signature in hexadecimal digits.
    pub fn encode(&self) -> String {
        let mut bytes = self.receipt.statement();
        bytes.extend_from_slice(&self.signature);
        hex::encode(bytes)
    }

    /// Reads a header. One receipt has one encoding: anything else is refused.
    pub fn parse(header: &str) -> Result<Self, ReceiptError> {
        // Measured first, so that a long header costs nothing.
        if header.len() != 2 * (STATEMENT_BYTES + SIGNATURE_BYTES) {
            return Err(ReceiptError);
        }
        let bytes = hex::decode(header).map_err(|_| ReceiptError)?;
        let receipt = Self::read(&bytes).ok_or(ReceiptError)?;
        if receipt.encode() == header { Ok(receipt) } else { Err(ReceiptError) }
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let rest = bytes.strip_prefix(&[VERSION])?;
        let (public_key, rest) = rest.split_first_chunk()?;
        let (number, rest) = rest.split_first_chunk()?;
        let (head, rest) = rest.split_first_chunk()?;
        let (payload, rest) = rest.split_first_chunk()?;
        let (batch, rest) = rest.split_first_chunk()?;
        let (destination, rest) = rest.split_first_chunk()?;
        let (at, rest) = rest.split_first_chunk()?;
        let receipt = EgressReceipt {
            public_key: *public_key,
            number: u64::from_be_bytes(*number),
            head: *head,
            payload: *payload,
            batch: *batch,
            destination: *destination,
            at: Timestamp::from_micros(i64::from_be_bytes(*at)),
        };
        Some(Self { receipt, signature: rest.try_into().ok()? })
    }
}

/// Returns the id of a device: the beginning of its public key's hash.
pub fn device_id(public_key: &[u8; DIGEST_BYTES]) -> String {
    let hash = blake3::hash(public_key).to_hex();
    format!("dk_{}", &hash.as_str()[..DEVICE_DIGITS])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn receipt() -> SignedReceipt {
        let receipt = EgressReceipt {
            public_key: [1; 32],
            number: 42,
            head: [2; 32],
            payload: [3; 32],
            batch: [4; 32],
            destination: [5; 32],
            at: Timestamp::from_micros(-6),
        };
        SignedReceipt { receipt, signature: [7; 64] }
    }

    #[test]
    fn a_header_is_read_back_and_is_short() {
        let header = receipt().encode();
        assert_eq!(SignedReceipt::parse(&header), Ok(receipt()));
        assert_eq!(header.len(), 482);
        assert!(header.starts_with("0101010101"));
        assert!(header.contains("000000000000002a02020202"));
    }

    #[test]
    fn anything_else_is_refused() {
        let header = receipt().encode();
        let other_version = format!("02{}", &header[2..]);
        let cut = &header[..header.len() - 2];
        let longer = format!("{header}00");
        for bad in ["", cut, &longer, &other_version, &header.to_uppercase(), &"x".repeat(482)] {
            assert_eq!(SignedReceipt::parse(bad), Err(ReceiptError), "{bad}");
        }
    }

    #[test]
    fn what_is_signed_covers_every_field() {
        let base = receipt().receipt;
        let changed = [
            EgressReceipt { public_key: [9; 32], ..base.clone() },
            EgressReceipt { number: 43, ..base.clone() },
            EgressReceipt { head: [9; 32], ..base.clone() },
            EgressReceipt { payload: [9; 32], ..base.clone() },
            EgressReceipt { batch: [9; 32], ..base.clone() },
            EgressReceipt { destination: [9; 32], ..base.clone() },
            EgressReceipt { at: Timestamp::from_micros(6), ..base.clone() },
        ];
        for other in changed {
            assert_ne!(other.message(), base.message());
        }
    }
}
