//! Digests of a tool's arguments, over the JSON that Python writes.

use modelstat::engine::ArgumentDigest;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use crate::functions::printed;
use crate::texts::label;

/// Digests arguments as the published package does: `json.dumps` without spaces, in their own order, with
/// characters beyond ASCII escaped.
///
/// Whatever JSON cannot hold is replaced by the name of its type, and keys of other types are left out.
/// Arguments that contain themselves count as none. Returns whether they were JSON as they are, too.
pub(crate) fn digest(args: &Bound<'_, PyAny>) -> (ArgumentDigest, bool) {
    let Ok((json, is_json)) = dumps(args) else { return (ArgumentDigest::none(), false) };
    let Ok(fields) = args.cast::<PyDict>() else {
        return (ArgumentDigest::of(&json, None), is_json);
    };
    let names: Vec<String> = fields.keys().iter().filter_map(|key| printed(&key)).collect();
    (ArgumentDigest::of(&json, Some(names.iter().map(String::as_str).collect())), is_json)
}

fn dumps(args: &Bound<'_, PyAny>) -> PyResult<(String, bool)> {
    let py = args.py();
    let named = PyDict::new(py);
    named.set_item(intern!(py, "separators"), (",", ":"))?;
    let dumps = py.import(intern!(py, "json"))?.getattr(intern!(py, "dumps"))?;
    if let Ok(json) = dumps.call((args,), Some(&named)) {
        return Ok((label(&json)?, true));
    }
    named.set_item(intern!(py, "skipkeys"), true)?;
    named.set_item(intern!(py, "default"), wrap_pyfunction!(stand_in, py)?)?;
    Ok((label(&dumps.call((args,), Some(&named))?)?, false))
}

/// What stands in JSON for a value that it cannot hold.
#[pyfunction]
fn stand_in(value: &Bound<'_, PyAny>) -> PyResult<String> {
    if value.is_instance_of::<PyBytes>() {
        return label(value);
    }
    Ok(format!("<{}>", value.get_type().name()?))
}
