//! The loop of one signaling thread: UDP sockets, wake-ups and deadlines around a core without I/O.
//!
//! A plain `ppoll` loop: see the decision record on the signaling loop for the figures against an async runtime.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use ringback_sip::{ListenerId, Peer, Transport};

use crate::udp::{Outgoing, UdpSocket};
use crate::wake::WakeFd;

/// Datagrams read from one socket in one turn, so that commands and timers get theirs under load.
const DATAGRAMS_PER_TURN: usize = 128;
/// Datagrams kept while the socket's send buffer is full; beyond, they are dropped and counted (SIP retransmits).
const MAX_UNSENT: usize = 4096;
/// A deadline in the past that stays there must not make the loop spin.
const SHORTEST_SLEEP: Duration = Duration::from_micros(300);
const LONGEST_SLEEP: Duration = Duration::from_secs(1);

/// What is driven. Every method returns promptly and does no I/O on the sockets.
pub trait Core {
    /// Another thread left something. Returns whether more waits than one turn should take.
    fn handle_wake(&mut self, now: Instant) -> bool;
    /// A datagram was received.
    fn handle_message(&mut self, now: Instant, from: Peer, bytes: &[u8]);
    /// A datagram to this peer could not be delivered.
    fn handle_transport_error(&mut self, now: Instant, to: Peer);
    /// The time of `next_deadline` came.
    fn handle_deadline(&mut self, now: Instant);
    /// When `handle_deadline` wants to be called.
    fn next_deadline(&self) -> Option<Instant>;
    /// The next datagram to send.
    fn poll_transmit(&mut self) -> Option<Outgoing>;
    /// The turn is over and everything was sent: publish.
    fn end_turn(&mut self, now: Instant, counters: &DriverCounters);
    /// Whether the loop should end.
    fn is_done(&self) -> bool;
}

/// What the loop did with datagrams.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DriverCounters {
    /// Times around the loop.
    pub turns: u64,
    /// Sends refused by the kernel or by ICMP.
    pub send_errors: u64,
    /// Datagrams dropped because the send buffer stayed full.
    pub dropped_unsent: u64,
    /// Turns after which the receive buffer was still nearly full: more comes than we can take.
    pub backlogged_turns: u64,
    /// Datagrams the kernel dropped because the receive buffer was full.
    pub dropped_unread: u64,
}

/// One UDP socket of the loop, and what waits for room in its send buffer.
#[derive(Debug)]
pub struct UdpListener {
    id: ListenerId,
    socket: UdpSocket,
    unsent: VecDeque<Outgoing>,
}

impl UdpListener {
    /// A bound socket by the number that peers name it by.
    pub fn new(id: ListenerId, socket: UdpSocket) -> Self {
        Self { id, socket, unsent: VecDeque::new() }
    }

    fn peer(&self, address: SocketAddr) -> Peer {
        Peer { transport: Transport::Udp, listener: self.id, address, connection: 0 }
    }
}

/// Run until the core is done.
pub fn run<C: Core>(listeners: &mut [UdpListener], wake: &WakeFd, core: &mut C) -> io::Result<()> {
    let mut counters = DriverCounters::default();
    let mut ready = Vec::new();
    let mut more = true;
    while !core.is_done() {
        let timeout = if more { Duration::ZERO } else { sleep_until(core.next_deadline(), Instant::now()) };
        wait(listeners, wake, timeout, &mut ready)?;
        more = turn(listeners, wake, core, &ready, &mut counters);
    }
    Ok(())
}

fn turn<C: Core>(
    listeners: &mut [UdpListener],
    wake: &WakeFd,
    core: &mut C,
    ready: &[libc::pollfd],
    counters: &mut DriverCounters,
) -> bool {
    let now = Instant::now();
    counters.turns += 1;
    // The wake-up is polled first, the sockets follow in their order.
    let (woken, ready) = ready.split_first().map_or((0, ready), |(wake, rest)| (wake.revents, rest));
    if woken & libc::POLLIN != 0 {
        wake.clear();
    }
    // Asked even without a wake-up: the last turn may have left some.
    let mut more = core.handle_wake(now);
    for (listener, ready) in listeners.iter_mut().zip(ready) {
        if ready.revents & libc::POLLERR != 0 {
            take_refusals(listener, core, now, counters);
        }
        if ready.revents & libc::POLLIN != 0 {
            more |= read(listener, core, now, counters);
        }
    }
    if core.next_deadline().is_some_and(|deadline| deadline <= now) {
        core.handle_deadline(now);
    }
    send(listeners, core, now, counters);
    core.end_turn(now, counters);
    more
}

fn sleep_until(deadline: Option<Instant>, now: Instant) -> Duration {
    deadline
        .map_or(LONGEST_SLEEP, |deadline| deadline.saturating_duration_since(now).clamp(SHORTEST_SLEEP, LONGEST_SLEEP))
}

fn wait(listeners: &[UdpListener], wake: &WakeFd, timeout: Duration, ready: &mut Vec<libc::pollfd>) -> io::Result<()> {
    ready.clear();
    ready.push(libc::pollfd { fd: wake.as_raw_fd(), events: libc::POLLIN, revents: 0 });
    ready.extend(listeners.iter().map(|listener| {
        let events = if listener.unsent.is_empty() { libc::POLLIN } else { libc::POLLIN | libc::POLLOUT };
        libc::pollfd { fd: listener.socket.as_raw_fd(), events, revents: 0 }
    }));
    let timeout = libc::timespec {
        tv_sec: libc::time_t::try_from(timeout.as_secs()).unwrap_or(1),
        tv_nsec: timeout.subsec_nanos().into(),
    };
    let count = libc::nfds_t::try_from(ready.len()).unwrap_or(0);
    // SAFETY: `count` live pollfds, a live timespec, no signal mask.
    let result = unsafe { libc::ppoll(ready.as_mut_ptr(), count, &raw const timeout, std::ptr::null()) };
    if result < 0 {
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
        for fd in ready.iter_mut() {
            fd.revents = 0;
        }
    }
    Ok(())
}

fn take_refusals<C: Core>(listener: &UdpListener, core: &mut C, now: Instant, counters: &mut DriverCounters) {
    // Bounded like reading: the error queue fills as fast as somebody refuses.
    for _ in 0..DATAGRAMS_PER_TURN {
        let Some(refusal) = listener.socket.take_refusal() else { return };
        if let Some(to) = refusal.to
            && refusal.hard
        {
            counters.send_errors += 1;
            core.handle_transport_error(now, listener.peer(to));
        }
    }
}

/// Returns whether more may wait.
fn read<C: Core>(listener: &mut UdpListener, core: &mut C, now: Instant, counters: &mut DriverCounters) -> bool {
    for _ in 0..DATAGRAMS_PER_TURN / UdpSocket::batch_size() {
        // An error here is one of sending that is reported again by the error queue, or "nothing to read".
        let count = listener.socket.receive().unwrap_or(0);
        for index in 0..count {
            if let Some((from, bytes)) = listener.socket.datagram(index) {
                core.handle_message(now, listener.peer(from), bytes);
            }
        }
        if count < UdpSocket::batch_size() {
            return false;
        }
    }
    let pressure = listener.socket.pressure();
    counters.backlogged_turns += u64::from(pressure.nearly_full);
    // The kernel counts for each socket; which of them lost most is told apart by nobody.
    counters.dropped_unread = counters.dropped_unread.max(pressure.dropped);
    true
}

fn send<C: Core>(listeners: &mut [UdpListener], core: &mut C, now: Instant, counters: &mut DriverCounters) {
    loop {
        while let Some(datagram) = core.poll_transmit() {
            let known = listeners.iter().position(|listener| listener.id == datagram.to.listener);
            match listeners.get_mut(known.unwrap_or(0)) {
                Some(listener) if listener.unsent.len() < MAX_UNSENT => listener.unsent.push_back(datagram),
                _ => counters.dropped_unsent += 1,
            }
        }
        let mut more = false;
        for listener in listeners.iter_mut().filter(|listener| !listener.unsent.is_empty()) {
            more |= send_some(listener, core, now, counters);
        }
        if !more {
            return;
        }
    }
}

/// Returns whether to go on.
fn send_some<C: Core>(listener: &mut UdpListener, core: &mut C, now: Instant, counters: &mut DriverCounters) -> bool {
    match listener.socket.send(listener.unsent.make_contiguous()) {
        Ok(count) => {
            let length = listener.unsent.len();
            listener.unsent.drain(..count.min(length));
            true
        }
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => false,
        Err(error) => {
            // A refusal of an earlier datagram is reported through the next send, whoever that goes to. Taking it
            // from the queue clears it; only what fails twice is the fault of its own destination.
            take_refusals(listener, core, now, counters);
            match listener.socket.send(&listener.unsent.make_contiguous()[..1]) {
                Ok(_) => drop(listener.unsent.pop_front()),
                Err(_) => give_up(listener, core, now, counters),
            }
            let _ = error;
            true
        }
    }
}

fn give_up<C: Core>(listener: &mut UdpListener, core: &mut C, now: Instant, counters: &mut DriverCounters) {
    if let Some(datagram) = listener.unsent.pop_front() {
        counters.send_errors += 1;
        core.handle_transport_error(now, datagram.to);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    /// Sends what it is given, keeps what it gets, ends when it saw enough.
    #[derive(Default)]
    struct Probe {
        transmit: Vec<Outgoing>,
        received: Vec<Vec<u8>>,
        errors: Vec<SocketAddr>,
        deadline: Option<Instant>,
        fired: bool,
        turns: u64,
    }

    impl Core for Probe {
        fn handle_wake(&mut self, _now: Instant) -> bool {
            false
        }
        fn handle_message(&mut self, _now: Instant, _from: Peer, bytes: &[u8]) {
            self.received.push(bytes.to_vec());
        }
        fn handle_transport_error(&mut self, _now: Instant, to: Peer) {
            self.errors.push(to.address);
        }
        fn handle_deadline(&mut self, _now: Instant) {
            self.fired = true;
            self.deadline = None;
        }
        fn next_deadline(&self) -> Option<Instant> {
            self.deadline
        }
        fn poll_transmit(&mut self) -> Option<Outgoing> {
            self.transmit.pop()
        }
        fn end_turn(&mut self, _now: Instant, counters: &DriverCounters) {
            self.turns = counters.turns;
        }
        fn is_done(&self) -> bool {
            self.fired || !self.errors.is_empty() || self.received.len() == 100
        }
    }

    fn bound() -> (UdpSocket, SocketAddr) {
        bound_to("127.0.0.1:0")
    }

    fn bound_to(address: &str) -> (UdpSocket, SocketAddr) {
        let socket = UdpSocket::bind(address.parse().unwrap()).unwrap();
        let address = socket.local_address().unwrap();
        (socket, address)
    }

    fn outgoing(to: SocketAddr, bytes: Bytes) -> Outgoing {
        Outgoing { to: Peer::udp(to), bytes }
    }

    #[test]
    fn a_hundred_datagrams_to_ourselves_all_arrive() {
        let (socket, address) = bound();
        let wake = WakeFd::new().unwrap();
        let transmit = (0..100_u8).map(|n| outgoing(address, Bytes::from(vec![n; usize::from(n) * 40])));
        let mut probe = Probe { transmit: transmit.collect(), ..Probe::default() };

        run(&mut [UdpListener::new(0, socket)], &wake, &mut probe).unwrap();

        let mut lengths: Vec<usize> = probe.received.iter().map(Vec::len).collect();
        lengths.sort_unstable();
        assert_eq!(lengths, (0..100).map(|n| n * 40).collect::<Vec<_>>());
    }

    #[test]
    fn each_message_leaves_by_the_listener_it_names_over_either_family() {
        let ((v4, to_v4), (v6, to_v6)) = (bound(), bound_to("[::1]:0"));
        let by = |listener, to, text: &'static [u8]| Outgoing {
            to: Peer { listener, ..Peer::udp(to) },
            bytes: Bytes::from_static(text),
        };
        let transmit = (0..50).flat_map(|_| [by(3, to_v4, b"four"), by(7, to_v6, b"six")]).collect();
        let mut probe = Probe { transmit, ..Probe::default() };
        let wake = WakeFd::new().unwrap();

        run(&mut [UdpListener::new(3, v4), UdpListener::new(7, v6)], &wake, &mut probe).unwrap();

        assert_eq!(probe.errors, []);
        assert_eq!(probe.received.iter().filter(|bytes| **bytes == b"six").count(), 50);
    }

    #[test]
    fn a_closed_port_is_reported_with_its_address() {
        let (socket, _) = bound();
        let closed = bound().1;
        let wake = WakeFd::new().unwrap();
        let mut probe = Probe { transmit: vec![outgoing(closed, Bytes::from_static(b"x"))], ..Probe::default() };

        run(&mut [UdpListener::new(0, socket)], &wake, &mut probe).unwrap();

        assert_eq!(probe.errors, vec![closed]);
    }

    #[test]
    fn an_address_that_cannot_be_sent_to_is_reported_and_the_others_still_served() {
        let (socket, address) = bound();
        let mut listeners = [UdpListener::new(0, socket)];
        let wake = WakeFd::new().unwrap();
        let impossible: SocketAddr = "[2001:db8::1]:5060".parse().unwrap();
        let transmit =
            vec![outgoing(address, Bytes::from_static(b"second")), outgoing(impossible, Bytes::from_static(b"first"))];
        let mut probe = Probe { transmit, ..Probe::default() };

        run(&mut listeners, &wake, &mut probe).unwrap();

        assert_eq!(probe.errors, vec![impossible]);
        let socket = &mut listeners[0].socket;
        socket.receive().unwrap();
        assert_eq!(socket.datagram(0), Some((address, b"second".as_slice())));
    }

    #[test]
    fn a_full_receive_buffer_is_seen_and_its_losses_counted() {
        let (mut socket, address) = bound();
        let (sender, _) = bound();
        assert_eq!(socket.pressure(), crate::udp::Pressure { nearly_full: false, dropped: 0 });
        let datagram = outgoing(address, Bytes::from(vec![1; 1400]));

        // More than any buffer we may have been given.
        for _ in 0..800 {
            sender.send(&vec![datagram.clone(); UdpSocket::batch_size()]).unwrap();
        }

        let pressure = socket.pressure();
        assert!(pressure.nearly_full && pressure.dropped > 0, "{pressure:?}");
        while socket.receive().is_ok() {}
        assert!(!socket.pressure().nearly_full);
    }

    #[test]
    fn a_deadline_fires_without_any_traffic() {
        let (socket, _) = bound();
        let wake = WakeFd::new().unwrap();
        let mut probe = Probe { deadline: Some(Instant::now() + Duration::from_millis(5)), ..Probe::default() };

        run(&mut [UdpListener::new(0, socket)], &wake, &mut probe).unwrap();

        assert!(probe.fired);
        assert!(probe.turns >= 1);
    }
}
