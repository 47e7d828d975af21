//! A stand-in for a session that nobody named.

use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// What the calls under one outermost span have in common, kept with that span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Trace(u128);

impl Trace {
    /// Makes one that no other has, in this process or in another.
    pub(crate) fn fresh() -> Self {
        static PROCESS: LazyLock<RandomState> = LazyLock::new(RandomState::new);
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let halves = [PROCESS.hash_one((count, "high")), PROCESS.hash_one((count, "low"))];
        Self(u128::from(halves[0]) << 64 | u128::from(halves[1]))
    }

    pub(crate) fn id(self) -> String {
        format!("{:032x}", self.0)
    }
}
