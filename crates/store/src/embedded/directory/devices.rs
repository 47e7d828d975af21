//! Devices in the directory's SQLite file.

use std::sync::{Mutex, MutexGuard};

use modelstat_redact::RedactedText;
use modelstat_wire::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use super::{SHOWN_CHARS, hash, is_constraint, time};
use crate::embedded::sqlite;
use crate::{
    DEVICE_SECRET_PREFIX, Device, DeviceState, DirectoryError, Fingerprint,
    HEARTBEAT_INTERVAL_MICROS, Heartbeat, MAX_UNCLAIMED_DEVICES, NewDevice, RegisteredDevice,
    UNCLAIMED_DAYS,
};

/// The table, which is the directory's second step.
pub(super) const STEP: &str = "
    CREATE TABLE devices (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        uuid TEXT NOT NULL,
        org_id TEXT REFERENCES orgs (id) ON DELETE CASCADE,
        claim_code TEXT UNIQUE,
        secret_prefix TEXT NOT NULL,
        secret_hash BLOB NOT NULL UNIQUE,
        -- The secret before this one. It proves who registers again when the answer with the new
        -- one was lost, while nobody has claimed the device; it opens nothing.
        previous_hash BLOB,
        public_key TEXT,
        os_family TEXT,
        os_version TEXT,
        arch TEXT,
        daemon TEXT,
        daemon_version TEXT,
        hostname TEXT,
        machine_id TEXT,
        created_at INTEGER NOT NULL,
        claimed_at INTEGER,
        revoked_at INTEGER,
        last_seen_at INTEGER,
        status TEXT,
        running_version TEXT,
        queue_size INTEGER,
        last_event_at INTEGER,
        stats TEXT
    ) STRICT;
    CREATE INDEX devices_of_org ON devices (org_id);
    CREATE INDEX devices_unclaimed ON devices (created_at) WHERE claimed_at IS NULL;
";

const COLUMNS: &str = "id, uuid, org_id, claim_code, secret_prefix, public_key,
    os_family, os_version, arch, daemon, daemon_version, hostname, machine_id,
    created_at, claimed_at, revoked_at, last_seen_at,
    status, running_version, queue_size, last_event_at, stats";

/// A device whose secret is good, at the time `?2`, where devices that registered before `?3` and
/// were not claimed are over.
const IN_FORCE: &str = "revoked_at IS NULL AND (claimed_at IS NOT NULL OR created_at > ?2)";

const DAY_MICROS: i64 = 86_400_000_000;

/// Random bytes of a secret.
const SECRET_BYTES: usize = 32;

/// Random bytes of an id.
const ID_BYTES: usize = 16;

/// Words of a claim code: 48 bits, which nobody guesses and everybody can read out.
const CLAIM_WORDS: usize = 3;

const CONSONANTS: &[u8; 16] = b"bdfghjklmnprstvz";
const VOWELS: &[u8; 4] = b"aiou";

pub(super) fn register(
    connection: &Mutex<Connection>,
    new: &NewDevice,
    now: Timestamp,
) -> Result<RegisteredDevice, DirectoryError> {
    let mut connection = sqlite::lock(connection);
    let transaction = connection.transaction()?;
    let oldest = oldest_unclaimed(now);
    transaction
        .execute("DELETE FROM devices WHERE claimed_at IS NULL AND created_at <= ?1", [oldest])?;
    let known = match &new.previous_secret {
        Some(previous) => known_device(&transaction, &new.uuid, previous)?,
        None => None,
    };
    let stays_claimed = known.as_ref().is_some_and(|known| known.state == DeviceState::Claimed);
    let was_waiting = known.as_ref().is_some_and(|known| known.state == DeviceState::Unclaimed);
    if !stays_claimed && !was_waiting && unclaimed(&transaction)? >= MAX_UNCLAIMED_DEVICES {
        return Err(DirectoryError::TooManyUnclaimed);
    }
    let secret = new_secret()?;
    let id = match &known {
        Some(known) => known.id.clone(),
        None => insert(&transaction, new, &secret, now)?,
    };
    renew(&transaction, &id, new, &secret)?;
    if known.is_some() && !stays_claimed {
        transaction.execute(
            "UPDATE devices SET org_id = NULL, claimed_at = NULL, revoked_at = NULL,
                 created_at = ?2 WHERE id = ?1",
            params![id, now.as_micros()],
        )?;
    }
    if !stays_claimed {
        let code = claim_code()?;
        transaction
            .execute("UPDATE devices SET claim_code = ?2 WHERE id = ?1", params![id, code])?;
    }
    let device = by_id(&transaction, &id)?;
    transaction.commit()?;
    Ok(RegisteredDevice { device, secret, is_known: known.is_some() })
}

/// Finds the device that a secret proves to be known. A secret that was replaced proves it only
/// while nobody has claimed the device: it may have been replaced because others know it.
fn known_device(
    transaction: &Transaction<'_>,
    uuid: &str,
    secret: &str,
) -> Result<Option<Device>, DirectoryError> {
    let found = transaction
        .query_row(
            &format!(
                "SELECT {COLUMNS} FROM devices
                 WHERE uuid = ?1 AND (secret_hash = ?2 OR (previous_hash = ?2 AND claimed_at IS NULL))"
            ),
            params![uuid, hash(secret)],
            read,
        )
        .optional()?;
    Ok(found)
}

fn unclaimed(transaction: &Transaction<'_>) -> Result<usize, DirectoryError> {
    let count: i64 = transaction.query_row(
        "SELECT COUNT(*) FROM devices WHERE claimed_at IS NULL",
        (),
        |row| row.get(0),
    )?;
    Ok(usize::try_from(count).unwrap_or(usize::MAX))
}

fn insert(
    transaction: &Transaction<'_>,
    new: &NewDevice,
    secret: &str,
    now: Timestamp,
) -> Result<String, DirectoryError> {
    let id = format!("dev_{}", random_hex::<ID_BYTES>()?);
    transaction.execute(
        "INSERT INTO devices (id, uuid, secret_prefix, secret_hash, created_at)
         VALUES (?1, ?2, '', ?3, ?4)",
        params![id, new.uuid, hash(secret), now.as_micros()],
    )?;
    Ok(id)
}

/// Writes what every registration brings anew.
fn renew(
    transaction: &Transaction<'_>,
    id: &str,
    new: &NewDevice,
    secret: &str,
) -> Result<(), DirectoryError> {
    let fingerprint = &new.fingerprint;
    transaction.execute(
        "UPDATE devices SET
             previous_hash = NULLIF(secret_hash, ?2), secret_hash = ?2, secret_prefix = ?3,
             public_key = ?4, os_family = ?5, os_version = ?6, arch = ?7, daemon = ?8,
             daemon_version = ?9, hostname = ?10, machine_id = ?11
         WHERE id = ?1",
        params![
            id,
            hash(secret),
            shown_prefix(secret),
            new.public_key,
            text(fingerprint.os_family.as_ref()),
            text(fingerprint.os_version.as_ref()),
            text(fingerprint.arch.as_ref()),
            text(fingerprint.daemon.as_ref()),
            text(fingerprint.daemon_version.as_ref()),
            text(fingerprint.hostname.as_ref()),
            text(fingerprint.machine_id.as_ref()),
        ],
    )?;
    Ok(())
}

pub(super) fn list(
    connection: &Mutex<Connection>,
    now: Timestamp,
) -> Result<Vec<Device>, DirectoryError> {
    let connection = sqlite::lock(connection);
    let mut statement = connection.prepare(&format!(
        "SELECT {COLUMNS} FROM devices WHERE claimed_at IS NOT NULL OR created_at > ?1
         ORDER BY number"
    ))?;
    let devices = statement.query_map([oldest_unclaimed(now)], read)?;
    Ok(devices.collect::<Result<_, _>>()?)
}

pub(super) fn of_secret(
    connection: &Mutex<Connection>,
    secret: &str,
    now: Timestamp,
) -> Result<Option<Device>, DirectoryError> {
    find_in_force(&sqlite::lock(connection), secret, now)
}

pub(super) fn claim(
    connection: &Mutex<Connection>,
    code: &str,
    org_id: &str,
    now: Timestamp,
) -> Result<Option<Device>, DirectoryError> {
    let connection = sqlite::lock(connection);
    let claimed = connection.query_row(
        &format!(
            "UPDATE devices SET org_id = ?3, claimed_at = ?4, claim_code = NULL, previous_hash = NULL
             WHERE claim_code = ?1 AND {IN_FORCE} RETURNING {COLUMNS}"
        ),
        params![code, oldest_unclaimed(now), org_id, now.as_micros()],
        read,
    );
    match claimed.optional() {
        Err(error) if is_constraint(&error) => Err(DirectoryError::NoSuchOrg),
        claimed => Ok(claimed?),
    }
}

pub(super) fn revoke(
    connection: &Mutex<Connection>,
    id: &str,
    now: Timestamp,
) -> Result<bool, DirectoryError> {
    let connection = sqlite::lock(connection);
    let forgotten =
        connection.execute("DELETE FROM devices WHERE id = ?1 AND claimed_at IS NULL", [id])?;
    let revoked = connection.execute(
        "UPDATE devices SET revoked_at = ?2 WHERE id = ?1 AND revoked_at IS NULL",
        params![id, now.as_micros()],
    )?;
    Ok(forgotten + revoked > 0)
}

pub(super) fn rotate(
    connection: &Mutex<Connection>,
    secret: &str,
    now: Timestamp,
) -> Result<Option<RegisteredDevice>, DirectoryError> {
    let connection = sqlite::lock(connection);
    let Some(device) = find_in_force(&connection, secret, now)? else { return Ok(None) };
    let fresh = new_secret()?;
    // The old one proves nothing from here on: who rotates a secret may have lost it to others.
    connection.execute(
        "UPDATE devices SET secret_hash = ?2, secret_prefix = ?3, previous_hash = NULL
         WHERE id = ?1",
        params![device.id, hash(&fresh), shown_prefix(&fresh)],
    )?;
    let device = Device { secret_prefix: shown_prefix(&fresh), ..device };
    Ok(Some(RegisteredDevice { device, secret: fresh, is_known: true }))
}

pub(super) fn note_heartbeat(
    connection: &Mutex<Connection>,
    id: &str,
    heartbeat: &Heartbeat,
    now: Timestamp,
) -> Result<(), DirectoryError> {
    let stats = serde_json::to_string(&heartbeat.stats)
        .map_err(|_| DirectoryError::Engine { code: "json".to_owned() })?;
    let now = now.as_micros();
    // A clock that was set back must not silence a device.
    sqlite::lock(connection).execute(
        "UPDATE devices SET last_seen_at = ?2, status = ?3, running_version = ?4, queue_size = ?5,
             last_event_at = ?6, stats = ?7
         WHERE id = ?1 AND revoked_at IS NULL
           AND (last_seen_at IS NULL OR last_seen_at <= ?8 OR last_seen_at > ?2)",
        params![
            id,
            now,
            heartbeat.status.as_str(),
            text(heartbeat.daemon_version.as_ref()),
            heartbeat.queue_size.map(|size| i64::try_from(size).unwrap_or(i64::MAX)),
            heartbeat.last_event_at.map(Timestamp::as_micros),
            stats,
            now.saturating_sub(HEARTBEAT_INTERVAL_MICROS),
        ],
    )?;
    Ok(())
}

fn find_in_force(
    connection: &MutexGuard<'_, Connection>,
    secret: &str,
    now: Timestamp,
) -> Result<Option<Device>, DirectoryError> {
    let found = connection
        .query_row(
            &format!("SELECT {COLUMNS} FROM devices WHERE secret_hash = ?1 AND {IN_FORCE}"),
            params![hash(secret), oldest_unclaimed(now)],
            read,
        )
        .optional()?;
    Ok(found)
}

fn by_id(connection: &Connection, id: &str) -> Result<Device, DirectoryError> {
    let select = format!("SELECT {COLUMNS} FROM devices WHERE id = ?1");
    Ok(connection.query_row(&select, [id], read)?)
}

/// Devices that registered then or before are over unless they were claimed.
fn oldest_unclaimed(now: Timestamp) -> i64 {
    now.as_micros().saturating_sub(UNCLAIMED_DAYS * DAY_MICROS)
}

fn read(row: &Row<'_>) -> rusqlite::Result<Device> {
    let moment = |column| Ok::<_, rusqlite::Error>(row.get::<_, Option<i64>>(column)?.map(time));
    let (claimed_at, revoked_at) = (moment(14)?, moment(15)?);
    let state = match (claimed_at, revoked_at) {
        (_, Some(_)) => DeviceState::Revoked,
        (Some(_), None) => DeviceState::Claimed,
        (None, None) => DeviceState::Unclaimed,
    };
    Ok(Device {
        id: row.get(0)?,
        uuid: row.get(1)?,
        state,
        org_id: row.get(2)?,
        claim_code: row.get(3)?,
        secret_prefix: row.get(4)?,
        public_key: row.get(5)?,
        fingerprint: Fingerprint {
            os_family: stored(row, 6)?,
            os_version: stored(row, 7)?,
            arch: stored(row, 8)?,
            daemon: stored(row, 9)?,
            daemon_version: stored(row, 10)?,
            hostname: stored(row, 11)?,
            machine_id: stored(row, 12)?,
        },
        created_at: time(row.get(13)?),
        claimed_at,
        revoked_at,
        last_seen_at: moment(16)?,
        heartbeat: read_heartbeat(row)?,
    })
}

fn read_heartbeat(row: &Row<'_>) -> rusqlite::Result<Option<Heartbeat>> {
    let Some(status) = stored(row, 17)? else { return Ok(None) };
    let counts: Option<String> = row.get(21)?;
    Ok(Some(Heartbeat {
        status,
        daemon_version: stored(row, 18)?,
        queue_size: row.get::<_, Option<i64>>(19)?.and_then(|size| u64::try_from(size).ok()),
        last_event_at: row.get::<_, Option<i64>>(20)?.map(time),
        stats: counts.and_then(|counts| serde_json::from_str(&counts).ok()).unwrap_or_default(),
    }))
}

#[expect(clippy::disallowed_methods, reason = "text read back from our own store")]
fn stored(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<RedactedText>> {
    Ok(row.get::<_, Option<String>>(column)?.map(RedactedText::from_store))
}

fn text(text: Option<&RedactedText>) -> Option<&str> {
    text.map(RedactedText::as_str)
}

fn new_secret() -> Result<String, DirectoryError> {
    Ok(format!("{DEVICE_SECRET_PREFIX}{}", random_hex::<SECRET_BYTES>()?))
}

fn shown_prefix(secret: &str) -> String {
    secret.chars().take(DEVICE_SECRET_PREFIX.len() + SHOWN_CHARS).collect()
}

fn random_hex<const BYTES: usize>() -> Result<String, DirectoryError> {
    let bytes = random_bytes::<BYTES>()?;
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    Ok(digits.map(|digit| char::from(b"0123456789abcdef"[usize::from(digit)])).collect())
}

fn random_bytes<const BYTES: usize>() -> Result<[u8; BYTES], DirectoryError> {
    let mut bytes = [0; BYTES];
    getrandom::fill(&mut bytes)
        .map_err(|_| DirectoryError::Engine { code: "random".to_owned() })?;
    Ok(bytes)
}

/// Makes words that can be said: consonants and vowels in turn, 16 bits a word.
fn claim_code() -> Result<String, DirectoryError> {
    let bytes = random_bytes::<{ CLAIM_WORDS * 2 }>()?;
    let words = bytes.chunks_exact(2).map(|pair| {
        let bits = usize::from(pair[0]) << 8 | usize::from(pair[1]);
        let consonant = |shift: usize| char::from(CONSONANTS[bits >> shift & 15]);
        let vowel = |shift: usize| char::from(VOWELS[bits >> shift & 3]);
        [consonant(12), vowel(10), consonant(6), vowel(4), consonant(0)].iter().collect::<String>()
    });
    Ok(words.collect::<Vec<_>>().join("-"))
}
