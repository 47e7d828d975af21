//! Where items wait.

use std::sync::atomic::{AtomicU64, Ordering};

use crossbeam_queue::SegQueue;

use super::slots::Slots;
use super::{DropReason, Item};

/// Up to here slots are laid out at once, so that nothing is allocated later.
const LAID_OUT_SLOTS: u32 = 8_192;
/// Most slots; the count shares a word with the bytes.
const MAX_SLOTS: usize = (1 << 24) - 2;
/// Most bytes; see [`MAX_SLOTS`].
const MAX_BYTES: usize = 1 << 38;
/// One slot in the shared word.
const SLOT: u64 = 1 << 40;

enum Room<T> {
    LaidOut(Box<Slots<T>>),
    Growing(Box<SegQueue<T>>),
}

/// A queue that is bounded in items and in bytes, both counted until an item has its outcome.
pub(crate) struct Queue<T> {
    room: Room<T>,
    capacity: usize,
    byte_budget: usize,
    /// Slots above bit 40, bytes below: one addition reserves both.
    held: AtomicU64,
}

/// How much waits or is being sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) slots: usize,
    pub(crate) bytes: usize,
}

impl Held {
    fn unpack(word: u64) -> Self {
        let small = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        Self { slots: small(word >> 40), bytes: small(word & (SLOT - 1)) }
    }
}

impl<T: Item> Queue<T> {
    pub(crate) fn new(capacity: usize, byte_budget: usize) -> Self {
        let capacity = capacity.min(MAX_SLOTS);
        let room = match u32::try_from(capacity) {
            Ok(slots @ ..=LAID_OUT_SLOTS) => Room::LaidOut(Box::new(Slots::new(slots))),
            _ => Room::Growing(Box::default()),
        };
        Self { room, capacity, byte_budget: byte_budget.min(MAX_BYTES), held: AtomicU64::new(0) }
    }

    /// Keeps a place for an item, or says why not; returns what is held with it.
    #[inline]
    pub(crate) fn reserve(&self, bytes: usize) -> Result<Held, DropReason> {
        if bytes > self.byte_budget {
            return Err(DropReason::TooLarge);
        }
        let reserved = SLOT + bytes as u64;
        // Relaxed is enough: the queue itself orders what is in the slots.
        let before = Held::unpack(self.held.fetch_add(reserved, Ordering::Relaxed));
        let refused = if before.slots >= self.capacity {
            Some(DropReason::QueueFull)
        } else if before.bytes + bytes > self.byte_budget {
            Some(DropReason::BytesFull)
        } else {
            None
        };
        match refused {
            None => Ok(Held { slots: before.slots + 1, bytes: before.bytes + bytes }),
            Some(reason) => {
                self.held.fetch_sub(reserved, Ordering::Relaxed);
                Err(reason)
            }
        }
    }

    /// Puts an item into the place that was kept for it, and leaves a vacant one.
    #[inline]
    pub(crate) fn put(&self, item: &mut T) {
        match &self.room {
            Room::LaidOut(slots) => {
                let is_in = slots.push(item);
                debug_assert!(is_in, "the place was kept, and is given back after the slot is");
            }
            Room::Growing(queue) => queue.push(std::mem::replace(item, T::vacant())),
        }
    }

    /// Why another item would be refused whatever it is.
    pub(crate) fn refusal(&self) -> Option<DropReason> {
        let held = self.held();
        if held.bytes >= self.byte_budget {
            Some(DropReason::BytesFull)
        } else {
            (held.slots >= self.capacity).then_some(DropReason::QueueFull)
        }
    }

    pub(crate) fn pop(&self) -> Option<T> {
        match &self.room {
            Room::LaidOut(slots) => slots.pop(),
            Room::Growing(queue) => queue.pop(),
        }
    }

    /// How many items wait to be taken.
    pub(crate) fn len(&self) -> usize {
        match &self.room {
            Room::LaidOut(slots) => slots.len(),
            Room::Growing(queue) => queue.len(),
        }
    }

    /// What waits or is being sent.
    pub(crate) fn held(&self) -> Held {
        Held::unpack(self.held.load(Ordering::Relaxed))
    }

    /// Gives slots and bytes back.
    pub(crate) fn release(&self, slots: usize, bytes: usize) {
        self.held.fetch_sub(slots as u64 * SLOT + bytes as u64, Ordering::Relaxed);
    }

    /// Takes more bytes for what is held already.
    pub(crate) fn hold_bytes(&self, bytes: usize) {
        self.held.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(queue: &Queue<u64>, mut item: u64, bytes: usize) -> Result<Held, DropReason> {
        let held = queue.reserve(bytes)?;
        queue.put(&mut item);
        Ok(held)
    }

    #[test]
    fn slots_and_bytes_are_bounded_until_released() {
        for capacity in [2, LAID_OUT_SLOTS as usize * 2] {
            let queue = Queue::new(capacity, 10);
            assert_eq!(push(&queue, 1, 4), Ok(Held { slots: 1, bytes: 4 }));
            assert_eq!(push(&queue, 2, 11), Err(DropReason::TooLarge));
            assert_eq!(push(&queue, 2, 7), Err(DropReason::BytesFull));
            assert_eq!(push(&queue, 2, 6), Ok(Held { slots: 2, bytes: 10 }));
            let refused = push(&queue, 3, 0).err();
            assert_eq!(refused, (capacity == 2).then_some(DropReason::QueueFull));
            assert_eq!(queue.pop(), Some(1));
            queue.release(1, 4);
            assert_eq!(queue.held().bytes, 6);
        }
    }

    #[test]
    fn a_queue_without_slots_takes_nothing() {
        assert_eq!(push(&Queue::new(0, 10), 1, 1), Err(DropReason::QueueFull));
    }
}
