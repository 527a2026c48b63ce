//! Connections that we open: TCP and TLS to gateways.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use ringback_sip::{Peer, Transport};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::ServerName;

use crate::stream::hub::Hub;
use crate::stream::limits::count;
use crate::stream::table::Unsent;
use crate::stream::talk::talk;

/// Connect and serve the connection until it ends. `name` is what the certificate must be good for; without one, the
/// address.
pub(crate) async fn open(hub: Arc<Hub>, peer: Peer, unsent: Unsent, name: Option<Arc<str>>) {
    let connecting = timeout(hub.limits.connect, connect(&hub, peer, name.as_deref()));
    let made = match connecting.await {
        Ok(Ok(Opened::Plain(stream))) => {
            count(&hub.counting.opened);
            talk(&hub, peer, stream, unsent, false).await.counted(&hub);
            true
        }
        Ok(Ok(Opened::Secure(stream))) => {
            count(&hub.counting.opened);
            talk(&hub, peer, *stream, unsent, false).await.counted(&hub);
            true
        }
        Ok(Err(_)) | Err(_) => {
            count(&hub.counting.connect_failures);
            false
        }
    };
    hub.end(peer.connection, made).await;
}

enum Opened {
    Plain(TcpStream),
    Secure(Box<TlsStream<TcpStream>>),
}

async fn connect(hub: &Hub, peer: Peer, name: Option<&str>) -> io::Result<Opened> {
    let socket = if peer.address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // From the address the far end knows us by: its access list may name no other.
    if let Some(ip) = hub.locals.get(&peer.listener).filter(|ip| ip.is_ipv4() == peer.address.is_ipv4()) {
        socket.bind(SocketAddr::new(*ip, 0))?;
    }
    let stream = socket.connect(peer.address).await?;
    let _ = stream.set_nodelay(true);
    if peer.transport != Transport::Tls {
        return Ok(Opened::Plain(stream));
    }
    let config = hub.tls.client().map_err(io::Error::other)?;
    let name = match name {
        Some(name) => ServerName::try_from(name.to_owned()).map_err(io::Error::other)?,
        None => ServerName::from(peer.address.ip()),
    };
    let stream = TlsConnector::from(config).connect(name, stream).await?;
    Ok(Opened::Secure(Box::new(stream)))
}
