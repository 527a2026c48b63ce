//! RTP ports: even/odd pairs out of a range, the longest unused first.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use socket2::{Domain, Protocol, Socket, Type};

use crate::config::MediaConfig;
use crate::counters::count;
use crate::error::MediaError;
use crate::output::Channel;
use crate::sys;

/// Pairs tried when others hold ports of the range: enough to pass over another media server on the same host once
/// (about 20 ms); its ports then stand at the end of the rotation.
const MAX_TRIES: usize = 4096;
/// Half a second of packets; what comes faster than it is read is not audio.
const RECEIVE_BUFFER: usize = 64 * 1024;
/// Expedited forwarding (RFC 3246), in the upper six bits.
const TOS: u32 = 46 << 2;

/// The ports of the range that no leg holds. They rotate, so that packets for an old leg do not reach a new one.
#[derive(Debug)]
pub(crate) struct PortPool {
    bind: IpAddr,
    first: u16,
    last: u16,
    total: usize,
    free: Mutex<VecDeque<u16>>,
    /// Legs refused because no pair was left.
    pub(crate) exhausted: AtomicU64,
    /// Pairs passed over because somebody else holds one of the ports.
    pub(crate) taken_by_others: AtomicU64,
}

/// A pair of ports; given back when dropped.
#[derive(Debug)]
struct Lease {
    pool: Arc<PortPool>,
    port: u16,
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.pool.free().push_back(self.port);
    }
}

/// The bound sockets of a leg. The fields are dropped in order: sockets first, then the ports are free.
#[derive(Debug)]
pub(crate) struct LegSockets {
    /// RTP and RTCP.
    sockets: [UdpSocket; 2],
    lease: Lease,
}

impl LegSockets {
    /// Return the socket of a channel.
    pub(crate) fn socket(&self, channel: Channel) -> &UdpSocket {
        match channel {
            Channel::Rtp => &self.sockets[0],
            Channel::Rtcp => &self.sockets[1],
        }
    }

    /// Return the RTP port; RTCP has the one above.
    pub(crate) fn port(&self) -> u16 {
        self.lease.port
    }
}

impl PortPool {
    /// Make the pairs of the range.
    pub(crate) fn new(config: &MediaConfig) -> Arc<Self> {
        let first = u32::from(config.first_port).next_multiple_of(2);
        let free: VecDeque<u16> =
            (first..u32::from(config.last_port)).step_by(2).filter_map(|port| u16::try_from(port).ok()).collect();
        Arc::new(Self {
            bind: config.bind,
            first: config.first_port,
            last: config.last_port,
            total: free.len(),
            free: Mutex::new(free),
            exhausted: AtomicU64::new(0),
            taken_by_others: AtomicU64::new(0),
        })
    }

    /// Bind the sockets of a leg.
    pub(crate) fn open(self: &Arc<Self>) -> Result<LegSockets, MediaError> {
        for _ in 0..MAX_TRIES {
            let Some(port) = self.free().pop_front() else { break };
            let lease = Lease { pool: Arc::clone(self), port };
            match bind_pair(self.bind, port) {
                Ok(sockets) => return Ok(LegSockets { sockets, lease }),
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => count(&self.taken_by_others),
                Err(source) => return Err(MediaError::Bind { bind: self.bind, source }),
            }
        }
        count(&self.exhausted);
        Err(MediaError::NoPort { first: self.first, last: self.last, used: self.used() })
    }

    /// Return how many pairs legs hold.
    pub(crate) fn used(&self) -> usize {
        self.total - self.free().len()
    }

    /// Return how many pairs there are.
    pub(crate) fn total(&self) -> usize {
        self.total
    }

    fn free(&self) -> MutexGuard<'_, VecDeque<u16>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn bind_pair(bind: IpAddr, port: u16) -> io::Result<[UdpSocket; 2]> {
    Ok([bind_one(bind, port)?, bind_one(bind, port + 1)?])
}

fn bind_one(bind: IpAddr, port: u16) -> io::Result<UdpSocket> {
    let address = SocketAddr::new(bind, port);
    // Opening a leg's pair is what costs the signaling thread most system calls: non-blocking from the start saves two each.
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM.nonblocking(), Some(Protocol::UDP))?;
    // Wishes: media works without them.
    let _ = socket.set_recv_buffer_size(RECEIVE_BUFFER);
    if bind.is_ipv4() {
        let _ = socket.set_tos_v4(TOS);
    }
    socket.bind(&address.into())?;
    let socket = UdpSocket::from(socket);
    sys::enable_timestamps(&socket);
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::sync::atomic::Ordering;
    use std::time::Duration;

    use super::*;

    fn pool(first_port: u16, last_port: u16) -> Arc<PortPool> {
        PortPool::new(&MediaConfig {
            bind: Ipv4Addr::LOCALHOST.into(),
            first_port,
            last_port,
            shards: 1,
            media_timeout: Duration::ZERO,
            prompt_cache_bytes: 0,
        })
    }

    #[test]
    fn test_pairs_are_even_and_within_the_range() {
        for (first, last, pairs) in [(20000, 20003, 2), (20001, 20005, 2), (20000, 20000, 0), (65534, 65535, 1)] {
            assert_eq!(pool(first, last).total(), pairs, "{first}-{last}");
        }
    }

    #[test]
    fn test_ports_rotate_and_are_given_back() {
        let pool = pool(14410, 14415);

        let first = pool.open().unwrap().port();
        let second = pool.open().unwrap().port();
        let third = pool.open().unwrap().port();

        assert_eq!([first, second, third], [14410, 14412, 14414]);
        assert_eq!(pool.used(), 0);
        assert_eq!(pool.open().unwrap().port(), 14410);
    }

    #[test]
    fn test_an_exhausted_range_is_counted_and_explained() {
        let pool = pool(14420, 14421);
        let held = pool.open().unwrap();

        let error = pool.open().unwrap_err().to_string();

        assert!(error.contains("14420-14421") && error.contains("widen"), "{error}");
        assert_eq!(pool.exhausted.load(Ordering::Relaxed), 1);
        drop(held);
        assert!(pool.open().is_ok());
    }

    #[test]
    fn test_a_pair_with_a_port_of_somebody_else_is_passed_over() {
        let other = UdpSocket::bind("127.0.0.1:14431").unwrap();
        let pool = pool(14430, 14433);

        assert_eq!(pool.open().unwrap().port(), 14432);
        assert_eq!(pool.taken_by_others.load(Ordering::Relaxed), 1);
        drop(other);
    }
}
