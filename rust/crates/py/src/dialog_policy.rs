//! `DialogPolicy`: how the dialogs of a trunk behave.

use pyo3::prelude::*;
use ringback_engine as native;

use crate::convert::python_repr;
use crate::error::raise;
use crate::number::Int;

/// How the dialogs of a trunk behave.
#[pyclass(frozen, eq, from_py_object, module = "ringback._engine")]
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct DialogPolicy(pub(crate) native::Policy);

#[pymethods]
impl DialogPolicy {
    #[new]
    #[pyo3(signature = (*, reliable = "supported", session_expires_s = Int(0), delayed_offer = false))]
    #[pyo3(text_signature = "(*, reliable='supported', session_expires_s=0, delayed_offer=False)")]
    fn new(reliable: &str, session_expires_s: Int, delayed_offer: bool) -> PyResult<Self> {
        let policy = native::Policy {
            reliable: native::parse_reliable(reliable).map_err(raise)?,
            session_expires_s: native::check_session_expires(session_expires_s.0).map_err(raise)?,
            delayed_offer,
            ..native::Policy::default()
        };
        Ok(Self(policy))
    }

    fn __repr__(&self) -> String {
        let policy = &self.0;
        let reliable = match policy.reliable {
            native::Reliable::Off => "off",
            native::Reliable::Supported => "supported",
            native::Reliable::Required => "required",
        };
        let delayed = if policy.delayed_offer { "True" } else { "False" };
        format!(
            "DialogPolicy(reliable={}, session_expires_s={}, delayed_offer={delayed})",
            python_repr(reliable),
            policy.session_expires_s
        )
    }
}
