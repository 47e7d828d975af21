//! Which sessions the outbox may hold, in little memory, so that a request knows at its queueing whether
//! it depends on one before it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;

use crate::database::DatabaseError;

/// Bits of the filter: 2 MiB tell a million sessions apart with two mistakes in a thousand.
const BITS: u64 = 16 * 1024 * 1024;

/// Bits of one session.
const PROBES: u32 = 4;

/// Sessions after which the filter says yes too often, and is made again from what still waits.
const MAX_NOTED: u64 = 2_000_000;

/// Sessions below which an emptied outbox leaves the filter as it is.
const MIN_CLEARED: u64 = 50_000;

/// A Bloom filter over the sessions of every request that waits.
///
/// It only ever errs towards *it is there*: such a request then keeps its turn, which is always right.
#[derive(Clone, Debug, Default)]
pub(super) struct QueuedSessions(Arc<Mutex<Filter>>);

#[derive(Debug, Default)]
struct Filter {
    /// Empty until a session is noted.
    words: Vec<u64>,
    noted: u64,
}

impl QueuedSessions {
    /// Takes what waits.
    pub(super) fn read(connection: &Connection) -> Result<Self, DatabaseError> {
        let sessions = Self::default();
        sessions.read_again(connection)?;
        Ok(sessions)
    }

    /// Notes a request's sessions; returns whether none of them was there.
    pub(super) fn note(
        &self,
        connection: &Connection,
        digests: &[u64],
    ) -> Result<bool, DatabaseError> {
        if self.lock().noted > MAX_NOTED {
            self.read_again(connection)?;
        }
        let mut filter = self.lock();
        // All are looked up before any is noted, as a request does not depend on itself.
        let is_free = !digests.iter().any(|digest| filter.may_hold(*digest));
        for digest in digests {
            filter.add(*digest);
        }
        Ok(is_free)
    }

    /// Forgets all, as nothing waits; with little noted, that would cost more than it is worth.
    pub(super) fn clear(&self) {
        let mut filter = self.lock();
        if filter.noted >= MIN_CLEARED {
            *filter = Filter::default();
        }
    }

    fn read_again(&self, connection: &Connection) -> Result<(), DatabaseError> {
        let mut filter = Filter::default();
        let mut statement = connection.prepare_cached("SELECT sessions FROM outbox_sessions")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            unpack_digests(row.get_ref(0)?.as_blob().unwrap_or_default())
                .for_each(|digest| filter.add(digest));
        }
        // Whatever waits beyond the limit stays noted; it is looked at again only after as many more.
        filter.noted = filter.noted.min(MAX_NOTED / 2);
        *self.lock() = filter;
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Filter> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Filter {
    fn may_hold(&self, digest: u64) -> bool {
        !self.words.is_empty() && places(digest).all(|(word, mask)| self.words[word] & mask != 0)
    }

    fn add(&mut self, digest: u64) {
        if self.words.is_empty() {
            self.words = vec![0; usize::try_from(BITS / 64).expect("2 MiB fit into memory")];
        }
        places(digest).for_each(|(word, mask)| self.words[word] |= mask);
        self.noted += 1;
    }
}

/// Word and bit of each probe: two halves of a digest make any number of them.
fn places(digest: u64) -> impl Iterator<Item = (usize, u64)> {
    let (start, step) = (digest >> 32, (digest & 0xFFFF_FFFF) | 1);
    (0..PROBES).map(move |probe| {
        let bit = start.wrapping_add(u64::from(probe).wrapping_mul(step)) % BITS;
        (usize::try_from(bit / 64).expect("2 MiB fit into memory"), 1 << (bit % 64))
    })
}

/// A session of a key and an app, as a number.
pub(crate) fn digest(key: u32, app: &str, session_id: &str) -> u64 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&key.to_be_bytes()).update(app.as_bytes()).update(&[0xFF]);
    hasher.update(session_id.as_bytes());
    let mut first = [0; 8];
    first.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
    u64::from_be_bytes(first)
}

pub(super) fn pack_digests(digests: &[u64]) -> Vec<u8> {
    digests.iter().flat_map(|digest| digest.to_be_bytes()).collect()
}

fn unpack_digests(bytes: &[u8]) -> impl Iterator<Item = u64> {
    bytes.as_chunks::<8>().0.iter().map(|digest| u64::from_be_bytes(*digest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn empty() -> Connection {
        let connection = Connection::open_in_memory().expect("memory");
        let sql = "CREATE TABLE outbox_sessions (outbox_id INTEGER, sessions BLOB)";
        connection.execute_batch(sql).expect("a table");
        connection
    }

    #[test]
    fn a_session_that_waits_is_never_missed() {
        let (connection, sessions) = (empty(), QueuedSessions::default());
        let digests: Vec<u64> =
            (0..100_000).map(|number| digest(1, "app", &format!("sess_{number}"))).collect();
        let mistakes =
            digests.iter().filter(|one| !sessions.note(&connection, &[**one]).expect("noted"));
        assert!(mistakes.count() < 100, "too many are taken for known");
        for digest in &digests {
            assert!(!sessions.note(&connection, &[*digest]).expect("noted"));
        }
        sessions.clear();
        assert!(sessions.note(&connection, &digests[..2]).expect("noted"));
    }

    #[test]
    fn a_restart_knows_what_waits() {
        let connection = empty();
        let digests = [digest(1, "app", "one"), digest(1, "app", "two")];
        let sql = "INSERT INTO outbox_sessions VALUES (1, ?1)";
        connection.execute(sql, [pack_digests(&digests)]).expect("a row");
        let sessions = QueuedSessions::read(&connection).expect("read");
        assert!(!sessions.note(&connection, &digests[1..]).expect("noted"));
        assert!(sessions.note(&connection, &[digest(2, "app", "two")]).expect("noted"));
    }
}
