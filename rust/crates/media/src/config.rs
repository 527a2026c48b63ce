//! What media needs to know at start.

use std::net::IpAddr;
use std::time::Duration;

use crate::sys;

/// Settings of one [`Media`](crate::Media).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaConfig {
    /// Local address of every RTP and RTCP socket.
    pub bind: IpAddr,
    /// First port of the range; rounded up to an even one.
    pub first_port: u16,
    /// Last port of the range; each leg takes an even/odd pair.
    pub last_port: u16,
    /// Threads that carry legs, 1-16.
    pub shards: usize,
    /// Ask for a real-time priority for them; without the right to it they get a better ordinary one.
    pub realtime: bool,
    /// CPUs to bind them to, one each, in turn; none for no binding.
    pub cpus: Vec<usize>,
    /// Silence from the far end, media expected, until `Lost`. Zero switches it off.
    pub media_timeout: Duration,
    /// Memory for decoded prompts. The least recently played go first.
    pub prompt_cache_bytes: usize,
}

/// Return CPUs for `shards` threads away from the rest of the process: the last ones it may run on.
///
/// None if that would leave fewer CPUs to everything else than to media: then the system knows better.
pub fn spare_cpus(shards: usize) -> Vec<usize> {
    let all = sys::cpus();
    if all.len() < 2 * shards + 1 { Vec::new() } else { all[all.len() - shards..].to_vec() }
}

impl MediaConfig {
    /// Return how many legs the port range can carry at once.
    pub fn port_pairs(&self) -> usize {
        let first = u32::from(self.first_port).next_multiple_of(2);
        (u32::from(self.last_port) + 1).saturating_sub(first) as usize / 2
    }
}
