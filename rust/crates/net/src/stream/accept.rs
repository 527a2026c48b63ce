//! Connections that come to us.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ringback_sip::{ListenerId, Peer, Transport};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep, timeout_at};
use tokio_rustls::TlsAcceptor;

use crate::stream::hub::Hub;
use crate::stream::limits::count;
use crate::stream::table::{Refused, Unsent};
use crate::stream::talk::{Ending, talk};
use crate::stream::websocket::{self, upgrade};

/// After an error of accepting, most often too few descriptors: closed connections must get their time.
const PAUSE: Duration = Duration::from_millis(100);

/// Take connections of one listener for ever.
pub(crate) async fn accept_all(hub: Arc<Hub>, id: ListenerId, transport: Transport, listener: TcpListener) {
    loop {
        match listener.accept().await {
            Ok((stream, address)) => admit(&hub, id, transport, stream, address),
            Err(_) => sleep(PAUSE).await,
        }
    }
}

fn admit(hub: &Arc<Hub>, listener: ListenerId, transport: Transport, stream: TcpStream, address: SocketAddr) {
    let admitted = hub.table().admit(Peer { transport, listener, address, connection: 0 });
    match admitted {
        Ok((peer, unsent)) => {
            count(&hub.counting.accepted);
            hub.gauge();
            tokio::spawn(serve(Arc::clone(hub), peer, stream, unsent));
        }
        Err(Refused::Total) => count(&hub.counting.refused_total),
        Err(Refused::Source) => count(&hub.counting.refused_source),
    }
}

async fn serve(hub: Arc<Hub>, peer: Peer, stream: TcpStream, unsent: Unsent) {
    let _ = stream.set_nodelay(true);
    let until = Instant::now() + hub.limits.handshake;
    if peer.transport.is_secure() {
        if let Some(config) = hub.tls.server() {
            match timeout_at(until, TlsAcceptor::from(config).accept(stream)).await {
                Err(_) => count(&hub.counting.handshake_timeouts),
                Ok(Err(_)) => count(&hub.counting.handshake_failures),
                Ok(Ok(stream)) => speak(&hub, peer, stream, unsent, until).await,
            }
        }
    } else {
        speak(&hub, peer, stream, unsent, until).await;
    }
    hub.end(peer.connection, true).await;
}

/// The bytes are plain now: SIP, or WebSocket with SIP inside.
async fn speak<S>(hub: &Hub, peer: Peer, stream: S, unsent: Unsent, until: Instant)
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let ending = if matches!(peer.transport, Transport::Ws | Transport::Wss) {
        match timeout_at(until, upgrade(hub, stream)).await {
            Err(_) => return count(&hub.counting.handshake_timeouts),
            Ok(None) => return count(&hub.counting.handshake_failures),
            Ok(Some(socket)) => websocket::talk(hub, peer, socket, unsent).await,
        }
    } else {
        talk(hub, peer, stream, unsent, true).await
    };
    Ending::counted(ending, hub);
}
