//! Settings of one engine, checked before anything is opened.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::time::Duration;

use ringback_sip::{Codec, Network, Policy};

use crate::error::EngineError;
use crate::ids::TrunkId;

/// What one engine needs to know at start; the fields are those of `EngineConfig` in the Python contract.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct EngineConfig {
    pub listen: String,
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

impl EngineConfig {
    /// Check what needs no machine: ranges and the shape of addresses.
    pub fn check(&self) -> Result<(), EngineError> {
        split_host_port("listen", &self.listen)?;
        if let Some(advertised) = &self.advertised {
            check_host_port("advertised", advertised)?;
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

/// Check that a number lies in its range; the message names both.
pub fn in_range(name: &'static str, value: i64, low: i64, high: i64) -> Result<i64, EngineError> {
    if value < low || value > high {
        return Err(EngineError::argument(name, format!("{value} is outside {low} to {high}")));
    }
    Ok(value)
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

fn check_host_port(name: &'static str, text: &str) -> Result<(), EngineError> {
    if text.parse::<IpAddr>().is_ok() {
        return Ok(());
    }
    if text.contains(':') {
        split_host_port(name, text)
    } else {
        split_host_port(name, &format!("{text}:0")).map(|(_, port)| (text, port))
    }
    .map(|_| ())
    .map_err(|_| EngineError::argument(name, format!("{text:?} is neither a host nor host:port")))
}

/// Every address the engine binds or writes, resolved once at start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Addresses {
    /// Where the SIP socket is to be bound; port 0 for any.
    pub(crate) listen: SocketAddr,
    /// Where RTP sockets are bound.
    pub(crate) media_bind: IpAddr,
    /// What our SDP says.
    pub(crate) media_advertised: IpAddr,
}

impl Addresses {
    pub(crate) fn resolve(config: &EngineConfig) -> Result<Self, EngineError> {
        let (host, port) = split_host_port("listen", &config.listen)?;
        let listen = lookup("listen", host, port)?;
        let media_bind = match &config.media_host {
            Some(host) => lookup("media_host", host, 0)?.ip(),
            None => listen.ip(),
        };
        let media_advertised = match (&config.media_advertised, &config.advertised) {
            (Some(host), _) => lookup("media_advertised", host, 0)?.ip(),
            (None, Some(advertised)) => lookup("advertised", host_of(advertised), 0)?.ip(),
            (None, None) => media_bind,
        };
        if media_advertised.is_unspecified() {
            return Err(EngineError::argument(
                "media_advertised",
                format!("must be given when media listens on {media_advertised}: a caller cannot send audio there"),
            ));
        }
        Ok(Self { listen, media_bind, media_advertised })
    }
}

/// The host of `host` or `host:port`, without brackets.
fn host_of(text: &str) -> &str {
    if text.parse::<IpAddr>().is_ok() {
        return text;
    }
    let host = text.rsplit_once(':').map_or(text, |(host, _)| host);
    host.trim_start_matches('[').trim_end_matches(']')
}

/// Via and Contact: the advertised address with a port, or the bound one.
pub(crate) fn contact_host(config: &EngineConfig, bound: SocketAddr) -> Result<String, EngineError> {
    match config.advertised.as_deref() {
        None if bound.ip().is_unspecified() => Err(EngineError::argument(
            "advertised",
            format!("must be given when listening on {}: answers could not find us", bound.ip()),
        )),
        None => Ok(bound.to_string()),
        Some(text) => Ok(match text.parse::<IpAddr>() {
            Ok(ip) => SocketAddr::new(ip, bound.port()).to_string(),
            Err(_) if text.contains(':') => text.to_owned(),
            Err(_) => format!("{text}:{}", bound.port()),
        }),
    }
}

fn lookup(name: &'static str, host: &str, port: u16) -> Result<SocketAddr, EngineError> {
    if let Ok(ip) = host.parse::<IpAddr>() {
        return Ok(SocketAddr::new(ip, port));
    }
    // Only at start, on the caller's thread, for our own names.
    let mut found = (host, port)
        .to_socket_addrs()
        .map_err(|error| EngineError::BindFailed(format!("{name}: the name {host} does not resolve ({error})")))?;
    found.next().ok_or_else(|| EngineError::BindFailed(format!("{name}: the name {host} has no address")))
}

/// One carrier as the engine sees it; the fields are those of `TrunkConfig` in the Python contract.
#[derive(Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct TrunkConfig {
    pub id: TrunkId,
    pub username: Option<String>,
    pub password: Option<String>,
    pub codecs: Vec<Codec>,
    pub allow_redirects: bool,
    pub policy: Policy,
}

impl std::fmt::Debug for TrunkConfig {
    /// Without the password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TrunkConfig").field("id", &self.id).field("codecs", &self.codecs).finish_non_exhaustive()
    }
}

impl TrunkConfig {
    /// Check codecs and credentials.
    pub fn check(&self) -> Result<(), EngineError> {
        if self.codecs.is_empty() {
            return Err(EngineError::argument("codecs", "must name at least one of PCMA, PCMU"));
        }
        if self.username.is_none() && self.password.is_some() {
            return Err(EngineError::argument("username", "must be given with a password"));
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

/// Read codec names in order of preference.
pub fn parse_codecs(names: &[String]) -> Result<Vec<Codec>, EngineError> {
    let mut codecs = Vec::with_capacity(2);
    for name in names {
        let codec = match name.to_ascii_uppercase().as_str() {
            "PCMA" => Codec::Pcma,
            "PCMU" => Codec::Pcmu,
            _ => return Err(EngineError::argument("codecs", format!("{name:?} is not one of PCMA, PCMU"))),
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
