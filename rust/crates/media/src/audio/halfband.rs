//! Live change between 8 and 16 kHz, frame by frame, by a half-band filter in its two phases.
//!
//! Half of the taps of such a filter are zero and the middle one is 1/2, so one phase is a plain delay and the other a
//! short filter. Flat to 3.4 kHz, 60 dB down from 4.6 kHz, 1.5 ms of delay.

use std::f64::consts::PI;
use std::sync::LazyLock;

use crate::audio::frame::{FRAME, Frame, WideFrame};

/// Taps of the phase that filters.
const TAPS: usize = 26;
/// Delay of the other phase, in its samples.
const DELAY: usize = TAPS / 2 - 1;
/// Samples of the past that are kept.
const PAST: usize = TAPS - 1;
/// Shape of the Kaiser window for 60 dB.
const KAISER_BETA: f64 = 5.65;

/// The filter of the phase that filters; sums to 1/2.
#[allow(clippy::cast_precision_loss)] // below 26
static FILTER: LazyLock<[f32; TAPS]> = LazyLock::new(|| {
    let mut taps = [0.0; TAPS];
    for (index, tap) in taps.iter_mut().enumerate() {
        // Distance to the middle in samples of the higher rate: odd, so the sinc is never at its zeros.
        let distance = 2.0 * index as f64 - (TAPS as f64 - 1.0);
        *tap = (PI * distance / 2.0).sin() / (PI * distance)
            * super::resample::kaiser(distance / TAPS as f64, KAISER_BETA);
    }
    let sum: f64 = taps.iter().sum();
    #[allow(clippy::cast_possible_truncation)]
    taps.map(|tap| (tap * 0.5 / sum) as f32)
});

/// From 16 to 8 kHz.
#[derive(Debug, Clone)]
pub(crate) struct Down {
    filtered: [f32; PAST],
    delayed: [f32; DELAY + 1],
}

/// From 8 to 16 kHz.
#[derive(Debug, Clone)]
pub(crate) struct Up {
    past: [f32; PAST],
}

impl Down {
    /// Begin with silence.
    pub(crate) fn new() -> Self {
        Self { filtered: [0.0; PAST], delayed: [0.0; DELAY + 1] }
    }

    /// Convert 20 ms.
    pub(crate) fn run(&mut self, wide: &WideFrame, narrow: &mut Frame) {
        let mut filtered = [0.0_f32; PAST + FRAME];
        let mut delayed = [0.0_f32; DELAY + 1 + FRAME];
        filtered[..PAST].copy_from_slice(&self.filtered);
        delayed[..=DELAY].copy_from_slice(&self.delayed);
        for (index, pair) in wide.chunks_exact(2).enumerate() {
            filtered[PAST + index] = f32::from(pair[0]);
            delayed[DELAY + 1 + index] = f32::from(pair[1]);
        }
        for (index, sample) in narrow.iter_mut().enumerate() {
            *sample = rounded(dot(&filtered[index..]) + 0.5 * delayed[index]);
        }
        self.filtered.copy_from_slice(&filtered[FRAME..]);
        self.delayed.copy_from_slice(&delayed[FRAME..]);
    }
}

impl Up {
    /// Begin with silence.
    pub(crate) fn new() -> Self {
        Self { past: [0.0; PAST] }
    }

    /// Convert 20 ms.
    pub(crate) fn run(&mut self, narrow: &Frame, wide: &mut WideFrame) {
        let mut samples = [0.0_f32; PAST + FRAME];
        samples[..PAST].copy_from_slice(&self.past);
        for (slot, &sample) in samples[PAST..].iter_mut().zip(narrow) {
            *slot = f32::from(sample);
        }
        for (index, pair) in wide.chunks_exact_mut(2).enumerate() {
            pair[0] = rounded(2.0 * dot(&samples[index..]));
            pair[1] = rounded(samples[index + PAST - DELAY]);
        }
        self.past.copy_from_slice(&samples[FRAME..]);
    }
}

fn dot(samples: &[f32]) -> f32 {
    // Lanes of their own let the compiler use the processor's vectors.
    let mut lanes = [0.0_f32; 2];
    for (pair, taps) in samples[..TAPS].chunks_exact(2).zip(FILTER.chunks_exact(2)) {
        lanes[0] += pair[0] * taps[0];
        lanes[1] += pair[1] * taps[1];
    }
    lanes[0] + lanes[1]
}

fn rounded(value: f32) -> i16 {
    #[allow(clippy::cast_possible_truncation)] // saturating by definition
    let sample = value.round() as i16;
    sample
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;

    use super::*;
    use crate::audio::frame::{SILENCE, WIDE};

    fn sine(frequency_hz: f64, rate_hz: f64, count: usize) -> Vec<i16> {
        (0..count).map(|n| (10000.0 * (TAU * frequency_hz * n as f64 / rate_hz).sin()) as i16).collect()
    }

    /// Level of a tone among samples in dB against the amplitude of `sine`.
    fn level_db(samples: &[i16], frequency_hz: f64, rate_hz: f64) -> f64 {
        let (mut real, mut imaginary) = (0.0, 0.0);
        for (index, &sample) in samples.iter().enumerate() {
            let phase = TAU * frequency_hz * index as f64 / rate_hz;
            real += f64::from(sample) * phase.cos();
            imaginary += f64::from(sample) * phase.sin();
        }
        20.0 * (2.0 * real.hypot(imaginary) / samples.len() as f64 / 10000.0 + 1e-9).log10()
    }

    fn down(wide: &[i16]) -> Vec<i16> {
        let (mut filter, mut out) = (Down::new(), Vec::new());
        for frame in wide.chunks_exact(WIDE) {
            let mut narrow = SILENCE;
            filter.run(frame.try_into().unwrap(), &mut narrow);
            out.extend_from_slice(&narrow);
        }
        out
    }

    fn up(narrow: &[i16]) -> Vec<i16> {
        let (mut filter, mut out) = (Up::new(), Vec::new());
        for frame in narrow.chunks_exact(FRAME) {
            let mut wide = [0; WIDE];
            filter.run(frame.try_into().unwrap(), &mut wide);
            out.extend_from_slice(&wide);
        }
        out
    }

    #[test]
    fn test_telephone_band_passes_both_ways() {
        for frequency in [50.0, 300.0, 1000.0, 3000.0, 3400.0] {
            let narrow = down(&sine(frequency, 16000.0, 16000));
            let level = level_db(&narrow[800..], frequency, 8000.0);
            assert!(level.abs() < 0.2, "{frequency} Hz down: {level:.2} dB");
            let wide = up(&sine(frequency, 8000.0, 8000));
            let level = level_db(&wide[1600..], frequency, 16000.0);
            assert!(level.abs() < 0.2, "{frequency} Hz up: {level:.2} dB");
        }
    }

    #[test]
    fn test_what_is_above_the_band_neither_folds_back_nor_is_made_up() {
        for frequency in [4600.0, 5000.0, 6000.0, 7500.0] {
            let narrow = down(&sine(frequency, 16000.0, 16000));
            let level = level_db(&narrow[800..], 8000.0 - frequency, 8000.0);
            assert!(level < -55.0, "{frequency} Hz folds back with {level:.1} dB");
        }
        for frequency in [300.0, 1000.0, 3400.0] {
            let wide = up(&sine(frequency, 8000.0, 8000));
            let level = level_db(&wide[1600..], 8000.0 - frequency, 16000.0);
            assert!(level < -55.0, "image of {frequency} Hz: {level:.1} dB");
        }
    }

    #[test]
    fn test_full_scale_is_cut_and_does_not_wrap() {
        let square: Vec<i16> = (0..3200).map(|n| if n / 40 % 2 == 0 { i16::MAX } else { i16::MIN }).collect();
        let narrow = down(&square);
        assert!(narrow[40..].windows(2).all(|pair| (i32::from(pair[0]) - i32::from(pair[1])).abs() < 65000));
    }
}
