//! Stream transports: TCP, TLS, WebSocket and both together, on a thread of their own.
//!
//! The thread accepts, shakes hands, cuts streams into whole messages and writes whole messages; the signaling thread
//! sees none of it but messages. Whatever a far end does here, it holds up its own connection only: every wait has an
//! end and every buffer a bound ([`StreamLimits`]), and what hits one is counted ([`StreamCounters`]).

mod accept;
pub(crate) mod frame;
mod hub;
mod limits;
mod open;
mod table;
mod talk;
mod tls;
mod websocket;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use ringback_sip::{ListenerId, Peer, Transport};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::udp::Outgoing;
use crate::wake::WakeFd;
use accept::accept_all;
use hub::{Hub, Inbox};
use limits::Counting;

pub use hub::StreamEvent;
pub use limits::{StreamCounters, StreamLimits};
pub use tls::{CertificateFiles, Tls, TlsFiles};

/// Events that wait for the signaling thread; beyond, the streams wait.
const MAX_EVENTS: usize = 1024;
/// Messages that wait for the stream thread; beyond, they are lost and said to be.
const MAX_ORDERS: usize = 16_384;
/// At the end, what waits to be written is given this long.
const FLUSH: Duration = Duration::from_millis(300);

/// What the streams of one engine are.
#[derive(Debug)]
pub struct StreamSetup {
    /// Bound sockets to accept on.
    pub listeners: Vec<(ListenerId, Transport, TcpListener)>,
    /// Addresses that connections of ours leave from, by listener.
    pub locals: HashMap<ListenerId, IpAddr>,
    /// Certificates and roots.
    pub tls: Arc<Tls>,
    /// Bounds.
    pub limits: StreamLimits,
    /// Origins that browsers may come from; empty for any.
    pub origins: Vec<String>,
}

#[derive(Debug)]
enum Order {
    Send(Outgoing),
    Name(SocketAddr, Arc<str>),
}

/// The streams as the signaling thread holds them. The stream thread starts with the first need for it, and ends when
/// this is dropped.
#[derive(Debug)]
pub struct Streams {
    setup: Option<StreamSetup>,
    wake: Arc<WakeFd>,
    counting: Arc<Counting>,
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    orders: mpsc::Sender<Order>,
    events: mpsc::Receiver<StreamEvent>,
    signaled: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// Open a socket to accept on.
pub fn bind_stream(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = socket2::Socket::new(socket2::Domain::for_address(address), socket2::Type::STREAM, None)?;
    // A port that was in use a moment ago may still have connections on their way out.
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        // An IPv4 listener on the same port is another listener.
        socket.set_only_v6(true)?;
    }
    socket.bind(&address.into())?;
    socket.listen(1024)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

impl Streams {
    /// Begin to accept, if there is anything to accept on. `wake` is signaled when events came.
    pub fn start(setup: StreamSetup, wake: Arc<WakeFd>) -> io::Result<Self> {
        let at_once = !setup.listeners.is_empty();
        let mut streams = Self { setup: Some(setup), wake, counting: Arc::default(), running: None };
        if at_once {
            streams.run()?;
        }
        Ok(streams)
    }

    fn run(&mut self) -> io::Result<()> {
        let Some(setup) = self.setup.take() else { return Ok(()) };
        let (orders, orders_in) = mpsc::channel(MAX_ORDERS);
        let (sender, events) = mpsc::channel(MAX_EVENTS);
        let signaled = Arc::new(AtomicBool::new(false));
        let inbox = Inbox { sender, signaled: Arc::clone(&signaled), wake: Arc::clone(&self.wake) };
        let hub = Hub::new(setup.limits, Arc::clone(&self.counting), setup.tls, inbox, setup.origins, setup.locals);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build()?;
        let listeners = setup.listeners;
        let thread = std::thread::Builder::new()
            .name("rb-streams".to_owned())
            .spawn(move || runtime.block_on(serve(Arc::new(hub), listeners, orders_in)))?;
        self.running = Some(Running { orders, events, signaled, thread: Some(thread) });
        Ok(())
    }

    /// Send a message. Returns false if that is not possible now; otherwise a later `Lost` may still say so.
    pub fn send(&mut self, to: Peer, bytes: bytes::Bytes) -> bool {
        let sent = self.order(Order::Send(Outgoing { to, bytes }));
        if !sent {
            limits::count(&self.counting.dropped_unsent);
        }
        sent
    }

    /// What is sent to `address` by TLS is meant for `name`: its certificate must be good for it (RFC 5922).
    pub fn expect_name(&mut self, address: SocketAddr, name: &str) {
        self.order(Order::Name(address, Arc::from(name)));
    }

    fn order(&mut self, order: Order) -> bool {
        if self.running.is_none() && self.run().is_err() {
            return false;
        }
        self.running.as_ref().is_some_and(|running| running.orders.try_send(order).is_ok())
    }

    /// Take the next event. Call until None, or until enough was done for one turn.
    pub fn next_event(&mut self) -> Option<StreamEvent> {
        let running = self.running.as_mut()?;
        if let Ok(event) = running.events.try_recv() {
            return Some(event);
        }
        // Whoever puts from now on signals; whoever put just now is seen by one more look.
        running.signaled.store(false, Ordering::Release);
        running.events.try_recv().ok()
    }

    /// What happened so far.
    pub fn counters(&self) -> StreamCounters {
        self.counting.read()
    }
}

impl Drop for Streams {
    /// Write what waits, within bounds, and end the thread.
    fn drop(&mut self) {
        let Some(running) = self.running.take() else { return };
        let Running { orders, events, thread, .. } = running;
        drop((orders, events));
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }
}

async fn serve(hub: Arc<Hub>, listeners: Vec<(ListenerId, Transport, TcpListener)>, mut orders: mpsc::Receiver<Order>) {
    let mut accepting = tokio::task::JoinSet::new();
    for (id, transport, listener) in listeners {
        if let Ok(listener) = tokio::net::TcpListener::from_std(listener) {
            accepting.spawn(accept_all(Arc::clone(&hub), id, transport, listener));
        }
    }
    while let Some(order) = orders.recv().await {
        match order {
            Order::Send(message) => hub.send(message),
            Order::Name(address, name) => hub.table().set_name(address, name),
        }
    }
    accepting.abort_all();
    hub.table().close_all();
    let empty = async {
        while hub.table().len() > 0 {
            hub.emptied.notified().await;
        }
    };
    let _ = timeout(FLUSH, empty).await;
}
