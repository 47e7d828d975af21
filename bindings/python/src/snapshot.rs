//! What waits in the queue: references to the fields of a call, as they were when it was recorded.

use modelstat::engine::Item;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString};

use crate::texts::bounded;

/// What an entry costs besides its texts, roughly: the dictionary, the tokens, the times.
const OWN_BYTES: usize = 1_024;
/// How many values of a tool's arguments are measured.
const MEASURED_VALUES: usize = 64;

/// References to the fields of a call. A later change of the call does not reach them.
pub(crate) struct Snapshot {
    /// `None` when what was recorded is no call.
    pub(crate) fields: Option<Py<PyDict>>,
    /// The tags of the `with` block.
    pub(crate) ambient: Option<Py<PyAny>>,
    size: usize,
}

impl Item for Snapshot {
    fn size(&self) -> usize {
        self.size
    }
}

impl Snapshot {
    /// Takes the fields of a call; never fails, as the worker counts what is no call.
    pub(crate) fn of(call: &Bound<'_, PyAny>, ambient: Option<Bound<'_, PyAny>>) -> Self {
        let ambient = ambient.filter(|tags| !tags.is_none()).map(Bound::unbind);
        let Ok((fields, size)) = fields_of(call) else {
            return Self { fields: None, ambient, size: OWN_BYTES };
        };
        Self { fields: Some(fields.unbind()), ambient, size }
    }
}

fn fields_of<'py>(call: &Bound<'py, PyAny>) -> PyResult<(Bound<'py, PyDict>, usize)> {
    let py = call.py();
    let fields = call.getattr(intern!(py, "__dict__"))?.cast_into::<PyDict>()?.copy()?;
    let mut size = OWN_BYTES;
    for name in [intern!(py, "prompt"), intern!(py, "completion")] {
        size += text_bytes(&fields, name)?;
    }
    // The builders of a call change these in place.
    if let Some(tags) = fields.get_item(intern!(py, "metadata"))?
        && let Ok(tags) = tags.cast::<PyDict>()
        && !tags.is_empty()
    {
        fields.set_item(intern!(py, "metadata"), tags.copy()?)?;
    }
    if let Some(tools) = fields.get_item(intern!(py, "tool_calls"))?
        && let Ok(tools) = tools.cast::<PyList>()
        && !tools.is_empty()
    {
        let tools = tools.get_slice(0, tools.len());
        size += tools.iter().map(|tool| tool_bytes(&tool)).sum::<usize>();
        fields.set_item(intern!(py, "tool_calls"), tools)?;
    }
    Ok((fields, size))
}

/// Cuts an absurdly long text in place and returns what it occupies.
fn text_bytes(fields: &Bound<'_, PyDict>, name: &Bound<'_, PyString>) -> PyResult<usize> {
    let Some(text) = fields.get_item(name)?.filter(|text| !text.is_none()) else { return Ok(0) };
    let (bytes, kept) = bounded(text.clone());
    if !kept.is(&text) {
        fields.set_item(name, kept)?;
    }
    Ok(bytes)
}

/// What a tool's arguments occupy, one level deep.
fn tool_bytes(tool: &Bound<'_, PyAny>) -> usize {
    let Ok(args) = tool.getattr(intern!(tool.py(), "args")) else { return OWN_BYTES };
    if let Ok(args) = args.cast::<PyDict>() {
        let values = args.values();
        let measured = values.iter().take(MEASURED_VALUES);
        return OWN_BYTES + measured.map(|value| value.len().unwrap_or_default()).sum::<usize>();
    }
    OWN_BYTES + args.len().unwrap_or_default()
}
