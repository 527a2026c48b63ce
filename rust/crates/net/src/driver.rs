//! The loop of one signaling thread: socket, wake-ups and deadlines around a core without I/O.
//!
//! A plain `ppoll` loop: see the decision record on the signaling loop for the figures against an async runtime.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use crate::udp::{Outgoing, UdpSocket};
use crate::wake::WakeFd;

/// Datagrams read in one turn, so that commands and timers get theirs under load.
const DATAGRAMS_PER_TURN: usize = 128;
/// Datagrams kept while the socket's send buffer is full; beyond, they are dropped and counted (SIP retransmits).
const MAX_UNSENT: usize = 4096;
/// A deadline in the past that stays there must not make the loop spin.
const SHORTEST_SLEEP: Duration = Duration::from_micros(300);
const LONGEST_SLEEP: Duration = Duration::from_secs(1);

/// What is driven. Every method returns promptly and does no I/O on the socket.
pub trait Core {
    /// Another thread left something. Returns whether more waits than one turn should take.
    fn handle_wake(&mut self, now: Instant) -> bool;
    /// A datagram was received.
    fn handle_datagram(&mut self, now: Instant, from: SocketAddr, bytes: &[u8]);
    /// A datagram to this address could not be delivered.
    fn handle_transport_error(&mut self, now: Instant, to: SocketAddr);
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

/// Run until the core is done.
pub fn run<C: Core>(socket: &mut UdpSocket, wake: &WakeFd, core: &mut C) -> io::Result<()> {
    let mut unsent = VecDeque::new();
    let mut counters = DriverCounters::default();
    let mut more = true;
    while !core.is_done() {
        let timeout = if more { Duration::ZERO } else { sleep_until(core.next_deadline(), Instant::now()) };
        let ready = wait(socket, wake, timeout, !unsent.is_empty())?;
        more = turn(socket, wake, core, ready, &mut unsent, &mut counters);
    }
    Ok(())
}

/// Which descriptors want attention.
#[derive(Debug, Clone, Copy)]
struct Ready {
    readable: bool,
    refused: bool,
    woken: bool,
}

fn turn<C: Core>(
    socket: &mut UdpSocket,
    wake: &WakeFd,
    core: &mut C,
    ready: Ready,
    unsent: &mut VecDeque<Outgoing>,
    counters: &mut DriverCounters,
) -> bool {
    let now = Instant::now();
    counters.turns += 1;
    if ready.woken {
        wake.clear();
    }
    // Asked even without a wake-up: the last turn may have left some.
    let mut more = core.handle_wake(now);
    if ready.refused {
        take_refusals(socket, core, now, counters);
    }
    if ready.readable {
        let more_to_read = read(socket, core, now);
        if more_to_read {
            let pressure = socket.pressure();
            counters.backlogged_turns += u64::from(pressure.nearly_full);
            counters.dropped_unread = pressure.dropped;
        }
        more |= more_to_read;
    }
    if core.next_deadline().is_some_and(|deadline| deadline <= now) {
        core.handle_deadline(now);
    }
    send(socket, core, now, unsent, counters);
    core.end_turn(now, counters);
    more
}

fn sleep_until(deadline: Option<Instant>, now: Instant) -> Duration {
    deadline
        .map_or(LONGEST_SLEEP, |deadline| deadline.saturating_duration_since(now).clamp(SHORTEST_SLEEP, LONGEST_SLEEP))
}

fn wait(socket: &UdpSocket, wake: &WakeFd, timeout: Duration, want_write: bool) -> io::Result<Ready> {
    let events = if want_write { libc::POLLIN | libc::POLLOUT } else { libc::POLLIN };
    let mut fds = [
        libc::pollfd { fd: socket.as_raw_fd(), events, revents: 0 },
        libc::pollfd { fd: wake.as_raw_fd(), events: libc::POLLIN, revents: 0 },
    ];
    let timeout = libc::timespec {
        tv_sec: libc::time_t::try_from(timeout.as_secs()).unwrap_or(1),
        tv_nsec: timeout.subsec_nanos().into(),
    };
    // SAFETY: two live pollfds, a live timespec, no signal mask.
    let result = unsafe { libc::ppoll(fds.as_mut_ptr(), 2, &raw const timeout, std::ptr::null()) };
    if result < 0 {
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
    Ok(Ready {
        readable: fds[0].revents & libc::POLLIN != 0,
        refused: fds[0].revents & libc::POLLERR != 0,
        woken: fds[1].revents & libc::POLLIN != 0,
    })
}

fn take_refusals<C: Core>(socket: &UdpSocket, core: &mut C, now: Instant, counters: &mut DriverCounters) {
    // Bounded like reading: the error queue fills as fast as somebody refuses.
    for _ in 0..DATAGRAMS_PER_TURN {
        let Some(refusal) = socket.take_refusal() else { return };
        if let Some(to) = refusal.to
            && refusal.hard
        {
            counters.send_errors += 1;
            core.handle_transport_error(now, to);
        }
    }
}

/// Returns whether more may wait.
fn read<C: Core>(socket: &mut UdpSocket, core: &mut C, now: Instant) -> bool {
    for _ in 0..DATAGRAMS_PER_TURN / UdpSocket::batch_size() {
        // An error here is one of sending that is reported again by the error queue, or "nothing to read".
        let count = socket.receive().unwrap_or(0);
        for index in 0..count {
            if let Some((from, bytes)) = socket.datagram(index) {
                core.handle_datagram(now, from, bytes);
            }
        }
        if count < UdpSocket::batch_size() {
            return false;
        }
    }
    true
}

fn send<C: Core>(
    socket: &UdpSocket,
    core: &mut C,
    now: Instant,
    unsent: &mut VecDeque<Outgoing>,
    counters: &mut DriverCounters,
) {
    loop {
        while let Some(datagram) = core.poll_transmit() {
            if unsent.len() >= MAX_UNSENT {
                counters.dropped_unsent += 1;
            } else {
                unsent.push_back(datagram);
            }
        }
        if unsent.is_empty() || !send_some(socket, core, now, unsent, counters) {
            return;
        }
    }
}

/// Returns whether to go on.
fn send_some<C: Core>(
    socket: &UdpSocket,
    core: &mut C,
    now: Instant,
    unsent: &mut VecDeque<Outgoing>,
    counters: &mut DriverCounters,
) -> bool {
    match socket.send(unsent.make_contiguous()) {
        Ok(count) => {
            unsent.drain(..count.min(unsent.len()));
            true
        }
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => false,
        Err(error) => {
            // A refusal of an earlier datagram is reported through the next send, whoever that goes to. Taking it
            // from the queue clears it; only what fails twice is the fault of its own destination.
            take_refusals(socket, core, now, counters);
            match socket.send(&unsent.make_contiguous()[..1]) {
                Ok(_) => drop(unsent.pop_front()),
                Err(_) => give_up(core, now, unsent, counters),
            }
            let _ = error;
            true
        }
    }
}

fn give_up<C: Core>(core: &mut C, now: Instant, unsent: &mut VecDeque<Outgoing>, counters: &mut DriverCounters) {
    if let Some(datagram) = unsent.pop_front() {
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
        fn handle_datagram(&mut self, _now: Instant, _from: SocketAddr, bytes: &[u8]) {
            self.received.push(bytes.to_vec());
        }
        fn handle_transport_error(&mut self, _now: Instant, to: SocketAddr) {
            self.errors.push(to);
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
        let socket = UdpSocket::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = socket.local_address().unwrap();
        (socket, address)
    }

    #[test]
    fn a_hundred_datagrams_to_ourselves_all_arrive() {
        let (mut socket, address) = bound();
        let wake = WakeFd::new().unwrap();
        let transmit = (0..100_u8).map(|n| Outgoing { to: address, bytes: Bytes::from(vec![n; usize::from(n) * 40]) });
        let mut probe = Probe { transmit: transmit.collect(), ..Probe::default() };

        run(&mut socket, &wake, &mut probe).unwrap();

        let mut lengths: Vec<usize> = probe.received.iter().map(Vec::len).collect();
        lengths.sort_unstable();
        assert_eq!(lengths, (0..100).map(|n| n * 40).collect::<Vec<_>>());
    }

    #[test]
    fn a_closed_port_is_reported_with_its_address() {
        let (mut socket, _) = bound();
        let closed = bound().1;
        let wake = WakeFd::new().unwrap();
        let mut probe =
            Probe { transmit: vec![Outgoing { to: closed, bytes: Bytes::from_static(b"x") }], ..Probe::default() };

        run(&mut socket, &wake, &mut probe).unwrap();

        assert_eq!(probe.errors, vec![closed]);
    }

    #[test]
    fn an_address_that_cannot_be_sent_to_is_reported_and_the_others_still_served() {
        let (mut socket, address) = bound();
        let wake = WakeFd::new().unwrap();
        let impossible: SocketAddr = "[2001:db8::1]:5060".parse().unwrap();
        let transmit = vec![
            Outgoing { to: address, bytes: Bytes::from_static(b"second") },
            Outgoing { to: impossible, bytes: Bytes::from_static(b"first") },
        ];
        let mut probe = Probe { transmit, ..Probe::default() };

        run(&mut socket, &wake, &mut probe).unwrap();

        assert_eq!(probe.errors, vec![impossible]);
        socket.receive().unwrap();
        assert_eq!(socket.datagram(0), Some((address, b"second".as_slice())));
    }

    #[test]
    fn a_full_receive_buffer_is_seen_and_its_losses_counted() {
        let (mut socket, address) = bound();
        let (sender, _) = bound();
        assert_eq!(socket.pressure(), crate::udp::Pressure { nearly_full: false, dropped: 0 });
        let datagram = Outgoing { to: address, bytes: Bytes::from(vec![1; 1400]) };

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
        let (mut socket, _) = bound();
        let wake = WakeFd::new().unwrap();
        let mut probe = Probe { deadline: Some(Instant::now() + Duration::from_millis(5)), ..Probe::default() };

        run(&mut socket, &wake, &mut probe).unwrap();

        assert!(probe.fired);
        assert!(probe.turns >= 1);
    }
}
