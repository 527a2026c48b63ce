//! Settings: `EngineConfig`, `TrunkConfig`, `AccessRule`.

use std::path::PathBuf;
use std::time::Duration;

use pyo3::prelude::*;
use ringback_engine as native;

use crate::convert::python_repr;
use crate::dialog_policy::DialogPolicy;
use crate::error::raise;
use crate::number::Int;
use crate::registering::{PingConfig, RegistrationConfig};

const HOUR_MS: i64 = 3_600_000;

/// One listener, or several.
#[derive(FromPyObject)]
enum Listen {
    One(String),
    Many(Vec<String>),
}

/// Files of a certificate chain and of its key.
type CertificatePair = (PathBuf, PathBuf);

fn files((chain, key): CertificatePair) -> native::CertificateFiles {
    native::CertificateFiles { chain, key }
}

/// What one engine needs to know at start.
#[pyclass(frozen, eq, module = "ringback._engine")]
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct EngineConfig(pub(crate) native::EngineConfig);

#[pymethods]
impl EngineConfig {
    #[new]
    #[pyo3(signature = (
        *,
        listen = Listen::One("127.0.0.1:5060".to_owned()),
        advertised = None,
        media_host = None,
        media_advertised = None,
        rtp_first_port = Int(20000),
        rtp_last_port = Int(39999),
        media_shards = Int(1),
        media_cpus = None,
        media_realtime = true,
        media_timeout_ms = Int(30000),
        tones = "de".to_owned(),
        t1_ms = Int(500),
        decide_within_ms = Int(4000),
        max_legs = Int(4000),
        max_incoming_per_s = Int(1000),
        event_high_water = Int(50000),
        user_agent = "Ringback".to_owned(),
        trace = false,
        tls_certificates = None,
        tls_client_ca = None,
        tls_ca = None,
        tls_client_certificate = None,
        ws_origins = None,
        dns_servers = None,
        max_connections = Int(4096),
        max_connections_per_source = Int(256),
    ))]
    #[pyo3(text_signature = "(*, listen='127.0.0.1:5060', advertised=None, media_host=None, media_advertised=None, \
        rtp_first_port=20000, rtp_last_port=39999, media_shards=1, media_cpus=None, media_realtime=True, media_timeout_ms=30000, \
        tones='de', t1_ms=500, decide_within_ms=4000, max_legs=4000, max_incoming_per_s=1000, event_high_water=50000, \
        user_agent='Ringback', trace=False, tls_certificates=[], tls_client_ca=None, tls_ca=None, \
        tls_client_certificate=None, ws_origins=[], dns_servers=[], max_connections=4096, max_connections_per_source=256)")]
    #[allow(clippy::too_many_arguments)] // keyword-only settings of the contract
    fn new(
        listen: Listen,
        advertised: Option<String>,
        media_host: Option<String>,
        media_advertised: Option<String>,
        rtp_first_port: Int,
        rtp_last_port: Int,
        media_shards: Int,
        media_cpus: Option<Vec<Int>>,
        media_realtime: bool,
        media_timeout_ms: Int,
        tones: String,
        t1_ms: Int,
        decide_within_ms: Int,
        max_legs: Int,
        max_incoming_per_s: Int,
        event_high_water: Int,
        user_agent: String,
        trace: bool,
        tls_certificates: Option<Vec<CertificatePair>>,
        tls_client_ca: Option<PathBuf>,
        tls_ca: Option<PathBuf>,
        tls_client_certificate: Option<CertificatePair>,
        ws_origins: Option<Vec<String>>,
        dns_servers: Option<Vec<String>>,
        max_connections: Int,
        max_connections_per_source: Int,
    ) -> PyResult<Self> {
        let streams = native::StreamSettings {
            tls: native::TlsFiles {
                certificates: tls_certificates.unwrap_or_default().into_iter().map(files).collect(),
                client_ca: tls_client_ca,
                ca: tls_ca,
                own: tls_client_certificate.map(files),
            },
            ws_origins: ws_origins.unwrap_or_default(),
            dns_servers: dns_servers
                .unwrap_or_default()
                .iter()
                .map(|text| native::parse_dns_server(text))
                .collect::<Result<_, _>>()
                .map_err(raise)?,
            max_connections: max_connections.within("max_connections", 1, 100_000)?,
            max_connections_per_source: max_connections_per_source.within("max_connections_per_source", 1, 100_000)?,
        };
        let milliseconds = |name, value: Int, low| value.within(name, low, HOUR_MS).map(Duration::from_millis);
        let config = native::EngineConfig {
            listen: match listen {
                Listen::One(text) => vec![text],
                Listen::Many(texts) => texts,
            },
            streams,
            advertised,
            media_host,
            media_advertised,
            rtp_first_port: rtp_first_port.within("rtp_first_port", 1024, 65534)?,
            rtp_last_port: rtp_last_port.within("rtp_last_port", 1025, 65535)?,
            media_shards: media_shards.within("media_shards", 1, 16)?,
            media_cpus: cpus(media_cpus)?,
            media_realtime,
            media_timeout: milliseconds("media_timeout_ms", media_timeout_ms, 0)?,
            tones,
            t1: t1_ms.within("t1_ms", 1, 10_000).map(Duration::from_millis)?,
            decide_within: milliseconds("decide_within_ms", decide_within_ms, 1)?,
            max_legs: max_legs.within("max_legs", 1, 100_000)?,
            max_incoming_per_s: max_incoming_per_s.within("max_incoming_per_s", 1, 1_000_000)?,
            event_high_water: event_high_water.within("event_high_water", 1, 10_000_000)?,
            user_agent,
            trace,
        };
        config.check().map_err(raise)?;
        Ok(Self(config))
    }

    fn __repr__(&self) -> String {
        let config = &self.0;
        let texts: Vec<_> = config.listen.iter().map(|text| python_repr(text)).collect();
        let listen = if let [one] = texts.as_slice() { one.clone() } else { format!("[{}]", texts.join(", ")) };
        format!(
            "EngineConfig(listen={}, rtp_first_port={}, rtp_last_port={}, media_shards={}, max_legs={})",
            listen, config.rtp_first_port, config.rtp_last_port, config.media_shards, config.max_legs
        )
    }
}

fn cpus(numbers: Option<Vec<Int>>) -> PyResult<Option<Vec<usize>>> {
    numbers.map(|numbers| numbers.into_iter().map(|cpu| cpu.within("media_cpus", 0, 1023)).collect()).transpose()
}

/// One carrier as the engine sees it.
#[pyclass(frozen, eq, module = "ringback._engine")]
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TrunkConfig(pub(crate) native::TrunkConfig);

#[pymethods]
impl TrunkConfig {
    #[new]
    #[pyo3(signature = (
        *,
        id,
        username = None,
        password = None,
        codecs = None,
        allow_redirects = false,
        dialog = None,
        max_incoming_per_s = Int(0),
        max_packets_per_s = Int(0),
        srtp = "off",
        srtp_over_clear = false,
        transport = "auto",
        mtu_to_tcp = false,
        next_server_ms = Int(2000),
        dtmf = "auto",
        registration = None,
        ping = None,
    ))]
    #[pyo3(text_signature = "(*, id, username=None, password=None, codecs=['PCMA', 'PCMU'], allow_redirects=False, \
        dialog=None, max_incoming_per_s=0, max_packets_per_s=0, srtp='off', srtp_over_clear=False, \
        transport='auto', mtu_to_tcp=False, next_server_ms=2000, dtmf='auto', \
        registration=None, ping=None)")]
    #[allow(clippy::too_many_arguments)] // keyword-only arguments of the contract
    fn new(
        id: Int,
        username: Option<String>,
        password: Option<String>,
        codecs: Option<Vec<String>>,
        allow_redirects: bool,
        dialog: Option<DialogPolicy>,
        max_incoming_per_s: Int,
        max_packets_per_s: Int,
        srtp: &str,
        srtp_over_clear: bool,
        transport: &str,
        mtu_to_tcp: bool,
        next_server_ms: Int,
        dtmf: &str,
        registration: Option<PyRef<'_, RegistrationConfig>>,
        ping: Option<PyRef<'_, PingConfig>>,
    ) -> PyResult<Self> {
        let codecs = codecs.unwrap_or_else(|| vec!["PCMA".to_owned(), "PCMU".to_owned()]);
        let trunk = native::TrunkConfig {
            id: id.id("id")?,
            username,
            password,
            media: native::MediaPolicy {
                codecs: native::parse_codecs(&codecs).map_err(raise)?,
                srtp: native::parse_srtp(srtp).map_err(raise)?,
                srtp_over_clear,
                inband_dtmf: native::parse_dtmf(dtmf).map_err(raise)?,
            },
            transport: native::parse_transport(transport).map_err(raise)?,
            mtu_to_tcp,
            next_server: next_server_ms.within("next_server_ms", 1, HOUR_MS).map(Duration::from_millis)?,
            allow_redirects,
            policy: dialog.map(|dialog| dialog.0).unwrap_or_default(),
            max_incoming_per_s: max_incoming_per_s.within("max_incoming_per_s", 0, 1_000_000)?,
            max_packets_per_s: max_packets_per_s.within("max_packets_per_s", 0, 10_000_000)?,
            registration: registration.map(|wanted| wanted.0.clone()),
            ping: ping.map(|wanted| wanted.0.clone()),
        };
        trunk.check().map_err(raise)?;
        Ok(Self(trunk))
    }

    fn __repr__(&self) -> String {
        let trunk = &self.0;
        let username = trunk.username.as_deref().map_or_else(|| "None".to_owned(), python_repr);
        let password = if trunk.password.is_some() { "'***'" } else { "None" };
        format!("TrunkConfig(id={}, username={username}, password={password})", trunk.id)
    }
}

/// A source whose INVITEs are calls of a trunk.
#[pyclass(frozen, eq, module = "ringback._engine")]
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct AccessRule {
    pub(crate) rule: native::AccessRule,
    network: String,
}

#[pymethods]
impl AccessRule {
    #[new]
    #[pyo3(signature = (*, network, port = None, trunk))]
    fn new(network: String, port: Option<Int>, trunk: Int) -> PyResult<Self> {
        let rule = native::AccessRule {
            network: native::parse_network(&network).map_err(raise)?,
            port: port.map(|port| port.within("port", 1, 65535)).transpose()?,
            trunk: trunk.id("trunk")?,
        };
        Ok(Self { rule, network })
    }

    fn __repr__(&self) -> String {
        let port = self.rule.port.map_or_else(|| "None".to_owned(), |port| port.to_string());
        format!("AccessRule(network={}, port={port}, trunk={})", python_repr(&self.network), self.rule.trunk)
    }
}
