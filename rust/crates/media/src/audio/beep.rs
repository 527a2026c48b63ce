//! The beep of an answering machine: one steady frequency that stays for a while and ends.
//!
//! A sine obeys `x[n] + x[n-2] = 2 cos(w) x[n-1]`. The factor that fits 20 ms best gives their frequency, what does not
//! fit tells how much of them is no sine: neither a search over frequencies nor a transform is needed.

use std::f32::consts::TAU;

use crate::audio::frame::{FRAME_MS, Frame, RATE_HZ, energy};

/// Frequencies machines beep with.
const LOWEST_HZ: f32 = 350.0;
const HIGHEST_HZ: f32 = 2600.0;
/// Most by which the frequency may differ from frame to frame: a voice glides, a beep does not.
const MAX_DRIFT_HZ: f32 = 20.0;
/// Most by which the energy may change from frame to frame, either way.
const MAX_SWELL: f32 = 2.0;
/// Least share of the sine in the energy.
const MIN_SHARE: f32 = 0.85;
/// Least mean square: -37 dBov.
const MIN_ENERGY: u32 = 460 * 460;
/// Shorter is a click or a vowel, longer is a fax machine or a dial tone.
const SHORTEST_MS: u64 = 120;
const LONGEST_MS: u64 = 2500;

/// Frames of one frequency so far.
#[derive(Debug, Clone, Copy)]
struct Run {
    frequency_hz: f32,
    energy: u32,
    frames: u64,
}

/// Listens for a beep.
#[derive(Debug, Clone, Default)]
pub(crate) struct BeepDetector {
    run: Option<Run>,
}

/// A beep that ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Beep {
    /// Its frequency.
    pub(crate) frequency_hz: u32,
    /// Its length.
    pub(crate) duration_ms: u64,
}

impl BeepDetector {
    /// Take 20 ms; return the beep that ended with or just before them.
    pub(crate) fn frame(&mut self, frame: &Frame) -> Option<Beep> {
        let power = energy(frame);
        let frequency = if power >= MIN_ENERGY { sine_of(frame) } else { None };
        match (self.run, frequency) {
            (Some(run), Some(frequency_hz)) if run.continues(frequency_hz, power) => {
                self.run = Some(Run { frequency_hz, energy: power, frames: run.frames + 1 });
                None
            }
            (run, frequency) => {
                self.run = frequency.map(|frequency_hz| Run { frequency_hz, energy: power, frames: 1 });
                run.and_then(Run::beep)
            }
        }
    }
}

impl Run {
    fn continues(self, frequency_hz: f32, power: u32) -> bool {
        #[allow(clippy::cast_precision_loss)] // only compared
        let swell = power as f32 / self.energy as f32;
        // The first frame of a beep is often but a part of it.
        let swells = self.frames > 1 && !(1.0 / MAX_SWELL..=MAX_SWELL).contains(&swell);
        (frequency_hz - self.frequency_hz).abs() <= MAX_DRIFT_HZ && !swells
    }

    fn beep(self) -> Option<Beep> {
        let duration_ms = self.frames * FRAME_MS;
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // between the bounds
        let frequency_hz = self.frequency_hz.round() as u32;
        (SHORTEST_MS..=LONGEST_MS).contains(&duration_ms).then_some(Beep { frequency_hz, duration_ms })
    }
}

/// Return the frequency of a frame that is a sine.
fn sine_of(frame: &Frame) -> Option<f32> {
    let (mut product, mut power) = (0.0_f32, 0.0_f32);
    for window in frame.windows(3) {
        let [before, at, after] = [window[0], window[1], window[2]].map(f32::from);
        product += at * (before + after);
        power += at * at;
    }
    let cosine = product / (2.0 * power.max(1.0));
    if cosine.abs() >= 1.0 {
        return None;
    }
    #[allow(clippy::cast_precision_loss)] // 8000
    let frequency = cosine.acos() / TAU * RATE_HZ as f32;
    ((LOWEST_HZ..=HIGHEST_HZ).contains(&frequency) && share(frame, cosine) >= MIN_SHARE).then_some(frequency)
}

/// Return the share of one frequency, given as its cosine, in the energy of a frame (Goertzel).
fn share(frame: &Frame, cosine: f32) -> f32 {
    let (mut last, mut before, mut total) = (0.0_f32, 0.0_f32, 1.0_f32);
    for sample in frame.iter().map(|&sample| f32::from(sample)) {
        (last, before) = (sample + 2.0 * cosine * last - before, last);
        total += sample * sample;
    }
    let power = last * last + before * before - 2.0 * cosine * last * before;
    #[allow(clippy::cast_precision_loss)] // 160
    let count = frame.len() as f32;
    2.0 * power / (count * total)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::frame::FRAME;
    use crate::audio::g711;
    use crate::command::Codec;
    use crate::tests::speech;

    fn tone(frequency_hz: f64, ms: usize, amplitude: f64) -> Vec<i16> {
        let step = std::f64::consts::TAU * frequency_hz / 8000.0;
        (0..ms * 8).map(|at| (amplitude * (step * at as f64).sin()) as i16).collect()
    }

    fn beeps(samples: &[i16]) -> Vec<Beep> {
        let mut wire = vec![0; samples.len()];
        g711::encode(Codec::Pcmu, samples, &mut wire);
        let mut heard = vec![0; samples.len()];
        g711::decode(Codec::Pcmu, &wire, &mut heard);
        let mut detector = BeepDetector::default();
        heard.chunks_exact(FRAME).filter_map(|frame| detector.frame(frame.try_into().unwrap())).collect()
    }

    #[test]
    fn test_beeps_of_all_frequencies_levels_and_lengths_are_found_at_their_end() {
        for frequency in [400.0, 440.0, 850.0, 1000.0, 1400.0, 2000.0, 2500.0] {
            for (ms, amplitude) in [(200, 12000.0), (500, 3000.0), (1500, 800.0)] {
                let samples = [vec![0; 777], tone(frequency, ms, amplitude), vec![0; 1600]].concat();
                let found = beeps(&samples);
                assert_eq!(found.len(), 1, "{frequency} Hz {ms} ms");
                assert!((f64::from(found[0].frequency_hz) - frequency).abs() < 20.0, "{frequency} Hz: {found:?}");
                assert!(found[0].duration_ms.abs_diff(ms as u64) <= 40, "{ms} ms: {found:?}");
            }
        }
    }

    #[test]
    fn test_clicks_faxes_pairs_and_speech_are_no_beeps() {
        let pair: Vec<i16> =
            tone(697.0, 500, 4000.0).iter().zip(tone(1336.0, 500, 4000.0)).map(|(a, b)| a + b).collect();
        for samples in [tone(1000.0, 60, 8000.0), tone(2100.0, 3000, 8000.0), pair, speech(4, 20_000)] {
            assert_eq!(beeps(&[samples, vec![0; 1600]].concat()), []);
        }
    }
}
