//! The fields of a call: the base of `modelstat.LlmCall`, and what is kept of one when it is recorded.

use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyDict, PyInt, PyList, PyString, PyTuple};

/// Declares the class, and what is done to every field of it.
macro_rules! fields {
    ($($name:ident),+ $(,)?) => {
        /// Holds the fields of a call outside of a dictionary: to record one is to copy two dozen references.
        ///
        /// `None` stands for Python's.
        #[pyclass(subclass, module = "modelstat._core")]
        #[derive(Default)]
        pub(crate) struct CallFields {
            $(#[pyo3(get, set)] pub(crate) $name: Option<Py<PyAny>>,)+
        }

        impl CallFields {
            /// References to the same values.
            pub(crate) fn clone_ref(&self, py: Python<'_>) -> Self {
                Self { $($name: self.$name.as_ref().map(|value| value.clone_ref(py)),)+ }
            }

            /// Reads the fields of something that only looks like a call.
            pub(crate) fn of_lookalike(call: &Bound<'_, PyAny>) -> PyResult<Self> {
                let py = call.py();
                let mut fields = Self::default();
                for name in [intern!(py, "provider"), intern!(py, "session_id")] {
                    call.getattr(name)?;
                }
                $(fields.$name = call
                    .getattr(intern!(py, stringify!($name)))
                    .ok()
                    .filter(|value| !value.is_none())
                    .map(Bound::unbind);)+
                Ok(fields)
            }

            fn visit(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
                $(visit.call(&self.$name)?;)+
                Ok(())
            }
        }
    };
}

fields! {
    provider, session_id, model, kind, tokens, started_at, first_token_at, duration_ms, prompt, completion, cwd,
    git, tool_calls, metadata, ambient_metadata, billing, usage_detail, usage_known, error_type, error_status,
    finish_reason, response_id,
}

impl CallFields {
    /// Whether positional arguments may have come in the order of 0.0.1: the types tell, and of a call in
    /// the order of 0.1.0 few have any of these.
    fn may_be_in_seed_order(&self, py: Python<'_>) -> bool {
        let is = |value: &Option<Py<PyAny>>, test: fn(&Bound<'_, PyAny>) -> bool| {
            value.as_ref().is_some_and(|value| test(value.bind(py)))
        };
        self.git.is_some()
            || is(&self.first_token_at, |time| time.is_exact_instance_of::<PyInt>())
            || is(&self.duration_ms, |duration| duration.is_exact_instance_of::<PyString>())
            || is(&self.cwd, |cwd| !cwd.is_exact_instance_of::<PyString>())
    }
}

/// An argument that has a default other than `None`.
enum Argument<'py> {
    Left,
    Given(Bound<'py, PyAny>),
}

impl<'a, 'py> FromPyObject<'a, 'py> for Argument<'py> {
    type Error = PyErr;

    fn extract(value: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        Ok(Self::Given(value.to_owned()))
    }
}

impl<'py> Argument<'py> {
    fn or_else(
        self,
        default: impl FnOnce() -> PyResult<Bound<'py, PyAny>>,
    ) -> PyResult<Option<Py<PyAny>>> {
        let value = match self {
            Self::Left => default()?,
            Self::Given(value) => value,
        };
        Ok(kept(value))
    }
}

fn kept(value: Bound<'_, PyAny>) -> Option<Py<PyAny>> {
    (!value.is_none()).then(|| value.unbind())
}

/// What a call has that says nothing else; Python's own, so that programs find what they know.
struct Defaults {
    kind: Py<PyAny>,
    /// Makes the tokens.
    tokens: Py<PyAny>,
    /// Tells the time.
    now: Py<PyAny>,
}

fn defaults(py: Python<'_>) -> PyResult<&Defaults> {
    static DEFAULTS: PyOnceLock<Defaults> = PyOnceLock::new();
    DEFAULTS.get_or_try_init(py, || {
        let module = py.import("modelstat.capture")?;
        Ok(Defaults {
            kind: module.getattr("EventKind")?.getattr("ASSISTANT_MESSAGE")?.unbind(),
            tokens: module.getattr("TokenUsage")?.unbind(),
            now: module.getattr("_now_utc")?.unbind(),
        })
    })
}

#[pymethods]
impl CallFields {
    /// Takes anything: what is given is for `__init__`, of this class or of one that inherits.
    #[new]
    #[pyo3(
        signature = (*_positional, **_named),
        text_signature = "(provider, session_id, model=None, kind=..., tokens=..., started_at=..., \
            first_token_at=None, duration_ms=None, prompt=None, completion=None, cwd=None, git=None, \
            tool_calls=..., metadata=..., ambient_metadata=None, *, billing=None, usage_detail=None, \
            usage_known=True, error_type=None, error_status=None, finish_reason=None, response_id=None)"
    )]
    fn new(_positional: &Bound<'_, PyTuple>, _named: Option<&Bound<'_, PyDict>>) -> Self {
        Self::default()
    }

    #[expect(clippy::too_many_arguments, reason = "the fields of a call, as they were published")]
    #[pyo3(signature = (
        provider, session_id, model=None, kind=Argument::Left, tokens=Argument::Left, started_at=Argument::Left,
        first_token_at=None, duration_ms=None, prompt=None, completion=None, cwd=None, git=None,
        tool_calls=Argument::Left, metadata=Argument::Left, ambient_metadata=None, *, billing=None,
        usage_detail=None, usage_known=Argument::Left, error_type=None, error_status=None, finish_reason=None,
        response_id=None
    ))]
    fn __init__<'py>(
        slf: &Bound<'py, Self>,
        provider: Bound<'py, PyAny>,
        session_id: Bound<'py, PyAny>,
        model: Option<Py<PyAny>>,
        kind: Argument<'py>,
        tokens: Argument<'py>,
        started_at: Argument<'py>,
        first_token_at: Option<Py<PyAny>>,
        duration_ms: Option<Py<PyAny>>,
        prompt: Option<Py<PyAny>>,
        completion: Option<Py<PyAny>>,
        cwd: Option<Py<PyAny>>,
        git: Option<Py<PyAny>>,
        tool_calls: Argument<'py>,
        metadata: Argument<'py>,
        ambient_metadata: Option<Py<PyAny>>,
        billing: Option<Py<PyAny>>,
        usage_detail: Option<Py<PyAny>>,
        usage_known: Argument<'py>,
        error_type: Option<Py<PyAny>>,
        error_status: Option<Py<PyAny>>,
        finish_reason: Option<Py<PyAny>>,
        response_id: Option<Py<PyAny>>,
    ) -> PyResult<()> {
        let py = slf.py();
        let defaults = defaults(py)?;
        let fields = Self {
            provider: kept(provider),
            session_id: kept(session_id),
            model,
            kind: kind.or_else(|| Ok(defaults.kind.bind(py).clone()))?,
            tokens: tokens.or_else(|| defaults.tokens.bind(py).call0())?,
            started_at: started_at.or_else(|| defaults.now.bind(py).call0())?,
            first_token_at,
            duration_ms,
            prompt,
            completion,
            cwd,
            git,
            tool_calls: tool_calls.or_else(|| Ok(PyList::empty(py).into_any()))?,
            metadata: metadata.or_else(|| Ok(PyDict::new(py).into_any()))?,
            ambient_metadata,
            billing,
            usage_detail,
            usage_known: usage_known.or_else(|| Ok(PyBool::new(py, true).to_owned().into_any()))?,
            error_type,
            error_status,
            finish_reason,
            response_id,
        };
        let may_be_in_seed_order = fields.may_be_in_seed_order(py);
        let before = std::mem::replace(&mut *slf.try_borrow_mut().map_err(PyErr::from)?, fields);
        // What was there may run code of its own when it goes, which finds the object whole.
        drop(before);
        if may_be_in_seed_order {
            slf.call_method0(intern!(py, "__post_init__"))?;
        }
        Ok(())
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.visit(&visit)
    }

    fn __clear__(&mut self) {
        drop(std::mem::take(self));
    }
}
