//! RTP ports: even/odd pairs out of a range, the longest unused first.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, Socket, Type};

use crate::config::MediaConfig;
use crate::counters::count;
use crate::error::MediaError;
use crate::output::Channel;
use crate::sys;

/// Pairs tried when others hold ports of the range: enough to pass over another media server on the same host once
/// (about 20 ms); its ports then stand at the end of the rotation.
const MAX_TRIES: usize = 4096;
/// Bound pairs kept for legs to come, at most an eighth of the files that may be open: opening a pair is the dearest
/// call of a short leg.
const MAX_WARM: usize = 1024;
/// A pair rests this long before another leg gets it, so that packets for the old leg do not reach the new one.
const COOL: Duration = Duration::from_secs(2);
/// Packets of the old far end thrown away when a pair is lent again: more than fit into its buffer.
const MAX_DISCARDED: usize = 512;
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
    /// Bound pairs that no leg holds, the longest unused first.
    warm: Mutex<VecDeque<Warm>>,
    max_warm: usize,
    /// Legs refused because no pair was left.
    pub(crate) exhausted: AtomicU64,
    /// Pairs passed over because somebody else holds one of the ports.
    pub(crate) taken_by_others: AtomicU64,
}

/// A bound pair that waits for a leg.
#[derive(Debug)]
struct Warm {
    port: u16,
    sockets: [UdpSocket; 2],
    since: Instant,
}

/// The bound sockets of a leg: RTP and RTCP. Given back when dropped.
#[derive(Debug)]
pub(crate) struct LegSockets {
    pool: Arc<PortPool>,
    port: u16,
    sockets: [Option<UdpSocket>; 2],
}

impl Drop for LegSockets {
    fn drop(&mut self) {
        if let [Some(rtp), Some(rtcp)] = std::mem::take(&mut self.sockets) {
            self.pool.give_back(self.port, [rtp, rtcp]);
        }
    }
}

impl LegSockets {
    /// Return the socket of a channel.
    pub(crate) fn socket(&self, channel: Channel) -> Option<&UdpSocket> {
        match channel {
            Channel::Rtp => self.sockets[0].as_ref(),
            Channel::Rtcp => self.sockets[1].as_ref(),
        }
    }

    /// Return the RTP port; RTCP has the one above.
    pub(crate) fn port(&self) -> u16 {
        self.port
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
            warm: Mutex::default(),
            max_warm: usize::try_from(sys::raise_file_limit() / 16).map_or(MAX_WARM, |most| most.min(MAX_WARM)),
            exhausted: AtomicU64::new(0),
            taken_by_others: AtomicU64::new(0),
        })
    }

    /// Bind the sockets of a leg.
    pub(crate) fn open(self: &Arc<Self>) -> Result<LegSockets, MediaError> {
        if let Some(sockets) = self.take_warm(COOL) {
            return Ok(sockets);
        }
        for _ in 0..MAX_TRIES {
            let Some(port) = self.free().pop_front() else { break };
            match bind_pair(self.bind, port) {
                Ok(sockets) => return Ok(self.lend(port, sockets)),
                Err(error) => {
                    self.free().push_back(port);
                    if error.kind() != io::ErrorKind::AddrInUse {
                        // The limit of open files, perhaps: bound pairs need none.
                        let warm = self.take_warm(Duration::ZERO);
                        return warm.ok_or(MediaError::Bind { bind: self.bind, source: error });
                    }
                    count(&self.taken_by_others);
                }
            }
        }
        // Better a pair that was used a moment ago than none.
        if let Some(sockets) = self.take_warm(Duration::ZERO) {
            return Ok(sockets);
        }
        count(&self.exhausted);
        Err(MediaError::NoPort { first: self.first, last: self.last, used: self.used() })
    }

    /// Take the pair that was bound and unused for longest, if it is for long enough.
    fn take_warm(self: &Arc<Self>, unused_for: Duration) -> Option<LegSockets> {
        let pair = {
            let mut warm = self.warm();
            if warm.front()?.since.elapsed() < unused_for {
                return None;
            }
            warm.pop_front()?
        };
        // What an old far end sent until now is nobody's.
        pair.sockets.iter().for_each(|socket| sys::discard(socket, MAX_DISCARDED));
        Some(self.lend(pair.port, pair.sockets))
    }

    fn lend(self: &Arc<Self>, port: u16, sockets: [UdpSocket; 2]) -> LegSockets {
        LegSockets { pool: Arc::clone(self), port, sockets: sockets.map(Some) }
    }

    fn give_back(&self, port: u16, sockets: [UdpSocket; 2]) {
        let mut warm = self.warm();
        if warm.len() < self.max_warm {
            warm.push_back(Warm { port, sockets, since: Instant::now() });
        } else {
            drop(warm);
            // Closed before the port is free.
            drop(sockets);
            self.free().push_back(port);
        }
    }

    /// Return how many pairs legs hold.
    pub(crate) fn used(&self) -> usize {
        let unused = self.free().len() + self.warm().len();
        self.total.saturating_sub(unused)
    }

    /// Return how many bound pairs wait for a leg.
    pub(crate) fn warm_pairs(&self) -> usize {
        self.warm().len()
    }

    /// Return how many pairs there are.
    pub(crate) fn total(&self) -> usize {
        self.total
    }

    fn warm(&self) -> MutexGuard<'_, VecDeque<Warm>> {
        self.warm.lock().unwrap_or_else(PoisonError::into_inner)
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
    use super::*;
    use std::net::Ipv4Addr;
    use std::sync::atomic::Ordering;

    fn pool(first_port: u16, last_port: u16) -> Arc<PortPool> {
        PortPool::new(&MediaConfig {
            bind: Ipv4Addr::LOCALHOST.into(),
            first_port,
            last_port,
            shards: 1,
            realtime: true,
            cpus: Vec::new(),
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
    fn test_a_bound_pair_rests_and_is_then_lent_again_without_old_packets() {
        let pool = pool(14440, 14445);
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        let first = pool.open().unwrap().port();
        assert_eq!((pool.warm_pairs(), pool.used()), (1, 0));
        sender.send_to(b"late", ("127.0.0.1", first)).unwrap();
        assert_eq!(pool.open().unwrap().port(), 14442, "the first pair still rests");

        pool.warm().iter_mut().for_each(|pair| pair.since -= COOL);
        let again = pool.open().unwrap();

        assert_eq!(again.port(), first);
        let mut bytes = [0; 10];
        assert!(again.socket(Channel::Rtp).unwrap().recv_from(&mut bytes).is_err(), "the old packet is still there");
        sender.send_to(b"new", ("127.0.0.1", first)).unwrap();
        assert_eq!(again.socket(Channel::Rtp).unwrap().recv_from(&mut bytes).unwrap().0, 3);
        assert_eq!(pool.used(), 1);
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
