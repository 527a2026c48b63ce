//! ITU-T G.722 at 64 kbit/s: 16 kHz audio in two sub-bands, ADPCM of 6 and 2 bits, one byte for two samples.
//!
//! Written after the Recommendation (11/1988, 09/2012). RTP counts it at 8000 Hz (RFC 3551 section 4.5.2), an old
//! mistake that everybody keeps; that is the business of whoever packs it.

mod band;
mod tables;
#[cfg(test)]
mod tests;

use band::{Band, Kind, saturated};
use tables::{IHN, IHP, ILN, ILP, Q6, QM2, QM4, QM6, QMF, RL42, WH, WL};

/// Past of the quadrature mirror filter: 24 taps on pairs of samples, the newest pair last.
type Mirror = [i32; 24];

/// 16 kHz samples to bytes.
#[derive(Debug, Clone)]
pub(crate) struct Encoder {
    mirror: Mirror,
    low: Band,
    high: Band,
}

/// Bytes to 16 kHz samples.
#[derive(Debug, Clone)]
pub(crate) struct Decoder {
    mirror: Mirror,
    low: Band,
    high: Band,
}

impl Encoder {
    /// Begin.
    pub(crate) fn new() -> Self {
        Self { mirror: [0; 24], low: Band::new(Kind::Low), high: Band::new(Kind::High) }
    }

    /// Write a byte for each two samples; the shorter of both ends it.
    pub(crate) fn encode(&mut self, samples: &[i16], bytes: &mut [u8]) {
        for (byte, pair) in bytes.iter_mut().zip(samples.chunks_exact(2)) {
            let (odd, even) = filtered(&mut self.mirror, i32::from(pair[0]), i32::from(pair[1]));
            let low = encode_low(&mut self.low, (even + odd) >> 14);
            let high = encode_high(&mut self.high, (even - odd) >> 14);
            *byte = high << 6 | low;
        }
    }
}

impl Decoder {
    /// Begin.
    pub(crate) fn new() -> Self {
        Self { mirror: [0; 24], low: Band::new(Kind::Low), high: Band::new(Kind::High) }
    }

    /// Write two samples for each byte; the shorter of both ends it.
    pub(crate) fn decode(&mut self, bytes: &[u8], samples: &mut [i16]) {
        for (&byte, pair) in bytes.iter().zip(samples.chunks_exact_mut(2)) {
            let low = decode_low(&mut self.low, byte & 0x3f);
            let high = decode_high(&mut self.high, byte >> 6);
            let (odd, even) = filtered(&mut self.mirror, low + high, low - high);
            pair[0] = sample(even >> 11);
            pair[1] = sample(odd >> 11);
        }
    }
}

/// Shift two samples in and return the sums of both phases of the filter.
fn filtered(mirror: &mut Mirror, first: i32, second: i32) -> (i32, i32) {
    mirror.copy_within(2.., 0);
    (mirror[22], mirror[23]) = (first, second);
    let (mut odd, mut even) = (0, 0);
    for (pair, (tap, back)) in mirror.chunks_exact(2).zip(QMF.iter().zip(QMF.iter().rev())) {
        odd += pair[0] * tap;
        even += pair[1] * back;
    }
    (odd, even)
}

/// QUANTL and its way back: 6 bits are sent, the upper 4 of them drive the predictor.
fn encode_low(band: &mut Band, signal: i32) -> u8 {
    let difference = saturated(signal - band.s);
    // One's complement, as the Recommendation has it: -1 is as near to 0 as 0.
    let magnitude = if difference < 0 { !difference } else { difference };
    let interval = 1 + Q6[1..].iter().take_while(|&&level| magnitude >= (level * band.det) >> 12).count();
    let code = if difference < 0 { ILN[interval] } else { ILP[interval] };
    adapt_low(band, code);
    code
}

fn decode_low(band: &mut Band, code: u8) -> i32 {
    let heard = band.s + ((band.det * QM6[usize::from(code)]) >> 15);
    adapt_low(band, code);
    heard.clamp(-16384, 16383)
}

fn adapt_low(band: &mut Band, code: u8) {
    let code = usize::from(code >> 2);
    band.adapt((band.det * QM4[code]) >> 15, WL[usize::from(RL42[code])]);
}

/// QUANTH and its way back.
fn encode_high(band: &mut Band, signal: i32) -> u8 {
    let difference = saturated(signal - band.s);
    let magnitude = if difference < 0 { !difference } else { difference };
    let interval = usize::from(magnitude >= (564 * band.det) >> 12);
    let code = if difference < 0 { IHN[interval] } else { IHP[interval] };
    decode_high(band, code);
    code
}

fn decode_high(band: &mut Band, code: u8) -> i32 {
    let code = usize::from(code);
    let difference = (band.det * QM2[code]) >> 15;
    let heard = band.s + difference;
    band.adapt(difference, WH[code]);
    heard.clamp(-16384, 16383)
}

fn sample(value: i32) -> i16 {
    i16::try_from(saturated(value)).unwrap_or_default()
}
