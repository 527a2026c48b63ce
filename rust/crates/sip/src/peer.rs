//! Who is at the other end: address, transport, and the connection if there is one.

use std::fmt;
use std::net::SocketAddr;

/// How a message travels (RFC 3261 section 18, RFC 7118).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Transport {
    /// One datagram, one message; may be lost.
    Udp,
    /// A stream, framed by Content-Length.
    Tcp,
    /// A stream inside TLS.
    Tls,
    /// WebSocket, one frame one message.
    Ws,
    /// WebSocket inside TLS.
    Wss,
}

impl Transport {
    /// Every transport.
    pub const ALL: [Self; 5] = [Self::Udp, Self::Tcp, Self::Tls, Self::Ws, Self::Wss];

    /// The word of listeners and settings: `udp`, `tcp`, `tls`, `ws`, `wss`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::Ws => "ws",
            Self::Wss => "wss",
        }
    }

    /// Read the word of `as_str`, in any case.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|transport| transport.as_str().eq_ignore_ascii_case(word))
    }

    /// The token of a Via header.
    pub fn via_token(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
            Self::Tls => "TLS",
            Self::Ws => "WS",
            Self::Wss => "WSS",
        }
    }

    /// What is sent arrives or the connection ends: nothing is sent twice (RFC 3261 section 17).
    pub fn is_reliable(self) -> bool {
        self != Self::Udp
    }

    /// Encrypted, so that SIPS may use it.
    pub fn is_secure(self) -> bool {
        matches!(self, Self::Tls | Self::Wss)
    }

    /// The port of a URI or Via that names none (RFC 3261 section 19.1.2, RFC 7118 section 8.1).
    pub fn default_port(self) -> u16 {
        match self {
            Self::Udp | Self::Tcp => 5060,
            Self::Tls => 5061,
            Self::Ws => 80,
            Self::Wss => 443,
        }
    }
}

/// Number of a listener: its place in [`Config::listeners`](crate::Config::listeners).
pub type ListenerId = u16;

/// Where a message comes from or goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Peer {
    /// How it travels.
    pub transport: Transport,
    /// Our end; [`Peer::ANY_LISTENER`] lets the user agent choose.
    pub listener: ListenerId,
    /// Their end. With a connection: where to open another one when it is gone.
    pub address: SocketAddr,
    /// The open connection to use, 0 for none in particular.
    pub connection: u32,
}

impl Peer {
    /// Stands for "any listener that fits".
    pub const ANY_LISTENER: ListenerId = ListenerId::MAX;

    /// A far end without a connection yet, by whichever listener fits.
    pub fn new(transport: Transport, address: SocketAddr) -> Self {
        Self { transport, listener: Self::ANY_LISTENER, address, connection: 0 }
    }

    /// A far end over UDP by the first listener.
    pub fn udp(address: SocketAddr) -> Self {
        Self { transport: Transport::Udp, listener: 0, address, connection: 0 }
    }

    /// Whether what happened to `self` concerns messages sent to `to`: the same connection, or the same address.
    pub(crate) fn concerns(&self, to: &Self) -> bool {
        let same_connection = self.connection != 0 && self.connection == to.connection;
        self.transport == to.transport && (same_connection || self.address == to.address)
    }
}

impl fmt::Display for Peer {
    /// `192.0.2.1:5060` over UDP, `tcp:192.0.2.1:5060` over anything else.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.transport {
            Transport::Udp => write!(f, "{}", self.address),
            other => write!(f, "{}:{}", other.as_str(), self.address),
        }
    }
}
