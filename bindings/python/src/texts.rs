//! Text of Python, copied out with the GIL held no longer than Python itself needs.

use std::borrow::Cow;

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::pybacked::{PyBackedBytes, PyBackedStr};
use pyo3::types::{PyBytes, PyString};

/// Most code points of a text that are kept when it is recorded: a little more than the core keeps, so
/// that it knows that the end is missing.
pub(crate) const MAX_TEXT_CHARS: usize = 1024 * 1024 + 1;

/// A text whose bytes can be read without the GIL, since a reference to them is owned.
///
/// It should be dropped with the GIL held, or the reference waits in a pool until somebody attaches.
pub(crate) enum Text {
    Utf8(PyBackedStr),
    Bytes(PyBackedBytes),
}

impl Text {
    /// Takes a `str` or `bytes`; what is not valid Unicode becomes question marks.
    pub(crate) fn of(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        if let Ok(text) = value.cast::<PyString>() {
            return Self::of_str(text);
        }
        if let Ok(bytes) = value.cast::<PyBytes>() {
            return Ok(Self::Bytes(PyBackedBytes::from(bytes.clone())));
        }
        Err(PyTypeError::new_err("neither str nor bytes"))
    }

    fn of_str(text: &Bound<'_, PyString>) -> PyResult<Self> {
        if let Ok(utf8) = PyBackedStr::try_from(text.clone()) {
            return Ok(Self::Utf8(utf8));
        }
        // Half of a surrogate pair has no UTF-8.
        let encoded = text.call_method1("encode", ("utf-8", "replace"))?;
        Ok(Self::Bytes(encoded.cast_into::<PyBytes>()?.into()))
    }

    pub(crate) fn as_str(&self) -> Cow<'_, str> {
        match self {
            Self::Utf8(text) => Cow::Borrowed(text),
            Self::Bytes(bytes) => String::from_utf8_lossy(bytes),
        }
    }
}

/// Reads a short text: labels, ids, keys.
pub(crate) fn label(value: &Bound<'_, PyAny>) -> PyResult<String> {
    Ok(Text::of(value)?.as_str().into_owned())
}

/// The bytes that a text occupies, and the text itself cut where it is absurdly long.
pub(crate) fn bounded(value: Bound<'_, PyAny>) -> (usize, Bound<'_, PyAny>) {
    let length = value.len().unwrap_or_default();
    if length > MAX_TEXT_CHARS {
        let slice = pyo3::types::PySlice::new(value.py(), 0, MAX_TEXT_CHARS.cast_signed(), 1);
        // A value that cannot be cut stays; its conversion fails or cuts it.
        let value = value.get_item(slice).unwrap_or(value);
        return (bytes_of(&value, MAX_TEXT_CHARS), value);
    }
    (bytes_of(&value, length), value)
}

/// Long strings are asked for their size, as one character may take four bytes; short ones are not, as the
/// question costs more than the difference matters.
fn bytes_of(value: &Bound<'_, PyAny>, length: usize) -> usize {
    const LONG: usize = 4_096;
    if length < LONG {
        return length;
    }
    let asked = value.call_method0(pyo3::intern!(value.py(), "__sizeof__"));
    asked.and_then(|size| size.extract()).unwrap_or(length)
}
