//! The exceptions, and the only place where an error becomes one.

use pyo3::create_exception;
use pyo3::exceptions::PyException;
use pyo3::prelude::*;
use ringback_engine as native;

create_exception!("ringback._engine", EngineError, PyException, "The engine could not do what it was asked.");
create_exception!("ringback._engine", InvalidArgument, EngineError, "An argument was outside its range.");
create_exception!("ringback._engine", NotRunning, EngineError, "The engine was not started yet, or is stopped.");
create_exception!("ringback._engine", BindFailed, EngineError, "A listener could not be opened.");

/// Turn an error into its exception.
#[allow(clippy::needless_pass_by_value)] // made for `map_err`
pub(crate) fn raise(error: native::EngineError) -> PyErr {
    let text = error.to_string();
    match error {
        native::EngineError::InvalidArgument { .. } => InvalidArgument::new_err(text),
        native::EngineError::NotRunning(_) => NotRunning::new_err(text),
        native::EngineError::BindFailed(_) => BindFailed::new_err(text),
        _ => EngineError::new_err(text),
    }
}

pub(crate) fn add_to(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    module.add("EngineError", py.get_type::<EngineError>())?;
    module.add("InvalidArgument", py.get_type::<InvalidArgument>())?;
    module.add("NotRunning", py.get_type::<NotRunning>())?;
    module.add("BindFailed", py.get_type::<BindFailed>())
}
