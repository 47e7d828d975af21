//! The native core of the Python package `modelstat`.
//!
//! `Recorder` puts references to Python objects in the queue of the crate `modelstat`. Its worker reads them
//! in short slices with the GIL and gives it back while it redacts, encodes and sends.

mod arguments;
mod batch;
mod conversion;
mod fields;
mod functions;
mod interpreter;
mod json;
mod log;
mod reading;
mod recorder;
mod settings;
mod snapshot;
mod texts;
mod transport;
mod usage;

use pyo3::prelude::*;

/// The native core of `modelstat`; not to be used by itself.
#[pymodule]
mod _core {
    #[pymodule_export]
    use crate::batch::build_batch;
    #[pymodule_export]
    use crate::fields::CallFields;
    #[pymodule_export]
    use crate::functions::{batch_id, cap_metadata, content_hash, redact, source_event_id};
    #[pymodule_export]
    use crate::interpreter::finalise;
    #[pymodule_export]
    use crate::recorder::{Intake, Recorder, use_tags};
    #[pymodule_export]
    use crate::usage::{UsageStream, map_span, normalise_usage};
}
