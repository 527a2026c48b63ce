//! Audio codecs as SDP knows them.

/// An audio codec we speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Codec {
    /// G.711 A-law, static payload type 8.
    Pcma,
    /// G.711 µ-law, static payload type 0.
    Pcmu,
    /// G.722 at 64 kbit/s, static payload type 9: 16 kHz audio with an RTP clock of 8000 Hz (RFC 3551 section 4.5.2).
    G722,
    /// Opus, always `opus/48000/2` in SDP (RFC 7587 section 7), a dynamic payload type.
    Opus,
}

impl Codec {
    /// Every codec.
    pub const ALL: [Self; 4] = [Self::Pcma, Self::Pcmu, Self::G722, Self::Opus];

    /// The name of the Python contract.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pcma => "PCMA",
            Self::Pcmu => "PCMU",
            Self::G722 => "G722",
            Self::Opus => "OPUS",
        }
    }

    /// The payload type RFC 3551 gives it, or the one we offer it with.
    pub fn payload_type(self) -> u8 {
        match self {
            Self::Pcma => 8,
            Self::Pcmu => 0,
            Self::G722 => 9,
            Self::Opus => 107,
        }
    }

    /// Clock of its RTP timestamps.
    pub fn clock_hz(self) -> u32 {
        if self == Self::Opus { 48_000 } else { 8000 }
    }

    /// What stands in `a=rtpmap`.
    pub(super) fn encoding(self) -> &'static str {
        match self {
            Self::Pcma => "PCMA/8000",
            Self::Pcmu => "PCMU/8000",
            Self::G722 => "G722/8000",
            Self::Opus => "opus/48000/2",
        }
    }

    /// What we want to receive, as `a=fmtp` (RFC 7587 section 6.1): the copies against loss, and no more than 16 kHz.
    pub(super) fn parameters(self) -> Option<&'static str> {
        (self == Self::Opus).then_some("useinbandfec=1;maxplaybackrate=16000;sprop-maxcapturerate=16000")
    }

    /// The codec of an encoding name (in small letters) and clock.
    pub(super) fn of_encoding(name: &str, clock_hz: u32) -> Option<Self> {
        match (name, clock_hz) {
            ("pcma", 8000) => Some(Self::Pcma),
            ("pcmu", 8000) => Some(Self::Pcmu),
            ("g722", 8000) => Some(Self::G722),
            ("opus", 48_000) => Some(Self::Opus),
            _ => None,
        }
    }

    /// The codec of a static payload type.
    pub(super) fn of_static_type(payload_type: u8) -> Option<Self> {
        [Self::Pcma, Self::Pcmu, Self::G722].into_iter().find(|codec| codec.payload_type() == payload_type)
    }
}
