//! Settings: `RegistrationConfig`, `PingConfig`, `PhoneConfig`.

use std::time::Duration;

use pyo3::prelude::*;
use ringback_engine as native;

use crate::convert::python_repr;
use crate::error::raise;
use crate::number::Int;

/// How a trunk registers at its carrier.
#[pyclass(frozen, eq, module = "ringback._engine")]
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RegistrationConfig(pub(crate) native::RegistrationConfig);

#[pymethods]
impl RegistrationConfig {
    #[new]
    #[pyo3(signature = (*, registrar, user, expires_s = Int(600), from_anywhere = false))]
    #[pyo3(text_signature = "(*, registrar, user, expires_s=600, from_anywhere=False)")]
    fn new(registrar: String, user: String, expires_s: Int, from_anywhere: bool) -> PyResult<Self> {
        let expires_s = expires_s.within("expires_s", 30, 86_400)?;
        let config = native::RegistrationConfig { registrar, user, expires_s, from_anywhere };
        config.check().map_err(raise)?;
        Ok(Self(config))
    }

    fn __repr__(&self) -> String {
        let Self(config) = self;
        format!("RegistrationConfig(registrar={}, user={})", python_repr(&config.registrar), python_repr(&config.user))
    }
}

/// Gateways of a trunk to watch.
#[pyclass(frozen, eq, module = "ringback._engine")]
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PingConfig(pub(crate) native::PingConfig);

#[pymethods]
impl PingConfig {
    #[new]
    #[pyo3(signature = (*, gateways, interval_ms = Int(30_000), timeout_ms = Int(4000), up_after = Int(1),
        down_after = Int(2)))]
    #[pyo3(text_signature = "(*, gateways, interval_ms=30000, timeout_ms=4000, up_after=1, down_after=2)")]
    fn new(gateways: Vec<String>, interval_ms: Int, timeout_ms: Int, up_after: Int, down_after: Int) -> PyResult<Self> {
        let config = native::PingConfig {
            gateways,
            interval: Duration::from_millis(interval_ms.within("interval_ms", 100, 3_600_000)?),
            timeout: Duration::from_millis(timeout_ms.within("timeout_ms", 50, 60_000)?),
            up_after: up_after.within("up_after", 1, 100)?,
            down_after: down_after.within("down_after", 1, 100)?,
        };
        config.check().map_err(raise)?;
        Ok(Self(config))
    }

    fn __repr__(&self) -> String {
        let gateways: Vec<_> = self.0.gateways.iter().map(|gateway| python_repr(gateway)).collect();
        format!("PingConfig(gateways=[{}])", gateways.join(", "))
    }
}

/// A phone that may register.
#[pyclass(frozen, eq, module = "ringback._engine")]
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PhoneConfig(pub(crate) native::PhoneConfig);

#[pymethods]
impl PhoneConfig {
    #[new]
    #[pyo3(signature = (*, id, username, realm, ha1_md5 = None, ha1_sha256 = None, max_contacts = Int(5), codecs = None))]
    #[pyo3(text_signature = "(*, id, username, realm, ha1_md5=None, ha1_sha256=None, max_contacts=5, \
        codecs=['PCMA', 'PCMU'])")]
    fn new(
        id: Int,
        username: String,
        realm: String,
        ha1_md5: Option<String>,
        ha1_sha256: Option<String>,
        max_contacts: Int,
        codecs: Option<Vec<String>>,
    ) -> PyResult<Self> {
        let codecs = codecs.unwrap_or_else(|| vec!["PCMA".to_owned(), "PCMU".to_owned()]);
        let config = native::PhoneConfig {
            id: id.id("id")?,
            username,
            realm,
            ha1_md5,
            ha1_sha256,
            max_contacts: max_contacts.within("max_contacts", 1, 100)?,
            codecs: native::parse_codecs(&codecs).map_err(raise)?,
        };
        config.check().map_err(raise)?;
        Ok(Self(config))
    }

    fn __repr__(&self) -> String {
        let Self(config) = self;
        format!(
            "PhoneConfig(id={}, username={}, realm={})",
            config.id,
            python_repr(&config.username),
            python_repr(&config.realm)
        )
    }
}
