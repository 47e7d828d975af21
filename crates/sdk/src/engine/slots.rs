//! A bounded queue whose few slots in use stay warm.

use std::mem::{replace, swap};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use crossbeam_queue::ArrayQueue;

use super::Item;

/// The end of the list of free slots.
const NONE: u32 = u32::MAX;

/// A queue of large items, in order, without allocation.
///
/// A ring would walk through all of its memory, and each item would land where the processor's
/// caches have nothing: most of what recording costs. Here the slot that was freed last is filled
/// next, and only the slots' numbers go through a ring.
pub(crate) struct Slots<T> {
    /// Never contended: a number is in one hand at a time. The locks say so without unsafe code.
    items: Box<[Mutex<T>]>,
    free: Free,
    filled: ArrayQueue<u32>,
}

impl<T: Item> Slots<T> {
    pub(crate) fn new(capacity: u32) -> Self {
        Self {
            items: (0..capacity).map(|_| Mutex::new(T::vacant())).collect(),
            free: Free::new(capacity),
            filled: ArrayQueue::new(capacity.max(1) as usize),
        }
    }

    /// Puts an item at the end, and leaves a vacant one; returns whether there was a slot.
    ///
    /// By reference: passed by value, a large item is moved once more at each level.
    #[inline]
    pub(crate) fn push(&self, item: &mut T) -> bool {
        let Some(number) = self.free.take() else { return false };
        let Ok(mut slot) = self.items[number as usize].try_lock() else { return false };
        swap(&mut *slot, item);
        drop(slot);
        self.filled.push(number).is_ok()
    }

    /// Takes the item that has waited longest.
    pub(crate) fn pop(&self) -> Option<T> {
        let number = self.filled.pop()?;
        let item = replace(&mut *self.items[number as usize].try_lock().ok()?, T::vacant());
        self.free.give(number);
        Some(item)
    }

    pub(crate) fn len(&self) -> usize {
        self.filled.len()
    }
}

/// The numbers of free slots, last in, first out.
struct Free {
    /// The first number, below a count of changes: a number that left and came back meanwhile is
    /// not taken for one that stayed.
    first: AtomicU64,
    /// What follows each number.
    next: Box<[AtomicU32]>,
}

impl Free {
    fn new(capacity: u32) -> Self {
        let next = |number| if number + 1 == capacity { NONE } else { number + 1 };
        Self {
            first: AtomicU64::new(u64::from(if capacity == 0 { NONE } else { 0 })),
            next: (0..capacity).map(|number| AtomicU32::new(next(number))).collect(),
        }
    }

    #[inline]
    fn take(&self) -> Option<u32> {
        let mut first = self.first.load(Ordering::Acquire);
        loop {
            let (changes, number) = unpack(first);
            let next = self.next.get(number as usize)?.load(Ordering::Relaxed);
            let then = pack(changes.wrapping_add(1), next);
            match self.first.compare_exchange_weak(
                first,
                then,
                Ordering::Acquire,
                Ordering::Acquire,
            ) {
                Ok(_) => return Some(number),
                Err(now) => first = now,
            }
        }
    }

    fn give(&self, number: u32) {
        let mut first = self.first.load(Ordering::Relaxed);
        loop {
            let (changes, next) = unpack(first);
            self.next[number as usize].store(next, Ordering::Relaxed);
            let then = pack(changes.wrapping_add(1), number);
            match self.first.compare_exchange_weak(
                first,
                then,
                Ordering::Release,
                Ordering::Relaxed,
            ) {
                Ok(_) => return,
                Err(now) => first = now,
            }
        }
    }
}

fn pack(changes: u32, number: u32) -> u64 {
    u64::from(changes) << 32 | u64::from(number)
}

fn unpack(word: u64) -> (u32, u32) {
    #[expect(clippy::cast_possible_truncation, reason = "the two halves of the word")]
    let halves = ((word >> 32) as u32, word as u32);
    halves
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    impl Item for u64 {
        fn size(&self) -> usize {
            size_of::<Self>()
        }

        fn vacant() -> Self {
            0
        }
    }

    #[test]
    fn items_come_out_in_the_order_they_went_in() {
        let slots = Slots::new(3);
        let push = |mut item: u64| slots.push(&mut item);
        assert!(push(1) && push(2));
        assert_eq!(slots.pop(), Some(1));
        assert!(push(3) && push(4) && !push(5));
        assert_eq!(slots.len(), 3);
        assert_eq!([(); 4].map(|()| slots.pop()), [Some(2), Some(3), Some(4), None]);
        assert!(!Slots::new(0).push(&mut 1));
    }

    #[test]
    fn the_slot_that_was_freed_last_is_filled_next() {
        let free = Free::new(8);
        let first = free.take();
        free.take();
        free.give(first.expect("eight are free"));
        assert_eq!(free.take(), first);
    }

    #[test]
    fn nothing_is_lost_or_doubled_between_threads() {
        const EACH: u64 = 20_000;
        const PUSHERS: u64 = 3;
        let slots = Slots::new(16);
        let mut last = [0; 3];
        let taken = thread::scope(|scope| {
            for pusher in 0..PUSHERS {
                let slots = &slots;
                scope.spawn(move || {
                    for number in 1..=EACH {
                        let mut item = number * PUSHERS + pusher;
                        while !slots.push(&mut item) {
                            thread::yield_now();
                        }
                    }
                });
            }
            let mut taken = 0;
            while taken < PUSHERS * EACH {
                let Some(item) = slots.pop() else {
                    thread::yield_now();
                    continue;
                };
                let pusher = usize::try_from(item % PUSHERS).unwrap_or_default();
                let number = item / PUSHERS;
                assert_eq!(number, last[pusher] + 1, "each pusher's items keep their order");
                last[pusher] = number;
                taken += 1;
            }
            taken
        });
        assert_eq!((taken, slots.pop()), (PUSHERS * EACH, None));
    }
}
