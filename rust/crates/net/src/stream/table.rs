//! The connections of one engine: who they lead to, what waits to leave by them, and how many there may be.
//!
//! No I/O here. Connections are numbered from 1; a number is not given again until all others were.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use ringback_sip::{Peer, Transport};
use tokio::sync::{Notify, mpsc};

use crate::stream::limits::StreamLimits;

/// Messages waiting to leave by one connection, whatever their size.
const MAX_WAITING: usize = 512;
/// Names of gateways remembered for their certificates.
const MAX_NAMES: usize = 4096;

/// Why a connection is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// There are too many.
    Total,
    /// There are too many from this source.
    Source,
}

/// What became of a message to send.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Pushed {
    /// It waits to leave.
    Queued,
    /// The far end reads too slowly: its connection is being closed.
    Slow,
    /// There is no such connection.
    NoConnection,
}

/// The way into a connection's writer.
#[derive(Debug, Clone)]
pub(crate) struct Queue {
    sender: mpsc::Sender<Bytes>,
    /// Bytes that wait.
    waiting: Arc<AtomicUsize>,
}

/// The writer's end.
#[derive(Debug)]
pub(crate) struct Unsent {
    receiver: mpsc::Receiver<Bytes>,
    waiting: Arc<AtomicUsize>,
    /// Signaled when the connection is to end at once.
    pub(crate) abort: Arc<Notify>,
}

impl Unsent {
    /// The next message to write; None when no more will come.
    pub(crate) async fn next(&mut self) -> Option<Bytes> {
        let bytes = self.receiver.recv().await?;
        self.waiting.fetch_sub(bytes.len(), Ordering::Relaxed);
        Some(bytes)
    }
}

impl Queue {
    pub(crate) fn push(&self, bytes: Bytes, max_unsent: usize) -> bool {
        let length = bytes.len();
        let waits = self.waiting.fetch_add(length, Ordering::Relaxed);
        // One message is always let in, however large.
        if (waits > 0 && waits + length > max_unsent) || self.sender.try_send(bytes).is_err() {
            self.waiting.fetch_sub(length, Ordering::Relaxed);
            return false;
        }
        true
    }
}

/// One connection.
#[derive(Debug)]
struct Entry {
    /// The far end as messages from it are marked.
    peer: Peer,
    /// None while it is being closed.
    queue: Option<Queue>,
    abort: Arc<Notify>,
    /// Opened by us.
    ours: bool,
    /// The name its certificate was checked for.
    name: Option<Arc<str>>,
    /// A request was sent by it: whoever waits for a response must hear of its end.
    asked: bool,
}

/// All connections.
#[derive(Debug)]
pub(crate) struct Table {
    entries: HashMap<u32, Entry>,
    targets: HashMap<(Transport, SocketAddr), u32>,
    sources: HashMap<IpAddr, usize>,
    names: HashMap<SocketAddr, Arc<str>>,
    accepted: usize,
    last: u32,
    limits: StreamLimits,
}

impl Table {
    pub(crate) fn new(limits: StreamLimits) -> Self {
        Self {
            entries: HashMap::new(),
            targets: HashMap::new(),
            sources: HashMap::new(),
            names: HashMap::new(),
            accepted: 0,
            last: 0,
            limits,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// A connection comes in from `peer`; its number is to be put into it.
    pub(crate) fn admit(&mut self, peer: Peer) -> Result<(Peer, Unsent), Refused> {
        if self.accepted >= self.limits.max_connections {
            return Err(Refused::Total);
        }
        let from_there = self.sources.entry(source_of(peer.address.ip())).or_default();
        if *from_there >= self.limits.max_per_source {
            return Err(Refused::Source);
        }
        *from_there += 1;
        self.accepted += 1;
        Ok(self.enter(peer, false, None))
    }

    /// Begin a connection to `to`. None if there are too many.
    pub(crate) fn open(&mut self, to: Peer) -> Option<(Peer, Unsent, Option<Arc<str>>)> {
        if self.entries.len() - self.accepted >= self.limits.max_opened {
            return None;
        }
        let name = self.names.get(&to.address).cloned();
        let (peer, unsent) = self.enter(to, true, name.clone());
        self.targets.insert((to.transport, to.address), peer.connection);
        Some((peer, unsent, name))
    }

    fn enter(&mut self, peer: Peer, ours: bool, name: Option<Arc<str>>) -> (Peer, Unsent) {
        loop {
            self.last = self.last.wrapping_add(1).max(1);
            if !self.entries.contains_key(&self.last) {
                break;
            }
        }
        let peer = Peer { connection: self.last, ..peer };
        let (sender, receiver) = mpsc::channel(MAX_WAITING);
        let (waiting, abort) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
        let queue = Some(Queue { sender, waiting: Arc::clone(&waiting) });
        self.entries.insert(self.last, Entry { peer, queue, abort: Arc::clone(&abort), ours, name, asked: false });
        (peer, Unsent { receiver, waiting, abort })
    }

    /// Hand a message to the connection it names, or else to one of ours that leads to its address.
    pub(crate) fn push(&mut self, to: Peer, bytes: Bytes) -> Pushed {
        let named = self.entries.get(&to.connection).is_some_and(|entry| entry.serves(to.transport));
        let number = if named { Some(to.connection) } else { self.opened_to(to) };
        let Some(entry) = number.and_then(|number| self.entries.get_mut(&number)) else { return Pushed::NoConnection };
        let Some(queue) = &entry.queue else { return Pushed::NoConnection };
        entry.asked |= !bytes.starts_with(b"SIP/2.0 ");
        if queue.push(bytes, self.limits.max_unsent) {
            return Pushed::Queued;
        }
        entry.close();
        Pushed::Slow
    }

    /// A connection of ours to this address whose certificate was checked for the name that is meant now.
    fn opened_to(&self, to: Peer) -> Option<u32> {
        let number = *self.targets.get(&(to.transport, to.address))?;
        let entry = self.entries.get(&number).filter(|entry| entry.serves(to.transport))?;
        let same_name = !to.transport.is_secure() || entry.name.as_ref() == self.names.get(&to.address);
        same_name.then_some(number)
    }

    /// The way into the writer of a connection, for its own reader.
    pub(crate) fn queue(&self, number: u32) -> Option<Queue> {
        self.entries.get(&number).and_then(|entry| entry.queue.clone())
    }

    /// A connection has ended. Returns its far end if somebody may wait for a response by it.
    pub(crate) fn remove(&mut self, number: u32) -> Option<Peer> {
        let entry = self.entries.remove(&number)?;
        let peer = entry.peer;
        if entry.ours {
            if self.targets.get(&(peer.transport, peer.address)) == Some(&number) {
                self.targets.remove(&(peer.transport, peer.address));
            }
        } else {
            self.accepted -= 1;
            let source = source_of(peer.address.ip());
            if let Some(left) = self.sources.get_mut(&source) {
                *left -= 1;
                if *left == 0 {
                    self.sources.remove(&source);
                }
            }
        }
        entry.asked.then_some(peer)
    }

    /// Let every connection write what waits and end.
    pub(crate) fn close_all(&mut self) {
        for entry in self.entries.values_mut() {
            entry.queue = None;
        }
    }

    /// The certificate of whoever answers at `address` must be good for `name`.
    pub(crate) fn set_name(&mut self, address: SocketAddr, name: Arc<str>) {
        if self.names.len() >= MAX_NAMES && !self.names.contains_key(&address) {
            // Names come back with the next call to them.
            self.names.clear();
        }
        self.names.insert(address, name);
    }
}

impl Entry {
    fn serves(&self, transport: Transport) -> bool {
        self.queue.is_some() && self.peer.transport == transport
    }

    fn close(&mut self) {
        self.queue = None;
        self.abort.notify_one();
    }
}

/// One host: an address, or the /64 it commands.
fn source_of(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from(u128::from(v6) >> 64 << 64)),
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> StreamLimits {
        StreamLimits { max_connections: 3, max_per_source: 2, max_opened: 1, max_unsent: 10, ..StreamLimits::default() }
    }

    fn at(transport: Transport, address: &str) -> Peer {
        Peer { listener: 0, ..Peer::new(transport, address.parse().unwrap()) }
    }

    fn request() -> Bytes {
        Bytes::from_static(b"BYE")
    }

    #[test]
    fn connections_are_limited_in_total_and_from_one_source_and_room_comes_back() {
        let mut table = Table::new(limits());
        let (first, _unsent) = table.admit(at(Transport::Tcp, "192.0.2.1:1")).unwrap();
        let (_, _second) = table.admit(at(Transport::Tcp, "192.0.2.1:2")).unwrap();

        assert_eq!(table.admit(at(Transport::Tcp, "192.0.2.1:3")).err(), Some(Refused::Source));
        let (_, _third) = table.admit(at(Transport::Ws, "[2001:db8::1]:1")).unwrap();
        assert_eq!(table.admit(at(Transport::Tcp, "192.0.2.9:1")).err(), Some(Refused::Total));

        table.remove(first.connection);
        assert!(table.admit(at(Transport::Tcp, "192.0.2.1:4")).is_ok());
    }

    #[test]
    fn one_ipv6_network_is_one_source() {
        let mut table = Table::new(limits());
        for host in 1..=2 {
            table.admit(at(Transport::Tcp, &format!("[2001:db8::{host}]:1"))).unwrap();
        }

        assert_eq!(table.admit(at(Transport::Tcp, "[2001:db8::3]:1")).err(), Some(Refused::Source));
        assert!(table.admit(at(Transport::Tcp, "[2001:db8:0:1::3]:1")).is_ok());
    }

    #[test]
    fn a_message_takes_the_connection_it_names_and_else_one_of_ours_to_its_address() {
        let mut table = Table::new(limits());
        let (phone, mut by_phone) = table.admit(at(Transport::Tcp, "192.0.2.1:1")).unwrap();
        let (_, mut by_ours, _) = table.open(at(Transport::Tcp, "192.0.2.9:5060")).unwrap();
        let elsewhere = Peer { address: "192.0.2.1:5060".parse().unwrap(), ..phone };

        assert_eq!(table.push(elsewhere, request()), Pushed::Queued);
        assert!(by_phone.receiver.try_recv().is_ok(), "the number counts, the address is for when it is gone");
        assert_eq!(table.push(at(Transport::Tcp, "192.0.2.9:5060"), request()), Pushed::Queued);
        assert!(by_ours.receiver.try_recv().is_ok());
        assert_eq!(table.push(at(Transport::Tls, "192.0.2.9:5060"), request()), Pushed::NoConnection);
        assert!(table.open(at(Transport::Tcp, "192.0.2.8:5060")).is_none(), "one is the limit");

        assert_eq!(table.remove(phone.connection), Some(phone), "somebody waits for a response");
        assert_eq!(table.push(elsewhere, request()), Pushed::NoConnection);
    }

    #[test]
    fn a_slow_reader_is_closed() {
        let mut table = Table::new(limits());
        let (peer, _unsent) = table.admit(at(Transport::Tcp, "192.0.2.1:1")).unwrap();

        assert_eq!(table.push(peer, Bytes::from(vec![1; 20])), Pushed::Queued, "one message always fits");
        assert_eq!(table.push(peer, Bytes::from(vec![1; 1])), Pushed::Slow);
        assert_eq!(table.push(peer, Bytes::from(vec![1; 1])), Pushed::NoConnection);
    }

    #[test]
    fn a_tls_connection_serves_only_the_name_it_was_checked_for() {
        let mut table = Table::new(StreamLimits { max_opened: 9, ..limits() });
        let gateway = at(Transport::Tls, "192.0.2.9:5061");
        table.set_name(gateway.address, Arc::from("a.example"));
        let (_, _unsent, name) = table.open(gateway).unwrap();
        assert_eq!(name.as_deref(), Some("a.example"));
        assert_eq!(table.push(gateway, request()), Pushed::Queued);

        table.set_name(gateway.address, Arc::from("b.example"));

        assert_eq!(table.push(gateway, request()), Pushed::NoConnection);
    }

    #[test]
    fn the_end_of_a_connection_that_only_carried_responses_concerns_nobody() {
        let mut table = Table::new(limits());
        let (peer, _unsent) = table.admit(at(Transport::Tcp, "192.0.2.1:1")).unwrap();
        table.push(peer, Bytes::from_static(b"SIP/2.0 200 OK"));

        assert_eq!(table.remove(peer.connection), None);
        assert_eq!(table.len(), 0);
    }
}
