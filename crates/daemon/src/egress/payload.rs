//! A payload of the ledger as it is shown: one that cannot be read takes nothing else along.

use std::io::Read;

use rusqlite::{Connection, OptionalExtension};

/// Why a payload is not shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PayloadProblem {
    /// It is not in the ledger.
    Missing,
    /// The ledger's file is damaged where it stands.
    Unreadable,
    /// It is there, and is not what was sent: its hash is another.
    Altered,
}

/// Reads what was sent, before compression. A body that was never packed is shown as it is.
pub(super) fn read(connection: &Connection, hash: &[u8]) -> Result<String, PayloadProblem> {
    let unreadable = |_| PayloadProblem::Unreadable;
    let mut statement = connection
        .prepare_cached("SELECT body FROM payloads WHERE hash = ?1")
        .map_err(unreadable)?;
    let body: Option<Vec<u8>> =
        statement.query_row([hash], |row| row.get(0)).optional().map_err(unreadable)?;
    let body = body.ok_or(PayloadProblem::Missing)?;
    if blake3::hash(&body).as_bytes() != hash {
        return Err(PayloadProblem::Altered);
    }
    let mut text = String::new();
    match flate2::read::GzDecoder::new(body.as_slice()).read_to_string(&mut text) {
        Ok(_) => Ok(text),
        Err(_) => Ok(String::from_utf8_lossy(&body).into_owned()),
    }
}
