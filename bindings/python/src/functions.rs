//! The pure functions.

use std::collections::BTreeMap;

use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::texts::{Text, label};

/// Replaces secrets and personal data; returns the text and how many of each there were.
#[pyfunction]
#[pyo3(signature = (text, /))]
pub(crate) fn redact(py: Python<'_>, text: &Bound<'_, PyAny>) -> PyResult<(String, usize, usize)> {
    let text = Text::of(text)?;
    Ok(py.detach(|| {
        let text = text.as_str();
        let redacted = modelstat_redact::redact(&text);
        let (secrets, pii) = (redacted.secrets(), redacted.pii());
        (redacted.text.into_owned(), secrets, pii)
    }))
}

/// Hashes the parts, joined by 0x1F.
#[pyfunction]
#[pyo3(signature = (parts, /))]
pub(crate) fn content_hash(parts: &Bound<'_, PyAny>) -> PyResult<String> {
    Ok(modelstat_wire::content_hash(labels(parts)?.iter().map(String::as_str)))
}

/// Returns the id of an event.
#[pyfunction]
#[pyo3(signature = (device_id, source_ref, /))]
pub(crate) fn source_event_id(
    device_id: &Bound<'_, PyAny>,
    source_ref: &Bound<'_, PyAny>,
) -> PyResult<String> {
    Ok(modelstat_wire::source_event_id(&label(device_id)?, &label(source_ref)?))
}

/// Returns the id of a batch of events.
#[pyfunction]
#[pyo3(signature = (source_event_ids, /))]
pub(crate) fn batch_id(source_event_ids: &Bound<'_, PyAny>) -> PyResult<String> {
    Ok(modelstat_wire::batch_id(labels(source_event_ids)?.iter().map(String::as_str)))
}

/// Keeps tags within their limits, in the order of their keys.
#[pyfunction]
#[pyo3(signature = (metadata, /))]
pub(crate) fn cap_metadata<'py>(metadata: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyDict>> {
    let capped = PyDict::new(metadata.py());
    for (key, value) in modelstat::cap_metadata(tags(metadata)) {
        capped.set_item(key, value)?;
    }
    Ok(capped)
}

/// Reads tags; a key or value that is no text is written as Python would print it, and an entry that
/// cannot be printed is left out.
pub(crate) fn tags(metadata: &Bound<'_, PyAny>) -> BTreeMap<String, String> {
    let Ok(metadata) = metadata.cast::<PyDict>() else { return BTreeMap::new() };
    let entry = |(key, value): (Bound<'_, PyAny>, Bound<'_, PyAny>)| {
        Some((printed(&key)?, printed(&value)?))
    };
    metadata.iter().filter_map(entry).collect()
}

pub(crate) fn printed(value: &Bound<'_, PyAny>) -> Option<String> {
    label(value).or_else(|_| label(value.str()?.as_any())).ok()
}

fn labels(values: &Bound<'_, PyAny>) -> PyResult<Vec<String>> {
    values.try_iter()?.map(|value| label(&value?)).collect()
}
