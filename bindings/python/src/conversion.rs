//! From what waited to calls of the core, on the worker's thread.

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
}

impl Conversion {
    pub(crate) fn new(log: Log) -> Self {
        Self { log }
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
                Some(draft) => drafts.push(draft),
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
}

fn read(py: Python<'_>, item: &Snapshot) -> Option<Draft> {
    let fields = item.fields.as_ref()?.bind(py);
    let ambient = item.ambient.as_ref().map(|tags| tags.bind(py));
    read_call(fields, ambient).ok()
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
        Box::new(Self::new(self.log.clone()))
    }
}
