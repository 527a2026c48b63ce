//! What was compiled.

use std::collections::BTreeMap;

use pyo3::prelude::*;

/// Return version, Rust profile and target of the compiled module.
#[pyfunction]
pub(crate) fn build_info() -> BTreeMap<&'static str, String> {
    let profile = if cfg!(debug_assertions) { "debug" } else { "release" };
    BTreeMap::from([
        ("version", env!("CARGO_PKG_VERSION").to_owned()),
        ("profile", profile.to_owned()),
        ("target", format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS)),
    ])
}
