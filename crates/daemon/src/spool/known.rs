//! What models made of content, so that the same content gets its abstract without asking them again.

use modelstat_summarize::{
    ContentHash, Draft, KNOWN_MS, Known, Lesson, MAX_KNOWN, MAX_KNOWN_BYTES, WorkType,
};
use modelstat_wire::Timestamp;
use rusqlite::{OptionalExtension, Transaction};
use serde::{Deserialize, Serialize};

use super::beyond::beyond;
use super::trust::{pack_small, unpack};
use super::{Kind, Spool, counters};
use crate::database::{DatabaseError, integer};

/// Most that are forgotten at once, so that commits don't wait.
const MAX_FORGOTTEN: usize = 500;

/// A draft as it left: it passed the floor and the gate.
#[derive(Serialize, Deserialize)]
struct StoredDraft {
    text: String,
    title: String,
    work_type: String,
    phrases: Vec<String>,
}

impl Spool {
    /// Returns what is known of a content; what cannot be read back is not known.
    pub(crate) fn known(&self, hash: &ContentHash) -> Result<Option<Known>, DatabaseError> {
        let inner = self.lock();
        let sql = "SELECT body FROM known WHERE hash = ?1";
        let mut statement = inner.connection.prepare_cached(sql)?;
        let body: Option<Option<Vec<u8>>> =
            statement.query_row([hash], |row| row.get(0)).optional()?;
        Ok(match body {
            None => None,
            Some(None) => Some(Known::Failed),
            Some(Some(body)) => decode(&body).map(Known::Made),
        })
    }

    /// Forgets what was not used for long, and what is too much.
    pub(crate) fn forget_known(&self, now: Timestamp) -> Result<(), DatabaseError> {
        let forgotten = self.change(|transaction, _| {
            let sql = "SELECT hash, used_at, bytes FROM known ORDER BY used_at DESC";
            let since = now.as_millis() - KNOWN_MS;
            let forgotten: Vec<Vec<u8>> =
                beyond(transaction, sql, since, MAX_KNOWN, MAX_KNOWN_BYTES)?;
            // What was not used for longest stands last.
            let sql = "DELETE FROM known WHERE hash = ?1";
            let mut delete = transaction.prepare_cached(sql)?;
            for hash in forgotten.iter().rev().take(MAX_FORGOTTEN) {
                delete.execute([hash])?;
            }
            Ok(!forgotten.is_empty())
        })?;
        if forgotten {
            self.note_dropped_text();
        }
        Ok(())
    }
}

/// Remembers what a segment teaches, within the transaction that queues it.
pub(super) fn learn(
    transaction: &Transaction<'_>,
    lesson: &Lesson,
    now: Timestamp,
) -> Result<(), DatabaseError> {
    let used = "UPDATE known SET used_at = ?2 WHERE hash = ?1";
    match lesson {
        Lesson::Used(hash) => {
            transaction.prepare_cached(used)?.execute((hash, now.as_millis()))?;
        }
        Lesson::Reused(hash) => {
            transaction.prepare_cached(used)?.execute((hash, now.as_millis()))?;
            counters::add(transaction, Kind::Summary, "known", 1)?;
        }
        Lesson::Learned(hash, known) => {
            let body = match known {
                Known::Made(draft) => Some(encode(draft)),
                Known::Failed => None,
            };
            let bytes = integer(body.as_ref().map_or(0, Vec::len));
            let sql = "INSERT INTO known (hash, used_at, bytes, body) VALUES (?1, ?2, ?3, ?4)
                       ON CONFLICT DO UPDATE SET used_at = excluded.used_at,
                           bytes = excluded.bytes, body = excluded.body";
            let row = (hash, now.as_millis(), bytes, body);
            transaction.prepare_cached(sql)?.execute(row)?;
        }
    }
    Ok(())
}

fn encode(draft: &Draft) -> Vec<u8> {
    let stored = StoredDraft {
        text: draft.text.clone(),
        title: draft.title.clone(),
        work_type: draft.work_type.as_str().to_owned(),
        phrases: draft.phrases.clone(),
    };
    let encoded = serde_json::to_vec(&stored).expect("texts are JSON everywhere");
    pack_small(&encoded)
}

fn decode(body: &[u8]) -> Option<Draft> {
    let stored: StoredDraft = serde_json::from_slice(&unpack(body)?).ok()?;
    let StoredDraft { text, title, work_type, phrases } = stored;
    Some(Draft { text, title, work_type: WorkType::from_word(&work_type)?, phrases })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::SpoolLimits;

    fn open(folder: &std::path::Path) -> Spool {
        let limits = SpoolLimits { reserve_bytes: 0, reserve_percent: 0, ..SpoolLimits::default() };
        Spool::open(&folder.join("spool.db"), limits, true, Timestamp::from_millis(0))
            .expect("a spool")
    }

    fn draft(text: &str) -> Draft {
        let title = "Three good words".to_owned();
        let phrases = vec!["retry policy".to_owned()];
        Draft { text: text.to_owned(), title, work_type: WorkType::Debugging, phrases }
    }

    fn teach(spool: &Spool, lessons: &[Lesson], at_ms: i64) {
        let now = Timestamp::from_millis(at_ms);
        let taught = spool.change(|transaction, _| {
            lessons.iter().try_for_each(|lesson| learn(transaction, lesson, now))
        });
        taught.expect("learned");
    }

    fn hash(number: u64) -> ContentHash {
        let mut hash = [0; 32];
        hash[..8].copy_from_slice(&number.to_be_bytes());
        hash
    }

    #[test]
    fn what_was_learned_is_known_after_a_restart_and_can_change() {
        let folder = tempfile::tempdir().expect("a folder");
        let spool = open(folder.path());
        let made = Known::Made(draft("A test was looked into."));
        teach(&spool, &[Lesson::Learned(hash(1), made.clone())], 1);
        teach(&spool, &[Lesson::Learned(hash(2), Known::Failed)], 1);
        drop(spool);
        let spool = open(folder.path());
        assert_eq!(spool.known(&hash(1)).expect("read"), Some(made));
        assert_eq!(spool.known(&hash(2)).expect("read"), Some(Known::Failed));
        assert_eq!(spool.known(&hash(3)).expect("read"), None);
        let other = Known::Made(draft("Another."));
        teach(&spool, &[Lesson::Learned(hash(2), other.clone())], 2);
        assert_eq!(spool.known(&hash(2)).expect("read"), Some(other));
    }

    #[test]
    fn what_cannot_be_read_back_is_not_known() {
        let folder = tempfile::tempdir().expect("a folder");
        let spool = open(folder.path());
        teach(&spool, &[Lesson::Learned(hash(1), Known::Made(draft("Words.")))], 1);
        spool.lock().connection.execute("UPDATE known SET body = x'00'", []).expect("written");
        assert_eq!(spool.known(&hash(1)).expect("read"), None);
    }

    #[test]
    fn what_is_used_stays_and_what_is_not_is_forgotten() {
        let folder = tempfile::tempdir().expect("a folder");
        let spool = open(folder.path());
        let made = || Known::Made(draft("A test was looked into."));
        teach(&spool, &[Lesson::Learned(hash(1), made()), Lesson::Learned(hash(2), made())], 1);
        teach(&spool, &[Lesson::Used(hash(2))], KNOWN_MS);
        spool.forget_known(Timestamp::from_millis(KNOWN_MS + 2)).expect("forgotten");
        assert_eq!(spool.known(&hash(1)).expect("read"), None);
        assert!(spool.known(&hash(2)).expect("read").is_some());
        assert!(spool.has_dropped_text.load(std::sync::atomic::Ordering::Acquire));
    }

    #[test]
    fn the_table_is_bounded() {
        let folder = tempfile::tempdir().expect("a folder");
        let spool = open(folder.path());
        let lessons: Vec<Lesson> = (0..MAX_KNOWN + 10)
            .map(|number| Lesson::Learned(hash(number), Known::Failed))
            .collect();
        teach(&spool, &lessons[..1], 1);
        teach(&spool, &lessons[1..], 2);
        spool.forget_known(Timestamp::from_millis(3)).expect("forgotten");
        assert_eq!(spool.known(&hash(0)).expect("read"), None, "it was used longest ago");
        let sql = "SELECT COUNT(*) FROM known";
        let rows = spool
            .lock()
            .connection
            .query_row(sql, [], |row| row.get(0))
            .map(crate::database::count);
        assert_eq!(rows.expect("counted"), MAX_KNOWN);
    }
}
