//! The unit everything moves in: 20 ms at 8 kHz, and the same at 16 kHz beside it where somebody can hear the difference.

/// Samples of one second.
pub(crate) const RATE_HZ: usize = 8000;

/// Samples of one frame.
pub(crate) const FRAME: usize = 160;

/// The same, for RTP timestamps of the telephone's clock (8000 Hz).
pub(crate) const FRAME_TS: u32 = 160;

/// Milliseconds of one frame.
pub(crate) const FRAME_MS: u64 = 20;

/// Samples of one millisecond.
pub(crate) const SAMPLES_PER_MS: u64 = 8;

/// Samples of one frame at 16 kHz.
pub(crate) const WIDE: usize = 2 * FRAME;

/// PCM16, 8 kHz, 20 ms.
pub(crate) type Frame = [i16; FRAME];

/// PCM16, 16 kHz, 20 ms.
pub(crate) type WideFrame = [i16; WIDE];

/// Nothing to hear.
pub(crate) const SILENCE: Frame = [0; FRAME];

/// 20 ms on their way through a leg.
///
/// `narrow` is always there: tones, recordings, detectors and mixers work on it and need not know of anything else.
/// `wide` is the same audio at 16 kHz where its source has more than telephone quality; a leg whose codec can carry it
/// sends that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sound {
    pub(crate) narrow: Frame,
    pub(crate) wide: Option<WideFrame>,
}

impl Sound {
    /// Nothing to hear.
    pub(crate) const SILENCE: Self = Self { narrow: SILENCE, wide: None };
}

impl Sound {
    /// Return both at once, cut at full scale; wide only if both are.
    pub(crate) fn mixed(&self, other: &Self) -> Self {
        let narrow = std::array::from_fn(|index| mix(self.narrow[index], other.narrow[index]));
        let wide = self.wide.zip(other.wide);
        Self { narrow, wide: wide.map(|(one, other)| std::array::from_fn(|index| mix(one[index], other[index]))) }
    }
}

impl From<Frame> for Sound {
    fn from(narrow: Frame) -> Self {
        Self { narrow, wide: None }
    }
}

/// Return the sum of two samples, cut at full scale.
pub(crate) fn mix(one: i16, other: i16) -> i16 {
    one.saturating_add(other)
}

/// Return the mean of the squares, 0 to 2^30.
pub(crate) fn energy(samples: &[i16]) -> u32 {
    let sum: u64 = samples.iter().map(|&sample| u64::from(sample.unsigned_abs()).pow(2)).sum();
    u32::try_from(sum / (samples.len().max(1) as u64)).unwrap_or(u32::MAX)
}
