//! From 20 ms of sound at a time to packets, whatever the codec.

use crate::audio::frame::{FRAME, Sound, WIDE, WideFrame};
use crate::audio::g711;
use crate::audio::halfband::Up;
use crate::codec::Encoder;
use crate::command::{Codec, RemoteMedia};
use crate::stream::sender::Sender;
use crate::wire::rtp::RtpHeader;

/// Ticks of the RTP clock of Opus (48000 Hz) for a sample at 16 kHz.
#[cfg(feature = "opus")]
const OPUS_TICKS: usize = 3;

/// What goes out in one tick.
#[derive(Debug, Clone)]
pub(crate) struct Outgoing {
    /// The same, encoded already: prompts and silence of codecs without a memory.
    pub(crate) wire: Option<[u8; FRAME]>,
    pub(crate) sound: Sound,
}

impl From<Sound> for Outgoing {
    fn from(sound: Sound) -> Self {
        Self { wire: None, sound }
    }
}

/// The encoding side of a leg.
#[derive(Debug)]
pub(crate) struct Voice {
    codec: Codec,
    encoder: Encoder,
    /// For sound that has no more than telephone quality; only of a leg with a wideband codec.
    up: Option<Box<Up>>,
}

impl Voice {
    /// Begin with a telephone codec.
    pub(crate) fn new() -> Self {
        Self { codec: Codec::Pcma, encoder: Encoder::new(Codec::Pcma), up: None }
    }

    /// Take what was agreed.
    pub(crate) fn set_remote(&mut self, remote: &RemoteMedia) {
        if remote.codec != self.codec {
            self.codec = remote.codec;
            self.encoder = Encoder::new(remote.codec);
            self.up = remote.codec.is_wide().then(|| Box::new(Up::new()));
        }
        #[cfg(feature = "opus")]
        if let Encoder::Opus(encoder) = &mut self.encoder {
            encoder.set_packet_ms(remote.ptime_ms);
            encoder.set_copies(remote.fec);
            encoder.set_dtx(remote.dtx);
        }
    }

    /// Forget what waits for a packet to be full.
    pub(crate) fn clear(&mut self) {
        #[cfg(feature = "opus")]
        if let Encoder::Opus(encoder) = &mut self.encoder {
            encoder.clear();
        }
    }

    /// Send 20 ms: `emit` gets each packet that became full.
    pub(crate) fn send(
        &mut self,
        outgoing: &Outgoing,
        payload_type: u8,
        sender: &mut Sender,
        mut emit: impl FnMut(&RtpHeader, &[u8]),
    ) {
        match &mut self.encoder {
            Encoder::G711(codec) => {
                let mut wire = [0; FRAME];
                let wire = outgoing.wire.as_ref().unwrap_or_else(|| {
                    g711::encode(*codec, &outgoing.sound.narrow, &mut wire);
                    &wire
                });
                sender.audio(payload_type, wire, emit);
            }
            Encoder::G722(encoder) => {
                let mut wire = [0; FRAME];
                encoder.encode(&widened(&outgoing.sound, self.up.as_deref_mut()), &mut wire);
                sender.audio(payload_type, &wire, emit);
            }
            #[cfg(feature = "opus")]
            Encoder::Opus(encoder) => {
                sender.pass_frame();
                encoder.push(&widened(&outgoing.sound, self.up.as_deref_mut()), |samples_ago, packet| {
                    let ticks_ago = u32::try_from(samples_ago * OPUS_TICKS).unwrap_or_default();
                    sender.packet(payload_type, ticks_ago, packet, &mut emit);
                });
            }
        }
    }
}

/// Return sound at 16 kHz.
fn widened(sound: &Sound, up: Option<&mut Up>) -> WideFrame {
    let mut wide = sound.wide.unwrap_or([0; WIDE]);
    if let (None, Some(up)) = (&sound.wide, up) {
        up.run(&sound.narrow, &mut wide);
    }
    wide
}
