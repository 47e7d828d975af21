//! Places at which tests kill the process, to prove that nothing is lost there.
//!
//! They exist in builds with debug assertions only; in a release build a place is nothing at all. A crate
//! for this exists, but none of its actions ends the process: what it offers is a panic, and the daemon's
//! threads survive panics by design.

/// Every place, in the order of a batch's way.
pub const POINTS: [&str; 17] = [
    "before_commit",
    "after_commit",
    "before_apply",
    "after_apply",
    "before_close",
    "after_close",
    "before_intent",
    "after_intent",
    "after_answer",
    "before_shipped",
    "after_shipped",
    "before_halve",
    "after_halve",
    "before_quarantine",
    "after_quarantine",
    "before_checkpoint",
    "after_checkpoint",
];

#[cfg(debug_assertions)]
mod armed {
    use std::sync::{Mutex, PoisonError};

    static ARMED: Mutex<Option<(String, u32)>> = Mutex::new(None);

    /// Ends the process, as a power cut does, when a place has been passed a number of times before.
    pub fn arm(point: &str, passes: u32) {
        *ARMED.lock().unwrap_or_else(PoisonError::into_inner) = Some((point.to_owned(), passes));
    }

    pub(crate) fn reach(point: &str) {
        let mut armed = ARMED.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((at, passes)) = armed.as_mut() else { return };
        if at != point {
            return;
        }
        match passes.checked_sub(1) {
            Some(left) => *passes = left,
            None => std::process::abort(),
        }
    }
}

#[cfg(debug_assertions)]
pub use armed::arm;
#[cfg(debug_assertions)]
pub(crate) use armed::reach;

/// Does nothing: a release build has no places.
#[cfg(not(debug_assertions))]
pub const fn arm(_: &str, _: u32) {}

#[cfg(not(debug_assertions))]
#[inline]
pub(crate) const fn reach(_: &str) {}
