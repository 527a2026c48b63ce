//! Settings of one engine, checked before anything is opened.

pub(crate) mod registering;

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use ringback_sip::{Codec, Network, Policy, Reliable, Transport};

use ringback_net::{TlsFiles, Wanted};

use self::registering::{PingConfig, RegistrationConfig};
use crate::error::EngineError;
use crate::ids::TrunkId;
use crate::listen::{Entry, MAX_LISTENERS, check_advertised};
use crate::media_policy::{MediaPolicy, SrtpMode};

/// What one engine needs to know at start; the fields are those of `EngineConfig` in the Python contract.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct EngineConfig {
    pub listen: Vec<String>,
    pub streams: StreamSettings,
    pub advertised: Option<String>,
    pub media_host: Option<String>,
    pub media_advertised: Option<String>,
    pub rtp_first_port: u16,
    pub rtp_last_port: u16,
    pub media_shards: usize,
    /// CPUs of the media threads; none in the list for no binding, `None` to choose.
    pub media_cpus: Option<Vec<usize>>,
    pub media_realtime: bool,
    pub media_timeout: Duration,
    pub tones: String,
    pub t1: Duration,
    pub decide_within: Duration,
    pub max_legs: usize,
    pub max_incoming_per_s: u32,
    pub event_high_water: usize,
    pub user_agent: String,
    pub trace: bool,
}

/// What concerns TCP, TLS and WebSocket.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct StreamSettings {
    pub tls: TlsFiles,
    pub ws_origins: Vec<String>,
    pub dns_servers: Vec<SocketAddr>,
    pub max_connections: usize,
    pub max_connections_per_source: usize,
}

impl EngineConfig {
    /// Check what needs no machine: ranges and the shape of addresses.
    pub fn check(&self) -> Result<(), EngineError> {
        self.check_listeners()?;
        if let Some(advertised) = &self.advertised {
            check_advertised("advertised", advertised)?;
        }
        for (name, host) in [("media_host", &self.media_host), ("media_advertised", &self.media_advertised)] {
            if let Some(host) = host {
                host.parse::<IpAddr>().map_err(|_| {
                    EngineError::argument(name, format!("{host:?} is not an IP address; write one like 192.0.2.10"))
                })?;
            }
        }
        self.check_ports()?;
        crate::args::country("tones", &self.tones)?;
        let printable = self.user_agent.bytes().all(|byte| (0x20..0x7f).contains(&byte));
        if self.user_agent.is_empty() || self.user_agent.len() > 128 || !printable {
            return Err(EngineError::argument("user_agent", "must be 1 to 128 printable ASCII characters"));
        }
        Ok(())
    }

    fn check_listeners(&self) -> Result<(), EngineError> {
        if self.listen.is_empty() || self.listen.len() > MAX_LISTENERS {
            return Err(EngineError::argument("listen", format!("must name 1 to {MAX_LISTENERS} listeners")));
        }
        for text in &self.listen {
            let entry = Entry::parse(text)?;
            if entry.transport.is_secure() && self.streams.tls.certificates.is_empty() {
                let problem = format!("must name a certificate: {text} cannot serve TLS without");
                return Err(EngineError::argument("tls_certificates", problem));
            }
        }
        Ok(())
    }

    fn check_ports(&self) -> Result<(), EngineError> {
        let (first, last) = (self.rtp_first_port, self.rtp_last_port);
        if first < 1024 || first % 2 != 0 {
            let problem = format!("{first} must be an even port from 1024 to 65534");
            return Err(EngineError::argument("rtp_first_port", problem));
        }
        if last <= first {
            let problem = format!("{last} must be above rtp_first_port ({first}): each leg takes an even/odd pair");
            return Err(EngineError::argument("rtp_last_port", problem));
        }
        Ok(())
    }
}

/// Read a name server's address, `ip` or `ip:port`.
pub fn parse_dns_server(text: &str) -> Result<SocketAddr, EngineError> {
    let address = text.parse().or_else(|_| text.parse::<IpAddr>().map(|ip| SocketAddr::new(ip, 53)));
    address.map_err(|_| EngineError::argument("dns_servers", format!("{text:?} is no address like 192.0.2.53:53")))
}

/// Read the transport of a trunk.
pub fn parse_transport(word: &str) -> Result<Wanted, EngineError> {
    match Transport::parse(word) {
        _ if word == "auto" => Ok(Wanted::Auto),
        Some(transport @ (Transport::Udp | Transport::Tcp | Transport::Tls)) => Ok(Wanted::Only(transport)),
        _ => Err(EngineError::argument("transport", format!("{word:?} is not one of auto, udp, tcp, tls"))),
    }
}

/// Check that a number lies in its range; the message names both.
pub fn in_range(name: &'static str, value: i64, low: i64, high: i64) -> Result<i64, EngineError> {
    if value < low || value > high {
        return Err(EngineError::argument(name, format!("{value} is outside {low} to {high}")));
    }
    Ok(value)
}

/// Split a gateway: `host:port`, or a host alone that DNS knows the port of.
pub(crate) fn split_gateway(text: &str) -> Result<(&str, Option<u16>), EngineError> {
    if let Ok(IpAddr::V6(_)) = text.parse::<IpAddr>() {
        return Ok((text, None));
    }
    if text.contains(':') {
        return split_host_port("gateway", text).map(|(host, port)| (host, Some(port)));
    }
    // Checked as if it had a port.
    split_host_port("gateway", &format!("{text}:1"))?;
    Ok((text, None))
}

/// Split `host:port` or `[v6]:port`; the host stands without brackets.
pub(crate) fn split_host_port<'a>(name: &'static str, text: &'a str) -> Result<(&'a str, u16), EngineError> {
    let wrong = || EngineError::argument(name, format!("{text:?} is not host:port, like 192.0.2.10:5060"));
    let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
    let port = port.parse().map_err(|_| wrong())?;
    let host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(bare) => bare.parse::<std::net::Ipv6Addr>().map(|_| bare).map_err(|_| wrong())?,
        None => host,
    };
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    let valid = host.contains(':') || host.bytes().all(is_name);
    if host.is_empty() || host.len() > 253 || !valid {
        return Err(wrong());
    }
    Ok((host, port))
}

/// One carrier as the engine sees it; the fields are those of `TrunkConfig` in the Python contract.
#[derive(Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct TrunkConfig {
    pub id: TrunkId,
    pub username: Option<String>,
    pub password: Option<String>,
    pub media: MediaPolicy,
    pub transport: Wanted,
    pub mtu_to_tcp: bool,
    pub next_server: Duration,
    pub allow_redirects: bool,
    pub policy: Policy,
    pub max_incoming_per_s: u32,
    pub max_packets_per_s: u32,
    pub registration: Option<RegistrationConfig>,
    pub ping: Option<PingConfig>,
}

impl std::fmt::Debug for TrunkConfig {
    /// Without the password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TrunkConfig").field("id", &self.id).field("media", &self.media).finish_non_exhaustive()
    }
}

impl TrunkConfig {
    /// Check codecs and credentials.
    pub fn check(&self) -> Result<(), EngineError> {
        if self.media.codecs.is_empty() {
            return Err(EngineError::argument("codecs", "must name at least one of PCMA, PCMU, G722, OPUS"));
        }
        if self.username.is_none() && self.password.is_some() {
            return Err(EngineError::argument("username", "must be given with a password"));
        }
        if let Some(registration) = &self.registration {
            registration.check()?;
        }
        if let Some(ping) = &self.ping {
            ping.check()?;
        }
        for (name, text) in [("username", &self.username), ("password", &self.password)] {
            let wrong = |text: &String| text.len() > 256 || text.chars().any(char::is_control);
            if text.as_ref().is_some_and(wrong) {
                return Err(EngineError::argument(name, "must be at most 256 bytes without control characters"));
            }
        }
        Ok(())
    }
}

/// Read `off`, `supported` or `required` (RFC 3262).
pub fn parse_reliable(word: &str) -> Result<Reliable, EngineError> {
    match word {
        "off" => Ok(Reliable::Off),
        "supported" => Ok(Reliable::Supported),
        "required" => Ok(Reliable::Required),
        _ => Err(EngineError::argument("reliable", format!("{word:?} is not one of off, supported, required"))),
    }
}

/// Check a session interval in seconds: 0 for none of our own, else 90 to 7200 (RFC 4028).
pub fn check_session_expires(seconds: i64) -> Result<u32, EngineError> {
    match seconds {
        0 => Ok(0),
        _ => in_range("session_expires_s", seconds, 90, 7200).map(crate::args::number),
    }
}

/// Read the `srtp` of a trunk.
pub fn parse_srtp(word: &str) -> Result<SrtpMode, EngineError> {
    let problem = || EngineError::argument("srtp", format!("{word:?} is not one of off, optional, required"));
    SrtpMode::parse(word).ok_or_else(problem)
}

/// Read codec names in order of preference.
pub fn parse_codecs(names: &[String]) -> Result<Vec<Codec>, EngineError> {
    let mut codecs = Vec::with_capacity(4);
    for name in names {
        let codec = match name.to_ascii_uppercase().as_str() {
            "PCMA" => Codec::Pcma,
            "PCMU" => Codec::Pcmu,
            "G722" => Codec::G722,
            "OPUS" if ringback_media::Codec::ALL.contains(&ringback_media::Codec::Opus) => Codec::Opus,
            "OPUS" => {
                let problem = "OPUS is not in this build; install cmake and build again";
                return Err(EngineError::argument("codecs", problem));
            }
            _ => {
                let problem = format!("{name:?} is not one of PCMA, PCMU, G722, OPUS");
                return Err(EngineError::argument("codecs", problem));
            }
        };
        if !codecs.contains(&codec) {
            codecs.push(codec);
        }
    }
    Ok(codecs)
}

/// A source whose INVITEs are calls of a trunk.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct AccessRule {
    pub network: Network,
    pub port: Option<u16>,
    pub trunk: TrunkId,
}

/// Read `10.1.0.0/16` or a single address.
pub fn parse_network(text: &str) -> Result<Network, EngineError> {
    text.parse().map_err(|error| EngineError::argument("network", format!("{text:?}: {error}")))
}
