//! Who is connected: a connection that stands still makes room for one that comes.
//!
//! A program of this machine may open as many connections as it likes and say nothing. It then waits for
//! its own: when there is no room, the connection that has not moved for longest is ended, unless its
//! request is being worked on.

use std::collections::BTreeMap;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use axum::body::{Body, HttpBody};
use bytes::Bytes;
use hyper::body::{Frame, Incoming, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Notify;

use crate::framing::{Framing, Heads};

/// The connections of one listener.
pub(crate) struct Connections {
    limit: usize,
    start: Instant,
    open: Mutex<Open>,
    freed: Notify,
}

#[derive(Default)]
struct Open {
    next: u64,
    activities: BTreeMap<u64, Arc<Activity>>,
}

/// What one connection does.
pub(crate) struct Activity {
    start: Instant,
    /// Milliseconds from the start to the last byte in either direction.
    moved_ms: AtomicU64,
    /// The request is whole, and its answer is not: the client is not who is waited for.
    is_working: AtomicBool,
    /// Bytes came, and none went back since.
    has_unanswered: AtomicBool,
    heads: Mutex<Heads>,
    cut: Notify,
}

/// A connection's place among the others, given back when it is dropped.
pub(crate) struct Place {
    connections: Arc<Connections>,
    id: u64,
    pub(crate) activity: Arc<Activity>,
}

impl Connections {
    pub(crate) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self {
            limit,
            start: Instant::now(),
            open: Mutex::default(),
            freed: Notify::new(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a place; returns it with whether another connection was ended for it. Waits only while
    /// every connection's request is being worked on.
    pub(crate) async fn enter(self: &Arc<Self>) -> (Place, bool) {
        loop {
            let was_full = self.lock().activities.len() >= self.limit;
            if !was_full || self.end_stillest() {
                return (self.place(), was_full);
            }
            self.freed.notified().await;
        }
    }

    /// Ends the connection that has not moved for longest; false when all are worked on.
    pub(crate) fn end_stillest(&self) -> bool {
        let mut open = self.lock();
        let still = open.activities.iter().filter(|(_, activity)| !activity.is_working());
        let stillest = still.min_by_key(|(_, activity)| activity.moved_ms.load(Ordering::Relaxed));
        let Some(id) = stillest.map(|(id, _)| *id) else { return false };
        if let Some(activity) = open.activities.remove(&id) {
            activity.cut.notify_one();
        }
        true
    }

    fn place(self: &Arc<Self>) -> Place {
        let activity = Arc::new(Activity {
            start: self.start,
            moved_ms: AtomicU64::new(0),
            is_working: AtomicBool::new(false),
            has_unanswered: AtomicBool::new(false),
            heads: Mutex::default(),
            cut: Notify::new(),
        });
        activity.move_on();
        let mut open = self.lock();
        let id = open.next;
        open.next += 1;
        open.activities.insert(id, Arc::clone(&activity));
        Place { connections: Arc::clone(self), id, activity }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.connections.lock().activities.remove(&self.id);
        self.connections.freed.notify_one();
    }
}

// Relaxed is enough throughout: the values choose a victim, and are never used to reach memory.
impl Activity {
    /// Whether the head of a request is on its way, as opposed to none.
    pub(crate) fn has_unanswered(&self) -> bool {
        self.has_unanswered.load(Ordering::Relaxed)
    }

    /// How the next request that the HTTP library found says where its body ends.
    pub(crate) fn next_framing(&self) -> Option<Framing> {
        self.heads().next()
    }

    fn heads(&self) -> MutexGuard<'_, Heads> {
        self.heads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns when the connection is to end: for another one, or as it stood still for so long.
    pub(crate) async fn ended(&self, longest: Duration) -> Ended {
        loop {
            let still = self.still_for();
            if still >= longest && !self.is_working() {
                return Ended::Stalled;
            }
            let wait = longest.saturating_sub(still).max(Duration::from_millis(10));
            tokio::select! {
                () = self.cut.notified() => return Ended::Displaced,
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// The answer is made; what is left is the client's reading.
    pub(crate) fn answer(&self) {
        self.is_working.store(false, Ordering::Relaxed);
    }

    fn work(&self) {
        self.is_working.store(true, Ordering::Relaxed);
    }

    fn is_working(&self) -> bool {
        self.is_working.load(Ordering::Relaxed)
    }

    fn move_on(&self) {
        let moved = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.moved_ms.store(moved, Ordering::Relaxed);
    }

    fn still_for(&self) -> Duration {
        let moved = Duration::from_millis(self.moved_ms.load(Ordering::Relaxed));
        self.start.elapsed().saturating_sub(moved)
    }
}

/// Why a connection was ended by us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// Another one needed the room.
    Displaced,
    /// Nothing moved.
    Stalled,
}

/// A socket that notes when bytes move.
pub(crate) struct Watched<S> {
    pub(crate) socket: S,
    pub(crate) activity: Arc<Activity>,
}

impl<S> Watched<S> {
    fn wrote(&self, written: io::Result<usize>) -> io::Result<usize> {
        if written.as_ref().is_ok_and(|count| *count > 0) {
            self.activity.has_unanswered.store(false, Ordering::Relaxed);
            self.activity.move_on();
        }
        written
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = ready!(Pin::new(&mut self.socket).poll_read(context, buffer));
        if buffer.filled().len() > before {
            self.activity.has_unanswered.store(true, Ordering::Relaxed);
            self.activity.heads().read(&buffer.filled()[before..]);
            self.activity.move_on();
        }
        Poll::Ready(read)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.socket).poll_write(context, bytes));
        Poll::Ready(self.wrote(written))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.socket).poll_write_vectored(context, pieces));
        Poll::Ready(self.wrote(written))
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(context)
    }
}

/// A body that notes when all of it is there: from then on it is us who work.
struct Whole {
    body: Incoming,
    activity: Arc<Activity>,
}

/// Watches a request's body.
pub(crate) fn watch(body: Incoming, activity: Arc<Activity>) -> Body {
    if body.is_end_stream() {
        activity.work();
    }
    Body::new(Whole { body, activity })
}

impl HttpBody for Whole {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        if !matches!(frame, Some(Ok(_))) || self.body.is_end_stream() {
            self.activity.work();
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Who needs no more of the body has what it needs.
impl Drop for Whole {
    fn drop(&mut self) {
        self.activity.work();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(test: impl Future<Output = ()>) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        runtime.expect("a runtime").block_on(test);
    }

    #[test]
    fn the_stillest_connection_makes_room() {
        run(async {
            let connections = Connections::new(2);
            let (first, _) = connections.enter().await;
            let (second, _) = connections.enter().await;
            first.activity.moved_ms.store(2, Ordering::Relaxed);
            second.activity.moved_ms.store(1, Ordering::Relaxed);
            let (third, has_displaced) = connections.enter().await;
            assert!(has_displaced);
            let longest = Duration::from_mins(1);
            assert_eq!(second.activity.ended(longest).await, Ended::Displaced);
            first.activity.work();
            third.activity.work();
            assert!(!connections.end_stillest());
            drop(second);
            assert_eq!(connections.lock().activities.len(), 2);
        });
    }

    #[test]
    fn nobody_who_works_is_ended() {
        run(async {
            let connections = Connections::new(1);
            let (first, _) = connections.enter().await;
            first.activity.work();
            let soon = Duration::from_millis(20);
            assert!(tokio::time::timeout(soon, connections.enter()).await.is_err());
            assert!(tokio::time::timeout(soon, first.activity.ended(soon / 4)).await.is_err());
            drop(first);
            assert!(!connections.enter().await.1);
        });
    }
}
