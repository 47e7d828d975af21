//! From what waited to calls of the core, on the worker's thread.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use std::vec::IntoIter;

use modelstat::LlmCall;
use modelstat::engine::Convert;
use pyo3::prelude::*;

use crate::interpreter;
use crate::log::Log;
use crate::reading::{Draft, read_call};
use crate::snapshot::Snapshot;
use crate::texts::Text;

/// How long the GIL is held in one go. Other threads wait that long at most, and once it is given back
/// they have it for as long as they want.
const SLICE: Duration = Duration::from_micros(200);

/// Reads calls in short slices with the GIL, and copies their texts without it.
pub(crate) struct Conversion {
    log: Log,
    /// How many calls could not be taken quite as they were given.
    mended: Arc<AtomicU64>,
}

impl Conversion {
    pub(crate) fn new(log: Log, mended: Arc<AtomicU64>) -> Self {
        Self { log, mended }
    }

    /// Reads until the time is up; what was read before is dropped here, where the GIL is held.
    fn read_slice(
        &self,
        py: Python<'_>,
        items: &mut IntoIter<Snapshot>,
        spent: &mut Vec<Text>,
    ) -> (Vec<Draft>, usize) {
        let began = Instant::now();
        let mut drafts = Vec::new();
        let mut failed = 0;
        spent.clear();
        for item in items {
            match read(py, &item) {
                Some(draft) => {
                    if let Some(field) = draft.flaw {
                        self.mend(py, field);
                    }
                    drafts.push(draft);
                }
                None => failed += 1,
            }
            drop(item);
            if began.elapsed() >= SLICE {
                break;
            }
        }
        if failed > 0 {
            self.log.warn(
                py,
                "conversion_failed",
                "something was recorded that is no call; it was dropped",
            );
        }
        (drafts, failed)
    }

    fn mend(&self, py: Python<'_>, field: &str) {
        self.mended.fetch_add(1, Ordering::Relaxed);
        let message = format!(
            "a field of a call could not be taken as it was given ({field}); see stats().mended"
        );
        self.log.warn(py, "mended", &message);
    }
}

fn read(py: Python<'_>, item: &Snapshot) -> Option<Draft> {
    let ambient = item.ambient.as_ref().map(|tags| tags.bind(py));
    let mut draft = read_call(py, item.fields.as_ref()?, ambient).ok()?;
    if item.is_cut {
        draft.flaw = Some("a text that is too long");
    }
    Some(draft)
}

impl Convert<Snapshot> for Conversion {
    fn convert(&mut self, items: Vec<Snapshot>, to: &mut Vec<LlmCall>) -> usize {
        let mut items = items.into_iter();
        let mut spent = Vec::new();
        let mut failed = 0;
        while items.len() > 0 {
            let Some((drafts, failed_here)) =
                interpreter::attach(|py| self.read_slice(py, &mut items, &mut spent))
            else {
                failed += items.len();
                // Without an interpreter there is nobody to give the references back to.
                items.for_each(std::mem::forget);
                std::mem::forget(spent);
                return failed;
            };
            failed += failed_here;
            to.extend(drafts.into_iter().map(|draft| draft.finish(&mut spent)));
        }
        interpreter::attach(|_| spent.clear());
        failed
    }

    fn fresh(&self) -> Box<dyn Convert<Snapshot>> {
        Box::new(Self::new(self.log.clone(), Arc::clone(&self.mended)))
    }
}
