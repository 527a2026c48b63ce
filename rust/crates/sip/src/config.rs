//! What one user agent needs to know at start.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::peer::{ListenerId, Peer, Transport};

/// Settings of a [`UserAgent`](crate::UserAgent); they do not change while it lives.
#[derive(Debug, Clone)]
pub struct Config {
    /// Our own ends, at least one. Their place is their number.
    pub listeners: Vec<Listener>,
    /// Value of User-Agent in requests and of Server in responses.
    pub user_agent: String,
    /// RFC 3261 T1. Every other SIP timer is a multiple of it: T2 = 8·T1, T4 = 10·T1, time-outs = 64·T1.
    pub t1: Duration,
    /// Legs at once; above it new INVITEs get 503 with Retry-After.
    pub max_legs: usize,
    /// New INVITEs per second from one source address, with a burst of the same size; above it 503. 0 is no limit.
    pub max_incoming_per_s: u32,
    /// Start of the random numbers for our tags and client nonces: tests give a constant, the engine real entropy.
    pub seed: u64,
    /// Report every message as [`Event::Trace`](crate::Event::Trace).
    pub trace: bool,
}

/// One end of ours that messages come in by and leave by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    /// What it speaks.
    pub transport: Transport,
    /// Address it is bound to. Decides the address family of what it can reach.
    pub local: SocketAddr,
    /// `host:port` written into Via and Contact: the advertised address (NAT) or the local one.
    pub contact_host: String,
}

impl Listener {
    /// One at an address that is advertised as it is.
    pub fn new(transport: Transport, local: SocketAddr) -> Self {
        Self { transport, local, contact_host: local.to_string() }
    }
}

impl Config {
    /// How we call ourselves in Via and Contact towards a peer.
    pub(crate) fn sent_by(&self, peer: Peer) -> &str {
        let listener = self.listeners.get(usize::from(peer.listener)).or_else(|| self.listeners.first());
        listener.map_or("localhost", |listener| &listener.contact_host)
    }

    /// Our Via towards a peer. `rport` asks to be answered where we sent from (RFC 3581).
    pub(crate) fn via(&self, peer: Peer, branch: &str) -> String {
        format!("SIP/2.0/{} {};rport;branch={branch}", peer.transport.via_token(), self.sent_by(peer))
    }

    /// Our Contact towards a peer. A dialog begun by SIPS keeps it (RFC 3261 section 12.1.1); browsers know one word
    /// for both kinds of WebSocket (RFC 7118 section 5.2.2).
    pub(crate) fn contact(&self, peer: Peer, secure: bool) -> String {
        let host = self.sent_by(peer);
        let scheme = if secure { "sips" } else { "sip" };
        match peer.transport {
            Transport::Udp => format!("<{scheme}:{host}>"),
            Transport::Tls if secure => format!("<sips:{host}>"),
            Transport::Wss => format!("<{scheme}:{host};transport=ws>"),
            other => format!("<{scheme}:{host};transport={}>", other.as_str()),
        }
    }

    /// Choose the listener of a peer that has none yet.
    pub(crate) fn settle(&self, peer: Peer) -> Peer {
        if peer.listener != Peer::ANY_LISTENER {
            return peer;
        }
        Peer { listener: self.listener_for(peer.transport, peer.address.ip()).unwrap_or(0), ..peer }
    }

    /// The listener by which messages over `transport` leave for `ip`. TCP and TLS connections can be opened without a
    /// listener of their kind; any of the family then lends its name. None: no way to send like that.
    pub(crate) fn listener_for(&self, transport: Transport, ip: IpAddr) -> Option<ListenerId> {
        let find = |exact: bool| {
            self.listeners.iter().position(|listener| {
                listener.local.is_ipv6() == ip.is_ipv6() && (!exact || listener.transport == transport)
            })
        };
        let place = match transport {
            Transport::Tcp | Transport::Tls => find(true).or_else(|| find(false)),
            _ => find(true),
        };
        place.and_then(|place| ListenerId::try_from(place).ok())
    }
}
