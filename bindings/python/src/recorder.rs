//! `Recorder`: the queue and the worker behind a client.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use modelstat::engine::{
    DropReason, Flushed, HttpSender, Item, Recorder as Engine, Transport, WorkerState,
};
use modelstat::{Config, Mode};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use crate::conversion::Conversion;
use crate::interpreter;
use crate::log::Log;
use crate::settings;
use crate::snapshot::Snapshot;
use crate::texts::Measure;
use crate::transport::{Limited, PythonTransport};

/// How long the worker of a client that nobody holds any more may take to send what waits.
const ABANDONED_TIMEOUT: Duration = Duration::from_secs(30);

/// Whether any block with tags was ever entered. Most programs never do, and are spared the question.
static ARE_TAGS_USED: AtomicBool = AtomicBool::new(false);

/// Notes that a block with tags is entered.
#[pyfunction]
pub(crate) fn use_tags() {
    ARE_TAGS_USED.store(true, Ordering::Relaxed);
}

/// How many calls are recorded between two looks at the process id.
const RECORDS_PER_PID_CHECK: u32 = 64;

/// Where calls go in: the base of `modelstat.Client`, so that its `record` is native, without a frame of
/// Python's.
#[pyclass(frozen, subclass, module = "modelstat._core")]
pub(crate) struct Intake {
    recorder: OnceLock<Py<Recorder>>,
}

#[pymethods]
impl Intake {
    /// Takes anything: what is given is for `__init__` of the class that inherits.
    #[new]
    #[pyo3(signature = (*_positional, **_named))]
    fn new(_positional: &Bound<'_, PyTuple>, _named: Option<&Bound<'_, PyDict>>) -> Self {
        Self { recorder: OnceLock::new() }
    }

    /// Says which recorder it is for; the first one stays.
    #[pyo3(signature = (recorder, /))]
    fn _attach(&self, recorder: Py<Recorder>) {
        self.recorder.set(recorder).ok();
    }

    /// Records a call: puts references to its fields in a queue.
    ///
    /// Never blocks and never raises. Without room the call is dropped and counted.
    #[pyo3(signature = (call))]
    fn record(&self, call: &Bound<'_, PyAny>) -> PyResult<()> {
        let recorder = self.recorder.get();
        let recorder =
            recorder.ok_or_else(|| PyRuntimeError::new_err("the client was not initialised"))?;
        recorder.get().record(call);
        Ok(())
    }
}

/// Up to this part of the budget, texts may occupy more than they were measured with.
const CROWDED: usize = 32;
/// How much is recorded between two looks at how much waits.
const BYTES_PER_LOOK: usize = 256 * 1024;

/// The queue and the worker behind a client.
#[pyclass(frozen, module = "modelstat._core")]
pub(crate) struct Recorder {
    /// Empty only while it is dropped.
    engine: Option<Engine<Snapshot>>,
    /// Bound `get` of the context variable with the tags of `with modelstat.metadata(…)`.
    ambient: Py<PyAny>,
    log: Log,
    mended: Arc<AtomicU64>,
    pid: AtomicU32,
    /// Calls so far, wrapping.
    recorded: AtomicU32,
    is_closed: AtomicBool,
    bytes_since_look: AtomicUsize,
    /// Whether so much waits that texts are measured by what they occupy.
    is_crowded: AtomicBool,
}

#[pymethods]
impl Recorder {
    /// Reads the configuration. Starts no thread and opens no connection: the first call does.
    ///
    /// `transport` is a `Courier`, or the address, the bearer and the timeout to post by itself. `ambient`
    /// returns the tags in force, `warn(kind, message)` logs.
    #[new]
    #[pyo3(signature = (config, transport, ambient, warn, /))]
    fn new(
        config: &Bound<'_, PyAny>,
        transport: &Bound<'_, PyAny>,
        ambient: Py<PyAny>,
        warn: Py<PyAny>,
    ) -> PyResult<Self> {
        let mut settings = settings::read(config)?;
        let log = Log::new(warn);
        let transport = transport_of(&mut settings, transport)?;
        let mended = Arc::new(AtomicU64::new(0));
        let conversion = Box::new(Conversion::new(log.clone(), Arc::clone(&mended)));
        let notices = log.clone();
        let engine = Engine::with_notices(settings, transport, conversion, move |notice| {
            notices.tell(notice);
        });
        Ok(Self {
            engine: Some(engine),
            ambient,
            log,
            mended,
            pid: AtomicU32::new(std::process::id()),
            recorded: AtomicU32::new(0),
            is_closed: AtomicBool::new(false),
            bytes_since_look: AtomicUsize::new(0),
            is_crowded: AtomicBool::new(false),
        })
    }

    /// Puts references to the fields of a call in the queue.
    #[pyo3(signature = (call, /))]
    fn record(&self, call: &Bound<'_, PyAny>) {
        let py = call.py();
        self.notice_fork();
        if self.is_closed.load(Ordering::Relaxed) {
            self.log.warn(
                py,
                "after_shutdown",
                "a call was recorded after shutdown(); it was dropped",
            );
        }
        let size = Cell::new(0);
        self.engine().record_with(|| {
            let ambient =
                ARE_TAGS_USED.load(Ordering::Relaxed).then(|| self.ambient.bind(py).call0().ok());
            let is_crowded = self.is_crowded.load(Ordering::Relaxed);
            let measure = if is_crowded { Measure::Bytes } else { Measure::Length };
            let snapshot = Snapshot::of(call, ambient.flatten(), measure);
            size.set(snapshot.size());
            snapshot
        });
        self.look_at_room(size.get());
    }

    /// Waits until what was recorded has its outcome; (complete, pending, worker alive).
    #[pyo3(signature = (timeout_s, /))]
    fn flush(&self, py: Python<'_>, timeout_s: f64) -> (bool, usize, bool) {
        answer(py.detach(|| self.engine().flush(seconds(timeout_s))))
    }

    /// The same, and ends the worker.
    #[pyo3(signature = (timeout_s, /))]
    fn shutdown(&self, py: Python<'_>, timeout_s: f64) -> (bool, usize, bool) {
        self.is_closed.store(true, Ordering::Relaxed);
        answer(py.detach(|| self.engine().shutdown(seconds(timeout_s))))
    }

    /// Ends the worker once it has sent what waits, without waiting for it.
    fn abandon(&self, py: Python<'_>) {
        if !self.is_closed.swap(true, Ordering::Relaxed) {
            py.detach(|| drop(self.engine().shutdown_async(ABANDONED_TIMEOUT)));
        }
    }

    /// Whether it was shut down and nothing waits.
    fn has_ended(&self) -> bool {
        self.is_closed.load(Ordering::Relaxed) && self.engine().stats().pending == 0
    }

    /// How many calls found no room.
    fn dropped(&self) -> u64 {
        let stats = self.engine().stats();
        let reasons = [DropReason::QueueFull, DropReason::BytesFull, DropReason::TooLarge];
        reasons.into_iter().map(|reason| stats.dropped_for(reason)).sum()
    }

    /// What became of the calls so far.
    fn stats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let stats = self.engine().stats();
        let shown = PyDict::new(py);
        shown.set_item("recorded", stats.recorded)?;
        shown.set_item("sent", stats.sent)?;
        shown.set_item("duplicates", stats.duplicates)?;
        shown.set_item("redaction_failed", stats.redaction_failed)?;
        shown.set_item("policy_overridden", stats.policy_overridden)?;
        shown.set_item("pending", stats.pending)?;
        shown.set_item("pending_bytes", stats.bytes)?;
        shown.set_item("mended", self.mended.load(Ordering::Relaxed))?;
        shown.set_item("dropped", stats.dropped)?;
        Ok(shown)
    }

    /// The random name under which this process reports its counters.
    fn instance_id(&self) -> String {
        self.engine().instance_id().to_owned()
    }

    /// Gives the child of a fork an empty queue and no worker.
    fn after_fork_in_child(&self) {
        self.pid.store(std::process::id(), Ordering::Relaxed);
        self.mended.store(0, Ordering::Relaxed);
        self.engine().after_fork_in_child();
    }
}

impl Recorder {
    fn engine(&self) -> &Engine<Snapshot> {
        self.engine.as_ref().expect("it is taken when it is dropped")
    }

    /// Looks now and then how much waits. Texts that were measured by their length occupy at most four times
    /// as much, so that until then they all fit.
    fn look_at_room(&self, recorded_bytes: usize) {
        let since = self.bytes_since_look.fetch_add(recorded_bytes, Ordering::Relaxed);
        if since >= BYTES_PER_LOOK {
            self.bytes_since_look.store(0, Ordering::Relaxed);
            let held = self.engine().stats().bytes;
            self.is_crowded
                .store(held > self.engine().config().byte_budget / CROWDED, Ordering::Relaxed);
        }
    }

    /// Forks made in C may not call Python's hooks. Asking the system costs more than all the rest of
    /// `record`, so that it is done now and then; a flush always does.
    fn notice_fork(&self) {
        let recorded = self.recorded.fetch_add(1, Ordering::Relaxed);
        if recorded.is_multiple_of(RECORDS_PER_PID_CHECK)
            && self.pid.load(Ordering::Relaxed) != std::process::id()
        {
            self.after_fork_in_child();
        }
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        let Some(engine) = self.engine.take() else { return };
        if interpreter::is_gone() {
            // The worker may be in the middle of something, and waiting for it helps nobody.
            std::mem::forget(engine);
            return;
        }
        // Dropping waits for the worker, and the worker for the GIL.
        Python::attach(|py| py.detach(|| drop(engine)));
    }
}

/// Returns the transport. An address that the caller named holds for the configuration too, since what may
/// be sent depends on where it goes.
fn transport_of(
    settings: &mut Config,
    transport: &Bound<'_, PyAny>,
) -> PyResult<Box<dyn Transport>> {
    let Ok(address) = transport.cast::<PyTuple>() else {
        return Ok(Box::new(PythonTransport::new(transport.clone().unbind())));
    };
    let (endpoint, bearer, timeout_s): (String, String, f64) = address.extract()?;
    settings.ingest_key = bearer;
    if endpoint == settings.mode.endpoint() {
        return Ok(Box::new(Limited::new(HttpSender::new(settings), seconds(timeout_s))));
    }
    let mut named = settings.clone();
    named.mode = Mode::LocalDaemon { url: endpoint.clone() };
    if let Mode::Remote { base_url, .. } = &mut settings.mode {
        let base = endpoint.strip_suffix("/raw").unwrap_or(&endpoint);
        base.strip_suffix("/v1/ingest").unwrap_or(base).clone_into(base_url);
    } else {
        settings.mode = named.mode.clone();
    }
    Ok(Box::new(Limited::new(HttpSender::new(&named), seconds(timeout_s))))
}

fn seconds(timeout_s: f64) -> Duration {
    Duration::try_from_secs_f64(timeout_s).unwrap_or(if timeout_s > 0.0 {
        Duration::MAX
    } else {
        Duration::ZERO
    })
}

fn answer(flushed: Flushed) -> (bool, usize, bool) {
    (flushed.complete, flushed.pending, flushed.worker == WorkerState::Alive)
}
