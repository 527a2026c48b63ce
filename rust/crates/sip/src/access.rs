//! Who may call us: the table of known sources, and the gate in front of new calls.
//!
//! The source address of a datagram is all we trust before a call exists; nothing a message says about itself
//! is looked at here. The most specific network wins, and a rule with a port beats one without.

use std::net::{IpAddr, SocketAddr};

use crate::sdp::Codec;
use crate::session::policy::Policy;

/// Number of a trunk, the engine's own.
pub type TrunkId = u64;

/// A source whose INVITEs are calls of a trunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessRule {
    /// Where it may call from.
    pub network: Network,
    /// Source port, or any.
    pub port: Option<u16>,
    /// The trunk its calls belong to.
    pub trunk: TrunkId,
    /// Codecs of the trunk, for `codec_ok`.
    pub codecs: Vec<Codec>,
    /// How the dialogs of its calls behave.
    pub policy: Policy,
}

/// An address and how many of its leading bits count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix_bits: u8,
}

/// Why a network could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NetworkError {
    /// The part before `/` is no IP address.
    BadAddress,
    /// The part after `/` is no number from 0 to 32 (IPv4) or 128 (IPv6).
    BadPrefix,
}

impl std::fmt::Display for NetworkError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::BadAddress => "not an IP address or network; write 10.1.0.0/16 or 192.0.2.7",
            Self::BadPrefix => "the prefix length is out of range; IPv4 knows 0-32, IPv6 0-128",
        })
    }
}

impl std::error::Error for NetworkError {}

impl std::str::FromStr for Network {
    type Err = NetworkError;

    /// Read `10.1.0.0/16`, `2001:db8::/32` or a single address.
    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| NetworkError::BadAddress)?;
        let width = if address.is_ipv4() { 32 } else { 128 };
        let prefix_bits = match prefix {
            Some(digits) => digits.parse().ok().filter(|bits| *bits <= width).ok_or(NetworkError::BadPrefix)?,
            None => width,
        };
        Ok(Self { address, prefix_bits })
    }
}

impl Network {
    /// Whether an address lies in the network. IPv4-mapped IPv6 addresses count as IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(net), IpAddr::V4(ip)) => {
                same_prefix(u128::from(u32::from(net)), u128::from(u32::from(ip)), 32, self.prefix_bits)
            }
            (IpAddr::V6(net), IpAddr::V6(ip)) => same_prefix(u128::from(net), u128::from(ip), 128, self.prefix_bits),
            _ => false,
        }
    }
}

fn same_prefix(a: u128, b: u128, width: u8, prefix_bits: u8) -> bool {
    let shift = u32::from(width.saturating_sub(prefix_bits));
    // A shift by the whole width (prefix 0) leaves nothing to compare.
    a.checked_shr(shift).unwrap_or(0) == b.checked_shr(shift).unwrap_or(0)
}

/// The rules, most specific first.
#[derive(Debug, Default)]
pub(crate) struct AccessTable {
    rules: Vec<AccessRule>,
}

impl AccessTable {
    pub(crate) fn new(mut rules: Vec<AccessRule>) -> Self {
        // Stable: of two equal rules the first given wins.
        rules.sort_by_key(|rule| std::cmp::Reverse((rule.network.prefix_bits, rule.port.is_some())));
        Self { rules }
    }

    pub(crate) fn find(&self, source: SocketAddr) -> Option<&AccessRule> {
        self.rules
            .iter()
            .find(|rule| rule.network.contains(source.ip()) && rule.port.is_none_or(|port| port == source.port()))
    }
}

/// Whether new incoming calls are let in at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Gate {
    /// Yes.
    #[default]
    Open,
    /// No: 503 with this Retry-After (overload, draining).
    Refuse {
        /// Seconds.
        retry_after_s: u32,
    },
}
