//! `DefenseConfig`.

use pyo3::prelude::*;
use ringback_engine as native;

use crate::error::raise;
use crate::number::Int;

/// What the engine defends itself by.
#[pyclass(frozen, eq, module = "ringback._engine")]
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct DefenseConfig(pub(crate) native::DefenseConfig);

#[pymethods]
impl DefenseConfig {
    #[new]
    #[pyo3(signature = (
        *,
        stranger_packets_per_s = Int(2_000),
        known_packets_per_s = Int(100_000),
        ban_after = Int(10),
        ban_window_s = Int(300),
        ban_s = Int(3_600),
        scanners = None,
        allow = Vec::new(),
        deny = Vec::new(),
    ))]
    #[pyo3(text_signature = "(*, stranger_packets_per_s=2000, known_packets_per_s=100000, ban_after=10, \
        ban_window_s=300, ban_s=3600, scanners=None, allow=[], deny=[])")]
    #[allow(clippy::too_many_arguments)] // keyword-only arguments of the contract
    fn new(
        stranger_packets_per_s: Int,
        known_packets_per_s: Int,
        ban_after: Int,
        ban_window_s: Int,
        ban_s: Int,
        scanners: Option<Vec<String>>,
        allow: Vec<(Option<Int>, String)>,
        deny: Vec<(Option<Int>, String)>,
    ) -> PyResult<Self> {
        let plain = |entries: Vec<(Option<Int>, String)>| -> Vec<native::AclEntry> {
            entries.into_iter().map(|(listener, network)| (listener.map(|place| place.0), network)).collect()
        };
        let args = native::DefenseArgs {
            stranger_packets_per_s: stranger_packets_per_s.0,
            known_packets_per_s: known_packets_per_s.0,
            ban_after: ban_after.0,
            ban_window_s: ban_window_s.0,
            ban_s: ban_s.0,
            scanners,
            allow: plain(allow),
            deny: plain(deny),
        };
        native::DefenseConfig::new(args).map(Self).map_err(raise)
    }
}
