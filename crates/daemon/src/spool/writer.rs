//! The one thread that commits what arrives.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use tokio::sync::oneshot;

use super::{CommitError, Entry, Receipt, Spool};
use crate::wake::Wake;

/// Most requests that wait to be committed: one a connection.
const MAX_WAITING: usize = 1_024;

/// Most bytes of one commit, which is about what a disk flushes in a few milliseconds.
const MAX_GROUP_BYTES: usize = 1024 * 1024;

/// Most requests of one commit.
const MAX_GROUP: usize = 256;

enum Message {
    Commit(Entry, oneshot::Sender<Result<Receipt, CommitError>>),
    Stop,
}

/// Hands requests to the thread.
///
/// What waits is committed together; nothing waits for company, since the flush of one commit gathers the
/// next.
#[derive(Clone)]
pub(crate) struct Writer {
    sender: SyncSender<Message>,
}

impl Writer {
    /// Starts the thread; it rings the bell whenever something was taken.
    pub(crate) fn start(
        spool: Arc<Spool>,
        pipeline: Arc<Wake>,
    ) -> std::io::Result<(Self, JoinHandle<()>)> {
        let (sender, receiver) = sync_channel(MAX_WAITING);
        let thread = std::thread::Builder::new()
            .name("modelstat-spool".to_owned())
            .spawn(move || run(&spool, &receiver, &pipeline))?;
        Ok((Self { sender }, thread))
    }

    /// Commits a request; returns once it is on disk or has failed.
    pub(crate) async fn commit(&self, entry: Entry) -> Result<Receipt, CommitError> {
        let (reply, answer) = oneshot::channel();
        match self.sender.try_send(Message::Commit(entry, reply)) {
            Ok(()) => answer.await.unwrap_or(Err(CommitError::Closed)),
            Err(TrySendError::Full(_)) => Err(CommitError::Full),
            Err(TrySendError::Disconnected(_)) => Err(CommitError::Closed),
        }
    }

    /// Ends the thread once it has committed what waits.
    pub(crate) fn stop(&self) {
        // A thread that has ended already needs no word.
        drop(self.sender.send(Message::Stop));
    }
}

fn run(spool: &Spool, receiver: &Receiver<Message>, pipeline: &Wake) {
    let mut is_stopping = false;
    while !is_stopping {
        let Ok(mut message) = receiver.recv() else { return };
        let (mut entries, mut replies) = (Vec::new(), Vec::new());
        let mut bytes = 0;
        loop {
            match message {
                Message::Commit(entry, reply) => {
                    bytes += entry.body.as_ref().map_or(0, Vec::len);
                    entries.push(entry);
                    replies.push(reply);
                }
                Message::Stop => is_stopping = true,
            }
            if is_stopping || bytes >= MAX_GROUP_BYTES || entries.len() >= MAX_GROUP {
                break;
            }
            let Ok(next) = receiver.try_recv() else { break };
            message = next;
        }
        if entries.is_empty() {
            continue;
        }
        // A panic rolls the commit back; its senders find their replies dropped, and send again.
        let committed = catch_unwind(AssertUnwindSafe(|| spool.commit(&mut entries)));
        for (reply, receipt) in replies.into_iter().zip(committed.unwrap_or_default()) {
            if reply.send(receipt).is_err() {
                tracing::debug!("a sender hung up; it will send again and be told of a repeat");
            }
        }
        pipeline.ring();
    }
}
