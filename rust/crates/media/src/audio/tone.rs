//! Tones: signals of the telephone network, the beep, and digits as pairs of frequencies.

use std::f64::consts::TAU;
use std::sync::LazyLock;

use crate::audio::country_tones::{Cadence, Country, SPECIAL_INFORMATION};
use crate::audio::frame::{Frame, SAMPLES_PER_MS, SILENCE};
use crate::command::ToneName;

/// Samples of one second: a table of this size holds every whole frequency exactly.
const RATE: usize = 8000;
/// About -10 dBm0, the level of ITU-T E.180 for signals.
const AMPLITUDE: f64 = 7200.0;
const BEEP: Cadence = &[(1000, 0, 0)];
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
    cadence: Cadence,
    /// Piece of the cadence, and samples into it.
    piece: usize,
    at: u64,
    /// Samples still to come, `None` for endless.
    left: Option<u64>,
}

impl Tone {
    /// Begin a tone; `duration_ms` 0 is endless for all but the beep.
    pub(crate) fn new(name: ToneName, country: Country, duration_ms: u64) -> Self {
        let tones = country.tones();
        let cadence = match name {
            ToneName::Dial => tones.dial,
            ToneName::Ringback => tones.ringback,
            ToneName::Busy => tones.busy,
            ToneName::Congestion => tones.congestion,
            ToneName::SpecialInformation => SPECIAL_INFORMATION,
            ToneName::Beep => BEEP,
        };
        let length_ms = match (name, duration_ms) {
            (ToneName::Beep, 0) => Some(BEEP_MS),
            (_, 0) => None,
            (_, duration) => Some(duration),
        };
        Self { cadence, piece: 0, at: 0, left: length_ms.map(|ms| ms.saturating_mul(SAMPLES_PER_MS)) }
    }

    /// Write the next 20 ms; return whether the tone goes on after it.
    pub(crate) fn fill(&mut self, frame: &mut Frame) -> bool {
        *frame = SILENCE;
        for sample in frame.iter_mut() {
            if self.left == Some(0) {
                return false;
            }
            *sample = self.next();
            self.left = self.left.map(|left| left - 1);
        }
        self.left != Some(0)
    }

    fn next(&mut self) -> i16 {
        let (one, other, ms) = self.cadence[self.piece];
        let sample = match (one, other) {
            (0, _) => 0,
            (one, 0) => sine(one.into(), self.at),
            (one, other) => sine(one.into(), self.at) / 2 + sine(other.into(), self.at) / 2,
        };
        self.at += 1;
        if ms > 0 && self.at == u64::from(ms) * SAMPLES_PER_MS {
            (self.at, self.piece) = (0, (self.piece + 1) % self.cadence.len());
        }
        sample
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
        play_in("de", name, duration_ms, frames)
    }

    fn play_in(country: &str, name: ToneName, duration_ms: u64, frames: usize) -> (Vec<i16>, usize) {
        let mut tone = Tone::new(name, country.parse().unwrap(), duration_ms);
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

    /// Check that samples are a signal of `parts`, each (frequencies, ms).
    fn check(samples: &[i16], parts: &[(&[f64], usize)], what: &str) {
        let mut at = 0;
        for (frequencies, ms) in parts {
            let piece = &samples[at..at + ms * 8];
            at += ms * 8;
            if frequencies.is_empty() {
                assert!(piece.iter().all(|&sample| sample == 0), "{what}: silence before {at}");
            } else {
                let sum: f64 = frequencies.iter().map(|&frequency| share(piece, frequency)).sum();
                assert!(sum > 0.9, "{what}: {sum} of {frequencies:?} before {at}");
            }
        }
    }

    #[test]
    fn test_countries_have_signals_of_their_own() {
        let (us, gb, fr) = ([440.0, 480.0], [400.0, 450.0], [440.0]);
        for (country, name, parts) in [
            ("us", ToneName::Ringback, vec![(&us[..], 2000), (&[], 4000), (&us[..], 2000)]),
            ("gb", ToneName::Ringback, vec![(&gb[..], 400), (&[], 200), (&gb[..], 400), (&[], 2000), (&gb[..], 400)]),
            ("fr", ToneName::Busy, vec![(&fr[..], 500), (&[], 500), (&fr[..], 500)]),
            ("it", ToneName::Dial, vec![(&[425.0], 200), (&[], 200), (&[425.0], 600), (&[], 1000)]),
            ("in", ToneName::Congestion, vec![(&[400.0], 250), (&[], 250), (&[400.0], 250)]),
            ("jp", ToneName::Dial, vec![(&[400.0], 5000)]),
        ] {
            check(&play_in(country, name, 0, 500).0, &parts, country);
        }
    }

    #[test]
    fn test_special_information_rises_in_three_steps() {
        let parts: &[(&[f64], usize)] =
            &[(&[950.0], 330), (&[1400.0], 330), (&[1800.0], 330), (&[], 1000), (&[950.0], 330)];

        check(&play(ToneName::SpecialInformation, 0, 200).0, parts, "special information");
    }

    #[test]
    fn test_every_country_can_play_every_signal() {
        let codes: Vec<&str> = Country::codes().collect();
        assert!(codes.len() >= 12 && codes.contains(&"at"), "{codes:?}");
        for country in codes {
            for name in [ToneName::Dial, ToneName::Ringback, ToneName::Busy, ToneName::Congestion] {
                let (samples, _) = play_in(country, name, 0, 500);
                let loud = samples.iter().filter(|sample| sample.unsigned_abs() > 3000).count();
                assert!(loud > 8000, "{country} {name:?}");
                let peak = samples.iter().map(|sample| sample.unsigned_abs()).max();
                assert!(peak <= Some(7200), "{country} {name:?}");
            }
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
