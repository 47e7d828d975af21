//! Does the ledger say what it said? The chain is computed again from the file, which is only read.

use std::collections::BTreeMap;
use std::path::Path;

use modelstat_wire::{Timestamp, device_id};
use rusqlite::{Connection, OpenFlags, OptionalExtension, Row};
use serde::Serialize;

use super::chain::{BEFORE_ALL, Content, Digest, Kind, Seal, SealKind, Tip};
use super::device::{DEVICE_KEY_FILE, DeviceKey, DeviceKeyError};
use super::ledger::{FILE, SCHEMA};
use super::records::{
    ENTRY_COLUMNS, Gap, Genesis, KeyChange, answer_fields, read_seal, request_fields,
};
use crate::database::{BUSY_TIME, DatabaseError, count, integer};

/// Columns before those of the entry.
const RECORD_COLUMNS: &str = "records.number, records.kind, records.entry, records.note, records.head,
    payloads.body,
    EXISTS (SELECT 1 FROM records AS later WHERE later.entry = records.entry AND later.kind = 'answer'),
    EXISTS (SELECT 1 FROM records AS before WHERE before.entry = records.entry AND before.kind <> 'answer')";

/// Where the entry's columns begin.
const ENTRY: usize = 8;

/// The ledger could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// There is none.
    #[error("there is no egress ledger in the folder")]
    NoLedger,
    /// There is none to check the signatures with.
    #[error("there is no `{DEVICE_KEY_FILE}` in the folder")]
    NoKey,
    /// The key cannot be read.
    #[error("the device key cannot be used")]
    Key(#[source] DeviceKeyError),
    /// It was written before there was a chain.
    #[error("the egress ledger has no chain yet")]
    Older,
    /// The file cannot be read.
    #[error("the egress ledger cannot be read")]
    Database(#[source] DatabaseError),
}

impl From<rusqlite::Error> for VerifyError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error.into())
    }
}

/// What a look at the whole ledger found.
#[derive(Clone, Debug, Serialize)]
pub struct Verification {
    /// The device whose key signs.
    pub device: String,
    /// The number of the newest record.
    pub newest: i64,
    /// The chain hash up to it.
    pub head: String,
    /// How many records were looked at.
    pub records: u64,
    /// How many of them are requests, those of before the chain included.
    pub requests: u64,
    /// How many requests the chain found when it began: what was done to them before is unknown.
    pub adopted: u64,
    /// What was dropped to make room.
    pub checkpoint: Option<CheckpointReport>,
    /// The records at which another device key took over.
    pub key_changes: Vec<i64>,
    /// The first thing that is wrong.
    pub problem: Option<LedgerProblem>,
}

/// What a signed checkpoint says.
#[derive(Clone, Debug, Serialize)]
pub struct CheckpointReport {
    /// The newest record that was dropped.
    pub number: i64,
    /// The chain hash up to it.
    pub head: String,
    /// How many records were dropped since the chain began.
    pub records: u64,
    /// How many bytes they and their payloads took.
    pub bytes: u64,
    /// When it was signed.
    pub at: Timestamp,
}

/// The first thing that is wrong with a ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LedgerProblem {
    /// The record; absent where it is about no single one.
    pub number: Option<i64>,
    /// What is wrong.
    pub what: String,
}

/// One request of a ledger that was looked at, as far as receipts are about it.
#[derive(Clone, Debug)]
pub struct LedgerRequest {
    /// Whether it is from before the chain, when there were no receipts.
    pub is_adopted: bool,
    /// The chain hash up to its record.
    pub head: [u8; 32],
    /// blake3 of the body as sent.
    pub payload: [u8; 32],
    /// blake3 of the batch's id.
    pub batch: [u8; 32],
    /// Host, port and path.
    pub destination: String,
    /// The number of the key that it was sent with.
    pub key: u32,
    /// When it was about to be sent, in microseconds since the epoch.
    pub at: Timestamp,
    /// The answer's status.
    pub status: Option<i64>,
}

/// Computes the chain of the ledger in a daemon's folder again: whether the daemon runs or not. Returns
/// what was found, and the requests by the numbers of their records.
pub fn verify_ledger(
    folder: &Path,
) -> Result<(Verification, BTreeMap<u64, LedgerRequest>), VerifyError> {
    let file = folder.join(FILE);
    if !file.exists() {
        return Err(VerifyError::NoLedger);
    }
    let key = DeviceKey::read(folder).map_err(VerifyError::Key)?.ok_or(VerifyError::NoKey)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(&file, flags)?;
    connection.busy_timeout(BUSY_TIME)?;
    connection.execute_batch("PRAGMA trusted_schema = OFF; BEGIN")?;
    let found: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let known = integer(SCHEMA.len());
    if found > known {
        return Err(VerifyError::Database(DatabaseError::Later { found, known }));
    }
    if found < known {
        return Err(VerifyError::Older);
    }
    let mut walk = Walk::new(*key.public());
    let problem = walk.all(&connection)?;
    Ok((walk.verification(problem), walk.requests))
}

/// The way from the first record to the last.
struct Walk {
    public_key: [u8; 32],
    tip: Tip,
    records: u64,
    adopted: u64,
    checkpoint: Option<Seal>,
    key_changes: Vec<i64>,
    /// Devices that a record says were replaced.
    replaced: Vec<String>,
    requests: BTreeMap<u64, LedgerRequest>,
}

/// Whether the way goes on: the first problem ends it.
type Step = Result<(), LedgerProblem>;

impl Walk {
    fn new(public_key: [u8; 32]) -> Self {
        Self {
            public_key,
            tip: Tip::EMPTY,
            records: 0,
            adopted: 0,
            checkpoint: None,
            key_changes: Vec::new(),
            replaced: Vec::new(),
            requests: BTreeMap::new(),
        }
    }

    fn all(&mut self, connection: &Connection) -> rusqlite::Result<Option<LedgerProblem>> {
        self.checkpoint = read_seal(connection, SealKind::Checkpoint)?;
        if let Err(problem) = self.start() {
            return Ok(Some(problem));
        }
        for step in [Self::records, Self::end] {
            if let Err(problem) = step(self, connection)? {
                return Ok(Some(problem));
            }
        }
        rest(connection)
    }

    /// The checkpoint stands for what is gone.
    fn start(&mut self) -> Step {
        let Some(seal) = &self.checkpoint else { return Ok(()) };
        if !seal.is_signed(SealKind::Checkpoint) {
            return problem(seal.tip.number, "the checkpoint's signature is wrong");
        }
        self.tip = seal.tip;
        Ok(())
    }

    fn records(&mut self, connection: &Connection) -> rusqlite::Result<Step> {
        let mut statement = connection.prepare(&format!(
            "SELECT {RECORD_COLUMNS}, {ENTRY_COLUMNS} FROM records
             LEFT JOIN entries ON entries.id = records.entry
             LEFT JOIN payloads ON payloads.hash = entries.payload AND records.kind <> 'answer'
             ORDER BY records.number"
        ))?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let number: i64 = row.get(0)?;
            let expected = self.tip.number + 1;
            if number > expected {
                return Ok(problem(expected, "the record is missing"));
            }
            if number < expected {
                return Ok(problem(
                    number,
                    "the record is there twice, or should have been dropped",
                ));
            }
            // A value of another type than was written is an altered one.
            let step = self.record(number, row);
            let step = step.unwrap_or_else(|_| problem(number, "the record was altered"));
            if step.is_err() {
                return Ok(step);
            }
        }
        Ok(Ok(()))
    }

    fn record(&mut self, number: i64, row: &Row<'_>) -> rusqlite::Result<Step> {
        let Some(kind) = Kind::from_name(row.get_ref(1)?.as_str()?) else {
            return Ok(problem(number, "the record was altered: its kind is unknown"));
        };
        let has_entry = row.get::<_, Option<i64>>(ENTRY)?.is_some();
        let content = match kind {
            Kind::Request | Kind::Adopted if has_entry => {
                Content::Request(request_fields(row, ENTRY)?)
            }
            Kind::Answer if has_entry => Content::Answer(answer_fields(row, ENTRY)?),
            Kind::Request | Kind::Adopted | Kind::Answer => {
                return Ok(problem(number, "the request that the record is about is missing"));
            }
            Kind::Genesis | Kind::Key | Kind::Gap => Content::Note(row.get_ref(3)?.as_str()?),
        };
        let tip = self.tip.with(kind, &content);
        if tip.head != row.get::<_, Digest>(4)? {
            return Ok(problem(number, "the record was altered"));
        }
        self.tip = tip;
        self.records += 1;
        match content {
            Content::Note(note) => Ok(self.note(kind, note)),
            Content::Request(_) => self.request(kind, row),
            Content::Answer(_) if !row.get::<_, bool>(7)? => {
                Ok(problem(number, "the record answers no request"))
            }
            Content::Answer(_) => Ok(Ok(())),
        }
    }

    /// Looks at what a record says of the chain itself.
    fn note(&mut self, kind: Kind, note: &str) -> Step {
        let number = self.tip.number;
        let altered = |_| LedgerProblem {
            number: Some(number),
            what: "the record cannot be read".to_owned(),
        };
        match kind {
            Kind::Genesis => {
                let genesis: Genesis = serde_json::from_str(note).map_err(altered)?;
                self.adopted = genesis.adopted;
            }
            Kind::Key => {
                let change: KeyChange = serde_json::from_str(note).map_err(altered)?;
                self.key_changes.push(number);
                self.replaced.push(change.before);
            }
            _ => {
                let gap: Gap = serde_json::from_str(note).map_err(altered)?;
                let what = format!(
                    "the daemon found the ledger's end with {} when it started at {}",
                    gap.found, gap.at
                );
                return Err(LedgerProblem { number: Some(number), what });
            }
        }
        Ok(())
    }

    /// Looks at a request's payload, and remembers what its receipt must say.
    fn request(&mut self, kind: Kind, row: &Row<'_>) -> rusqlite::Result<Step> {
        let number = self.tip.number;
        let fields = request_fields(row, ENTRY)?;
        let answer = answer_fields(row, ENTRY)?;
        let Some(body) = row.get_ref(5)?.as_blob_or_null()? else {
            return Ok(problem(number, "the request's payload is missing"));
        };
        let payload = *blake3::hash(body).as_bytes();
        if payload != fields.payload {
            return Ok(problem(number, "the request's payload was altered"));
        }
        let is_answered: bool = row.get(6)?;
        let has_answer =
            answer.status.is_some() || answer.outcome.is_some() || answer.concluded_at.is_some();
        if has_answer && !is_answered {
            return Ok(problem(number, "the request has an answer that stands in no record"));
        }
        let request = LedgerRequest {
            is_adopted: kind == Kind::Adopted,
            head: self.tip.head,
            payload,
            batch: *blake3::hash(fields.batch_id.as_bytes()).as_bytes(),
            destination: fields.destination.to_owned(),
            key: u32::try_from(fields.key).unwrap_or(u32::MAX),
            at: Timestamp::from_micros(fields.at),
            status: answer.status,
        };
        self.requests.insert(number.unsigned_abs(), request);
        Ok(Ok(()))
    }

    /// The chain must end where the device key says that it does.
    fn end(&mut self, connection: &Connection) -> rusqlite::Result<Step> {
        let Some(seal) = read_seal(connection, SealKind::Head)? else {
            return Ok(problem(self.tip.number, "the signature of the chain's end is missing"));
        };
        if !seal.is_signed(SealKind::Head) {
            return Ok(problem(seal.tip.number, "the signature of the chain's end is wrong"));
        }
        if seal.public_key != self.public_key {
            let device = seal.public_key.as_slice().try_into().map(device_id);
            let what = format!(
                "the chain's end is signed by {}, while the device key is of {}",
                device.as_deref().unwrap_or("nobody"),
                device_id(&self.public_key)
            );
            return Ok(problem(seal.tip.number, &what));
        }
        if seal.tip.number > self.tip.number {
            return Ok(problem(self.tip.number + 1, "the record is missing"));
        }
        if seal.tip.number < self.tip.number {
            return Ok(problem(seal.tip.number + 1, "the record was added without a signature"));
        }
        if seal.tip.head != self.tip.head {
            return Ok(problem(seal.tip.number, "the signed end is that of another chain"));
        }
        Ok(self.checkpoint_key())
    }

    /// A checkpoint is signed by this device, or by one that a record says was replaced.
    fn checkpoint_key(&self) -> Step {
        let Some(seal) = &self.checkpoint else { return Ok(()) };
        let public_key: Option<[u8; 32]> = seal.public_key.as_slice().try_into().ok();
        let is_known = public_key.is_some_and(|public_key| {
            public_key == self.public_key || self.replaced.contains(&device_id(&public_key))
        });
        if is_known {
            return Ok(());
        }
        problem(seal.tip.number, "the checkpoint is signed by another device key")
    }

    fn verification(&self, problem: Option<LedgerProblem>) -> Verification {
        let head = if self.tip.number < 0 { BEFORE_ALL } else { self.tip.head };
        Verification {
            device: device_id(&self.public_key),
            newest: self.tip.number,
            head: hex::encode(head),
            records: self.records,
            requests: self.requests.len() as u64,
            adopted: self.adopted,
            checkpoint: self.checkpoint.as_ref().map(|seal| CheckpointReport {
                number: seal.tip.number,
                head: hex::encode(seal.tip.head),
                records: count(seal.dropped_records),
                bytes: count(seal.dropped_bytes),
                at: Timestamp::from_micros(seal.at),
            }),
            key_changes: self.key_changes.clone(),
            problem,
        }
    }
}

/// What stands beside the chain was never recorded.
fn rest(connection: &Connection) -> rusqlite::Result<Option<LedgerProblem>> {
    let unrecorded: Option<i64> = connection
        .query_row(
            "SELECT id FROM entries WHERE NOT EXISTS (
                 SELECT 1 FROM records WHERE entry = id AND kind IN ('request', 'adopted'))
             LIMIT 1",
            [],
            |row| row.get(0),
        )
        .optional()?;
    Ok(unrecorded.map(|id| LedgerProblem {
        number: None,
        what: format!("the request at place {id} stands in no record"),
    }))
}

fn problem(number: i64, what: &str) -> Step {
    Err(LedgerProblem { number: Some(number), what: what.to_owned() })
}

#[cfg(test)]
#[path = "verify/tests.rs"]
mod tests;
