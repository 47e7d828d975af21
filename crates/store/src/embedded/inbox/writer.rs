//! The one thread that writes the inbox, with its bounded queue.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use zstd::bulk::Compressor;

use super::entries;
use crate::embedded::DiskReserve;
use crate::{InboxEntry, InboxError, Receipt};

/// Most entries that wait for the writer: more than any flush takes, so that reaching it means that
/// the disk has fallen behind.
const MAX_WAITING: usize = 4_096;

/// Most bytes that wait for the writer; one entry alone may be larger.
const MAX_WAITING_BYTES: usize = 64 * 1024 * 1024;

/// What one group commits at most, beyond its last entry.
const GROUP_BYTES: usize = 1024 * 1024;

/// How long one group is filled at most.
const GROUP_TIME: Duration = Duration::from_millis(2);

/// Fast, and four times smaller than the encoding.
const COMPRESSION_LEVEL: i32 = 1;

type Done = Box<dyn FnOnce(Result<Receipt, InboxError>) + Send>;
type Work = Box<dyn FnOnce(&mut Connection) + Send>;

enum Command {
    Commit(Box<InboxEntry>, Done),
    Run(Work),
}

/// Hands entries to the thread that commits them. Dropping it commits what waits and joins the thread.
pub(super) struct Writer {
    commands: Option<SyncSender<Command>>,
    waiting_bytes: Arc<AtomicUsize>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(super) fn start(
        connection: Connection,
        folder: PathBuf,
        reserve: DiskReserve,
        max_text_bytes: u64,
    ) -> io::Result<Self> {
        let (commands, queue) = sync_channel(MAX_WAITING);
        let waiting_bytes = Arc::new(AtomicUsize::new(0));
        let compressor = Compressor::new(COMPRESSION_LEVEL)?;
        let state = State {
            connection,
            compressor,
            folder,
            reserve,
            max_text_bytes,
            waiting_bytes: Arc::clone(&waiting_bytes),
        };
        let thread = std::thread::Builder::new()
            .name("inbox".to_owned())
            .spawn(move || state.serve(&queue))?;
        Ok(Self { commands: Some(commands), waiting_bytes, thread: Some(thread) })
    }

    /// Queues an entry, or answers at once that there is no room.
    pub(super) fn commit(&self, entry: InboxEntry, done: Done) {
        let Some(commands) = &self.commands else {
            return done(Err(InboxError::Closed));
        };
        let bytes = entry.waiting_bytes();
        let before = self.waiting_bytes.fetch_add(bytes, Ordering::Relaxed);
        if before > 0 && before.saturating_add(bytes) > MAX_WAITING_BYTES {
            self.waiting_bytes.fetch_sub(bytes, Ordering::Relaxed);
            return done(Err(InboxError::Full));
        }
        let (command, error) = match commands.try_send(Command::Commit(Box::new(entry), done)) {
            Ok(()) => return,
            Err(TrySendError::Full(command)) => (command, InboxError::Full),
            Err(TrySendError::Disconnected(command)) => (command, InboxError::Closed),
        };
        self.waiting_bytes.fetch_sub(bytes, Ordering::Relaxed);
        if let Command::Commit(_, done) = command {
            done(Err(error));
        }
    }

    /// Runs something between two groups, and waits for it.
    pub(super) fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, InboxError> {
        let (answer, answered) = sync_channel(1);
        let work: Work = Box::new(move |connection| {
            // Nobody waits any more only if the asking thread is gone.
            drop(answer.send(work(connection)));
        });
        let commands = self.commands.as_ref().ok_or(InboxError::Closed)?;
        commands.send(Command::Run(work)).map_err(|_| InboxError::Closed)?;
        Ok(answered.recv().map_err(|_| InboxError::Closed)??)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.commands.take());
        let is_own = |thread: &JoinHandle<()>| thread.thread().id() == std::thread::current().id();
        // The last owner may be a callback that the thread itself runs: it ends after that one.
        if let Some(thread) = self.thread.take().filter(|thread| !is_own(thread)) {
            // A panic of the writer has been reported by the panic hook; its entries were answered
            // by their callbacks being dropped.
            drop(thread.join());
        }
    }
}

struct State {
    connection: Connection,
    compressor: Compressor<'static>,
    folder: PathBuf,
    reserve: DiskReserve,
    /// What is kept of one org's text.
    max_text_bytes: u64,
    waiting_bytes: Arc<AtomicUsize>,
}

impl State {
    /// Takes groups until the queue is closed and empty.
    fn serve(mut self, queue: &Receiver<Command>) {
        while let Ok(command) = queue.recv() {
            let work = match command {
                Command::Run(work) => Some(work),
                Command::Commit(entry, done) => self.commit_group(queue, (entry, done)),
            };
            if let Some(work) = work {
                work(&mut self.connection);
            }
        }
    }

    /// Commits an entry together with those that wait behind it. Returns what must run next.
    fn commit_group(
        &mut self,
        queue: &Receiver<Command>,
        first: (Box<InboxEntry>, Done),
    ) -> Option<Work> {
        let (group, next) = gather(queue, first);
        let bytes: usize = group.iter().map(|(entry, _)| entry.waiting_bytes()).sum();
        let result = self.write(&group, bytes);
        self.waiting_bytes.fetch_sub(bytes, Ordering::Relaxed);
        match result {
            Ok(receipts) => {
                for ((_, done), receipt) in group.into_iter().zip(receipts) {
                    done(Ok(receipt));
                }
            }
            Err(error) => {
                for (_, done) in group {
                    done(Err(error.clone()));
                }
            }
        }
        next
    }

    fn write(
        &mut self,
        group: &[(Box<InboxEntry>, Done)],
        bytes: usize,
    ) -> Result<Vec<Receipt>, InboxError> {
        if !self.reserve.is_kept(&self.folder, bytes as u64).unwrap_or(false) {
            return Err(InboxError::DiskReserve);
        }
        let transaction = self.connection.transaction()?;
        let mut receipts = Vec::with_capacity(group.len());
        for (entry, _) in group {
            let (compressor, most) = (&mut self.compressor, self.max_text_bytes);
            receipts.push(entries::insert(&transaction, compressor, entry, most)?);
        }
        transaction.commit()?;
        Ok(receipts)
    }
}

/// Takes what waits, up to a group's size and time, and never waits for more: while one group is
/// flushed the next one gathers by itself.
fn gather(
    queue: &Receiver<Command>,
    first: (Box<InboxEntry>, Done),
) -> (Vec<(Box<InboxEntry>, Done)>, Option<Work>) {
    let begun = Instant::now();
    let mut bytes = first.0.waiting_bytes();
    let mut group = vec![first];
    while bytes < GROUP_BYTES && begun.elapsed() < GROUP_TIME {
        match queue.try_recv() {
            Ok(Command::Commit(entry, done)) => {
                bytes += entry.waiting_bytes();
                group.push((entry, done));
            }
            Ok(Command::Run(work)) => return (group, Some(work)),
            Err(_) => break,
        }
    }
    (group, None)
}
