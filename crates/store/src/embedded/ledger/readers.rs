//! The connections that questions are asked through.

use std::sync::{Condvar, Mutex, PoisonError, RwLock, RwLockWriteGuard};

use duckdb::Connection;

use crate::LedgerError;

/// Questions answered at the same time; more wait, since each may use all of the engine's threads.
const READERS: usize = 4;

/// A few connections, lent one at a time.
pub(super) struct Readers {
    idle: Mutex<Vec<Connection>>,
    returned: Condvar,
    /// Held for reading by each question, and for writing while there must be none.
    open: RwLock<()>,
}

impl Readers {
    pub(super) fn open(writer: &Connection) -> Result<Self, duckdb::Error> {
        let idle = (0..READERS).map(|_| writer.try_clone()).collect::<Result<_, _>>()?;
        Ok(Self { idle: Mutex::new(idle), returned: Condvar::new(), open: RwLock::new(()) })
    }

    /// Reads within one transaction, so that all of an answer is of one moment.
    pub(super) fn read<T, E: Into<LedgerError>>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, E>,
    ) -> Result<T, LedgerError> {
        let _open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        let lent = Lent { readers: self, connection: Some(self.take()) };
        let connection = lent.connection.as_ref().expect("it is taken back when dropped");
        let transaction = connection.unchecked_transaction()?;
        let result = read(&transaction).map_err(Into::into);
        transaction.rollback()?;
        result
    }

    /// Waits until no question is being answered, and lets none begin until the guard is dropped.
    pub(super) fn pause(&self) -> RwLockWriteGuard<'_, ()> {
        self.open.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> Connection {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(connection) = idle.pop() {
                return connection;
            }
            idle = self.returned.wait(idle).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// Gives a connection back, also when reading panics.
struct Lent<'a> {
    readers: &'a Readers,
    connection: Option<Connection>,
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        let mut idle = self.readers.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.extend(self.connection.take());
        self.readers.returned.notify_one();
    }
}
