//! Route sets and next hops (RFC 3261 sections 12.1, 12.2.1.1 and 8.1.2).
//!
//! Proxies that want to stay in the path put themselves into Record-Route. Who answered keeps that order, who called
//! reverses it. Every later request, the ACK included, is then built from the set: if the first route has `lr`, the
//! target stays Request-URI and the routes go along; if it has not (RFC 2543 strict routing), the first route becomes
//! Request-URI and the target goes to the end of the list.

use std::net::IpAddr;

use crate::peer::{Peer, Transport};
use crate::wire::{AddressParts, Headers, Hop, Name};

/// The route set out of a message that made a dialog; `reversed` on the calling side.
pub(crate) fn route_set(headers: &Headers, reversed: bool) -> Vec<Vec<u8>> {
    let mut routes = headers.list(&Name::RecordRoute);
    if reversed {
        routes.reverse();
    }
    routes
}

/// How one request inside a dialog is addressed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Addressing {
    /// Request-URI.
    pub(crate) uri: Vec<u8>,
    /// Route values in order.
    pub(crate) routes: Vec<Vec<u8>>,
    /// Where the message goes; the listener is still to be chosen when the transport differs from that of the peer.
    pub(crate) to: Peer,
}

/// Address a request by target and route set. `peer` is where the far end was heard last.
pub(crate) fn address(target: &[u8], set: &[Vec<u8>], peer: Peer) -> Addressing {
    let Some((first, rest)) = set.split_first() else {
        return Addressing { uri: target.to_vec(), routes: Vec::new(), to: next_hop(target, peer) };
    };
    let first_uri = AddressParts::parse(first).map_or(first.as_slice(), |parts| parts.uri);
    let to = next_hop(first_uri, peer);
    // An unreadable route is passed on as it is: the element that wrote it knows what it means.
    if Hop::parse(first_uri).is_none_or(|hop| hop.lr) {
        return Addressing { uri: target.to_vec(), routes: set.to_vec(), to };
    }
    let mut routes = rest.to_vec();
    routes.push([b"<", target, b">"].concat());
    Addressing { uri: first_uri.to_vec(), routes, to }
}

/// The socket address of a URI, or `peer` when the URI does not lead anywhere we can go.
///
/// A host name is not looked up: DNS does not belong into the receive path, and the element that sent us the message
/// is reachable where it sent from. The same goes for a private address named by a public peer (NAT), and for the
/// other address family.
///
/// A URI that names no transport means that of the peer: whoever was heard over a stream speaks it. A stream to the
/// peer's own host goes over the connection that is there, whoever opened it (RFC 5923); the address of the URI is for
/// when it is gone. WebSocket peers are browsers: they can only be reached over what they opened.
fn next_hop(uri: &[u8], peer: Peer) -> Peer {
    let Some(hop) = Hop::parse(uri) else { return peer };
    let Some(address) = hop.socket() else { return peer };
    let usable = address.is_ipv4() == peer.address.is_ipv4()
        && address.port() != 0
        && !address.ip().is_unspecified()
        && !address.ip().is_multicast()
        && (is_public(address.ip()) || !is_public(peer.address.ip()));
    let transport = hop.transport().unwrap_or(peer.transport);
    if !usable || matches!(peer.transport, Transport::Ws | Transport::Wss) {
        return peer;
    }
    if transport != peer.transport {
        return Peer::new(transport, address);
    }
    let connection = if address.ip() == peer.address.ip() { peer.connection } else { 0 };
    Peer { address, connection, ..peer }
}

/// Reachable from everywhere, as far as the address tells.
fn is_public(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(v4) => {
            let shared = v4.octets()[0] == 100 && (64..128).contains(&v4.octets()[1]);
            !(v4.is_private() || v4.is_loopback() || v4.is_link_local() || v4.is_broadcast() || shared)
        }
        IpAddr::V6(v6) => !(v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer() -> Peer {
        at("198.51.100.1:5060")
    }

    fn at(address: &str) -> Peer {
        Peer::udp(address.parse().expect("address"))
    }

    fn set(routes: &[&str]) -> Vec<Vec<u8>> {
        routes.iter().map(|route| route.as_bytes().to_vec()).collect()
    }

    #[test]
    fn loose_routes_leave_the_target_alone() {
        let found = address(b"sip:u@203.0.113.9", &set(&["<sip:203.0.113.1;lr>", "<sip:203.0.113.2;lr>"]), peer());

        assert_eq!(found.uri, b"sip:u@203.0.113.9");
        assert_eq!(found.routes, set(&["<sip:203.0.113.1;lr>", "<sip:203.0.113.2;lr>"]));
        assert_eq!(found.to, at("203.0.113.1:5060"));
    }

    #[test]
    fn a_strict_route_becomes_the_request_uri() {
        let found = address(b"sip:u@203.0.113.9", &set(&["<sip:203.0.113.1>", "<sip:203.0.113.2;lr>"]), peer());

        assert_eq!(found.uri, b"sip:203.0.113.1");
        assert_eq!(found.routes, set(&["<sip:203.0.113.2;lr>", "<sip:u@203.0.113.9>"]));
        assert_eq!(found.to, at("203.0.113.1:5060"));
    }

    #[test]
    fn names_private_addresses_and_the_other_family_lead_to_the_peer() {
        for target in ["sip:u@gw.example", "sip:u@10.0.0.5:5080", "sip:u@[2001:db8::1]", "sip:u@0.0.0.0"] {
            assert_eq!(address(target.as_bytes(), &[], peer()).to, peer(), "{target}");
        }
        let inside = at("10.0.0.1:5060");
        assert_eq!(address(b"sip:u@10.0.0.5:5080", &[], inside).to, at("10.0.0.5:5080"));
    }

    #[test]
    fn a_stream_to_the_peers_own_host_goes_over_the_connection_that_is_there() {
        let heard = Peer { transport: Transport::Tcp, listener: 2, connection: 9, ..peer() };
        let next = |uri: &str| address(uri.as_bytes(), &[], heard).to;
        let listening = "198.51.100.1:5070".parse().expect("address");
        let elsewhere = "203.0.113.9:5060".parse().expect("address");

        assert_eq!(next("sip:u@198.51.100.1:5070;transport=tcp"), Peer { address: listening, ..heard });
        assert_eq!(next("sip:u@198.51.100.1:5070"), Peer { address: listening, ..heard }, "no transport is the peer's");
        assert_eq!(next("sip:u@203.0.113.9;transport=tcp"), Peer { address: elsewhere, connection: 0, ..heard });
        assert_eq!(next("sip:u@203.0.113.9;transport=udp"), Peer::new(Transport::Udp, elsewhere));
        let tls = "203.0.113.9:5061".parse().expect("address");
        assert_eq!(next("sips:u@203.0.113.9;transport=tcp"), Peer::new(Transport::Tls, tls));
        let browser = Peer { transport: Transport::Wss, ..heard };
        assert_eq!(address(b"sip:u@203.0.113.9:5060;transport=ws", &[], browser).to, browser);
    }
}
