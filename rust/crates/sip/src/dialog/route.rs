//! Route sets and next hops (RFC 3261 sections 12.1, 12.2.1.1 and 8.1.2).
//!
//! Proxies that want to stay in the path put themselves into Record-Route. Who answered keeps that order, who called
//! reverses it. Every later request, the ACK included, is then built from the set: if the first route has `lr`, the
//! target stays Request-URI and the routes go along; if it has not (RFC 2543 strict routing), the first route becomes
//! Request-URI and the target goes to the end of the list.

use std::net::{IpAddr, SocketAddr};

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
    /// Where the datagram goes.
    pub(crate) to: SocketAddr,
}

/// Address a request by target and route set. `peer` is where the far end was heard last.
pub(crate) fn address(target: &[u8], set: &[Vec<u8>], peer: SocketAddr) -> Addressing {
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
fn next_hop(uri: &[u8], peer: SocketAddr) -> SocketAddr {
    let Some(hop) = Hop::parse(uri).and_then(|hop| hop.socket()) else { return peer };
    let usable = hop.is_ipv4() == peer.is_ipv4()
        && hop.port() != 0
        && !hop.ip().is_unspecified()
        && !hop.ip().is_multicast()
        && (is_public(hop.ip()) || !is_public(peer.ip()));
    if usable { hop } else { peer }
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

    fn peer() -> SocketAddr {
        "198.51.100.1:5060".parse().expect("address")
    }

    fn set(routes: &[&str]) -> Vec<Vec<u8>> {
        routes.iter().map(|route| route.as_bytes().to_vec()).collect()
    }

    #[test]
    fn loose_routes_leave_the_target_alone() {
        let found = address(b"sip:u@203.0.113.9", &set(&["<sip:203.0.113.1;lr>", "<sip:203.0.113.2;lr>"]), peer());

        assert_eq!(found.uri, b"sip:u@203.0.113.9");
        assert_eq!(found.routes, set(&["<sip:203.0.113.1;lr>", "<sip:203.0.113.2;lr>"]));
        assert_eq!(found.to, "203.0.113.1:5060".parse().expect("address"));
    }

    #[test]
    fn a_strict_route_becomes_the_request_uri() {
        let found = address(b"sip:u@203.0.113.9", &set(&["<sip:203.0.113.1>", "<sip:203.0.113.2;lr>"]), peer());

        assert_eq!(found.uri, b"sip:203.0.113.1");
        assert_eq!(found.routes, set(&["<sip:203.0.113.2;lr>", "<sip:u@203.0.113.9>"]));
        assert_eq!(found.to, "203.0.113.1:5060".parse().expect("address"));
    }

    #[test]
    fn names_private_addresses_and_the_other_family_lead_to_the_peer() {
        for target in ["sip:u@gw.example", "sip:u@10.0.0.5:5080", "sip:u@[2001:db8::1]", "sip:u@0.0.0.0"] {
            assert_eq!(address(target.as_bytes(), &[], peer()).to, peer(), "{target}");
        }
        let inside: SocketAddr = "10.0.0.1:5060".parse().expect("address");
        assert_eq!(address(b"sip:u@10.0.0.5:5080", &[], inside).to, "10.0.0.5:5080".parse().expect("address"));
    }
}
