//! Bounds of the stream transports, and what hit them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How much strangers may make us keep, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamLimits {
    /// Connections opened to us at once, those still shaking hands included.
    pub max_connections: usize,
    /// Of these from one source address (IPv6: from one /64).
    pub max_per_source: usize,
    /// Connections opened by us at once.
    pub max_opened: usize,
    /// From accepting to a finished TLS and WebSocket handshake.
    pub handshake: Duration,
    /// From connecting to a finished handshake.
    pub connect: Duration,
    /// Nothing was received.
    pub idle: Duration,
    /// From accepting to the first message or keep-alive.
    pub first: Duration,
    /// From the first byte of a message to its last.
    pub partial: Duration,
    /// One message may take this long to leave.
    pub write: Duration,
    /// Bytes waiting to leave by one connection.
    pub max_unsent: usize,
}

impl Default for StreamLimits {
    fn default() -> Self {
        Self {
            max_connections: 4096,
            max_per_source: 256,
            max_opened: 1024,
            handshake: Duration::from_secs(5),
            connect: Duration::from_secs(5),
            // Longer than the 840 s that RFC 5626 section 4.4.1 recommends between keep-alives over TCP.
            idle: Duration::from_secs(900),
            first: Duration::from_secs(30),
            partial: Duration::from_secs(10),
            write: Duration::from_secs(10),
            max_unsent: 256 << 10,
        }
    }
}

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// What happened on stream transports. All but `connections` only grow.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
        pub struct StreamCounters {
            $($(#[$doc])* pub $name: u64,)*
        }

        /// The counters as the stream thread writes them.
        #[derive(Debug, Default)]
        pub(crate) struct Counting {
            $(pub(crate) $name: AtomicU64,)*
        }

        impl Counting {
            pub(crate) fn read(&self) -> StreamCounters {
                StreamCounters { $($name: self.$name.load(Ordering::Relaxed),)* }
            }
        }
    };
}

counters! {
    /// Open now, both ways, those shaking hands included.
    connections,
    /// Accepted so far.
    accepted,
    /// Opened by us so far.
    opened,
    /// We could not connect, or the far end's certificate did not do.
    connect_failures,
    /// Refused: too many in total.
    refused_total,
    /// Refused: too many from one source.
    refused_source,
    /// TLS or WebSocket handshakes that failed.
    handshake_failures,
    /// Handshakes that took too long.
    handshake_timeouts,
    /// Closed: nothing was said for too long.
    closed_idle,
    /// Closed: a message, or the first one, took too long to come.
    closed_partial,
    /// Closed: the far end reads too slowly.
    closed_slow,
    /// Closed: what came was not SIP.
    closed_garbage,
    /// Closed: a message without a usable Content-Length.
    closed_no_length,
    /// Closed: a message beyond the bounds.
    closed_oversize,
    /// Messages that could not be sent because their connection was gone, refused or full.
    dropped_unsent,
    /// Pings (RFC 5626) answered.
    pings,
}

/// One more.
pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
