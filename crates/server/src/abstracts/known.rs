//! What models made of content, so that the same content gets its abstract without asking them again.
//!
//! In memory alone: no more of a model's words is on the disk than the abstracts that are shown, and after a
//! restart a model is asked once more.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use modelstat_summarize::{
    ContentHash, Draft, KNOWN_MS, Known, Lesson, MAX_KNOWN, MAX_KNOWN_BYTES,
};
use modelstat_wire::Timestamp;

/// What is known, for as long as the process lives.
#[derive(Debug, Default)]
pub(crate) struct KnownContents {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    by_hash: HashMap<ContentHash, Entry>,
    /// The same by their last use, the longest ago first.
    by_use: BTreeMap<u64, ContentHash>,
    uses: u64,
    bytes: u64,
}

#[derive(Debug)]
struct Entry {
    known: Known,
    /// The org whose content it is.
    org_id: String,
    used_at: Timestamp,
    /// Its place among the uses.
    place: u64,
}

impl Entry {
    fn bytes(&self) -> u64 {
        let Known::Made(Draft { text, title, phrases, .. }) = &self.known else { return 0 };
        let phrases = phrases.iter().map(String::len).sum::<usize>();
        (text.len() + title.len() + phrases) as u64
    }

    fn is_old(&self, now: Timestamp) -> bool {
        now.as_millis().saturating_sub(self.used_at.as_millis()) > KNOWN_MS
    }
}

impl KnownContents {
    /// Returns what is known of a content.
    pub(super) fn find(&self, hash: &ContentHash, now: Timestamp) -> Option<Known> {
        let inner = self.lock();
        let entry = inner.by_hash.get(hash).filter(|entry| !entry.is_old(now))?;
        Some(entry.known.clone())
    }

    /// Remembers what segments of an org teach, and forgets what is too much or was not used for long.
    pub(super) fn learn(&self, org_id: &str, lessons: Vec<Lesson>, now: Timestamp) {
        let mut inner = self.lock();
        for lesson in lessons {
            match lesson {
                Lesson::Learned(hash, known) => inner.keep(hash, known, org_id, now),
                Lesson::Used(hash) | Lesson::Reused(hash) => {
                    if let Some(Entry { known, .. }) = inner.take(&hash) {
                        inner.keep(hash, known, org_id, now);
                    }
                }
            }
        }
        inner.forget(now);
    }

    /// Forgets all contents of an org.
    pub(crate) fn forget_org(&self, org_id: &str) {
        let mut inner = self.lock();
        let of_org = inner.by_hash.iter().filter(|(_, entry)| entry.org_id == org_id);
        let of_org: Vec<ContentHash> = of_org.map(|(hash, _)| *hash).collect();
        for hash in of_org {
            inner.take(&hash);
        }
    }

    /// A panic under the lock leaves at worst an entry that is forgotten later.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn keep(&mut self, hash: ContentHash, known: Known, org_id: &str, used_at: Timestamp) {
        self.take(&hash);
        self.uses += 1;
        let entry = Entry { known, org_id: org_id.to_owned(), used_at, place: self.uses };
        self.bytes += entry.bytes();
        self.by_use.insert(entry.place, hash);
        self.by_hash.insert(hash, entry);
    }

    fn take(&mut self, hash: &ContentHash) -> Option<Entry> {
        let entry = self.by_hash.remove(hash)?;
        self.by_use.remove(&entry.place);
        self.bytes -= entry.bytes();
        Some(entry)
    }

    fn forget(&mut self, now: Timestamp) {
        while let Some((_, hash)) = self.by_use.first_key_value() {
            let hash = *hash;
            let is_too_much = self.by_hash.len() as u64 > MAX_KNOWN || self.bytes > MAX_KNOWN_BYTES;
            let is_old = self.by_hash.get(&hash).is_none_or(|entry| entry.is_old(now));
            if !is_too_much && !is_old {
                return;
            }
            if self.take(&hash).is_none() {
                self.by_use.pop_first();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use modelstat_summarize::WorkType;

    const ORG: &str = "org_1";

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millis(ms)
    }

    fn hash(number: u64) -> ContentHash {
        let mut hash = [0; 32];
        hash[..8].copy_from_slice(&number.to_be_bytes());
        hash
    }

    fn made(text: &str) -> Known {
        let title = "Three good words".to_owned();
        let phrases = Vec::new();
        Known::Made(Draft { text: text.to_owned(), title, work_type: WorkType::Debugging, phrases })
    }

    fn learned(number: u64, known: Known) -> Vec<Lesson> {
        vec![Lesson::Learned(hash(number), known)]
    }

    fn sums(known: &KnownContents) -> (usize, usize, u64) {
        let inner = known.lock();
        (inner.by_hash.len(), inner.by_use.len(), inner.bytes)
    }

    #[test]
    fn what_was_learned_is_known_and_can_change() {
        let known = KnownContents::default();
        known.learn(ORG, learned(1, made("A test was looked into.")), at(1));
        known.learn(ORG, learned(2, Known::Failed), at(1));
        assert_eq!(known.find(&hash(1), at(2)), Some(made("A test was looked into.")));
        assert_eq!(known.find(&hash(2), at(2)), Some(Known::Failed));
        assert_eq!(known.find(&hash(3), at(2)), None);
        known.learn(ORG, learned(2, made("Another.")), at(2));
        assert_eq!(known.find(&hash(2), at(2)), Some(made("Another.")));
    }

    #[test]
    fn what_is_used_stays_and_what_is_not_is_forgotten() {
        let known = KnownContents::default();
        known.learn(ORG, learned(1, made("One.")), at(1));
        known.learn(ORG, learned(2, made("Two.")), at(1));
        known.learn(ORG, vec![Lesson::Used(hash(2))], at(KNOWN_MS));
        assert_eq!(known.find(&hash(1), at(KNOWN_MS + 2)), None, "before anything forgets it");
        known.learn(ORG, Vec::new(), at(KNOWN_MS + 2));
        assert_eq!(sums(&known).0, 1);
        assert!(known.find(&hash(2), at(KNOWN_MS + 2)).is_some());
    }

    #[test]
    fn they_are_bounded_in_number() {
        let known = KnownContents::default();
        for number in 0..MAX_KNOWN {
            known.learn(ORG, learned(number, Known::Failed), at(1));
        }
        known.learn(ORG, vec![Lesson::Reused(hash(0))], at(1));
        known.learn(ORG, learned(MAX_KNOWN, Known::Failed), at(1));
        let bound = usize::try_from(MAX_KNOWN).expect("small");
        assert_eq!(sums(&known), (bound, bound, 0));
        assert!(known.find(&hash(0), at(1)).is_some(), "it was used last");
        assert_eq!(known.find(&hash(1), at(1)), None, "it was used longest ago");
    }

    #[test]
    fn they_are_bounded_in_bytes() {
        let known = KnownContents::default();
        let long = "word ".repeat(800);
        let fit = MAX_KNOWN_BYTES / (long.len() as u64 + 16);
        for number in 0..=fit {
            known.learn(ORG, learned(number, made(&long)), at(1));
        }
        let (contents, uses, bytes) = sums(&known);
        assert_eq!((contents as u64, uses as u64), (fit, fit));
        assert!(bytes <= MAX_KNOWN_BYTES, "{bytes}");
        assert_eq!(known.find(&hash(0), at(1)), None);
    }

    #[test]
    fn what_an_org_taught_goes_with_it() {
        let known = KnownContents::default();
        known.learn(ORG, learned(1, made("One.")), at(1));
        known.learn("org_2", learned(2, made("Two.")), at(1));
        known.forget_org(ORG);
        assert_eq!(known.find(&hash(1), at(1)), None);
        assert_eq!(sums(&known), (1, 1, made_bytes("Two.")));
    }

    fn made_bytes(text: &str) -> u64 {
        (text.len() + "Three good words".len()) as u64
    }
}
