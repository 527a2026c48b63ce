//! From packets of the far end to 20 ms of sound at a time, whatever the codec.

use crate::audio::frame::{Sound, WIDE};
use crate::audio::g711;
use crate::audio::halfband::Down;
use crate::codec::samples_in;
use crate::command::Codec;
use crate::stream::jitter::{Inserted, JitterBuffer, Pulled};
use crate::stream::wide::WideStream;

/// Longest packet of G.711: 60 ms.
const MAX_NARROW: usize = 480;

/// What only legs with a wideband codec need.
#[derive(Debug)]
struct Wide {
    stream: WideStream,
    down: Down,
}

/// What was received and has not been played.
#[derive(Debug)]
pub(crate) struct Playout {
    codec: Codec,
    jitter: JitterBuffer,
    wide: Option<Box<Wide>>,
}

/// What one pull brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Played {
    pub(crate) pulled: Pulled,
    /// Packets that turned out to make no sense.
    pub(crate) malformed: u32,
}

impl Playout {
    /// Begin with a telephone codec.
    pub(crate) fn new() -> Self {
        Self { codec: Codec::Pcma, jitter: JitterBuffer::new(), wide: None }
    }

    /// Forget the stream; the next packet begins a new one.
    pub(crate) fn reset(&mut self) {
        self.jitter.reset();
        if let Some(wide) = &mut self.wide {
            wide.stream.clear();
        }
    }

    /// Return how long packets wait at least, in ms.
    pub(crate) fn delay_ms(&self) -> i32 {
        self.jitter.delay_ms()
    }

    /// Take a packet; `None` if its payload cannot be one of this codec.
    pub(crate) fn packet(&mut self, codec: Codec, rtp_ts: u32, payload: &[u8]) -> Option<Inserted> {
        let count = samples_in(codec, payload)?;
        if codec != self.codec {
            self.change(codec);
        }
        let Some(wide) = &mut self.wide else {
            let mut samples = [0; MAX_NARROW];
            g711::decode(codec, payload, &mut samples);
            return Some(self.jitter.insert(rtp_ts, &samples[..count.min(MAX_NARROW)]));
        };
        let first_ts = wide.stream.sample_ts(rtp_ts);
        let inserted = self.jitter.arrive(first_ts, count);
        if inserted == Inserted::Resynced {
            wide.stream.clear();
        }
        let kept = matches!(inserted, Inserted::Kept | Inserted::Resynced);
        if kept && !wide.stream.keep(first_ts, count, payload) {
            return Some(Inserted::Duplicate);
        }
        Some(inserted)
    }

    /// Take the next 20 ms.
    pub(crate) fn pull(&mut self, sound: &mut Sound) -> Played {
        let Some(wide) = &mut self.wide else {
            return Played { pulled: self.jitter.pull(&mut sound.narrow), malformed: 0 };
        };
        let decoded = match self.jitter.horizon() {
            Some(horizon) => wide.stream.decode_due(horizon, &mut self.jitter),
            None => crate::stream::wide::Decoded::default(),
        };
        let mut frame = [0; WIDE];
        let mut pulled = self.jitter.pull(&mut frame);
        if pulled == Pulled::Whole && decoded.made_up > 0 {
            pulled = Pulled::Concealed;
        }
        wide.down.run(&frame, &mut sound.narrow);
        sound.wide = Some(frame);
        Played { pulled, malformed: decoded.malformed }
    }

    fn change(&mut self, codec: Codec) {
        let was_wide = self.wide.is_some();
        self.codec = codec;
        self.wide = WideStream::new(codec).map(|stream| Box::new(Wide { stream, down: Down::new() }));
        if self.wide.is_some() {
            self.jitter = JitterBuffer::wide();
        } else if was_wide {
            self.jitter = JitterBuffer::new();
        }
    }
}
