//! ITU-T G.711: 8 bits for a sample, A-law or µ-law, by tables made at compile time.
//!
//! Of [`Codec`] only these two are meant; any other is taken as A-law.

use crate::command::Codec;

/// What an A-law zero looks like on the wire (positive, all even bits inverted).
const ALAW_SILENCE: u8 = 0xd5;
/// What a µ-law zero looks like on the wire (inverted).
const ULAW_SILENCE: u8 = 0xff;
/// Added before the logarithm, so that every segment begins at a power of two (G.711 table 2).
const ULAW_BIAS: i32 = 33;
const ULAW_BIAS_16: i16 = 33;

/// Largest magnitude with a code: one more would need an eighth segment.
const ULAW_CLIP: i32 = 8158;

static ALAW_DECODE: [i16; 256] = decode_table(true);
static ULAW_DECODE: [i16; 256] = decode_table(false);
/// Indexed by the upper 13 bits of a sample.
static ALAW_ENCODE: [u8; 8192] = alaw_encode_table();
/// Indexed by the upper 14 bits of a sample.
static ULAW_ENCODE: [u8; 16384] = ulaw_encode_table();

/// Return the byte that stands for silence.
pub(crate) fn silence(codec: Codec) -> u8 {
    if codec == Codec::Pcmu { ULAW_SILENCE } else { ALAW_SILENCE }
}

/// Write the samples of `bytes` to the front of `samples`; the shorter of both ends it.
pub(crate) fn decode(codec: Codec, bytes: &[u8], samples: &mut [i16]) {
    let table = if codec == Codec::Pcmu { &ULAW_DECODE } else { &ALAW_DECODE };
    for (sample, &byte) in samples.iter_mut().zip(bytes) {
        *sample = table[usize::from(byte)];
    }
}

/// Write the bytes of `samples` to the front of `bytes`; the shorter of both ends it.
pub(crate) fn encode(codec: Codec, samples: &[i16], bytes: &mut [u8]) {
    if codec == Codec::Pcmu {
        for (byte, &sample) in bytes.iter_mut().zip(samples) {
            *byte = ULAW_ENCODE[usize::from(sample.cast_unsigned() >> 2)];
        }
    } else {
        for (byte, &sample) in bytes.iter_mut().zip(samples) {
            *byte = ALAW_ENCODE[usize::from(sample.cast_unsigned() >> 3)];
        }
    }
}

/// Return the sample of one A-law byte, scaled to 16 bits.
const fn alaw_to_linear(byte: u8) -> i16 {
    let code = byte ^ 0x55;
    let segment = (code & 0x70) >> 4;
    let step = (((code & 0x0f) as i16) << 4) + 8;
    let magnitude = if segment == 0 { step } else { (step + 0x100) << (segment - 1) };
    if code & 0x80 != 0 { magnitude } else { -magnitude }
}

/// Return the sample of one µ-law byte, scaled to 16 bits.
const fn ulaw_to_linear(byte: u8) -> i16 {
    let code = !byte;
    let bias = 4 * ULAW_BIAS_16;
    let magnitude = ((((code & 0x0f) as i16) << 3) + bias) << ((code & 0x70) >> 4);
    if code & 0x80 != 0 { bias - magnitude } else { magnitude - bias }
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // 7 bits
/// Return the A-law byte of a 13-bit sample, -4096 to 4095.
const fn linear_to_alaw(sample: i32) -> u8 {
    let (magnitude, mask) = if sample >= 0 { (sample, 0xd5) } else { (-sample - 1, 0x55) };
    let mut segment = 0;
    while segment < 7 && magnitude > (0x20 << segment) - 1 {
        segment += 1;
    }
    let shift = if segment < 2 { 1 } else { segment };
    ((segment << 4) | ((magnitude >> shift) & 0x0f)) as u8 ^ mask
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // 7 bits
/// Return the µ-law byte of a 14-bit sample, -8192 to 8191.
const fn linear_to_ulaw(sample: i32) -> u8 {
    let (magnitude, mask) = if sample >= 0 { (sample, 0xff) } else { (-sample, 0x7f) };
    let biased = if magnitude > ULAW_CLIP { ULAW_CLIP + ULAW_BIAS } else { magnitude + ULAW_BIAS };
    let mut segment = 0;
    while segment < 7 && biased > (0x40 << segment) - 1 {
        segment += 1;
    }
    (((segment << 4) | ((biased >> (segment + 1)) & 0x0f)) as u8) ^ mask
}

#[allow(clippy::cast_possible_truncation)] // an index below 256
const fn decode_table(alaw: bool) -> [i16; 256] {
    let mut table = [0; 256];
    let mut code = 0;
    while code < 256 {
        table[code] = if alaw { alaw_to_linear(code as u8) } else { ulaw_to_linear(code as u8) };
        code += 1;
    }
    table
}

#[allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap)] // an index below 8192
const fn alaw_encode_table() -> [u8; 8192] {
    let mut table = [0; 8192];
    let mut index = 0;
    while index < 8192 {
        let sample = if index < 4096 { index as i32 } else { index as i32 - 8192 };
        table[index] = linear_to_alaw(sample);
        index += 1;
    }
    table
}

#[allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap)] // an index below 16384
const fn ulaw_encode_table() -> [u8; 16384] {
    let mut table = [0; 16384];
    let mut index = 0;
    while index < 16384 {
        let sample = if index < 8192 { index as i32 } else { index as i32 - 16384 };
        table[index] = linear_to_ulaw(sample);
        index += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode_all(codec: Codec) -> Vec<i16> {
        let bytes: Vec<u8> = (0..=255).collect();
        let mut samples = vec![0; 256];
        decode(codec, &bytes, &mut samples);
        samples
    }

    fn encode_one(codec: Codec, sample: i16) -> u8 {
        let mut byte = [0];
        encode(codec, &[sample], &mut byte);
        byte[0]
    }

    #[test]
    fn test_values_of_the_recommendation() {
        // G.711 tables 1a and 2a: the largest and the smallest values, scaled to 16 bits.
        let (alaw, ulaw) = (decode_all(Codec::Pcma), decode_all(Codec::Pcmu));

        assert_eq!((alaw[0xaa], alaw[0x2a], alaw[0xd5], alaw[0x55]), (32256, -32256, 8, -8));
        assert_eq!((ulaw[0x80], ulaw[0x00], ulaw[0xff], ulaw[0x7f]), (32124, -32124, 0, 0));
        assert_eq!((encode_one(Codec::Pcma, 0), encode_one(Codec::Pcmu, 0)), (ALAW_SILENCE, ULAW_SILENCE));
        assert_eq!((encode_one(Codec::Pcma, i16::MIN), encode_one(Codec::Pcmu, i16::MIN)), (0x2a, 0x00));
    }

    #[test]
    fn test_every_code_survives_decoding_and_encoding() {
        for codec in [Codec::Pcma, Codec::Pcmu] {
            for (code, sample) in decode_all(codec).into_iter().enumerate() {
                // µ-law has two zeros; the negative one becomes the positive one.
                let expected = if codec == Codec::Pcmu && code == 0x7f { 0xff } else { code };
                assert_eq!(usize::from(encode_one(codec, sample)), expected, "{codec:?} {code:#x}");
            }
        }
    }

    #[test]
    fn test_error_is_at_most_half_a_step() {
        for codec in [Codec::Pcma, Codec::Pcmu] {
            let values = decode_all(codec);
            for sample in (-32000..=32000_i16).step_by(7) {
                let back = values[usize::from(encode_one(codec, sample))];
                // Sixteen steps to a segment that doubles; the lowest bits are cut off before.
                let allowed = (i32::from(sample).abs() + 132) / 32 + 8;
                assert!((i32::from(back) - i32::from(sample)).abs() <= allowed, "{codec:?} {sample} became {back}");
            }
        }
    }
}
