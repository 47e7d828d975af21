//! The engines of one machine: SQLite and DuckDB files in one private folder.

mod directory;
mod files;
mod inbox;
mod ledger;
mod sqlite;

use std::io;
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::Arc;

use modelstat_wire::Timestamp;

use crate::{DEFAULT_TEXT_BYTES, Directory, Inbox, Ledger};
use directory::SqliteDirectory;
pub use files::DiskReserve;
use inbox::SqliteInbox;
use ledger::DuckLedger;

/// Memory that the ledger's engine may take; what needs more spills into the folder.
const LEDGER_MEMORY_BYTES: u64 = 1024 * 1024 * 1024;

/// Most threads of the ledger's engine unless said otherwise: queries share the machine with ingest.
const LEDGER_THREADS: usize = 4;

/// The three stores of one machine.
pub struct EmbeddedStores {
    /// Orgs and keys.
    pub directory: Arc<dyn Directory>,
    /// Acknowledged batches.
    pub inbox: Arc<dyn Inbox>,
    /// Events.
    pub ledger: Arc<dyn Ledger>,
}

/// What the engines may take of the machine.
#[derive(Clone, Copy, Debug)]
pub struct EmbeddedOptions {
    /// Memory of the ledger's engine.
    pub ledger_memory_bytes: u64,
    /// Threads of the ledger's engine.
    pub ledger_threads: NonZeroU32,
    /// Free space below which the inbox takes nothing.
    pub disk_reserve: DiskReserve,
    /// What is kept of one org's text that waits for its abstract.
    pub text_bytes: u64,
}

impl Default for EmbeddedOptions {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let threads = u32::try_from(cores.min(LEDGER_THREADS)).unwrap_or(1);
        Self {
            ledger_memory_bytes: LEDGER_MEMORY_BYTES,
            ledger_threads: NonZeroU32::new(threads).unwrap_or(NonZeroU32::MIN),
            disk_reserve: DiskReserve::default(),
            text_bytes: DEFAULT_TEXT_BYTES,
        }
    }
}

/// Why the stores could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The folder or a file in it cannot be made private.
    #[error("could not prepare the data folder")]
    Folder(#[source] io::Error),
    /// An engine refused its file; another process may hold it.
    #[error("could not open the {store} ({code})")]
    Engine {
        /// Which store.
        store: &'static str,
        /// The engine's error code, never its message.
        code: String,
    },
    /// A file was written by a later version.
    #[error("the {store} was written by a later version of modelstat")]
    TooNew {
        /// Which store.
        store: &'static str,
    },
}

impl EmbeddedStores {
    /// Opens the stores of a folder, and makes what is missing.
    pub fn open(folder: &Path, now: Timestamp) -> Result<Self, OpenError> {
        Self::open_with(folder, now, EmbeddedOptions::default())
    }

    /// Opens the stores of a folder within limits.
    pub fn open_with(
        folder: &Path,
        now: Timestamp,
        options: EmbeddedOptions,
    ) -> Result<Self, OpenError> {
        files::create_private_folder(folder).map_err(OpenError::Folder)?;
        let directory = SqliteDirectory::open(&folder.join("directory.db"))?;
        let ledger = DuckLedger::open(&folder.join("ledger.duckdb"), options)?;
        let applied = ledger
            .position()
            .map_err(|error| OpenError::Engine { store: ledger::STORE, code: error.to_string() })?;
        let inbox = SqliteInbox::open(&folder.join("inbox.db"), options, applied)?;
        inbox
            .forget_repeats_before(inbox::oldest_repeat(now))
            .map_err(|error| OpenError::Engine { store: inbox::STORE, code: error.to_string() })?;
        Ok(Self {
            directory: Arc::new(directory),
            inbox: Arc::new(inbox),
            ledger: Arc::new(ledger),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::contract::{inbox, ledger, sample};
    use crate::{Costing, NewKey, Scope};

    #[test]
    fn a_folder_is_private_and_opens_again() {
        let parent = tempfile::tempdir().expect("a folder");
        let folder = parent.path().join("data");
        let now = Timestamp::from_millis(0);
        let stores = EmbeddedStores::open(&folder, now).expect("opened");
        let org_id = stores.directory.create_org("org", now).expect("an org").id;
        let key = NewKey { org_id, scope: Scope::Ingest, label: String::new(), expires_at: None };
        let secret = stores.directory.create_key(key, now).expect("a key").secret;
        inbox::commit(&*stores.inbox, inbox::entry("org", 1)).expect("taken");
        let batch = sample::applied(0, "org", sample::batch(None), Costing::default);
        ledger::apply(&*stores.ledger, vec![batch]);
        let mode =
            |path: &Path| path.metadata().expect("its metadata").permissions().mode() & 0o777;
        assert_eq!(mode(&folder), 0o700);
        for entry in folder.read_dir().expect("a folder") {
            assert_eq!(mode(&entry.expect("an entry").path()) & 0o077, 0);
        }

        drop(stores);
        let stores = EmbeddedStores::open(&folder, now).expect("opened");
        assert!(stores.directory.authenticate(&secret, now).expect("an answer").is_some());
        assert_eq!(stores.ledger.position().expect("a position"), 1);
        assert_eq!(stores.inbox.read_after(0, 10).expect("read").len(), 1);
    }

    #[test]
    fn a_lost_inbox_goes_on_above_the_ledger() {
        let folder = tempfile::tempdir().expect("a folder");
        let now = Timestamp::from_millis(0);
        let stores = EmbeddedStores::open(folder.path(), now).expect("opened");
        let batch = || sample::applied(0, "org", sample::batch(None), Costing::default);
        ledger::apply(&*stores.ledger, vec![batch(), batch()]);
        drop(stores);
        std::fs::remove_file(folder.path().join("inbox.db")).expect("removed");
        let stores = EmbeddedStores::open(folder.path(), now).expect("opened");
        inbox::commit(&*stores.inbox, inbox::entry("org", 1)).expect("taken");
        assert_eq!(stores.inbox.newest_position().expect("a position"), 3);
    }
}
