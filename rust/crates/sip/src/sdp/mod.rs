//! SDP (RFC 8866) and its offer/answer model (RFC 3264) for one audio stream.

/// An audio codec we speak, 8 kHz mono.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Codec {
    /// G.711 A-law, static payload type 8.
    Pcma,
    /// G.711 µ-law, static payload type 0.
    Pcmu,
}

/// What two ends agreed on for the audio of a leg, seen from our side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Negotiated {
    /// Where our RTP goes.
    pub remote: std::net::SocketAddr,
    /// Codec, both ways.
    pub codec: Codec,
    /// Its RTP payload type, both ways.
    pub payload_type: u8,
    /// Payload type of telephone-event/8000; None if the far end has none.
    pub dtmf_payload_type: Option<u8>,
    /// Packet time we send with, 10-60.
    pub ptime_ms: u32,
    /// We may send.
    pub send: bool,
    /// We should receive.
    pub receive: bool,
}
