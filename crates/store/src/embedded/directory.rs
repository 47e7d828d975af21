//! The directory in SQLite.

mod devices;

use std::path::Path;
use std::sync::Mutex;

use modelstat_wire::Timestamp;
use rusqlite::{Connection, ErrorCode, OptionalExtension, Row, params};

use super::{OpenError, sqlite};
use crate::{
    CreatedKey, Device, Directory, DirectoryError, Heartbeat, Key, NewDevice, NewKey, Org,
    RegisteredDevice, Scope,
};

const SCHEMA: sqlite::Schema = sqlite::Schema {
    store: "directory",
    steps: &[
        "
        CREATE TABLE orgs (
            number INTEGER PRIMARY KEY AUTOINCREMENT,
            id TEXT NOT NULL UNIQUE,
            name TEXT NOT NULL UNIQUE,
            created_at INTEGER NOT NULL
        ) STRICT;
        CREATE TABLE keys (
            number INTEGER PRIMARY KEY AUTOINCREMENT,
            id TEXT NOT NULL UNIQUE,
            org_id TEXT NOT NULL REFERENCES orgs (id) ON DELETE CASCADE,
            scope TEXT NOT NULL,
            label TEXT NOT NULL,
            secret_prefix TEXT NOT NULL,
            secret_hash BLOB NOT NULL UNIQUE,
            created_at INTEGER NOT NULL,
            expires_at INTEGER,
            revoked_at INTEGER
        ) STRICT;
        CREATE INDEX keys_of_org ON keys (org_id);
    ",
        devices::STEP,
    ],
};

const KEY_COLUMNS: &str =
    "id, org_id, scope, label, secret_prefix, created_at, expires_at, revoked_at";

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Random characters of a secret: 190 bits, which no fast hash gives away.
const SECRET_CHARS: usize = 32;

/// Random characters of an id of ours.
const ID_CHARS: usize = 16;

/// Characters of a secret, beyond its prefix, by which an operator recognises it.
const SHOWN_CHARS: usize = 4;

/// Orgs, keys and devices in one SQLite file.
///
/// Of a secret only the blake3 hash is kept: secrets are random, so that a slow hash adds nothing.
pub(super) struct SqliteDirectory {
    connection: Mutex<Connection>,
}

impl SqliteDirectory {
    pub(super) fn open(file: &Path) -> Result<Self, OpenError> {
        Ok(Self { connection: Mutex::new(sqlite::open(file, &SCHEMA)?) })
    }
}

impl Directory for SqliteDirectory {
    fn create_org(&self, name: &str, now: Timestamp) -> Result<Org, DirectoryError> {
        let org = Org {
            id: format!("org_{}", random_chars(ID_CHARS)?),
            name: name.to_owned(),
            created_at: now,
        };
        let inserted = sqlite::lock(&self.connection).execute(
            "INSERT INTO orgs (id, name, created_at) VALUES (?1, ?2, ?3)",
            params![org.id, org.name, now.as_micros()],
        );
        match inserted {
            Ok(_) => Ok(org),
            Err(error) if is_constraint(&error) => Err(DirectoryError::NameTaken),
            Err(error) => Err(error.into()),
        }
    }

    fn orgs(&self) -> Result<Vec<Org>, DirectoryError> {
        let connection = sqlite::lock(&self.connection);
        let mut statement =
            connection.prepare("SELECT id, name, created_at FROM orgs ORDER BY number")?;
        let orgs = statement.query_map((), |row| {
            Ok(Org { id: row.get(0)?, name: row.get(1)?, created_at: time(row.get(2)?) })
        })?;
        Ok(orgs.collect::<Result<_, _>>()?)
    }

    fn remove_org(&self, org_id: &str) -> Result<bool, DirectoryError> {
        let connection = sqlite::lock(&self.connection);
        Ok(connection.execute("DELETE FROM orgs WHERE id = ?1", [org_id])? > 0)
    }

    fn create_key(&self, key: NewKey, now: Timestamp) -> Result<CreatedKey, DirectoryError> {
        let head = key.scope.secret_prefix();
        let secret = format!("{head}{}", random_chars(SECRET_CHARS)?);
        let made = Key {
            id: format!("key_{}", random_chars(ID_CHARS)?),
            org_id: key.org_id,
            scope: key.scope,
            label: key.label,
            secret_prefix: secret.chars().take(head.len() + SHOWN_CHARS).collect(),
            created_at: now,
            expires_at: key.expires_at,
            revoked_at: None,
        };
        let inserted = sqlite::lock(&self.connection).execute(
            "INSERT INTO keys (id, org_id, scope, label, secret_prefix, secret_hash, created_at, expires_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            params![
                made.id,
                made.org_id,
                made.scope.as_str(),
                made.label,
                made.secret_prefix,
                hash(&secret),
                now.as_micros(),
                made.expires_at.map(Timestamp::as_micros),
            ],
        );
        match inserted {
            Ok(_) => Ok(CreatedKey { key: made, secret }),
            Err(error) if is_constraint(&error) => Err(DirectoryError::NoSuchOrg),
            Err(error) => Err(error.into()),
        }
    }

    fn keys(&self) -> Result<Vec<Key>, DirectoryError> {
        let connection = sqlite::lock(&self.connection);
        let mut statement =
            connection.prepare(&format!("SELECT {KEY_COLUMNS} FROM keys ORDER BY number"))?;
        let keys = statement.query_map((), read_key)?;
        Ok(keys.collect::<Result<_, _>>()?)
    }

    fn revoke_key(&self, key_id: &str, now: Timestamp) -> Result<bool, DirectoryError> {
        let revoked = sqlite::lock(&self.connection).execute(
            "UPDATE keys SET revoked_at = ?2
             WHERE id = ?1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > ?2)",
            params![key_id, now.as_micros()],
        )?;
        Ok(revoked > 0)
    }

    fn authenticate(&self, secret: &str, now: Timestamp) -> Result<Option<Key>, DirectoryError> {
        let key = sqlite::lock(&self.connection)
            .query_row(
                &format!(
                    "SELECT {KEY_COLUMNS} FROM keys
                     WHERE secret_hash = ?1 AND revoked_at IS NULL
                       AND (expires_at IS NULL OR expires_at > ?2)"
                ),
                params![hash(secret), now.as_micros()],
                read_key,
            )
            .optional()?;
        Ok(key)
    }

    fn register_device(
        &self,
        device: NewDevice,
        now: Timestamp,
    ) -> Result<RegisteredDevice, DirectoryError> {
        devices::register(&self.connection, &device, now)
    }

    fn devices(&self, now: Timestamp) -> Result<Vec<Device>, DirectoryError> {
        devices::list(&self.connection, now)
    }

    fn device_of(&self, secret: &str, now: Timestamp) -> Result<Option<Device>, DirectoryError> {
        devices::of_secret(&self.connection, secret, now)
    }

    fn claim_device(
        &self,
        claim_code: &str,
        org_id: &str,
        now: Timestamp,
    ) -> Result<Option<Device>, DirectoryError> {
        devices::claim(&self.connection, claim_code, org_id, now)
    }

    fn revoke_device(&self, device_id: &str, now: Timestamp) -> Result<bool, DirectoryError> {
        devices::revoke(&self.connection, device_id, now)
    }

    fn rotate_device_secret(
        &self,
        secret: &str,
        now: Timestamp,
    ) -> Result<Option<RegisteredDevice>, DirectoryError> {
        devices::rotate(&self.connection, secret, now)
    }

    fn note_heartbeat(
        &self,
        device_id: &str,
        heartbeat: &Heartbeat,
        now: Timestamp,
    ) -> Result<(), DirectoryError> {
        devices::note_heartbeat(&self.connection, device_id, heartbeat, now)
    }
}

impl From<rusqlite::Error> for DirectoryError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Engine { code: sqlite::code(&error) }
    }
}

fn is_constraint(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation)
}

fn read_key(row: &Row<'_>) -> rusqlite::Result<Key> {
    let scope: String = row.get(2)?;
    let scope = [Scope::Ingest, Scope::Read, Scope::Admin]
        .into_iter()
        .find(|known| known.as_str() == scope)
        .ok_or(rusqlite::Error::InvalidQuery)?;
    Ok(Key {
        id: row.get(0)?,
        org_id: row.get(1)?,
        scope,
        label: row.get(3)?,
        secret_prefix: row.get(4)?,
        created_at: time(row.get(5)?),
        expires_at: row.get::<_, Option<i64>>(6)?.map(time),
        revoked_at: row.get::<_, Option<i64>>(7)?.map(time),
    })
}

fn time(micros: i64) -> Timestamp {
    Timestamp::from_micros(micros)
}

fn hash(secret: &str) -> [u8; 32] {
    *blake3::hash(secret.as_bytes()).as_bytes()
}

/// Draws base62 characters; bytes beyond a multiple of 62 are drawn again, so that all are as likely.
fn random_chars(count: usize) -> Result<String, DirectoryError> {
    const FAIR: u8 = 248;
    let mut chars = String::with_capacity(count);
    let mut bytes = [0_u8; 64];
    while chars.len() < count {
        getrandom::fill(&mut bytes)
            .map_err(|_| DirectoryError::Engine { code: "random".to_owned() })?;
        let fair = bytes.iter().filter(|byte| **byte < FAIR).take(count - chars.len());
        chars.extend(fair.map(|byte| char::from(ALPHABET[usize::from(byte % 62)])));
    }
    Ok(chars)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_contract() {
        let folder = tempfile::tempdir().expect("a folder");
        let directory = SqliteDirectory::open(&folder.path().join("directory.db")).expect("opened");
        crate::contract::directory::run(&directory);
    }

    #[test]
    fn no_file_holds_a_secret() {
        let folder = tempfile::tempdir().expect("a folder");
        let directory = SqliteDirectory::open(&folder.path().join("directory.db")).expect("opened");
        let now = Timestamp::from_millis(0);
        let org_id = directory.create_org("org", now).expect("an org").id;
        let key = NewKey { org_id, scope: Scope::Ingest, label: String::new(), expires_at: None };
        let secret = directory.create_key(key, now).expect("a key").secret;
        for entry in std::fs::read_dir(folder.path()).expect("a folder") {
            let bytes = std::fs::read(entry.expect("an entry").path()).expect("a file");
            assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()));
        }
    }
}
