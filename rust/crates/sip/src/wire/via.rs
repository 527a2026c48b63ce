//! The topmost Via: which transaction a message belongs to, and where its response goes.
//!
//! RFC 3261 section 18.2 and RFC 3581. `received` and `rport` are always our own observation: whatever the message
//! claimed there is overwritten, or our responses could be pointed at a victim.

use std::net::{IpAddr, SocketAddr};

use super::address::{has_param, param, params_of, split_list};
use crate::peer::Peer;

/// One Via value, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Via {
    /// Branch parameter, empty when absent.
    pub(crate) branch: Vec<u8>,
    /// Host and port as sent, lower case, without white space.
    pub(crate) sent_by: Vec<u8>,
    /// Port in `sent_by`.
    pub(crate) port: Option<u16>,
    /// The sender asked for RFC 3581.
    pub(crate) has_rport: bool,
}

impl Via {
    /// Read the first hop of a Via header.
    pub(crate) fn parse_first(value: &[u8]) -> Option<Self> {
        let hop = split_list(value).next()?;
        let (sent, params) = split_params(hop);
        let sent_by = sent_by(sent)?;
        let port = port_of(&sent_by);
        Some(Self {
            branch: param(params, "branch").unwrap_or_default().to_vec(),
            sent_by,
            port,
            has_rport: has_param(params, "rport"),
        })
    }

    /// Where the response to a request received from `source` goes (RFC 3261 section 18.2.2, RFC 3581 section 4).
    ///
    /// Over a stream it goes back over the connection of the request; the address is for when that is gone.
    pub(crate) fn reply_to(&self, source: Peer) -> Peer {
        if self.has_rport && !source.transport.is_reliable() {
            return source;
        }
        let port = self.port.filter(|port| *port != 0).unwrap_or(source.transport.default_port());
        Peer { address: SocketAddr::new(source.address.ip(), port), ..source }
    }
}

/// Whether every value of a Via line is a hop, and not just separators (RFC 4475 section 3.1.2.1).
pub(crate) fn all_are_hops(value: &[u8]) -> bool {
    split_list(value).all(is_hop)
}

fn is_hop(hop: &[u8]) -> bool {
    sent_by(split_params(hop).0).is_some()
}

/// A whole Via line with `received` (and `rport`, if asked for) of its first hop set to what we saw.
pub(crate) fn with_source(value: &[u8], source: SocketAddr) -> Vec<u8> {
    let mut hops = split_list(value);
    let (sent, params) = split_params(hops.next().unwrap_or_default());
    let mut out = sent.to_vec();
    let mut has_rport = false;
    for (key, content) in params_of(params) {
        if key.eq_ignore_ascii_case(b"rport") {
            has_rport = true;
        } else if !key.eq_ignore_ascii_case(b"received") {
            push_param(&mut out, key, content);
        }
    }
    push_param(&mut out, b"received", Some(address_text(source.ip()).as_bytes()));
    if has_rport {
        push_param(&mut out, b"rport", Some(source.port().to_string().as_bytes()));
    }
    for hop in hops.filter(|hop| is_hop(hop)) {
        out.extend_from_slice(b", ");
        out.extend_from_slice(hop);
    }
    out
}

fn push_param(out: &mut Vec<u8>, key: &[u8], value: Option<&[u8]>) {
    out.push(b';');
    out.extend_from_slice(key);
    if let Some(value) = value {
        out.push(b'=');
        out.extend_from_slice(value);
    }
}

fn address_text(ip: IpAddr) -> String {
    ip.to_canonical().to_string()
}

fn split_params(hop: &[u8]) -> (&[u8], &[u8]) {
    hop.iter().position(|byte| *byte == b';').map_or((hop, &[][..]), |at| hop.split_at(at))
}

/// `SIP / 2.0 / UDP host : port` to `host:port`.
fn sent_by(sent: &[u8]) -> Option<Vec<u8>> {
    let mut parts = sent.splitn(3, |byte| *byte == b'/');
    let (_protocol, _version, rest) = (parts.next()?, parts.next()?, parts.next()?.trim_ascii());
    let space = rest.iter().position(u8::is_ascii_whitespace)?;
    let host: Vec<u8> =
        rest.get(space..)?.iter().filter(|byte| !byte.is_ascii_whitespace()).map(u8::to_ascii_lowercase).collect();
    (!host.is_empty()).then_some(host)
}

fn port_of(sent_by: &[u8]) -> Option<u16> {
    let colon = sent_by.iter().rposition(|byte| *byte == b':')?;
    // In `[2001:db8::1]` the last colon is inside the brackets: what follows is no number.
    std::str::from_utf8(sent_by.get(colon + 1..)?).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_about_the_source_are_overwritten() {
        let source = "192.0.2.9:5099".parse().expect("address");
        let value = b"SIP/2.0/UDP a:5060;received=6.6.6.6;branch=z9hG4bKx;rport=1, SIP/2.0/UDP b;received=1.1.1.1";

        let line = with_source(value, source);

        assert_eq!(
            super::super::text(&line),
            "SIP/2.0/UDP a:5060;branch=z9hG4bKx;received=192.0.2.9;rport=5099, SIP/2.0/UDP b;received=1.1.1.1"
        );
    }

    #[test]
    fn odd_spacing_is_read() {
        let via = Via::parse_first(b"SIP / 2.0 / UDP  Host.Example : 5070 ; Branch = z9hG4bKq").expect("a Via");

        assert_eq!(via.sent_by, b"host.example:5070");
        assert_eq!(via.port, Some(5070));
        assert_eq!(via.branch, b"z9hG4bKq");
    }

    #[test]
    fn without_rport_the_response_goes_to_the_port_of_sent_by() {
        let source = Peer::udp("192.0.2.9:40000".parse().expect("address"));
        let plain = Via::parse_first(b"SIP/2.0/UDP a:5070;branch=z9hG4bK1").expect("a Via");
        let rport = Via::parse_first(b"SIP/2.0/UDP a:5070;rport;branch=z9hG4bK1").expect("a Via");
        let ipv6 = Via::parse_first(b"SIP/2.0/UDP [2001:db8::1];branch=z9hG4bK1").expect("a Via");

        assert_eq!(plain.reply_to(source), Peer::udp("192.0.2.9:5070".parse().expect("address")));
        assert_eq!(rport.reply_to(source), source);
        assert_eq!(ipv6.port, None);
    }

    #[test]
    fn over_a_stream_the_response_goes_back_over_its_connection_and_else_to_the_port_of_sent_by() {
        let source = Peer {
            transport: crate::peer::Transport::Tls,
            listener: 3,
            address: "192.0.2.9:40000".parse().expect("address"),
            connection: 17,
        };
        let named = Via::parse_first(b"SIP/2.0/TLS a:5070;rport;branch=z9hG4bK1").expect("a Via");
        let unnamed = Via::parse_first(b"SIP/2.0/TLS a;branch=z9hG4bK1").expect("a Via");

        assert_eq!(named.reply_to(source), Peer { address: "192.0.2.9:5070".parse().expect("address"), ..source });
        assert_eq!(unnamed.reply_to(source), Peer { address: "192.0.2.9:5061".parse().expect("address"), ..source });
    }
}
