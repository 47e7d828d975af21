//! A transport that is written in Python, and one with the caller's timeout.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use modelstat::engine::{Body, Outcome, Transport, Wanted};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::interpreter;

/// Has `modelstat.transport.Courier` call a transport, and waits for it outside of Python.
pub(crate) struct PythonTransport {
    courier: Arc<Py<PyAny>>,
    /// A batch that was handed over and has not come back in time.
    underway: Option<(Arc<Vec<u8>>, Receiver<u16>)>,
}

impl PythonTransport {
    pub(crate) fn new(courier: Py<PyAny>) -> Self {
        Self { courier: Arc::new(courier), underway: None }
    }

    fn hand_over(&self, bytes: &[u8]) -> Option<Receiver<u16>> {
        let (answered, answer) = sync_channel(1);
        let posted = interpreter::attach(|py| {
            let reply = Bound::new(py, Reply { answered })?;
            let body = PyBytes::new(py, bytes);
            self.courier.bind(py).call_method1(intern!(py, "post"), (body, reply)).map(drop)
        });
        posted?.ok().map(|()| answer)
    }
}

impl Transport for PythonTransport {
    fn send(&mut self, body: &Body) -> Outcome {
        let underway = self.underway.take().filter(|(bytes, _)| Arc::ptr_eq(bytes, &body.bytes));
        let answer = underway.map(|(_, answer)| answer).or_else(|| self.hand_over(&body.bytes));
        let Some(answer) = answer else { return Outcome::Retry { after: None } };
        match answer.recv_timeout(body.timeout) {
            Ok(status) => outcome_of(status),
            // The next try of the same batch goes on waiting, since sending it twice helps nobody.
            Err(RecvTimeoutError::Timeout) => {
                self.underway = Some((Arc::clone(&body.bytes), answer));
                Outcome::Retry { after: None }
            }
            Err(RecvTimeoutError::Disconnected) => Outcome::Retry { after: None },
        }
    }

    fn fresh(&self) -> Box<dyn Transport> {
        let fresh = Python::attach(|py| self.courier.call_method0(py, intern!(py, "fresh")));
        let courier = fresh.map_or_else(|_| Arc::clone(&self.courier), Arc::new);
        Box::new(Self { courier, underway: None })
    }
}

/// What a courier calls with the status of an answer.
#[pyclass(frozen, module = "modelstat._core")]
struct Reply {
    answered: SyncSender<u16>,
}

#[pymethods]
impl Reply {
    #[pyo3(signature = (status, /))]
    fn __call__(&self, status: u16) {
        // It fails when the worker waits no more, which is fine.
        self.answered.try_send(status).ok();
    }
}

/// Says what a status means; 0 is no answer at all.
fn outcome_of(status: u16) -> Outcome {
    match status {
        200..=299 => Outcome::Sent { answer: None },
        0 | 408 | 429 | 500..=599 => Outcome::Retry { after: None },
        401 | 403 => Outcome::Unauthorized,
        413 => Outcome::TooLarge,
        status => Outcome::Rejected { status },
    }
}

/// Posts, and takes no longer than the caller said.
pub(crate) struct Limited {
    sender: Box<dyn Transport>,
    timeout: Duration,
}

impl Limited {
    pub(crate) fn new(sender: impl Transport, timeout: Duration) -> Self {
        Self { sender: Box::new(sender), timeout }
    }
}

impl Transport for Limited {
    fn send(&mut self, body: &Body) -> Outcome {
        let timeout = body.timeout.min(self.timeout);
        self.sender.send(&Body { timeout, ..body.clone() })
    }

    fn ask(&mut self, timeout: Duration) -> Wanted {
        self.sender.ask(timeout.min(self.timeout))
    }

    fn fresh(&self) -> Box<dyn Transport> {
        Box::new(Self { sender: self.sender.fresh(), timeout: self.timeout })
    }
}
