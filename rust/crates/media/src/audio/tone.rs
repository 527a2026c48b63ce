//! Tones: signals of the telephone network, the beep, and digits as pairs of frequencies.

use std::f64::consts::TAU;
use std::sync::LazyLock;

use crate::audio::frame::{Frame, SAMPLES_PER_MS, SILENCE};
use crate::command::ToneName;

/// Samples of one second: a table of this size holds every whole frequency exactly.
const RATE: usize = 8000;
/// About -10 dBm0, the level of ITU-T E.180 for signals.
const AMPLITUDE: f64 = 7200.0;
/// Of a beep without a duration.
const BEEP_MS: u64 = 300;

static SINE: LazyLock<Vec<i16>> = LazyLock::new(|| {
    #[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss)] // |value| <= AMPLITUDE, index < 8000
    (0..RATE).map(|index| (AMPLITUDE * (TAU * index as f64 / RATE as f64).sin()).round() as i16).collect()
});

/// Return one sample of a sine wave.
fn sine(frequency_hz: usize, at: u64) -> i16 {
    // The remainder is below 8000, so the product fits and the index is in the table.
    #[allow(clippy::cast_possible_truncation)]
    SINE[frequency_hz * (at % RATE as u64) as usize % RATE]
}

/// A tone on its way.
#[derive(Debug, Clone)]
pub(crate) struct Tone {
    frequency_hz: usize,
    /// Samples on and off; off 0 for no cadence.
    on: u64,
    off: u64,
    /// Samples in all, `None` for endless.
    length: Option<u64>,
    at: u64,
}

impl Tone {
    /// Begin a tone; `duration_ms` 0 is endless for those with a cadence.
    pub(crate) fn new(name: ToneName, duration_ms: u64) -> Self {
        let (frequency_hz, on_ms, off_ms) = match name {
            ToneName::Ringback => (425, 1000, 4000),
            ToneName::Busy => (425, 480, 480),
            ToneName::Congestion => (425, 240, 240),
            ToneName::Beep => (1000, 1000, 0),
        };
        let length_ms = match (name, duration_ms) {
            (ToneName::Beep, 0) => Some(BEEP_MS),
            (_, 0) => None,
            (_, duration) => Some(duration),
        };
        let samples = |ms: u64| ms.saturating_mul(SAMPLES_PER_MS);
        Self { frequency_hz, on: samples(on_ms), off: samples(off_ms), length: length_ms.map(samples), at: 0 }
    }

    /// Write the next 20 ms; return whether the tone goes on after it.
    pub(crate) fn fill(&mut self, frame: &mut Frame) -> bool {
        *frame = SILENCE;
        for sample in frame.iter_mut() {
            if self.length.is_some_and(|length| self.at >= length) {
                return false;
            }
            if self.at % (self.on + self.off) < self.on {
                *sample = sine(self.frequency_hz, self.at);
            }
            self.at += 1;
        }
        self.length.is_none_or(|length| self.at < length)
    }
}

/// Write 20 ms of a digit as two frequencies (ITU-T Q.23), beginning `at` samples into it.
pub(crate) fn fill_digit(event: u8, at: u64, frame: &mut Frame) {
    const LOW: [usize; 4] = [697, 770, 852, 941];
    const HIGH: [usize; 4] = [1209, 1336, 1477, 1633];
    // Row and column on the keypad of RFC 4733 events 0-15: digits, star, hash, A-D.
    const KEYS: [(usize, usize); 16] = [
        (3, 1),
        (0, 0),
        (0, 1),
        (0, 2),
        (1, 0),
        (1, 1),
        (1, 2),
        (2, 0),
        (2, 1),
        (2, 2),
        (3, 0),
        (3, 2),
        (0, 3),
        (1, 3),
        (2, 3),
        (3, 3),
    ];
    let (row, column) = KEYS[usize::from(event & 0x0f)];
    for (sample, index) in frame.iter_mut().zip(at..) {
        *sample = sine(LOW[row], index) / 2 + sine(HIGH[column], index) / 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Return the share of the energy that is at one frequency, 0-1.
    fn share(samples: &[i16], frequency_hz: f64) -> f64 {
        let (mut real, mut imaginary, mut total) = (0.0, 0.0, 0.0);
        for (index, &sample) in samples.iter().enumerate() {
            let angle = TAU * frequency_hz * index as f64 / RATE as f64;
            real += f64::from(sample) * angle.cos();
            imaginary += f64::from(sample) * angle.sin();
            total += f64::from(sample).powi(2);
        }
        2.0 * (real * real + imaginary * imaginary) / (total * samples.len() as f64)
    }

    fn play(name: ToneName, duration_ms: u64, frames: usize) -> (Vec<i16>, usize) {
        let mut tone = Tone::new(name, duration_ms);
        let mut samples = Vec::new();
        for count in 1..=frames {
            let mut frame = SILENCE;
            let goes_on = tone.fill(&mut frame);
            samples.extend_from_slice(&frame);
            if !goes_on {
                return (samples, count);
            }
        }
        (samples, frames)
    }

    #[test]
    fn test_ringback_is_one_second_of_425_hz_and_four_of_silence() {
        let (samples, _) = play(ToneName::Ringback, 0, 300);

        assert!(share(&samples[..8000], 425.0) > 0.99);
        assert!(samples[8000..40000].iter().all(|&sample| sample == 0));
        assert!(share(&samples[40000..48000], 425.0) > 0.99);
    }

    #[test]
    fn test_busy_and_congestion_have_their_cadence() {
        for (name, on) in [(ToneName::Busy, 3840), (ToneName::Congestion, 1920)] {
            let (samples, _) = play(name, 0, 100);
            assert!(share(&samples[..on], 425.0) > 0.99);
            assert!(samples[on..2 * on].iter().all(|&sample| sample == 0));
            assert!(share(&samples[2 * on..3 * on], 425.0) > 0.99);
        }
    }

    #[test]
    fn test_beep_is_1000_hz_and_ends_by_itself() {
        let (samples, frames) = play(ToneName::Beep, 0, 100);

        assert_eq!(frames, 15);
        assert!(share(&samples, 1000.0) > 0.99);
    }

    #[test]
    fn test_duration_ends_a_tone_within_a_frame() {
        let (samples, frames) = play(ToneName::Busy, 30, 100);

        assert_eq!(frames, 2);
        assert!(samples[240..].iter().all(|&sample| sample == 0));
    }

    #[test]
    fn test_digits_are_pairs_of_frequencies() {
        for (event, low, high) in [(0, 941.0, 1336.0), (5, 770.0, 1336.0), (11, 941.0, 1477.0), (12, 697.0, 1633.0)] {
            let mut samples = Vec::new();
            for index in 0..50 {
                let mut frame = SILENCE;
                fill_digit(event, index * 160, &mut frame);
                samples.extend_from_slice(&frame);
            }
            assert!(share(&samples, low) > 0.49, "event {event}");
            assert!(share(&samples, high) > 0.49, "event {event}");
        }
    }
}
