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

/// How a text is measured.
#[derive(Clone, Copy)]
pub(crate) enum Measure {
    /// By its length, unless it is very long: a character may take four bytes, but to ask for them costs more
    /// than all the rest of `record`.
    Length,
    /// By what it occupies, where room is no longer plenty, unless it is short: of those the queue cannot hold
    /// enough to matter.
    Bytes,
}

/// The bytes that a text occupies, and the text cut where it is absurdly long.
pub(crate) fn bounded<'py>(
    value: &Bound<'py, PyAny>,
    measure: Measure,
) -> (usize, Option<Bound<'py, PyAny>>) {
    let length = value.len().unwrap_or_default();
    if length > MAX_TEXT_CHARS {
        let slice = pyo3::types::PySlice::new(value.py(), 0, MAX_TEXT_CHARS.cast_signed(), 1);
        // A value that cannot be cut stays; its conversion fails or cuts it.
        let cut = value.get_item(slice).ok();
        return (bytes_of(cut.as_ref().unwrap_or(value), MAX_TEXT_CHARS, measure), cut);
    }
    (bytes_of(value, length, measure), None)
}

fn bytes_of(value: &Bound<'_, PyAny>, length: usize, measure: Measure) -> usize {
    const SHORT: usize = 1_024;
    const VERY_LONG: usize = 128 * 1_024;
    let longest_unasked = match measure {
        Measure::Length => VERY_LONG,
        Measure::Bytes => SHORT,
    };
    if length < longest_unasked {
        return length;
    }
    let asked = value.call_method0(pyo3::intern!(value.py(), "__sizeof__"));
    asked.and_then(|size| size.extract()).unwrap_or(length)
}
