//! A connection at work: messages in, messages out, until one side has enough.

use std::time::Duration;

use bytes::Bytes;
use ringback_sip::Peer;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, timeout, timeout_at};

use crate::stream::frame::{Frame, FrameError, Framer};
use crate::stream::hub::{Hub, StreamEvent};
use crate::stream::limits::count;
use crate::stream::table::Unsent;

/// Read at once. Small, because thousands of connections sleep with it.
const READ: usize = 4 << 10;

/// Why a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The far end closed it, or it broke.
    Closed,
    /// We have nothing more to say.
    Finished,
    Idle,
    Partial,
    Slow,
    Frame(FrameError),
}

impl Ending {
    pub(crate) fn counted(self, hub: &Hub) {
        let counting = &hub.counting;
        match self {
            Self::Closed | Self::Finished => {}
            Self::Idle => count(&counting.closed_idle),
            Self::Partial => count(&counting.closed_partial),
            Self::Slow => count(&counting.closed_slow),
            Self::Frame(FrameError::Garbage) => count(&counting.closed_garbage),
            Self::Frame(FrameError::NoLength) => count(&counting.closed_no_length),
            Self::Frame(FrameError::TooLarge) => count(&counting.closed_oversize),
        }
    }
}

/// Serve a byte stream (TCP, TLS) until it ends. `fresh` for one that was accepted: it must show soon what it wants.
pub(crate) async fn talk<S>(hub: &Hub, peer: Peer, stream: S, mut unsent: Unsent, fresh: bool) -> Ending
where
    S: AsyncRead + AsyncWrite,
{
    let (reader, writer) = tokio::io::split(stream);
    let abort = std::sync::Arc::clone(&unsent.abort);
    let reading = read(hub, peer, reader, fresh);
    let writing = write(hub, writer, &mut unsent);
    tokio::select! {
        ending = reading => ending,
        ending = writing => ending,
        () = abort.notified() => Ending::Closed,
    }
}

async fn read<R: AsyncRead + Unpin>(hub: &Hub, peer: Peer, mut reader: R, fresh: bool) -> Ending {
    let mut framer = Framer::default();
    let mut patience = Patience::new(hub, fresh);
    loop {
        framer.buffer().reserve(READ);
        match timeout_at(patience.until, reader.read_buf(framer.buffer())).await {
            Err(_) => return patience.ending,
            Ok(Ok(0) | Err(_)) => return Ending::Closed,
            Ok(Ok(_)) => {}
        }
        let mut came = false;
        loop {
            match framer.next() {
                Ok(Some(Frame::Message(bytes))) => hub.inbox.put(StreamEvent::Message { from: peer, bytes }).await,
                Ok(Some(Frame::Ping)) => pong(hub, peer),
                Ok(None) => break,
                Err(error) => return Ending::Frame(error),
            }
            came = true;
        }
        patience.renew(hub, came, framer.is_partial());
    }
}

/// Answer a keep-alive (RFC 5626 section 4.4.1).
pub(crate) fn pong(hub: &Hub, peer: Peer) {
    count(&hub.counting.pings);
    let queue = hub.table().queue(peer.connection);
    if let Some(queue) = queue {
        // Whoever pings but does not read gets no further pong, and is closed by its first message.
        queue.push(Bytes::from_static(b"\r\n"), hub.limits.max_unsent);
    }
}

async fn write<W: AsyncWrite + Unpin>(hub: &Hub, mut writer: W, unsent: &mut Unsent) -> Ending {
    while let Some(bytes) = unsent.next().await {
        let sending = async {
            writer.write_all(&bytes).await?;
            writer.flush().await
        };
        match timeout(hub.limits.write, sending).await {
            Err(_) => return Ending::Slow,
            Ok(Err(_)) => return Ending::Closed,
            Ok(Ok(())) => {}
        }
    }
    let _ = timeout(Duration::from_secs(1), writer.shutdown()).await;
    Ending::Finished
}

/// How long the next bytes may take, and what it is called when they take longer.
#[derive(Debug)]
pub(crate) struct Patience {
    pub(crate) until: Instant,
    pub(crate) ending: Ending,
}

impl Patience {
    pub(crate) fn new(hub: &Hub, fresh: bool) -> Self {
        let now = Instant::now();
        if fresh {
            Self { until: now + hub.limits.first, ending: Ending::Partial }
        } else {
            Self { until: now + hub.limits.idle, ending: Ending::Idle }
        }
    }

    /// Bytes came; `came` if a whole frame was among them, `partial` if a message has begun.
    pub(crate) fn renew(&mut self, hub: &Hub, came: bool, partial: bool) {
        let now = Instant::now();
        if !partial && (came || self.ending == Ending::Idle) {
            *self = Self { until: now + hub.limits.idle, ending: Ending::Idle };
        } else if partial && (came || self.ending == Ending::Idle) {
            *self = Self { until: now + hub.limits.partial, ending: Ending::Partial };
        }
    }
}
