//! Receipts of daemons: what they signed of the batches that they sent.

use std::collections::BTreeMap;

use modelstat_wire::{SignedReceipt, Timestamp};
use serde::Serialize;

/// What a request carried besides its batch.
#[derive(Clone, Debug, Default)]
pub enum CarriedReceipt {
    /// Nothing, as from clients that are no daemon.
    #[default]
    None,
    /// A receipt that was signed, and is about the body that came.
    Valid(Box<SignedReceipt>),
    /// One that proves nothing; the batch is taken all the same.
    Invalid(InvalidReceipt),
}

/// Why a receipt proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidReceipt {
    /// It cannot be read.
    Unreadable,
    /// The device key that it names did not sign it.
    Signature,
    /// It is about another body.
    Payload,
    /// The org has as many devices as are kept.
    TooManyDevices,
}

impl InvalidReceipt {
    /// Every reason.
    pub const ALL: [Self; 4] =
        [Self::Unreadable, Self::Signature, Self::Payload, Self::TooManyDevices];

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unreadable => "unreadable",
            Self::Signature => "signature",
            Self::Payload => "payload",
            Self::TooManyDevices => "too_many_devices",
        }
    }
}

/// Which receipts are read.
#[derive(Clone, Debug)]
pub struct ReceiptFilter {
    /// Those after a position.
    pub after: u64,
    /// How many.
    pub limit: usize,
    /// Only those that came with this key.
    pub key_id: Option<String>,
    /// Only those of this device.
    pub device: Option<String>,
}

/// A receipt as it was kept.
#[derive(Clone, Debug)]
pub struct KeptReceipt {
    /// Its place in the order of coming.
    pub position: u64,
    /// The key that it came with.
    pub key_id: String,
    /// When it came.
    pub received_at: Timestamp,
    /// What was signed.
    pub receipt: SignedReceipt,
}

/// One reading of receipts.
#[derive(Clone, Debug, Default)]
pub struct ReceiptPage {
    /// The receipts, in the order of their coming.
    pub receipts: Vec<KeptReceipt>,
    /// How many of the org's oldest receipts made room for others so far.
    pub dropped: u64,
}

/// What is known of an org's receipts, since the first one.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ReceiptSummary {
    /// How many were valid.
    pub valid: u64,
    /// How many were not, by reason.
    pub invalid: BTreeMap<&'static str, u64>,
    /// How many of the oldest made room for others.
    pub dropped: u64,
    /// When the newest came.
    pub newest_at: Option<Timestamp>,
    /// How many devices signed any.
    pub known_devices: u64,
    /// The devices whose receipts came last.
    pub devices: Vec<ReceiptDevice>,
}

/// One device, known by its key alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReceiptDevice {
    /// The beginning of its public key's hash.
    pub device: String,
    /// When its first receipt came.
    pub first_at: Timestamp,
    /// When its last receipt came.
    pub last_at: Timestamp,
    /// How many came.
    pub receipts: u64,
    /// The greatest number of a record that one was about.
    pub newest_number: u64,
}
