//! Why media could not do what it was asked.

use std::io;
use std::net::IpAddr;

/// What went wrong, where, and what to do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MediaError {
    /// The settings cannot work.
    #[error("media settings: {0}")]
    Config(String),
    /// A thread could not be started.
    #[error("media thread {name} could not be started: {source}")]
    Thread {
        /// Its name.
        name: String,
        /// What the system said.
        source: io::Error,
    },
    /// Every pair of ports is in use.
    #[error("no RTP port left in {first}-{last}: {used} legs hold one; widen the RTP port range")]
    NoPort {
        /// First port of the range.
        first: u16,
        /// Last port of the range.
        last: u16,
        /// Pairs held by our own legs.
        used: usize,
    },
    /// The address of the RTP sockets is not ours.
    #[error("RTP address {bind} cannot be bound: {source}; it must be an address of this host")]
    Bind {
        /// The address.
        bind: IpAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The id is taken.
    #[error("leg {0} is open already")]
    LegOpen(u64),
    /// The threads do not keep up, or media was stopped.
    #[error("media does not take commands: it is overloaded or stopped")]
    Busy,
}
