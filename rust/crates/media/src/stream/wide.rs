//! Received packets of a wideband codec until they are due.
//!
//! Those codecs have a memory: packets must be decoded in order and a loss has to be known before what comes after it.
//! So packets wait undecoded, in slots that are used again, until the playout needs their samples.

use crate::audio::frame::WIDE;
use crate::codec::{MAX_SAMPLES, WideDecoder};
use crate::command::Codec;
use crate::stream::jitter::JitterBuffer;
use crate::wire::wrap::ts_after;

/// Packets that wait: 80 ms in packets of 10 ms, and a burst as large again.
const MAX_WAITING: usize = 16;
/// Longest loss the codec is asked to make up, in samples: 60 ms. What is longer fades out.
const MAX_MADE_UP: usize = 3 * WIDE;
/// Frames the codec makes up when a sender fell silent on purpose (Opus DTX sends an update every 400 ms).
const DTX_FRAMES: u32 = 25;
const LOSS_FRAMES: u32 = 3;
/// An Opus packet of so few bytes says that silence begins or goes on.
const DTX_BYTES: usize = 2;

/// A packet that waits.
#[derive(Debug, Default)]
struct Slot {
    used: bool,
    first_ts: u32,
    samples: usize,
    bytes: Vec<u8>,
}

/// What happened while samples were decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Decoded {
    /// Samples the codec made up in place of lost packets.
    pub(crate) made_up: usize,
    /// Packets that made no sense.
    pub(crate) malformed: u32,
}

/// The receiving side of a wideband codec.
#[derive(Debug)]
pub(crate) struct WideStream {
    decoder: WideDecoder,
    is_opus: bool,
    slots: Vec<Slot>,
    /// RTP timestamp last seen, and the same without wrapping.
    clock: Option<(u32, i64)>,
    /// Timestamp, in samples, of what the decoder would give next.
    next: Option<u32>,
    /// Frames made up in a row while nothing came.
    run: u32,
    is_dtx: bool,
}

impl WideStream {
    /// Begin; `None` if the codec is not in this build.
    pub(crate) fn new(codec: Codec) -> Option<Self> {
        Some(Self {
            decoder: WideDecoder::new(codec)?,
            is_opus: codec == Codec::Opus,
            slots: Vec::new(),
            clock: None,
            next: None,
            run: 0,
            is_dtx: false,
        })
    }

    /// Forget what waits; the stream begins anew.
    pub(crate) fn clear(&mut self) {
        self.slots.iter_mut().for_each(|slot| slot.used = false);
        self.next = None;
    }

    /// Return a timestamp of the RTP clock in samples at 16 kHz, modulo 2^32.
    pub(crate) fn sample_ts(&mut self, rtp_ts: u32) -> u32 {
        if !self.is_opus {
            // Of G.722 a tick is two samples.
            return rtp_ts.wrapping_mul(2);
        }
        let unwrapped = match self.clock {
            Some((last, unwrapped)) => unwrapped + i64::from(ts_after(rtp_ts, last)),
            None => i64::from(rtp_ts),
        };
        self.clock = Some((rtp_ts, unwrapped));
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // modulo 2^32
        let sample_ts = unwrapped.div_euclid(3) as u32;
        sample_ts
    }

    /// Keep a packet until it is due; false if it is here already or too many wait.
    pub(crate) fn keep(&mut self, first_ts: u32, samples: usize, payload: &[u8]) -> bool {
        if self.slots.iter().any(|slot| slot.used && slot.first_ts == first_ts) {
            return false;
        }
        let free = match self.slots.iter().position(|slot| !slot.used) {
            Some(free) => free,
            None if self.slots.len() < MAX_WAITING => {
                self.slots.push(Slot::default());
                self.slots.len() - 1
            }
            None => return false,
        };
        let slot = &mut self.slots[free];
        slot.bytes.clear();
        slot.bytes.extend_from_slice(payload);
        (slot.used, slot.first_ts, slot.samples) = (true, first_ts, samples);
        true
    }

    /// Decode everything that begins before `horizon` into the buffer.
    pub(crate) fn decode_due(&mut self, horizon: u32, jitter: &mut JitterBuffer) -> Decoded {
        let mut done = Decoded::default();
        while let Some(index) = self.first().filter(|&index| ts_after(self.slots[index].first_ts, horizon) < 0) {
            let mut slot = std::mem::take(&mut self.slots[index]);
            self.fill_gap(&slot, jitter, &mut done);
            self.decode(&slot, jitter, &mut done);
            slot.used = false;
            self.slots[index] = slot;
        }
        self.bridge(horizon, jitter, &mut done);
        done
    }

    /// Return the earliest packet that waits.
    fn first(&self) -> Option<usize> {
        let origin =
            self.next.unwrap_or_else(|| self.slots.iter().find(|slot| slot.used).map_or(0, |slot| slot.first_ts));
        let waiting = self.slots.iter().enumerate().filter(|(_, slot)| slot.used);
        waiting.min_by_key(|(_, slot)| ts_after(slot.first_ts, origin)).map(|(index, _)| index)
    }

    fn decode(&mut self, slot: &Slot, jitter: &mut JitterBuffer, done: &mut Decoded) {
        // What the decoder is beyond already would only confuse it.
        if self.next.is_some_and(|next| ts_after(slot.first_ts, next) < 0) {
            return;
        }
        let mut samples = [0; MAX_SAMPLES];
        let samples = &mut samples[..slot.samples.min(MAX_SAMPLES)];
        if self.decoder.decode(&slot.bytes, samples) {
            jitter.write(slot.first_ts, samples);
        } else {
            done.malformed += 1;
        }
        self.next = Some(advanced(slot.first_ts, samples.len()));
        self.run = 0;
        self.is_dtx = self.is_opus && slot.bytes.len() <= DTX_BYTES;
    }

    /// Make up what is missing between the last packet and this one, the end of it from the copy in this one.
    fn fill_gap(&mut self, slot: &Slot, jitter: &mut JitterBuffer, done: &mut Decoded) -> bool {
        let Some(next) = self.next else { return false };
        let gap = usize::try_from(ts_after(slot.first_ts, next)).unwrap_or(0);
        if gap == 0 || gap > MAX_MADE_UP || !gap.is_multiple_of(WIDE / 2) {
            return false;
        }
        // A copy covers as much as the packet it is in.
        let copied = slot.samples.min(gap);
        let mut samples = [0; MAX_MADE_UP];
        let ahead = gap - copied;
        if ahead > 0 && self.decoder.conceal(None, &mut samples[..ahead]) {
            jitter.write(next, &samples[..ahead]);
        }
        let filled = self.decoder.conceal(Some(&slot.bytes), &mut samples[..copied]);
        if filled {
            jitter.write(advanced(next, ahead), &samples[..copied]);
            self.next = Some(slot.first_ts);
            done.made_up += gap;
        }
        filled
    }

    /// Make up what is due and not here, out of the next packet if that is.
    fn bridge(&mut self, horizon: u32, jitter: &mut JitterBuffer, done: &mut Decoded) {
        let Some(next) = self.next.filter(|&next| ts_after(horizon, next) > 0) else { return };
        if let Some(index) = self.first() {
            let slot = std::mem::take(&mut self.slots[index]);
            let filled = self.fill_gap(&slot, jitter, done);
            self.slots[index] = slot;
            if filled {
                return;
            }
        }
        let most = if self.is_dtx { DTX_FRAMES } else { LOSS_FRAMES };
        let mut samples = [0; WIDE];
        if self.run >= most || !self.decoder.conceal(None, &mut samples) {
            return;
        }
        jitter.write(next, &samples);
        self.next = Some(advanced(next, WIDE));
        self.run += 1;
        if !self.is_dtx {
            done.made_up += WIDE;
        }
    }
}

fn advanced(ts: u32, samples: usize) -> u32 {
    ts.wrapping_add(u32::try_from(samples).unwrap_or_default())
}
