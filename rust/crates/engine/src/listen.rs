//! Our own ends: what `listen` says, the sockets behind it, and how we call ourselves by them.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr, TcpListener, ToSocketAddrs};

use ringback_net::{UdpListener, UdpSocket, bind_stream};
use ringback_sip::{Listener, ListenerId, Transport};

use crate::config::{EngineConfig, split_host_port};
use crate::error::EngineError;

/// Listeners of one engine; each UDP one has buffers of two megabytes.
pub(crate) const MAX_LISTENERS: usize = 16;

/// One entry of `listen`: `[transport:]host:port[@advertised]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry<'a> {
    pub(crate) transport: Transport,
    pub(crate) host: &'a str,
    pub(crate) port: u16,
    /// `host` or `host:port` of this listener alone.
    pub(crate) advertised: Option<&'a str>,
}

impl<'a> Entry<'a> {
    /// Read one entry; without a transport it is UDP.
    pub(crate) fn parse(text: &'a str) -> Result<Self, EngineError> {
        let (address, advertised) = match text.split_once('@') {
            Some((address, advertised)) => (address, Some(advertised)),
            None => (text, None),
        };
        let (transport, address) = match address.split_once(':') {
            // A host may be called `tcp`: the word is a transport when a whole address follows.
            Some((word, rest)) if rest.contains(':') && !address.starts_with('[') => {
                let transport = Transport::parse(word).ok_or_else(|| {
                    let problem = format!("{text:?} begins with no transport; those are udp, tcp, tls, ws and wss");
                    EngineError::argument("listen", problem)
                })?;
                (transport, rest)
            }
            _ => (Transport::Udp, address),
        };
        let (host, port) = split_host_port("listen", address)?;
        if let Some(advertised) = advertised {
            check_advertised("listen", advertised)?;
        }
        Ok(Self { transport, host, port, advertised })
    }
}

/// Check a `host` or `host:port`.
pub(crate) fn check_advertised(name: &'static str, text: &str) -> Result<(), EngineError> {
    if text.parse::<IpAddr>().is_ok() {
        return Ok(());
    }
    let checked = if text.contains(':') {
        split_host_port(name, text).map(drop)
    } else {
        split_host_port(name, &format!("{text}:0")).map(drop)
    };
    checked.map_err(|_| EngineError::argument(name, format!("{text:?} is neither a host nor host:port")))
}

/// Every address that is not a listener's, resolved once at start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Addresses {
    /// Where RTP sockets are bound.
    pub(crate) media_bind: IpAddr,
    /// What our SDP says.
    pub(crate) media_advertised: IpAddr,
}

impl Addresses {
    pub(crate) fn resolve(config: &EngineConfig) -> Result<Self, EngineError> {
        let first = Entry::parse(config.listen.first().map_or("", String::as_str))?;
        let media_bind = match &config.media_host {
            Some(host) => lookup("media_host", host, 0)?.ip(),
            None => lookup("listen", first.host, first.port)?.ip(),
        };
        let advertised = first.advertised.or(config.advertised.as_deref());
        let media_advertised = match (&config.media_advertised, advertised) {
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
        Ok(Self { media_bind, media_advertised })
    }
}

/// The sockets of all listeners.
#[derive(Debug, Default)]
pub(crate) struct Bound {
    /// In the order of `listen`: their place is their number.
    pub(crate) listeners: Vec<Listener>,
    pub(crate) udp: Vec<UdpListener>,
    pub(crate) streams: Vec<(ListenerId, Transport, TcpListener)>,
}

impl Bound {
    /// Open everything that `listen` names, or nothing.
    pub(crate) fn open(config: &EngineConfig) -> Result<Self, EngineError> {
        let mut bound = Self::default();
        for (place, text) in config.listen.iter().enumerate() {
            let entry = Entry::parse(text)?;
            let id = ListenerId::try_from(place).unwrap_or(ListenerId::MAX);
            let address = lookup("listen", entry.host, entry.port)?;
            let failed = |error: std::io::Error| bind_failed(entry.transport, address, &error);
            let local = if entry.transport == Transport::Udp {
                let socket = UdpSocket::bind(address).map_err(failed)?;
                let local = socket.local_address().map_err(failed)?;
                bound.udp.push(UdpListener::new(id, socket));
                local
            } else {
                let socket = bind_stream(address).map_err(failed)?;
                let local = socket.local_addr().map_err(failed)?;
                bound.streams.push((id, entry.transport, socket));
                local
            };
            // The port of `advertised` is that of the first listener; the others keep their own.
            let common = config.advertised.as_deref().map(|text| if place == 0 { text } else { host_of(text) });
            let contact_host = contact_host(entry.advertised.or(common), local)?;
            bound.listeners.push(Listener { transport: entry.transport, local, contact_host });
        }
        Ok(bound)
    }

    /// Addresses that connections of ours leave from, by listener.
    pub(crate) fn locals(&self) -> HashMap<ListenerId, IpAddr> {
        let places = self.listeners.iter().enumerate();
        places
            .filter(|(_, listener)| !listener.local.ip().is_unspecified())
            .filter_map(|(place, listener)| Some((ListenerId::try_from(place).ok()?, listener.local.ip())))
            .collect()
    }
}

/// A listener as `listen` would name it.
pub(crate) fn text_of(listener: &Listener) -> String {
    format!("{}:{}", listener.transport.as_str(), listener.local)
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
fn contact_host(advertised: Option<&str>, bound: SocketAddr) -> Result<String, EngineError> {
    match advertised {
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

fn bind_failed(transport: Transport, address: SocketAddr, error: &std::io::Error) -> EngineError {
    EngineError::BindFailed(format!(
        "cannot listen on {address} ({}): {error}; choose an address of this host and a free port",
        transport.via_token()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_names_transport_address_and_what_is_advertised() {
        let parse = |text| Entry::parse(text).map(|entry| (entry.transport, entry.host, entry.port, entry.advertised));

        assert_eq!(parse("192.0.2.1:5060"), Ok((Transport::Udp, "192.0.2.1", 5060, None)));
        assert_eq!(parse("tls:[::1]:5061"), Ok((Transport::Tls, "::1", 5061, None)));
        assert_eq!(parse("[::1]:5061"), Ok((Transport::Udp, "::1", 5061, None)));
        assert_eq!(parse("WSS:a.example:0@b.example:443"), Ok((Transport::Wss, "a.example", 0, Some("b.example:443"))));
        assert_eq!(parse("tcp:5060"), Ok((Transport::Udp, "tcp", 5060, None)), "a host may be called so");
        for wrong in ["", "sctp:192.0.2.1:5060", "tcp:192.0.2.1", "192.0.2.1:5060@"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn each_listener_is_called_by_what_it_advertises() {
        let local = "192.0.2.1:5061".parse().unwrap();

        assert_eq!(contact_host(Some("203.0.113.1"), local).unwrap(), "203.0.113.1:5061");
        assert_eq!(contact_host(Some("sip.example:5099"), local).unwrap(), "sip.example:5099");
        assert_eq!(contact_host(None, local).unwrap(), "192.0.2.1:5061");
        assert!(contact_host(None, "0.0.0.0:5061".parse().unwrap()).is_err());
    }
}
