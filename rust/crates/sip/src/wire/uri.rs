//! What routing needs to know of a SIP URI: host, port, `lr`.

use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use sipx_sip::{Host, Uri};

use crate::peer::Transport;

/// Where a URI points, as far as that can be said without DNS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hop {
    /// The host if it is an address.
    pub(crate) ip: Option<IpAddr>,
    /// The host as text, lower case, without brackets.
    pub(crate) host: String,
    /// Port; if none is given 5060, or 5061 for TLS.
    pub(crate) port: u16,
    /// `transport` parameter.
    transport: Option<Transport>,
    /// SIPS: encrypted or not at all.
    secure: bool,
    /// Loose routing (RFC 3261 section 16.12).
    pub(crate) lr: bool,
}

impl Hop {
    /// Read a `sip:` or `sips:` URI. None for anything else.
    pub(crate) fn parse(uri: &[u8]) -> Option<Self> {
        let uri = Uri::parse(Bytes::copy_from_slice(uri)).ok()?;
        let host = super::text(&uri.host()?.to_bytes()).to_ascii_lowercase();
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let ip = match uri.host()? {
            Host::Name(_) => None,
            Host::Ip(ip) => Some(*ip),
        };
        let lr = uri.params().is_some_and(|params| params.contains("lr"));
        let transport = uri.transport().and_then(|name| Transport::parse(&super::text(name)));
        let secure = uri.scheme().is_secure();
        let usual = if secure || transport == Some(Transport::Tls) { 5061 } else { 5060 };
        Some(Self { ip, host, port: uri.port().unwrap_or(usual), transport, secure, lr })
    }

    /// The transport it asks for, if it asks (RFC 3261 section 19.1.1). SIPS turns `tcp` into `tls` and `ws` into `wss`.
    pub(crate) fn transport(&self) -> Option<Transport> {
        match self.transport {
            Some(Transport::Ws | Transport::Wss) if self.secure => Some(Transport::Wss),
            _ if self.secure => Some(Transport::Tls),
            other => other,
        }
    }

    /// The socket address, when the host is one.
    pub(crate) fn socket(&self) -> Option<SocketAddr> {
        self.ip.map(|ip| SocketAddr::new(ip, self.port))
    }
}

/// The user part of a `sip:` URI as written, password and escapes included; None if there is none.
pub(crate) fn user_of(uri: &[u8]) -> Option<Vec<u8>> {
    Hop::parse(uri)?;
    let colon = uri.iter().position(|byte| *byte == b':')?;
    let rest = uri.get(colon + 1..)?;
    let at = rest.iter().position(|byte| *byte == b'@')?;
    rest.get(..at).map(<[u8]>::to_vec)
}

/// Whether these bytes are a URI that can be written into a message.
pub(crate) fn is_uri(uri: &[u8]) -> bool {
    Uri::parse(Bytes::copy_from_slice(uri)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_ports_and_lr_are_seen() {
        let hop = Hop::parse(b"sip:p1@192.0.2.7:5070;lr").expect("a URI");

        assert_eq!(hop.socket(), Some("192.0.2.7:5070".parse().expect("address")));
        assert!(hop.lr);
    }

    #[test]
    fn an_ipv6_reference_is_an_address() {
        let hop = Hop::parse(b"sip:[2001:db8::1]:5062").expect("a URI");

        assert_eq!(hop.socket(), Some("[2001:db8::1]:5062".parse().expect("address")));
    }

    #[test]
    fn ported_numbers_do_not_hide_the_host() {
        let hop = Hop::parse(b"sip:+15550100;npdi;rn=+15550199@gw.example;user=phone").expect("a URI");

        assert_eq!(hop.host, "gw.example");
        assert_eq!(hop.port, 5060);
        assert_eq!(hop.ip, None);
    }

    #[test]
    fn telephone_uris_have_no_host() {
        assert_eq!(Hop::parse(b"tel:+15550100"), None);
        assert!(is_uri(b"tel:+15550100"));
    }
}
