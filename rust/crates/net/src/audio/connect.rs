//! From a request to an open `WebSocket`.

use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use super::carry::carry;
use super::{AudioEnd, AudioRequest};
use crate::stream::Tls;

/// Largest frame of a program: 20 s of audio at 16 kHz.
const MAX_MESSAGE: usize = 640_000;
/// What may wait in the socket's own buffer beside one message.
const MAX_UNSENT: usize = 64 << 10;

/// Connect and carry until either side ends; the error is for people.
pub(crate) async fn run(request: &AudioRequest, tls: &Arc<Tls>, end: &dyn AudioEnd) -> Result<(), String> {
    let late = |_| format!("{} did not open the stream within {} ms", request.authority, request.timeout.as_millis());
    if request.secure {
        let socket = timeout(request.timeout, open_secure(request, tls)).await.map_err(late)??;
        carry(socket, &request.start, end).await
    } else {
        let socket = timeout(request.timeout, open_plain(request)).await.map_err(late)??;
        carry(socket, &request.start, end).await
    }
}

async fn open_plain(request: &AudioRequest) -> Result<WebSocketStream<TcpStream>, String> {
    upgrade(request, "ws", reach(request).await?).await
}

async fn open_secure(
    request: &AudioRequest,
    tls: &Arc<Tls>,
) -> Result<WebSocketStream<tokio_rustls::client::TlsStream<TcpStream>>, String> {
    let stream = reach(request).await?;
    let name = ServerName::try_from(request.host.clone()).map_err(|error| format!("{}: {error}", request.host))?;
    let secure = TlsConnector::from(tls.client()?).connect(name, stream).await;
    upgrade(request, "wss", secure.map_err(|error| format!("TLS with {}: {error}", request.authority))?).await
}

async fn reach(request: &AudioRequest) -> Result<TcpStream, String> {
    let stream = TcpStream::connect(request.address).await;
    let stream =
        stream.map_err(|error| format!("{} cannot be reached at {}: {error}", request.authority, request.address))?;
    // A wish.
    let _ = stream.set_nodelay(true);
    Ok(stream)
}

async fn upgrade<S>(request: &AudioRequest, scheme: &str, stream: S) -> Result<WebSocketStream<S>, String>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let url = format!("{scheme}://{}{}", request.authority, request.path);
    let asked = url.into_client_request().map_err(|error| format!("the URL cannot be asked for: {error}"))?;
    let config = WebSocketConfig::default()
        .write_buffer_size(0)
        .max_write_buffer_size(MAX_UNSENT + MAX_MESSAGE)
        .max_message_size(Some(MAX_MESSAGE))
        .max_frame_size(Some(MAX_MESSAGE));
    let opened = client_async_with_config(asked, stream, Some(config)).await;
    opened.map(|(socket, _)| socket).map_err(|error| format!("{} refuses the stream: {error}", request.authority))
}
