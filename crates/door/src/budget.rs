//! How much memory bodies may take together, and who makes room when it is short.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use crate::refusal::{Refusal, refuse};

/// What a permit stands for, as a semaphore counts at most 2³² of them.
const UNIT: u64 = 1024;

/// How long a body may arrive before it makes room for others: 64 MiB from this machine take far less.
const LINGER: Duration = Duration::from_secs(1);

/// How long a body waits for the room that another one makes.
const ROOM_WAIT: Duration = Duration::from_secs(1);

/// How many bytes of bodies may be in memory at once, over all requests: as they came, and as many again
/// decompressed.
#[derive(Clone, Debug)]
pub struct BodyBudget(Arc<Shares>);

#[derive(Debug)]
struct Shares {
    arriving: Arc<Semaphore>,
    unpacked: Arc<Semaphore>,
    unpacked_units: usize,
    next: AtomicU64,
    /// Bodies that are arriving, the oldest first.
    open: Mutex<BTreeMap<u64, Open>>,
}

#[derive(Debug)]
struct Open {
    since: Instant,
    is_asked: bool,
    give_up: Arc<Notify>,
}

/// One body's share while it arrives.
pub(crate) struct Arriving {
    shares: Arc<Shares>,
    id: u64,
    give_up: Arc<Notify>,
    permit: Option<OwnedSemaphorePermit>,
    held: usize,
}

impl BodyBudget {
    /// Makes a budget of so many bytes.
    pub fn new(bytes: u64) -> Self {
        let units = units(bytes);
        Self(Arc::new(Shares {
            arriving: Arc::new(Semaphore::new(units)),
            unpacked: Arc::new(Semaphore::new(units)),
            unpacked_units: units,
            next: AtomicU64::new(0),
            open: Mutex::default(),
        }))
    }

    /// Opens a share that grows with the body: who announces much and sends little holds little.
    pub(crate) fn open(&self) -> Arriving {
        let id = self.0.next.fetch_add(1, Ordering::Relaxed);
        let give_up = Arc::new(Notify::new());
        let open = Open { since: Instant::now(), is_asked: false, give_up: Arc::clone(&give_up) };
        self.0.open.lock().unwrap_or_else(PoisonError::into_inner).insert(id, open);
        Arriving { shares: Arc::clone(&self.0), id, give_up, permit: None, held: 0 }
    }

    /// Takes the room that a packed body may need. The body is whole, so those before it need no client
    /// to go on.
    pub(crate) async fn unpack(
        &self,
        limit: usize,
        time: Duration,
    ) -> Result<OwnedSemaphorePermit, Refusal> {
        let wanted = units(limit as u64);
        if wanted > self.0.unpacked_units {
            return Err(refuse::BUSY);
        }
        let acquired = Arc::clone(&self.0.unpacked).acquire_many_owned(many(wanted));
        match tokio::time::timeout(time, acquired).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) | Err(_) => Err(refuse::BUSY),
        }
    }
}

impl Arriving {
    /// Returns when the body is to make room for others.
    pub(crate) async fn asked_to_give_up(&self) {
        self.give_up.notified().await;
    }

    /// Grows to hold so many bytes; when there is no room, the body that has been arriving for longest
    /// is given up, if it has for long.
    pub(crate) async fn grow(&mut self, bytes: usize) -> Result<(), Refusal> {
        let wanted = units(bytes as u64);
        let Some(more) = wanted.checked_sub(self.held).filter(|more| *more > 0) else {
            return Ok(());
        };
        let arriving = &self.shares.arriving;
        let permit = match Arc::clone(arriving).try_acquire_many_owned(many(more)) {
            Ok(permit) => permit,
            Err(_) if self.shares.ask_oldest(self.id) => {
                let acquired = Arc::clone(arriving).acquire_many_owned(many(more));
                let acquired = tokio::time::timeout(ROOM_WAIT, acquired).await;
                acquired.map_err(|_| refuse::BUSY)?.map_err(|_| refuse::BUSY)?
            }
            Err(_) => return Err(refuse::BUSY),
        };
        match &mut self.permit {
            Some(held) => held.merge(permit),
            None => self.permit = Some(permit),
        }
        self.held = wanted;
        Ok(())
    }

    /// The body is whole; what it holds goes with it.
    pub(crate) fn finish(mut self) -> Option<OwnedSemaphorePermit> {
        self.permit.take()
    }
}

impl Drop for Arriving {
    fn drop(&mut self) {
        self.shares.open.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.id);
    }
}

impl Shares {
    /// Asks the body that has been arriving for longest to give up; false when none has for long.
    fn ask_oldest(&self, who: u64) -> bool {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let mut others = open.iter_mut().filter(|(id, open)| **id != who && !open.is_asked);
        let Some((_, oldest)) =
            others.next().filter(|(_, oldest)| oldest.since.elapsed() >= LINGER)
        else {
            return false;
        };
        oldest.is_asked = true;
        oldest.give_up.notify_one();
        true
    }
}

fn units(bytes: u64) -> usize {
    usize::try_from(bytes.div_ceil(UNIT)).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS)
}

fn many(units: usize) -> u32 {
    u32::try_from(units).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_that_lingers_makes_room_and_a_fresh_one_does_not() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        runtime.expect("a runtime").block_on(async {
            let budget = BodyBudget::new(64 * 1024);
            let mut first = budget.open();
            first.grow(60 * 1024).await.expect("room");
            let mut second = budget.open();
            assert_eq!(second.grow(32 * 1024).await, Err(refuse::BUSY));
            let long_ago = Instant::now().checked_sub(2 * LINGER).expect("a running clock");
            budget.0.open.lock().expect("whole").get_mut(&first.id).expect("open").since = long_ago;
            let gives_up = async {
                first.asked_to_give_up().await;
                drop(first);
            };
            let (grown, ()) = tokio::join!(second.grow(32 * 1024), gives_up);
            assert_eq!(grown, Ok(()));
            drop(second.finish());
            assert_eq!(budget.0.arriving.available_permits(), 64);
        });
    }
}
