//! The batch that the worker would send, for tests and for programs that send by themselves.

use modelstat::LlmCall;
use modelstat::engine;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

use crate::json;
use crate::reading::read_call;
use crate::settings;
use crate::snapshot::Snapshot;
use crate::texts::Measure;

/// Makes a batch of calls; `seq` is the number before the first.
#[pyfunction]
#[pyo3(signature = (config, calls, seq, /))]
pub(crate) fn build_batch<'py>(
    py: Python<'py>,
    config: &Bound<'py, PyAny>,
    calls: &Bound<'py, PyAny>,
    seq: u64,
) -> PyResult<Bound<'py, PyAny>> {
    let settings = settings::read(config)?;
    let read = calls.try_iter()?.map(|call| read_one(&call?)).collect::<PyResult<Vec<_>>>()?;
    let mut seq = seq;
    let batch = py.detach(|| engine::build_batch(&settings, read, &mut seq));
    json::to_python(py, &batch)
}

fn read_one(call: &Bound<'_, PyAny>) -> PyResult<LlmCall> {
    let snapshot = Snapshot::of(call, None, Measure::Length);
    let fields = snapshot.fields.ok_or_else(|| PyTypeError::new_err("expected an LlmCall"))?;
    Ok(read_call(call.py(), &fields, None)?.finish(&mut Vec::new()))
}
