//! The Python module `ringback._engine`: thin classes over `ringback_engine`, without logic of their own.
//!
//! The contract is `python/ringback/_engine.pyi`. Nothing here is called by another thread: Python calls, Rust answers.

mod config;
mod convert;
mod defense;
mod dialog_policy;
mod engine;
mod error;
mod events;
mod info;
mod number;
mod registering;

use pyo3::prelude::*;

/// The module; names in the order of the contract.
#[pymodule(gil_used = false)]
fn _engine(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_function(wrap_pyfunction!(info::build_info, module)?)?;
    error::add_to(module)?;
    module.add_class::<config::EngineConfig>()?;
    module.add_class::<dialog_policy::DialogPolicy>()?;
    module.add_class::<config::TrunkConfig>()?;
    module.add_class::<registering::RegistrationConfig>()?;
    module.add_class::<registering::PingConfig>()?;
    module.add_class::<registering::PhoneConfig>()?;
    module.add_class::<config::AccessRule>()?;
    module.add_class::<defense::DefenseConfig>()?;
    module.add_class::<engine::Engine>()?;
    events::add_to(module)?;
    // PyO3 keeps one; the contract has none, every public name counts.
    module.delattr("__all__")
}
