//! Whether Python may still be touched.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use pyo3::prelude::*;

/// Set when the interpreter is about to be finalised.
static IS_GONE: AtomicBool = AtomicBool::new(false);
/// How many native threads are inside Python, or about to be.
static INSIDE: AtomicUsize = AtomicUsize::new(0);
/// How long the end of the interpreter waits for them. They are in there for a slice of reading, or for a
/// line of the log.
const LEAVING_TIMEOUT: Duration = Duration::from_millis(500);

/// Tells native threads to leave the interpreter alone from now on, and waits until they have left. Called
/// last by the hook at exit.
#[pyfunction]
pub(crate) fn finalise(py: Python<'_>) {
    IS_GONE.store(true, Ordering::SeqCst);
    let until = Instant::now() + LEAVING_TIMEOUT;
    py.detach(|| {
        while INSIDE.load(Ordering::SeqCst) > 0 && Instant::now() < until {
            thread::sleep(Duration::from_millis(1));
        }
    });
}

pub(crate) fn is_gone() -> bool {
    IS_GONE.load(Ordering::SeqCst)
}

/// Runs something short with the GIL on a native thread, unless the interpreter is going or gone.
pub(crate) fn attach<R>(work: impl FnOnce(Python<'_>) -> R) -> Option<R> {
    let _inside = Inside::enter();
    // Asked after entering: `finalise` either sees us or is seen.
    if is_gone() {
        return None;
    }
    Python::try_attach(work)
}

struct Inside;

impl Inside {
    fn enter() -> Self {
        INSIDE.fetch_add(1, Ordering::SeqCst);
        Self
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        INSIDE.fetch_sub(1, Ordering::SeqCst);
    }
}
