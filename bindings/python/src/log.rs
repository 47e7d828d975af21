//! What the worker says, through Python's `logging`.

use std::sync::Arc;

use modelstat::engine::Notice;
use pyo3::prelude::*;

use crate::interpreter;

/// The function `warn(kind, message)` of the package, which says the same at most once a minute.
#[derive(Clone)]
pub(crate) struct Log(Arc<Py<PyAny>>);

impl Log {
    pub(crate) fn new(warn: Py<PyAny>) -> Self {
        Self(Arc::new(warn))
    }

    /// Says something. The message never holds captured text.
    pub(crate) fn warn(&self, py: Python<'_>, kind: &str, message: &str) {
        // It does not raise; if it did, there would be nobody to tell.
        drop(self.0.call1(py, (kind, message)));
    }

    /// Says what the core has to say.
    pub(crate) fn tell(&self, notice: Notice) {
        let (kind, message) = match notice {
            Notice::Dropped { reason, calls } => {
                (reason.name(), format!("calls were dropped ({}): {calls}", reason.name()))
            }
            Notice::Unauthorized => {
                ("ingest_key", "the ingest key is not accepted; sending pauses".to_owned())
            }
            Notice::PolicyOverridden => (
                "policy_overridden",
                "RedactionPolicy.NONE holds toward this machine only; texts were redacted"
                    .to_owned(),
            ),
            Notice::RedactionFailed => {
                ("redaction_failed", "a text could not be redacted and was dropped".to_owned())
            }
            _ => ("worker", "the worker met a fault of its own and went on".to_owned()),
        };
        interpreter::attach(|py| self.warn(py, kind, &message));
    }
}
