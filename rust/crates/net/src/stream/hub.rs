//! What every task of the stream thread shares: the table, the limits, and the way to the signaling thread.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use ringback_sip::{ListenerId, Peer, Transport};
use tokio::sync::{Notify, mpsc};

use crate::stream::limits::{Counting, StreamLimits, count};
use crate::stream::open::open;
use crate::stream::table::{Pushed, Table};
use crate::stream::tls::Tls;
use crate::udp::Outgoing;
use crate::wake::WakeFd;

/// What comes from the streams.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StreamEvent {
    /// One whole message.
    Message {
        /// Where it came from, with its connection.
        from: Peer,
        /// The message.
        bytes: Bytes,
    },
    /// What was sent there did not arrive or will not be answered: no connection could be made (number 0), or the one
    /// that was used has ended.
    Lost(Peer),
}

/// The way to the signaling thread: a bounded queue and one wake-up from idle to busy.
#[derive(Debug, Clone)]
pub(crate) struct Inbox {
    pub(crate) sender: mpsc::Sender<StreamEvent>,
    pub(crate) signaled: Arc<AtomicBool>,
    pub(crate) wake: Arc<WakeFd>,
}

impl Inbox {
    /// Hand over an event; waits while the signaling thread is behind, so that the sender's stream does too.
    pub(crate) async fn put(&self, event: StreamEvent) {
        if self.sender.send(event).await.is_ok() && !self.signaled.swap(true, Ordering::AcqRel) {
            self.wake.signal();
        }
    }
}

/// Shared by the tasks.
#[derive(Debug)]
pub(crate) struct Hub {
    pub(crate) limits: StreamLimits,
    pub(crate) counting: Arc<Counting>,
    pub(crate) tls: Arc<Tls>,
    pub(crate) inbox: Inbox,
    /// Origins that browsers may come from; empty for any.
    pub(crate) origins: Vec<String>,
    /// Addresses that connections of ours leave from.
    pub(crate) locals: HashMap<ListenerId, IpAddr>,
    table: Mutex<Table>,
    /// Signaled when the last connection has ended.
    pub(crate) emptied: Notify,
}

impl Hub {
    pub(crate) fn new(
        limits: StreamLimits,
        counting: Arc<Counting>,
        tls: Arc<Tls>,
        inbox: Inbox,
        origins: Vec<String>,
        locals: HashMap<ListenerId, IpAddr>,
    ) -> Self {
        let table = Mutex::new(Table::new(limits));
        Self { limits, counting, tls, inbox, origins, locals, table, emptied: Notify::new() }
    }

    pub(crate) fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Send a message by the connection that fits, or by a new one.
    pub(crate) fn send(self: &Arc<Self>, message: Outgoing) {
        let Outgoing { to, bytes } = message;
        let pushed = self.table().push(to, bytes.clone());
        match pushed {
            Pushed::Queued => {}
            Pushed::Slow => {
                count(&self.counting.closed_slow);
                self.lose(to);
            }
            // A browser can only be reached over the connection it opened (RFC 7118 section 5).
            Pushed::NoConnection if matches!(to.transport, Transport::Ws | Transport::Wss) => self.lose(to),
            Pushed::NoConnection => self.begin(to, bytes),
        }
    }

    /// Open a connection for a message.
    fn begin(self: &Arc<Self>, to: Peer, bytes: Bytes) {
        let opened = {
            let mut table = self.table();
            let opened = table.open(to);
            if let Some((peer, ..)) = &opened {
                table.push(*peer, bytes);
            }
            opened
        };
        self.gauge();
        match opened {
            Some((peer, unsent, name)) => drop(tokio::spawn(open(Arc::clone(self), peer, unsent, name))),
            None => self.lose(to),
        }
    }

    /// A message will not get there.
    fn lose(&self, to: Peer) {
        count(&self.counting.dropped_unsent);
        let inbox = self.inbox.clone();
        let lost = StreamEvent::Lost(Peer { connection: 0, ..to });
        tokio::spawn(async move { inbox.put(lost).await });
    }

    /// A connection has ended; `made` unless it never came about.
    pub(crate) async fn end(&self, number: u32, made: bool) {
        let (lost, left) = {
            let mut table = self.table();
            (table.remove(number), table.len())
        };
        self.gauge();
        if left == 0 {
            self.emptied.notify_one();
        }
        if let Some(peer) = lost {
            let connection = if made { peer.connection } else { 0 };
            self.inbox.put(StreamEvent::Lost(Peer { connection, ..peer })).await;
        }
    }

    pub(crate) fn gauge(&self) {
        let open = self.table().len() as u64;
        self.counting.connections.store(open, Ordering::Relaxed);
    }
}
