//! JSON between Python and Rust.

use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple};
use serde_json::{Map, Number, Value};

use crate::texts::label;

/// Deeper than any usage object or span attribute.
const MAX_DEPTH: usize = 32;

/// Reads what JSON can hold; everything else becomes `null`.
pub(crate) fn from_python(value: &Bound<'_, PyAny>) -> Value {
    read(value, MAX_DEPTH)
}

fn read(value: &Bound<'_, PyAny>, depth: usize) -> Value {
    if value.is_none() || depth == 0 {
        return Value::Null;
    }
    if let Ok(flag) = value.cast::<PyBool>() {
        return Value::Bool(flag.is_true());
    }
    if value.is_instance_of::<PyInt>() {
        return integer(value);
    }
    if let Ok(number) = value.cast::<PyFloat>() {
        // JSON has no such number; its name lets a reader see that there was one.
        let named = || Value::String(number.value().to_string());
        return Number::from_f64(number.value()).map_or_else(named, Value::Number);
    }
    if value.is_instance_of::<PyString>() || value.is_instance_of::<PyBytes>() {
        return label(value).map_or(Value::Null, Value::String);
    }
    if let Ok(map) = value.cast::<PyDict>() {
        let entry = |(key, value): (Bound<'_, PyAny>, Bound<'_, PyAny>)| {
            Some((label(&key).ok()?, read(&value, depth - 1)))
        };
        return Value::Object(map.iter().filter_map(entry).collect::<Map<_, _>>());
    }
    if let Ok(list) = value.cast::<PyList>() {
        return list.iter().map(|item| read(&item, depth - 1)).collect();
    }
    if let Ok(tuple) = value.cast::<PyTuple>() {
        return tuple.iter().map(|item| read(&item, depth - 1)).collect();
    }
    Value::Null
}

fn integer(value: &Bound<'_, PyAny>) -> Value {
    if let Ok(number) = value.extract::<u64>() {
        return number.into();
    }
    if let Ok(number) = value.extract::<i64>() {
        return number.into();
    }
    value.extract::<f64>().ok().and_then(Number::from_f64).map_or(Value::Null, Value::Number)
}

/// Makes the Python objects of a JSON value.
pub(crate) fn to_python<'py>(py: Python<'py>, value: &Value) -> PyResult<Bound<'py, PyAny>> {
    match value {
        Value::Null => Ok(py.None().into_bound(py)),
        Value::Bool(flag) => Ok(PyBool::new(py, *flag).to_owned().into_any()),
        Value::Number(number) => number_to_python(py, number),
        Value::String(text) => Ok(PyString::new(py, text).into_any()),
        Value::Array(items) => {
            let list = PyList::empty(py);
            for item in items {
                list.append(to_python(py, item)?)?;
            }
            Ok(list.into_any())
        }
        Value::Object(entries) => {
            let map = PyDict::new(py);
            for (key, value) in entries {
                map.set_item(key, to_python(py, value)?)?;
            }
            Ok(map.into_any())
        }
    }
}

fn number_to_python<'py>(py: Python<'py>, number: &Number) -> PyResult<Bound<'py, PyAny>> {
    if let Some(number) = number.as_u64() {
        return Ok(number.into_pyobject(py)?.into_any());
    }
    if let Some(number) = number.as_i64() {
        return Ok(number.into_pyobject(py)?.into_any());
    }
    Ok(PyFloat::new(py, number.as_f64().unwrap_or_default()).into_any())
}
