//! The unit everything moves in: 20 ms at 8 kHz.

/// Samples of one second.
pub(crate) const RATE_HZ: usize = 8000;

/// Samples of one frame.
pub(crate) const FRAME: usize = 160;

/// The same, for RTP timestamps.
pub(crate) const FRAME_TS: u32 = 160;

/// Milliseconds of one frame.
pub(crate) const FRAME_MS: u64 = 20;

/// Samples of one millisecond.
pub(crate) const SAMPLES_PER_MS: u64 = 8;

/// PCM16, 8 kHz, 20 ms.
pub(crate) type Frame = [i16; FRAME];

/// Nothing to hear.
pub(crate) const SILENCE: Frame = [0; FRAME];

/// Return the sum of two samples, cut at full scale.
pub(crate) fn mix(one: i16, other: i16) -> i16 {
    one.saturating_add(other)
}

/// Return the mean of the squares, 0 to 2^30.
pub(crate) fn energy(samples: &[i16]) -> u32 {
    let sum: u64 = samples.iter().map(|&sample| u64::from(sample.unsigned_abs()).pow(2)).sum();
    u32::try_from(sum / (samples.len().max(1) as u64)).unwrap_or(u32::MAX)
}
