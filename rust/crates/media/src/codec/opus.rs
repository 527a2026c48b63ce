//! Opus (RFC 6716) by libopus, at 16 kHz, mono: telephones have no more than that to give.

use opus::{Application, Bitrate, Channels, Signal};

use crate::audio::frame::{WIDE, WideFrame};

/// Rate we use it at.
const RATE_HZ: u32 = 16_000;
/// Speech in wideband is transparent for most listeners well below (RFC 7587 section 3.1.1 names 16-20
/// kbit/s); the rest pays for the copies against loss.
const BITRATE: i32 = 32_000;
/// Of 10: more costs twice the time for what few can hear.
const COMPLEXITY: i32 = 5;
/// Loss the in-band copies are made for, as long as the far end asks for them.
const EXPECTED_LOSS_PERCENT: i32 = 10;
/// Longest packet we make: 60 ms.
const MAX_PENDING: usize = 3 * WIDE;
/// More than 60 ms at our rate of bits can be, and less than a datagram.
const MAX_BYTES: usize = 1000;

/// Return how many samples a packet holds at 16 kHz, at most 120 ms; `None` if it is none.
pub(crate) fn samples_in(packet: &[u8]) -> Option<usize> {
    opus::packet::get_nb_samples(packet, RATE_HZ).ok().filter(|count| (1..=super::MAX_SAMPLES).contains(count))
}

/// Packets to samples.
#[derive(Debug)]
pub(crate) struct Decoder(opus::Decoder);

impl Decoder {
    /// Begin; `None` if there is no memory.
    pub(crate) fn new() -> Option<Self> {
        opus::Decoder::new(RATE_HZ, Channels::Mono).ok().map(Self)
    }

    /// Decode a packet of `samples.len()` samples.
    pub(crate) fn decode(&mut self, packet: &[u8], samples: &mut [i16]) -> bool {
        // An empty packet would mean a loss to libopus.
        !packet.is_empty() && self.0.decode(packet, samples, false).is_ok_and(|count| count == samples.len())
    }

    /// Make up samples, from the copy in the packet after the loss if it has one (RFC 6716 section 2.1.7).
    pub(crate) fn conceal(&mut self, next: Option<&[u8]>, samples: &mut [i16]) -> bool {
        let packet = next.unwrap_or_default();
        self.0.decode(packet, samples, !packet.is_empty()).is_ok_and(|count| count == samples.len())
    }
}

/// Samples to packets: gathers frames until a packet is full.
#[derive(Debug)]
pub(crate) struct Encoder {
    inner: opus::Encoder,
    pending: [i16; MAX_PENDING + WIDE],
    filled: usize,
    packet_samples: usize,
}

impl Encoder {
    /// Begin; `None` if there is no memory.
    pub(crate) fn new() -> Option<Self> {
        let mut encoder = opus::Encoder::new(RATE_HZ, Channels::Mono, Application::Voip).ok()?;
        encoder.set_bitrate(Bitrate::Bits(BITRATE)).ok()?;
        encoder.set_complexity(COMPLEXITY).ok()?;
        // Its in-band copies exist in the speech mode only.
        encoder.set_signal(Signal::Voice).ok()?;
        Some(Self { inner: encoder, pending: [0; MAX_PENDING + WIDE], filled: 0, packet_samples: WIDE })
    }

    /// Set the length of packets in ms: 10, 20, 40 or 60, which libopus can do in one; others become the next shorter.
    pub(crate) fn set_packet_ms(&mut self, ms: u32) {
        let ms = [60, 40, 20].into_iter().find(|&possible| ms >= possible).unwrap_or(10);
        let samples = ms as usize * WIDE / 20;
        if samples != self.packet_samples {
            self.packet_samples = samples;
            self.clear();
        }
    }

    /// Send copies of what was before within packets, because the far end uses them.
    pub(crate) fn set_copies(&mut self, on: bool) {
        // Both can only fail for values out of range.
        let _ = self.inner.set_inband_fec(on);
        let _ = self.inner.set_packet_loss_perc(if on { EXPECTED_LOSS_PERCENT } else { 0 });
    }

    /// Send nothing but an update now and then while there is silence, because the far end asked for it.
    pub(crate) fn set_dtx(&mut self, on: bool) {
        let _ = self.inner.set_dtx(on);
    }

    /// Forget what waits for a packet to be full.
    pub(crate) fn clear(&mut self) {
        self.filled = 0;
    }

    /// Take 20 ms; `emit` gets each packet with how many samples before the end of these 20 ms it begins.
    pub(crate) fn push(&mut self, frame: &WideFrame, mut emit: impl FnMut(usize, &[u8])) {
        self.pending[self.filled..self.filled + WIDE].copy_from_slice(frame);
        self.filled += WIDE;
        let mut at = 0;
        while self.filled - at >= self.packet_samples {
            let mut packet = [0; MAX_BYTES];
            let samples = &self.pending[at..at + self.packet_samples];
            // Two bytes and less need not be sent (libopus, opus_encode: DTX).
            if let Ok(count @ 3..) = self.inner.encode(samples, &mut packet) {
                emit(self.filled - at, &packet[..count]);
            }
            at += self.packet_samples;
        }
        self.pending.copy_within(at..self.filled, 0);
        self.filled -= at;
    }
}
