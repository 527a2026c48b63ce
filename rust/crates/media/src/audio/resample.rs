//! Change of sample rate by a windowed sinc, for prompts (live audio: `halfband`).

use std::f64::consts::PI;

/// Rate of telephone audio.
pub(crate) const RATE_HZ: u32 = 8000;
/// Rate of wideband audio.
pub(crate) const WIDE_RATE_HZ: u32 = 16000;

/// Zero crossings of the sinc on either side: a transition band of about 300 Hz at 70 dB.
const CROSSINGS: f64 = 48.0;
/// Where the low-pass is 6 dB down, as a share of the lower Nyquist frequency: little folds back, 3.4 kHz passes.
const CUTOFF: f64 = 0.93;
/// Shape of the Kaiser window: about 70 dB of stop band attenuation.
const KAISER_BETA: f64 = 6.8;

/// Return `samples` at another rate: `round(n * to_hz / from_hz)` of them, with no delay.
///
/// Rates are 8000-48000; the same returns a copy.
pub(crate) fn convert(samples: &[i16], from_hz: u32, to_hz: u32) -> Vec<i16> {
    if from_hz == to_hz {
        return samples.to_vec();
    }
    let common = gcd(from_hz, to_hz);
    let (phases, step) = (u64::from(to_hz / common), u64::from(from_hz / common));
    let kernel = Kernel::new(f64::from(to_hz.min(from_hz)) / f64::from(from_hz), phases);
    let length = (samples.len() as u64 * phases + step / 2) / step;
    (0..length)
        .map(|index| {
            let position = index * step;
            kernel.apply(samples, position / phases, position % phases)
        })
        .collect()
}

/// Filter taps for every position between two input samples.
struct Kernel {
    /// `phases` rows of `2 * reach` taps.
    taps: Vec<f32>,
    /// Input samples on either side.
    reach: usize,
}

impl Kernel {
    #[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss, clippy::cast_sign_loss)] // small and positive
    /// `band` is what the slower of both rates can carry, as a share of the input's.
    fn new(band: f64, phases: u64) -> Self {
        // In units of input samples.
        let cutoff = CUTOFF * band;
        let reach = (CROSSINGS / cutoff).ceil() as usize;
        let mut taps = Vec::with_capacity(phases as usize * 2 * reach);
        for phase in 0..phases {
            let offset = phase as f64 / phases as f64;
            let row: Vec<f64> = (0..2 * reach)
                .map(|tap| {
                    let distance = tap as f64 - (reach as f64 - 1.0) - offset;
                    sinc(cutoff * distance) * kaiser(distance / reach as f64, KAISER_BETA)
                })
                .collect();
            // Each row sums to one, so that a constant stays what it is at every phase.
            let sum: f64 = row.iter().sum();
            taps.extend(row.iter().map(|tap| (tap / sum) as f32));
        }
        Self { taps, reach }
    }

    fn apply(&self, samples: &[i16], at: u64, phase: u64) -> i16 {
        #[allow(clippy::cast_possible_truncation)] // indices of slices in memory
        let (at, phase) = (at as usize, phase as usize);
        let row = &self.taps[phase * 2 * self.reach..(phase + 1) * 2 * self.reach];
        // Tap 0 lies on input sample `at - (reach - 1)`; what is outside the recording is silence.
        let skipped = (self.reach - 1).saturating_sub(at);
        let first = at.saturating_sub(self.reach - 1).min(samples.len());
        let sum: f32 = row[skipped..].iter().zip(&samples[first..]).map(|(tap, &sample)| tap * f32::from(sample)).sum();
        #[allow(clippy::cast_possible_truncation)] // saturating by definition
        let sample = sum.round() as i16;
        sample
    }
}

fn sinc(x: f64) -> f64 {
    if x.abs() < 1e-9 { 1.0 } else { (PI * x).sin() / (PI * x) }
}

/// Return the Kaiser window of shape `beta` at `x`, -1 to 1.
pub(crate) fn kaiser(x: f64, beta: f64) -> f64 {
    if x.abs() >= 1.0 { 0.0 } else { bessel_i0(beta * (1.0 - x * x).sqrt()) / bessel_i0(beta) }
}

/// Return the modified Bessel function of order zero by its power series.
fn bessel_i0(x: f64) -> f64 {
    let (mut sum, mut term) = (1.0, 1.0);
    for k in 1..40 {
        term *= (x / (2.0 * f64::from(k))).powi(2);
        sum += term;
    }
    sum
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;

    use super::*;

    fn to_8k(samples: &[i16], from_hz: u32) -> Vec<i16> {
        convert(samples, from_hz, RATE_HZ)
    }

    fn sine(frequency_hz: f64, rate_hz: u32, seconds: f64) -> Vec<i16> {
        let count = (f64::from(rate_hz) * seconds) as usize;
        (0..count).map(|n| (10000.0 * (TAU * frequency_hz * n as f64 / f64::from(rate_hz)).sin()) as i16).collect()
    }

    /// Return the ratio of signal to error in dB, leaving the edges out.
    fn quality_db(actual: &[i16], expected: &[i16]) -> f64 {
        let range = 400..actual.len().min(expected.len()) - 400;
        let (mut signal, mut error) = (0.0, 1e-9);
        for index in range {
            signal += f64::from(expected[index]).powi(2);
            error += (f64::from(actual[index]) - f64::from(expected[index])).powi(2);
        }
        10.0 * (signal / error).log10()
    }

    #[test]
    fn test_tones_in_the_telephone_band_keep_shape_and_place() {
        for rate in [11025, 16000, 22050, 24000, 32000, 44100, 48000] {
            for frequency in [300.0, 1000.0, 3400.0] {
                let actual = to_8k(&sine(frequency, rate, 0.5), rate);
                let expected = sine(frequency, RATE_HZ, 0.5);
                assert_eq!(actual.len(), expected.len(), "{rate} Hz");
                let quality = quality_db(&actual, &expected);
                assert!(quality > 50.0, "{frequency} Hz out of {rate} Hz: {quality:.1} dB");
            }
        }
    }

    #[test]
    fn test_tones_above_the_band_do_not_fold_back() {
        for frequency in [4200.0, 5000.0, 7000.0] {
            let out = to_8k(&sine(frequency, 16000, 0.5), 16000);
            let peak = out[400..out.len() - 400].iter().map(|sample| sample.unsigned_abs()).max().unwrap();
            assert!(peak < 20, "{frequency} Hz left {peak}");
        }
    }

    #[test]
    fn test_wideband_keeps_what_telephones_cut_off() {
        for rate in [11025, 22050, 44100, 48000] {
            let frequency = if rate == 11025 { 4000.0 } else { 6800.0 };
            let actual = convert(&sine(frequency, rate, 0.5), rate, WIDE_RATE_HZ);
            let quality = quality_db(&actual, &sine(frequency, WIDE_RATE_HZ, 0.5));
            assert!(quality > 45.0, "{frequency} Hz out of {rate} Hz: {quality:.1} dB");
        }
    }

    #[test]
    fn test_length_is_rounded() {
        assert_eq!(to_8k(&[0; 441], 44100).len(), 80);
        assert_eq!(to_8k(&[0; 3], 48000).len(), 1);
        assert!(to_8k(&[], 48000).is_empty());
    }

    #[test]
    fn test_full_scale_does_not_wrap_around() {
        let square: Vec<i16> = (0..4800).map(|n| if n / 24 % 2 == 0 { i16::MAX } else { i16::MIN }).collect();
        let out = to_8k(&square, 48000);

        assert!(out[100..700].windows(2).all(|pair| (i32::from(pair[0]) - i32::from(pair[1])).abs() < 65000));
    }
}
