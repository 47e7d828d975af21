//! The chain of the ledger's records: each hash covers a record and the hash before it.
//!
//! A hash is blake3 in key derivation mode over the previous hash, the record's number and kind, and its
//! fields in the order of the code below. Integers are eight bytes; what varies in length follows its own
//! length; what may be absent follows a byte that says so. Two different records never encode alike.

use super::device::{self, DeviceKey};

/// What a chain hash is for, with the version of the encoding.
const CONTEXT: &str = "modelstat 2026-11 egress ledger chain, version 1";

pub(super) type Digest = [u8; 32];

/// What the first record follows.
pub(super) const BEFORE_ALL: Digest = [0; 32];

/// What a record says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The chain begins. How many older rows follow stands in the note.
    Genesis,
    /// A request of before the chain began, as it was found then.
    Adopted,
    /// A request that is about to be sent.
    Request,
    /// What came of a request.
    Answer,
    /// Another device key signs from here on.
    Key,
    /// The daemon found the end of the chain without its signature.
    Gap,
}

impl Kind {
    const ALL: [Self; 6] =
        [Self::Genesis, Self::Adopted, Self::Request, Self::Answer, Self::Key, Self::Gap];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Genesis => "genesis",
            Self::Adopted => "adopted",
            Self::Request => "request",
            Self::Answer => "answer",
            Self::Key => "key",
            Self::Gap => "gap",
        }
    }

    pub(super) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// The fields of a request's row that never change.
pub(super) struct RequestFields<'a> {
    pub(super) id: i64,
    pub(super) at: i64,
    pub(super) destination: &'a str,
    pub(super) key: i64,
    pub(super) batch_id: &'a str,
    pub(super) events: i64,
    pub(super) sent_bytes: i64,
    pub(super) plain_bytes: i64,
    pub(super) payload: &'a [u8],
    pub(super) findings: Option<&'a str>,
}

/// The fields of a request's row that its answer fills in.
pub(super) struct AnswerFields<'a> {
    pub(super) id: i64,
    pub(super) status: Option<i64>,
    pub(super) outcome: Option<&'a str>,
    pub(super) concluded_at: Option<i64>,
}

/// What a record's hash covers.
pub(super) enum Content<'a> {
    Request(RequestFields<'a>),
    Answer(AnswerFields<'a>),
    Note(&'a str),
}

/// Where a chain ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tip {
    pub(super) number: i64,
    pub(super) head: Digest,
}

impl Tip {
    /// Returns the tip with one more record.
    pub(super) fn with(self, kind: Kind, content: &Content<'_>) -> Self {
        let number = self.number + 1;
        Self { number, head: head(&self.head, number, kind, content) }
    }

    /// The tip of a chain without records: the first has the number 0.
    pub(super) const EMPTY: Self = Self { number: -1, head: BEFORE_ALL };
}

fn head(previous: &Digest, number: i64, kind: Kind, content: &Content<'_>) -> Digest {
    let mut encoding = Encoding(blake3::Hasher::new_derive_key(CONTEXT));
    encoding.0.update(previous);
    encoding.integer(number);
    encoding.bytes(kind.as_str().as_bytes());
    match content {
        Content::Request(fields) => {
            encoding.integer(fields.id);
            encoding.integer(fields.at);
            encoding.bytes(fields.destination.as_bytes());
            encoding.integer(fields.key);
            encoding.bytes(fields.batch_id.as_bytes());
            encoding.integer(fields.events);
            encoding.integer(fields.sent_bytes);
            encoding.integer(fields.plain_bytes);
            encoding.bytes(fields.payload);
            encoding.optional(fields.findings, |encoding, text| encoding.bytes(text.as_bytes()));
        }
        Content::Answer(fields) => {
            encoding.integer(fields.id);
            encoding.optional(fields.status, Encoding::integer);
            encoding.optional(fields.outcome, |encoding, text| encoding.bytes(text.as_bytes()));
            encoding.optional(fields.concluded_at, Encoding::integer);
        }
        Content::Note(text) => encoding.bytes(text.as_bytes()),
    }
    *encoding.0.finalize().as_bytes()
}

struct Encoding(blake3::Hasher);

impl Encoding {
    fn integer(&mut self, number: i64) {
        self.0.update(&number.to_be_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.0.update(&(bytes.len() as u64).to_be_bytes());
        self.0.update(bytes);
    }

    fn optional<T>(&mut self, value: Option<T>, encode: impl FnOnce(&mut Self, T)) {
        match value {
            None => drop(self.0.update(&[0])),
            Some(value) => {
                self.0.update(&[1]);
                encode(self, value);
            }
        }
    }
}

/// What a signature in the ledger's file vouches for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SealKind {
    /// The chain ends here.
    Head,
    /// Everything up to here was dropped to make room.
    Checkpoint,
}

impl SealKind {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Head => "head",
            Self::Checkpoint => "checkpoint",
        }
    }
}

/// A place in the chain that the device key vouches for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Seal {
    pub(super) tip: Tip,
    /// How many records were dropped since the chain began.
    pub(super) dropped_records: i64,
    /// How many bytes they held.
    pub(super) dropped_bytes: i64,
    pub(super) at: i64,
    pub(super) public_key: Vec<u8>,
    pub(super) signature: Vec<u8>,
}

impl Seal {
    /// Signs the end of the chain.
    pub(super) fn of_head(tip: Tip, at: i64, key: &DeviceKey) -> Self {
        Self::unsigned(tip, (0, 0), at).signed(SealKind::Head, key)
    }

    /// Signs what was dropped, counted in records and bytes.
    pub(super) fn of_checkpoint(tip: Tip, dropped: (i64, i64), at: i64, key: &DeviceKey) -> Self {
        Self::unsigned(tip, dropped, at).signed(SealKind::Checkpoint, key)
    }

    fn unsigned(tip: Tip, dropped: (i64, i64), at: i64) -> Self {
        let (dropped_records, dropped_bytes) = dropped;
        let (public_key, signature) = (Vec::new(), Vec::new());
        Self { tip, dropped_records, dropped_bytes, at, public_key, signature }
    }

    fn signed(mut self, kind: SealKind, key: &DeviceKey) -> Self {
        self.signature = key.sign(&self.message(kind)).to_vec();
        self.public_key = key.public().to_vec();
        self
    }

    /// Returns whether the key that the seal names has signed it as it stands.
    pub(super) fn is_signed(&self, kind: SealKind) -> bool {
        device::has_signed(&self.public_key, &self.message(kind), &self.signature)
    }

    fn message(&self, kind: SealKind) -> Vec<u8> {
        let mut message = format!("modelstat egress {} 1\n", kind.as_str()).into_bytes();
        message.extend_from_slice(&self.tip.number.to_be_bytes());
        message.extend_from_slice(&self.tip.head);
        for number in [self.dropped_records, self.dropped_bytes, self.at] {
            message.extend_from_slice(&number.to_be_bytes());
        }
        message
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request<'a>() -> RequestFields<'a> {
        RequestFields {
            id: 1,
            at: 2,
            destination: "a.example:443/v1/ingest",
            key: 3,
            batch_id: "b",
            events: 4,
            sent_bytes: 5,
            plain_bytes: 6,
            payload: &[7; 32],
            findings: Some("{}"),
        }
    }

    fn answer<'a>() -> AnswerFields<'a> {
        AnswerFields { id: 1, status: Some(200), outcome: Some("answered"), concluded_at: Some(3) }
    }

    #[test]
    fn every_field_is_covered() {
        let of = |content: Content<'_>| Tip::EMPTY.with(Kind::Request, &content).head;
        let requests = [
            request(),
            RequestFields { id: 9, ..request() },
            RequestFields { at: 9, ..request() },
            RequestFields { destination: "b.example:443/v1/ingest", ..request() },
            RequestFields { key: 9, ..request() },
            RequestFields { batch_id: "c", ..request() },
            RequestFields { events: 9, ..request() },
            RequestFields { sent_bytes: 9, ..request() },
            RequestFields { plain_bytes: 9, ..request() },
            RequestFields { payload: &[9; 32], ..request() },
            RequestFields { findings: Some("{\"email\":1}"), ..request() },
            RequestFields { findings: None, ..request() },
        ];
        let answers = [
            answer(),
            AnswerFields { id: 9, ..answer() },
            AnswerFields { status: Some(503), ..answer() },
            AnswerFields { status: None, ..answer() },
            AnswerFields { outcome: Some("timeout"), ..answer() },
            AnswerFields { outcome: None, ..answer() },
            AnswerFields { concluded_at: Some(9), ..answer() },
            AnswerFields { concluded_at: None, ..answer() },
        ];
        let mut heads: Vec<Digest> = requests.map(|fields| of(Content::Request(fields))).into();
        heads.extend(answers.map(|fields| of(Content::Answer(fields))));
        heads.extend(["", "a"].map(|text| of(Content::Note(text))));
        let different: std::collections::BTreeSet<&Digest> = heads.iter().collect();
        assert_eq!(different.len(), heads.len());
    }

    #[test]
    fn place_kind_and_past_are_covered() {
        let note = Content::Note("same");
        let base = Tip { number: 4, head: [1; 32] };
        let head = base.with(Kind::Key, &note).head;
        assert_ne!(head, base.with(Kind::Gap, &note).head);
        assert_ne!(head, Tip { number: 5, ..base }.with(Kind::Key, &note).head);
        assert_ne!(head, Tip { head: [2; 32], ..base }.with(Kind::Key, &note).head);
        // What stands beside each other does not run together.
        let fields = |destination, batch_id| RequestFields { destination, batch_id, ..request() };
        let joined = |destination, batch_id| {
            base.with(Kind::Request, &Content::Request(fields(destination, batch_id))).head
        };
        assert_ne!(joined("ab", "c"), joined("a", "bc"));
    }
}
