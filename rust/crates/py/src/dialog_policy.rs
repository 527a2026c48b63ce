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
    #[pyo3(signature = (*, reliable = "supported", session_expires_s = Int(0), delayed_offer = false, allow_transfer = false))]
    #[pyo3(
        text_signature = "(*, reliable='supported', session_expires_s=0, delayed_offer=False, allow_transfer=False)"
    )]
    fn new(reliable: &str, session_expires_s: Int, delayed_offer: bool, allow_transfer: bool) -> PyResult<Self> {
        let policy = native::Policy {
            reliable: native::parse_reliable(reliable).map_err(raise)?,
            session_expires_s: native::check_session_expires(session_expires_s.0).map_err(raise)?,
            delayed_offer,
            allow_transfer,
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
        let word = |on: bool| if on { "True" } else { "False" };
        format!(
            "DialogPolicy(reliable={}, session_expires_s={}, delayed_offer={}, allow_transfer={})",
            python_repr(reliable),
            policy.session_expires_s,
            word(policy.delayed_offer),
            word(policy.allow_transfer)
        )
    }
}
