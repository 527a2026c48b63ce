//! What one user agent needs to know at start.

use std::net::SocketAddr;
use std::time::Duration;

/// Settings of a [`UserAgent`](crate::UserAgent); they do not change while it lives.
#[derive(Debug, Clone)]
pub struct Config {
    /// Address the socket is bound to. Decides the address family of what we can reach.
    pub local: SocketAddr,
    /// `host:port` written into Via and Contact: the advertised address (NAT) or the local one.
    pub contact_host: String,
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
