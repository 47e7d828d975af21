//! The ledger in DuckDB.

mod apply;
mod columns;
mod counts;
mod held;
mod incoming;
mod privacy;
mod query;
mod readers;
mod records;
mod render;
mod row;
mod schema;
mod session;
mod sessions;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use duckdb::{Config, Connection};

use super::{EmbeddedOptions, OpenError, files};
use crate::query::TimeRange;
use crate::{
    Activity, Applied, Drain, EventRow, Ledger, LedgerError, PrivacyReport, Query, QueryTable,
    SessionDetail, SessionFilter, SessionPage, ToolCallRow,
};
use readers::Readers;

/// How the ledger is named in errors.
pub(super) const STORE: &str = "ledger";

/// Log size at which a commit checkpoints by itself, which stalls it; far above what gathers between
/// two checkpoints that are asked for.
const CHECKPOINT_THRESHOLD: &str = "256MB";

/// Events in one DuckDB file: one connection writes, a few read.
pub(super) struct DuckLedger {
    writer: Mutex<Connection>,
    readers: Readers,
    log: PathBuf,
}

impl DuckLedger {
    pub(super) fn open(file: &Path, options: EmbeddedOptions) -> Result<Self, OpenError> {
        let beside = |suffix: &str| {
            let mut path = file.as_os_str().to_owned();
            path.push(suffix);
            PathBuf::from(path)
        };
        let (log, spill) = (beside(".wal"), beside(".spill"));
        // What a crash left in the spill folder is of no use to anyone.
        drop(fs::remove_dir_all(&spill));
        files::create_private_folder(&spill).map_err(OpenError::Folder)?;
        let refused = |error: duckdb::Error| OpenError::Engine { store: STORE, code: code(&error) };
        let writer = connect(file, &spill, options).map_err(refused)?;
        // The engine takes no empty file, so that it cannot be made private before.
        files::keep_private(file).map_err(OpenError::Folder)?;
        if !schema::create(&writer).map_err(refused)? {
            return Err(OpenError::TooNew { store: STORE });
        }
        prepare_writer(&writer).map_err(refused)?;
        let readers = Readers::open(&writer).map_err(refused)?;
        files::keep_private(&log).map_err(OpenError::Folder)?;
        Ok(Self { writer: Mutex::new(writer), readers, log })
    }

    /// A panic while writing leaves no transaction behind, since transactions roll back when dropped.
    fn writer(&self) -> MutexGuard<'_, Connection> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The engine makes its log anew after each checkpoint, readable to all that may enter the folder.
    fn close_log(&self) -> Result<(), LedgerError> {
        files::keep_private(&self.log)
            .map_err(|_| LedgerError::Engine { code: "log mode".to_owned() })
    }
}

impl Ledger for DuckLedger {
    fn position(&self) -> Result<u64, LedgerError> {
        self.readers.read(apply::position)
    }

    fn apply(&self, drain: &Drain) -> Result<Applied, LedgerError> {
        let applied = apply::apply(&self.writer(), drain)?;
        // The drain is applied whatever becomes of the log's mode; the folder is private anyway.
        self.close_log().ok();
        Ok(applied)
    }

    fn checkpoint(&self) -> Result<u64, LedgerError> {
        let writer = self.writer();
        let position = apply::position(&writer)?;
        if writer.execute_batch("CHECKPOINT").is_err() {
            // The engine refuses while a reader still sees rows that were changed since.
            let _paused = self.readers.pause();
            writer.execute_batch("CHECKPOINT")?;
        }
        Ok(position)
    }

    fn query(&self, org_id: &str, query: &Query) -> Result<QueryTable, LedgerError> {
        self.readers.read(|connection| query::answer(connection, org_id, query))
    }

    fn metadata_keys(&self, org_id: &str, range: TimeRange) -> Result<Vec<String>, LedgerError> {
        self.readers.read(|connection| query::metadata_keys(connection, org_id, range))
    }

    fn sessions(&self, org_id: &str, filter: &SessionFilter) -> Result<SessionPage, LedgerError> {
        self.readers.read(|connection| sessions::page(connection, org_id, filter))
    }

    fn session(
        &self,
        org_id: &str,
        app: Option<&str>,
        session_id: &str,
        max_events: usize,
    ) -> Result<Option<SessionDetail>, LedgerError> {
        self.readers
            .read(|connection| session::detail(connection, org_id, app, session_id, max_events))
    }

    fn event(
        &self,
        org_id: &str,
        app: Option<&str>,
        source_event_id: &str,
    ) -> Result<Option<(EventRow, Vec<ToolCallRow>)>, LedgerError> {
        self.readers.read(|connection| session::event(connection, org_id, app, source_event_id))
    }

    fn privacy(&self, org_id: &str, range: TimeRange) -> Result<PrivacyReport, LedgerError> {
        self.readers.read(|connection| privacy::report(connection, org_id, range))
    }

    fn activity(&self, org_id: &str) -> Result<Activity, LedgerError> {
        self.readers.read(|connection| query::activity(connection, org_id))
    }

    fn forget_org(&self, org_id: &str) -> Result<(), LedgerError> {
        let writer = self.writer();
        let transaction = writer.unchecked_transaction()?;
        for table in schema::ORG_TABLES {
            transaction
                .execute(&format!("DELETE FROM {} WHERE org_id = ?", table.name), [org_id])?;
        }
        transaction.commit()?;
        self.close_log()
    }
}

impl From<duckdb::Error> for LedgerError {
    fn from(error: duckdb::Error) -> Self {
        Self::Engine { code: code(&error) }
    }
}

/// Opens the file with the engine closed to the outside: no extension is fetched, no other file is
/// read, and no later statement can change that.
fn connect(
    file: &Path,
    spill: &Path,
    options: EmbeddedOptions,
) -> Result<Connection, duckdb::Error> {
    let config = Config::default()
        .with("temp_directory", spill.to_string_lossy())?
        .enable_external_access(false)?
        .enable_autoload_extension(false)?
        .max_memory(&format!("{}MiB", options.ledger_memory_bytes / (1024 * 1024)))?
        .threads(i64::from(options.ledger_threads.get()))?
        // The older format that is the engine's default takes twice the work at a checkpoint.
        .with("storage_compatibility_version", "latest")?
        .with("checkpoint_threshold", CHECKPOINT_THRESHOLD)?;
    let connection = Connection::open_with_flags(file, config)?;
    connection.execute_batch("SET lock_configuration = true")?;
    Ok(connection)
}

/// Makes the temporary tables through which a drain's rows are compared with those held.
fn prepare_writer(writer: &Connection) -> Result<(), duckdb::Error> {
    writer.execute_batch(&format!("CREATE TEMP TABLE {}", schema::WANTED.definition()))?;
    for merge in &counts::MERGED {
        writer.execute_batch(&format!("CREATE TEMP TABLE {}", merge.staged.definition()))?;
    }
    Ok(())
}

/// The kind of failure: one of the engine's fixed words, never the rest of its message.
fn code(error: &duckdb::Error) -> String {
    const KINDS: [&str; 20] = [
        "Binder",
        "Catalog",
        "Connection",
        "Constraint",
        "Conversion",
        "Dependency",
        "FATAL",
        "HTTP",
        "INTERNAL",
        "INTERRUPT",
        "IO",
        "Interrupt",
        "Invalid Input",
        "Invalid",
        "Not implemented",
        "Out of Memory",
        "Out of Range",
        "Parser",
        "Serialization",
        "TransactionContext",
    ];
    let message = match error {
        duckdb::Error::DuckDBFailure(_, Some(message)) => message,
        duckdb::Error::DuckDBFailure(_, None) => return "duckdb".to_owned(),
        duckdb::Error::AppendError => return "duckdb append".to_owned(),
        _ => return "duckdb value".to_owned(),
    };
    let kind = KINDS.into_iter().find(|kind| {
        message.strip_prefix(kind).is_some_and(|rest| rest.trim_start().starts_with("Error"))
    });
    match kind {
        Some(kind) => format!("duckdb {}", kind.to_lowercase()),
        None => "duckdb".to_owned(),
    }
}

#[cfg(test)]
mod tests;
