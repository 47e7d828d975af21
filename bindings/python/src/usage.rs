//! What providers report, read by the one table of all languages.

use modelstat_wire::Timestamp;
use modelstat_wire::usage::attributes::{AttributeValue, Span, SpanCall, read_span};
use modelstat_wire::usage::{self, Shape, Usage};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use serde_json::{Value, json};

use crate::json::{from_python, to_python};

/// Reads a usage object of a named shape; an unknown name leaves it to the keys.
///
/// Returns `tokens` in five disjoint classes, `detail`, whether the usage is `known`, and `anomalies`.
#[pyfunction]
#[pyo3(signature = (shape, usage, /))]
pub(crate) fn normalise_usage<'py>(
    shape: &str,
    usage: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = usage.py();
    let usage = from_python(usage);
    let shape = Shape::from_name(shape).or_else(|| Shape::guess(&usage));
    let read = shape.map(|shape| usage::normalise(shape, &usage)).unwrap_or_default();
    to_python(py, &shown(&read))
}

/// Merges the usage in the chunks of one answer.
#[pyclass(module = "modelstat._core")]
pub(crate) struct UsageStream {
    stream: usage::UsageStream,
}

#[pymethods]
impl UsageStream {
    /// Starts with nothing reported; the shape has to be one that is known.
    #[new]
    #[pyo3(signature = (shape, /))]
    fn new(shape: &str) -> PyResult<Self> {
        let known =
            Shape::from_name(shape).ok_or_else(|| PyValueError::new_err("unknown shape"))?;
        Ok(Self { stream: usage::UsageStream::new(known) })
    }

    /// Takes a chunk; one that reports no usage changes nothing.
    #[pyo3(signature = (chunk, /))]
    fn push(&mut self, chunk: &Bound<'_, PyAny>) {
        self.stream.push(&from_python(chunk));
    }

    /// Returns what was used so far, as `normalise_usage` does.
    fn finish<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        to_python(py, &shown(&self.stream.clone().finish()))
    }
}

/// Reads a span; `None` where it is no call of a model.
#[pyfunction]
#[pyo3(signature = (attributes, scope_name, scope_version, start_ns, end_ns, /))]
pub(crate) fn map_span<'py>(
    attributes: &Bound<'py, PyDict>,
    scope_name: Option<&str>,
    scope_version: Option<&str>,
    start_ns: u64,
    end_ns: u64,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    let py = attributes.py();
    let span = Span {
        scope_name: scope_name.unwrap_or_default(),
        scope_version: scope_version.unwrap_or_default(),
        trace_id: None,
        started_ns: start_ns,
        ended_ns: end_ns,
    };
    let Value::Object(attributes) = from_python(attributes) else { return Ok(None) };
    let values = attributes
        .iter()
        .filter_map(|(key, value)| Some((key.as_str(), AttributeValue::from_json(value)?)));
    read_span(&span, values).map(|call| shown_call(py, call)).transpose()
}

fn shown(usage: &Usage) -> Value {
    serde_json::to_value(usage).unwrap_or_default()
}

fn shown_call(py: Python<'_>, call: SpanCall) -> PyResult<Bound<'_, PyAny>> {
    let time = |time: Option<Timestamp>| time.map(|time| time.to_string());
    let fields = json!({
        "provider": call.provider,
        "model": call.model,
        "usage": shown(&call.usage),
        "session_id": call.session_id,
        "is_session_derived": call.is_session_derived,
        "started_at": time(call.started_at),
        "first_token_at": time(call.first_token_at),
        "first_token_ns": call.first_token_at.map(|time| time.as_micros() * 1_000),
        "duration_ms": call.duration_ms,
        "error_type": call.error_type,
        "finish_reason": call.finish_reason,
        "response_id": call.response_id,
        "prompt": call.prompt,
        "completion": call.completion,
        "metadata": call.metadata.into_iter().collect::<std::collections::BTreeMap<_, _>>(),
    });
    to_python(py, &fields)
}
