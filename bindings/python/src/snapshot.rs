//! What waits in the queue: references to the fields of a call, as they were when it was recorded.

use modelstat::engine::Item;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use crate::fields::CallFields;
use crate::texts::{Measure, bounded};

/// What an entry costs besides its texts, roughly: the slot, the tokens, the times.
const OWN_BYTES: usize = 1_024;
/// How many values of a tool's arguments are measured.
const MEASURED_VALUES: usize = 64;

/// References to the fields of a call. A later change of the call does not reach them.
pub(crate) struct Snapshot {
    /// `None` when what was recorded is no call.
    pub(crate) fields: Option<CallFields>,
    /// The tags of the `with` block.
    pub(crate) ambient: Option<Py<PyAny>>,
    /// Whether a text was absurdly long.
    pub(crate) is_cut: bool,
    size: usize,
}

impl Item for Snapshot {
    fn size(&self) -> usize {
        self.size
    }

    fn vacant() -> Self {
        Self { fields: None, ambient: None, is_cut: false, size: 0 }
    }
}

impl Snapshot {
    /// Takes the fields of a call; never fails, as the worker counts what is no call.
    pub(crate) fn of(
        call: &Bound<'_, PyAny>,
        ambient: Option<Bound<'_, PyAny>>,
        measure: Measure,
    ) -> Self {
        let ambient = ambient.filter(|tags| !tags.is_none()).map(Bound::unbind);
        let Some(mut fields) = fields_of(call) else {
            return Self { fields: None, ambient, is_cut: false, size: OWN_BYTES };
        };
        let (size, is_cut) = detach(call.py(), &mut fields, measure);
        Self { fields: Some(fields), ambient, is_cut, size }
    }
}

fn fields_of(call: &Bound<'_, PyAny>) -> Option<CallFields> {
    match call.cast::<CallFields>() {
        Ok(call) => Some(call.try_borrow().ok()?.clone_ref(call.py())),
        Err(_) => CallFields::of_lookalike(call).ok(),
    }
}

/// Copies what programs change in place, cuts absurdly long texts, and returns what all that occupies
/// and whether something was cut.
fn detach(py: Python<'_>, fields: &mut CallFields, measure: Measure) -> (usize, bool) {
    let mut size = OWN_BYTES;
    let mut is_cut = false;
    for text in [&mut fields.prompt, &mut fields.completion] {
        if let Some(value) = text {
            let (bytes, cut) = bounded(value.bind(py), measure);
            size += bytes;
            if let Some(cut) = cut {
                *text = Some(cut.unbind());
                is_cut = true;
            }
        }
    }
    if let Some(value) = &fields.metadata
        && let Ok(tags) = value.bind(py).cast::<PyDict>()
    {
        let copy = if tags.is_empty() { None } else { tags.copy().ok() };
        fields.metadata = copy.map(|copy| copy.into_any().unbind());
    }
    if let Some(value) = &fields.tool_calls
        && let Ok(tools) = value.bind(py).cast::<PyList>()
    {
        let copy = (!tools.is_empty()).then(|| tools.get_slice(0, tools.len()));
        size += copy.iter().flatten().map(|tool| tool_bytes(&tool)).sum::<usize>();
        fields.tool_calls = copy.map(|copy| copy.into_any().unbind());
    }
    (size, is_cut)
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
