//! The user agent: one owner of every leg, dialog and transaction of one socket.

use std::net::SocketAddr;
use std::time::Instant;

use crate::access::{AccessRule, Gate};
use crate::command::Command;
use crate::config::Config;
use crate::counters::Counters;
use crate::event::Output;

/// A SIP user agent without socket and clock.
///
/// Feed it with the `handle_*` methods, each with the time it happened; after each drain `poll_output` until it is
/// empty, then sleep until `next_deadline` or the next input.
#[derive(Debug)]
pub struct UserAgent {
    config: Config,
}

impl UserAgent {
    /// Make one. Nobody may call in before `set_access`.
    pub fn new(config: Config) -> Self {
        Self { config }
    }

    /// Replace the table of known sources. Legs in progress are not touched.
    pub fn set_access(&mut self, _rules: Vec<AccessRule>) {}

    /// Open or close the gate for new incoming calls.
    pub fn set_gate(&mut self, _gate: Gate) {}

    /// A datagram was received.
    pub fn handle_datagram(&mut self, _now: Instant, _from: SocketAddr, _bytes: &[u8]) {}

    /// The engine wants something.
    pub fn handle_command(&mut self, _now: Instant, _command: Command) {}

    /// A datagram to this address could not be sent.
    pub fn handle_transport_error(&mut self, _now: Instant, _to: SocketAddr) {}

    /// The time of `next_deadline` came.
    pub fn handle_deadline(&mut self, _now: Instant) {}

    /// When `handle_deadline` wants to be called next. May lie in the past.
    pub fn next_deadline(&self) -> Option<Instant> {
        None
    }

    /// Take the next thing to send or report.
    pub fn poll_output(&mut self) -> Option<Output> {
        None
    }

    /// Counters and gauges.
    pub fn counters(&self) -> Counters {
        let _ = &self.config;
        Counters::default()
    }
}
