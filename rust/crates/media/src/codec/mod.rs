//! Codecs: bytes of RTP payloads to samples and back. Knows no packet, no clock and no leg.
//!
//! Dispatch is by enum, state is boxed where it is large, and nothing here allocates once a codec was made.

pub(crate) mod g722;
#[cfg(feature = "opus")]
pub(crate) mod opus;

use crate::audio::frame::{FRAME, WIDE};
use crate::audio::g711;
use crate::command::Codec;

/// Samples of the longest packet that is decoded: 120 ms, the longest of Opus.
pub(crate) const MAX_SAMPLES: usize = 6 * WIDE;
/// Longest packet of the codecs with a byte for a tick: 60 ms.
const MAX_BYTES: usize = 480;

/// A codec of 16 kHz audio, receiving. Packets must come in order.
#[derive(Debug)]
pub(crate) enum WideDecoder {
    G722(Box<g722::Decoder>),
    #[cfg(feature = "opus")]
    Opus(Box<opus::Decoder>),
}

/// What we send with.
#[derive(Debug)]
pub(crate) enum Encoder {
    /// Each sample stands for itself.
    G711(Codec),
    G722(Box<g722::Encoder>),
    #[cfg(feature = "opus")]
    Opus(Box<opus::Encoder>),
}

/// Return how many samples a payload holds, at 8 kHz or, if the codec is wide, at 16 kHz; `None` if it cannot be one.
pub(crate) fn samples_in(codec: Codec, payload: &[u8]) -> Option<usize> {
    match codec {
        Codec::Pcma | Codec::Pcmu => Some(payload.len()).filter(|count| (1..=MAX_BYTES).contains(count)),
        Codec::G722 => Some(2 * payload.len()).filter(|count| (2..=2 * MAX_BYTES).contains(count)),
        #[cfg(feature = "opus")]
        Codec::Opus => opus::samples_in(payload),
        #[cfg(not(feature = "opus"))]
        Codec::Opus => None,
    }
}

impl WideDecoder {
    /// Begin; `None` for a codec that is not wide or not in this build.
    pub(crate) fn new(codec: Codec) -> Option<Self> {
        match codec {
            Codec::G722 => Some(Self::G722(Box::new(g722::Decoder::new()))),
            #[cfg(feature = "opus")]
            Codec::Opus => opus::Decoder::new().map(Box::new).map(Self::Opus),
            _ => None,
        }
    }

    /// Decode a payload of `samples.len()` samples; false if it makes no sense.
    pub(crate) fn decode(&mut self, payload: &[u8], samples: &mut [i16]) -> bool {
        match self {
            Self::G722(decoder) => {
                decoder.decode(payload, samples);
                true
            }
            #[cfg(feature = "opus")]
            Self::Opus(decoder) => decoder.decode(payload, samples),
        }
    }

    /// Make up what was lost, if the codec knows better than to repeat what was heard; `next` is the packet after the
    /// loss, if it is here: it may carry a copy. False if it does not.
    pub(crate) fn conceal(&mut self, next: Option<&[u8]>, samples: &mut [i16]) -> bool {
        match self {
            Self::G722(_) => {
                let _ = (next, samples);
                false
            }
            #[cfg(feature = "opus")]
            Self::Opus(decoder) => decoder.conceal(next, samples),
        }
    }
}

impl Encoder {
    /// Begin. A codec that is not in this build is never agreed on; A-law stands in for it.
    pub(crate) fn new(codec: Codec) -> Self {
        match codec {
            Codec::Pcma | Codec::Pcmu => Self::G711(codec),
            Codec::G722 => Self::G722(Box::new(g722::Encoder::new())),
            #[cfg(feature = "opus")]
            Codec::Opus => {
                opus::Encoder::new().map_or(Self::G711(Codec::Pcma), |encoder| Self::Opus(Box::new(encoder)))
            }
            #[cfg(not(feature = "opus"))]
            Codec::Opus => Self::G711(Codec::Pcma),
        }
    }
}

/// Return 20 ms of silence encoded, for codecs where that does not depend on what was before.
pub(crate) fn silence(codec: Codec) -> Option<[u8; FRAME]> {
    (!codec.is_wide()).then(|| [g711::silence(codec); FRAME])
}
