//! Audio and control frames of one open `WebSocket`.

use std::time::Duration;

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use super::{AudioEnd, Carried};

/// How often there is something to carry.
const FRAME: Duration = Duration::from_millis(20);
/// A program that takes nothing for this long is gone.
const STUCK: Duration = Duration::from_secs(10);
/// For the closing handshake.
const CLOSING: Duration = Duration::from_millis(500);

/// Carry until either side ends.
pub(crate) async fn carry<S>(socket: WebSocketStream<S>, start: &str, end: &dyn AudioEnd) -> Result<(), String>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (mut sink, mut source) = socket.split();
    let outcome = tokio::select! {
        outcome = send_all(&mut sink, start, end) => outcome,
        outcome = receive_all(&mut source, end) => outcome,
    };
    // Whoever is gone does not answer any more.
    let _ = timeout(CLOSING, sink.close()).await;
    outcome
}

async fn send_all<S>(
    sink: &mut SplitSink<WebSocketStream<S>, Message>,
    start: &str,
    end: &dyn AudioEnd,
) -> Result<(), String>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    send(sink, Message::text(start)).await?;
    let mut ticks = interval(FRAME);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        ticks.tick().await;
        let farewell = end.farewell();
        for piece in end.take() {
            let message = match piece {
                Carried::Audio(bytes) => Message::binary(bytes),
                Carried::Text(text) => Message::text(text),
            };
            send(sink, message).await?;
        }
        if let Some(text) = farewell {
            return send(sink, Message::text(text)).await;
        }
    }
}

async fn send<S>(sink: &mut SplitSink<WebSocketStream<S>, Message>, message: Message) -> Result<(), String>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    match timeout(STUCK, sink.send(message)).await {
        Ok(sent) => sent.map_err(|error| format!("the stream broke: {error}")),
        Err(_) => Err(format!("the program took nothing for {} s", STUCK.as_secs())),
    }
}

async fn receive_all<S>(source: &mut SplitStream<WebSocketStream<S>>, end: &dyn AudioEnd) -> Result<(), String>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    while let Some(message) = source.next().await {
        match message.map_err(|error| format!("the stream broke: {error}"))? {
            Message::Binary(pcm) => {
                // The program is ahead by all that fits: it has to wait, by TCP's own means.
                while !end.feed(&pcm) {
                    sleep(FRAME).await;
                }
            }
            Message::Text(text) if control(&text, end) => {}
            Message::Text(_) | Message::Close(_) => return Ok(()),
            _ => {}
        }
    }
    Ok(())
}

/// Obey a control frame; false if it ends the stream. What is not understood is left alone.
fn control(text: &str, end: &dyn AudioEnd) -> bool {
    let Ok(frame) = serde_json::from_str::<Value>(text) else { return true };
    match frame.get("event").and_then(Value::as_str) {
        Some("mark") => end.mark(frame.get("name").and_then(Value::as_str).unwrap_or_default()),
        Some("clear") => end.clear(),
        Some("stop") => return false,
        _ => {}
    }
    true
}
