//! SDP (RFC 8866) and its offer/answer model (RFC 3264), for one audio stream.
//!
//! Reading is tolerant: unknown lines are skipped, white space forgiven. Writing is strict. Streams other than the
//! first usable audio are refused with port 0, in their place, as RFC 3264 section 6 asks.

mod answer;
mod body;
mod codec;
mod crypto;
mod parse;
mod redirect;
#[cfg(test)]
mod tests;
mod write;

#[cfg(test)]
pub(crate) use answer::Refusal;
pub(crate) use answer::{accept_answer, answer_offer, is_hold};
pub(crate) use body::{Body, sdp_of};
pub use codec::Codec;
pub(crate) use crypto::masked;
pub use crypto::{Crypto, KeySalt, LocalCrypto, Suite};
pub(crate) use parse::Description;
pub(crate) use redirect::{held_back, redirected};
pub(crate) use write::{Origin, offer};

/// What two ends agreed on for the audio of a leg, seen from our side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools)] // each is an attribute of SDP of its own
pub struct Negotiated {
    /// Where our RTP goes. Unspecified (`0.0.0.0`) while the far end holds in the old way; then `send` is false.
    pub remote: std::net::SocketAddr,
    /// Codec, both ways.
    pub codec: Codec,
    /// Its RTP payload type as they want it.
    pub payload_type: u8,
    /// Formats they may send to us, by our numbers (RFC 3264 section 5.1: each side says what it wants to receive).
    pub accepts: [Option<(u8, Codec)>; 4],
    /// telephone-event as they want it; None if the far end has none.
    pub dtmf: Option<Events>,
    /// telephone-event as they may send it.
    pub accepts_dtmf: [Option<Events>; 2],
    /// Opus: they use copies of what was before within packets (`useinbandfec`).
    pub fec: bool,
    /// Opus: they want nothing while there is silence (`usedtx`).
    pub dtx: bool,
    /// Where their RTCP goes, if not to the port above that of RTP (RFC 3605).
    pub rtcp: Option<std::net::SocketAddr>,
    /// Keys of SRTP; None for media in the clear.
    pub crypto: Option<Crypto>,
    /// Packet time we send with, 10-60.
    pub ptime_ms: u32,
    /// We may send.
    pub send: bool,
    /// We should receive.
    pub receive: bool,
}

impl Negotiated {
    /// One codec, both ways, in packets of 20 ms, without events.
    pub fn new(remote: std::net::SocketAddr, codec: Codec, payload_type: u8) -> Self {
        Self {
            remote,
            codec,
            payload_type,
            accepts: [None; 4],
            dtmf: None,
            accepts_dtmf: [None; 2],
            fec: false,
            dtx: false,
            rtcp: None,
            crypto: None,
            ptime_ms: 20,
            send: true,
            receive: true,
        }
    }
}

/// A payload type of telephone-event (RFC 4733) and its clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Events {
    /// 0-127.
    pub payload_type: u8,
    /// 8000, or 48000 beside Opus.
    pub clock_hz: u32,
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
