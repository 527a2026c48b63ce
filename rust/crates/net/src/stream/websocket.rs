//! SIP over WebSocket (RFC 7118): one message of either is one of the other.

use futures_util::{SinkExt, StreamExt};
use ringback_sip::Peer;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{timeout, timeout_at};
use tokio_tungstenite::tungstenite::error::Error;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::{HeaderMap, HeaderValue, StatusCode};
use tokio_tungstenite::tungstenite::protocol::{Message, WebSocketConfig};
use tokio_tungstenite::{WebSocketStream, accept_hdr_async_with_config};

use crate::stream::frame::{FrameError, MAX_MESSAGE};
use crate::stream::hub::{Hub, StreamEvent};
use crate::stream::table::Unsent;
use crate::stream::talk::{Ending, Patience, pong};

const PROTOCOL: &str = "sec-websocket-protocol";

/// Answer the HTTP request that begins a WebSocket. None if it does not ask for SIP, or comes from elsewhere.
pub(crate) async fn upgrade<S>(hub: &Hub, stream: S) -> Option<WebSocketStream<S>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let config = WebSocketConfig::default()
        .read_buffer_size(4 << 10)
        .write_buffer_size(0)
        .max_write_buffer_size(hub.limits.max_unsent + MAX_MESSAGE)
        .max_message_size(Some(MAX_MESSAGE))
        .max_frame_size(Some(MAX_MESSAGE));
    #[allow(clippy::result_large_err)] // the type of the callback is the library's
    let answer = |request: &Request, mut response: Response| -> Result<Response, ErrorResponse> {
        if !may_come(&hub.origins, request.headers()) {
            return Err(refusal(StatusCode::FORBIDDEN));
        }
        if !asks_for_sip(request.headers()) {
            return Err(refusal(StatusCode::BAD_REQUEST));
        }
        response.headers_mut().insert(PROTOCOL, HeaderValue::from_static("sip"));
        Ok(response)
    };
    accept_hdr_async_with_config(stream, answer, Some(config)).await.ok()
}

fn refusal(status: StatusCode) -> ErrorResponse {
    let mut response = ErrorResponse::new(None);
    *response.status_mut() = status;
    response
}

/// RFC 7118 section 4.1: the subprotocol `sip` is a must.
fn asks_for_sip(headers: &HeaderMap) -> bool {
    let lists = headers.get_all(PROTOCOL).iter().filter_map(|list| list.to_str().ok());
    lists.flat_map(|list| list.split(',')).any(|name| name.trim().eq_ignore_ascii_case("sip"))
}

/// Browsers say which page they come from. Who sends no Origin is no browser, and the list protects nobody from it.
fn may_come(origins: &[String], headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get("origin") else { return true };
    origins.is_empty() || origins.iter().any(|known| origin.as_bytes().eq_ignore_ascii_case(known.as_bytes()))
}

/// Serve a WebSocket until it ends.
pub(crate) async fn talk<S>(hub: &Hub, peer: Peer, socket: WebSocketStream<S>, mut unsent: Unsent) -> Ending
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (mut sink, mut source) = socket.split();
    let abort = std::sync::Arc::clone(&unsent.abort);
    let reading = async {
        let mut patience = Patience::new(hub, true);
        loop {
            let message = match timeout_at(patience.until, source.next()).await {
                Err(_) => return patience.ending,
                Ok(None) => return Ending::Closed,
                Ok(Some(Err(error))) => return ending_of(&error),
                Ok(Some(Ok(message))) => message,
            };
            let bytes = match message {
                Message::Text(text) => text.into(),
                Message::Binary(bytes) => bytes,
                Message::Close(_) => return Ending::Closed,
                // Pings are answered by the library with the next look at the socket.
                Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => continue,
            };
            if bytes.iter().all(|byte| matches!(byte, b'\r' | b'\n')) {
                pong(hub, peer);
            } else {
                hub.inbox.put(StreamEvent::Message { from: peer, bytes }).await;
            }
            patience.renew(hub, true, false);
        }
    };
    let writing = async {
        while let Some(bytes) = unsent.next().await {
            // Text where it can be: some phones look at nothing else.
            let message = match std::str::from_utf8(&bytes) {
                Ok(text) => Message::text(text),
                Err(_) => Message::binary(bytes),
            };
            match timeout(hub.limits.write, sink.send(message)).await {
                Err(_) => return Ending::Slow,
                Ok(Err(_)) => return Ending::Closed,
                Ok(Ok(())) => {}
            }
        }
        let _ = timeout(std::time::Duration::from_secs(1), sink.close()).await;
        Ending::Finished
    };
    tokio::select! {
        ending = reading => ending,
        ending = writing => ending,
        () = abort.notified() => Ending::Closed,
    }
}

fn ending_of(error: &Error) -> Ending {
    match error {
        Error::Capacity(_) => Ending::Frame(FrameError::TooLarge),
        Error::Protocol(_) | Error::Utf8(_) => Ending::Frame(FrameError::Garbage),
        _ => Ending::Closed,
    }
}
