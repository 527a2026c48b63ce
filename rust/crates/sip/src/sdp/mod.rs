//! SDP (RFC 8866) and its offer/answer model (RFC 3264), for one audio stream.
//!
//! Reading is tolerant: unknown lines are skipped, white space forgiven. Writing is strict. Streams other than the
//! first usable audio are refused with port 0, in their place, as RFC 3264 section 6 asks.

mod answer;
mod body;
mod parse;
mod redirect;
#[cfg(test)]
mod tests;
mod write;

#[cfg(test)]
pub(crate) use answer::Refusal;
pub(crate) use answer::{accept_answer, answer_offer, is_hold};
pub(crate) use body::{Body, sdp_of};
pub(crate) use parse::Description;
pub(crate) use redirect::{held_back, redirected};
pub(crate) use write::{Origin, offer};

/// An audio codec we speak, 8 kHz mono.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Codec {
    /// G.711 A-law, static payload type 8.
    Pcma,
    /// G.711 µ-law, static payload type 0.
    Pcmu,
}

impl Codec {
    /// The encoding name of RFC 3551, as the Python contract writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pcma => "PCMA",
            Self::Pcmu => "PCMU",
        }
    }

    /// The payload type RFC 3551 gives it.
    pub fn static_payload_type(self) -> u8 {
        match self {
            Self::Pcma => 8,
            Self::Pcmu => 0,
        }
    }
}

/// What two ends agreed on for the audio of a leg, seen from our side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Negotiated {
    /// Where our RTP goes. Unspecified (`0.0.0.0`) while the far end holds in the old way; then `send` is false.
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

/// Direction of a stream, as its writer sees it (RFC 8866 section 6.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    SendRecv,
    SendOnly,
    RecvOnly,
    Inactive,
}

impl Direction {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::SendRecv => "sendrecv",
            Self::SendOnly => "sendonly",
            Self::RecvOnly => "recvonly",
            Self::Inactive => "inactive",
        }
    }

    /// The answer to it when we want both ways (RFC 3264 section 6.1).
    pub(crate) fn mirrored(self) -> Self {
        match self {
            Self::SendOnly => Self::RecvOnly,
            Self::RecvOnly => Self::SendOnly,
            other => other,
        }
    }

    pub(crate) fn sends(self) -> bool {
        matches!(self, Self::SendRecv | Self::SendOnly)
    }

    pub(crate) fn receives(self) -> bool {
        matches!(self, Self::SendRecv | Self::RecvOnly)
    }
}
