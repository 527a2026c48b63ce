//! Covering of losses: the last pitch period is repeated and faded out.

// All in samples at 8 kHz.
/// Samples of the past that are kept: enough for the longest period twice.
const HISTORY: usize = 320;
/// Periods searched: 200 Hz down to 50 Hz. Shorter ones are found as their multiples.
const SHORTEST: usize = 40;
const LONGEST: usize = 160;
/// A loss fades to silence over 60 ms: longer repetition sounds like a robot.
const FADE: usize = 480;
/// What comes after a loss is blended in over 4 ms, so that it does not click.
const BLEND: usize = 32;

/// Makes up what was lost.
#[derive(Debug, Clone)]
pub(crate) struct Concealer {
    /// Samples for one at 8 kHz.
    scale: usize,
    history: Box<[i16]>,
    /// Length of the repeated period while something is missing.
    period: usize,
    /// Samples made up since the last good one, at most the whole fade: faded out, as at the begin.
    made_up: usize,
}

impl Concealer {
    /// Begin with silence, at `scale` times 8 kHz.
    pub(crate) fn new(scale: usize) -> Self {
        Self { scale, history: vec![0; HISTORY * scale].into(), period: LONGEST * scale, made_up: FADE * scale }
    }

    /// Take samples that arrived; after a loss their begin is blended with the repetition.
    pub(crate) fn good(&mut self, samples: &mut [i16]) {
        if (1..FADE * self.scale).contains(&self.made_up) {
            let blend = BLEND * self.scale;
            let blended = samples.len().min(blend);
            for (index, sample) in samples[..blended].iter_mut().enumerate() {
                *sample = between(self.repeated(self.made_up + index), *sample, index, blend);
            }
        }
        self.made_up = 0;
        self.remember(samples);
    }

    /// Write samples in place of missing ones.
    pub(crate) fn bad(&mut self, samples: &mut [i16]) {
        if self.made_up == 0 {
            self.period = find_period(&self.history, self.scale);
        }
        for sample in samples.iter_mut() {
            *sample = self.repeated(self.made_up);
            self.made_up = (self.made_up + 1).min(FADE * self.scale);
        }
    }

    /// Return the sample `at` samples into a loss.
    fn repeated(&self, at: usize) -> i16 {
        let fade = FADE * self.scale;
        if at >= fade {
            return 0;
        }
        between(self.history[self.history.len() - self.period + at % self.period], 0, at, fade)
    }

    fn remember(&mut self, samples: &[i16]) {
        let length = self.history.len();
        let count = samples.len().min(length);
        self.history.copy_within(count.., 0);
        self.history[length - count..].copy_from_slice(&samples[samples.len() - count..]);
    }
}

/// Return the value `at` of `length` steps on the way from one sample to another.
#[allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap)] // steps are below 1000; between two samples is one
fn between(from: i16, to: i16, at: usize, length: usize) -> i16 {
    let (at, length) = (at as i32, length as i32);
    ((i32::from(from) * (length - at) + i32::from(to) * at) / length) as i16
}

/// Return the lag at which the newest samples resemble what was before them most.
fn find_period(history: &[i16], scale: usize) -> usize {
    let (end, longest) = (history.len(), LONGEST * scale);
    let newest = &history[end - longest..];
    let mut best = (longest, 0.0_f32);
    for lag in SHORTEST * scale..=longest {
        let past = &history[end - longest - lag..end - lag];
        let (mut product, mut power) = (0.0_f32, 1.0_f32);
        for (&a, &b) in newest.iter().zip(past) {
            product += f32::from(a) * f32::from(b);
            power += f32::from(b) * f32::from(b);
        }
        let likeness = product / power.sqrt();
        if likeness > best.1 {
            best = (lag, likeness);
        }
    }
    best.0
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;

    use super::*;

    fn tone(from: usize, count: usize) -> Vec<i16> {
        (from..from + count).map(|n| (8000.0 * (TAU * 100.0 * n as f64 / 8000.0).sin()) as i16).collect()
    }

    #[test]
    fn test_a_lost_frame_of_a_steady_tone_is_hardly_heard() {
        let mut concealer = Concealer::new(1);
        concealer.good(&mut tone(0, 320));
        let mut lost = [0; 160];
        concealer.bad(&mut lost);

        for (index, (made_up, real)) in lost.iter().zip(tone(320, 160)).enumerate() {
            let allowed = 8000 * index as i32 / 480 + 600;
            assert!((i32::from(*made_up) - i32::from(real)).abs() <= allowed, "sample {index}: {made_up}, not {real}");
        }
    }

    #[test]
    fn test_a_long_loss_fades_to_silence() {
        let mut concealer = Concealer::new(1);
        concealer.good(&mut tone(0, 320));
        let mut lost = [0; 800];
        concealer.bad(&mut lost);

        assert!(lost[..160].iter().any(|&sample| sample > 5000));
        assert!(lost[480..].iter().all(|&sample| sample == 0));
    }

    #[test]
    fn test_what_comes_after_a_loss_does_not_click() {
        let mut concealer = Concealer::new(1);
        concealer.good(&mut tone(0, 320));
        let mut lost = [0; 160];
        concealer.bad(&mut lost);
        let mut after = [-8000_i16; 160];
        concealer.good(&mut after);

        let step = (i32::from(after[0]) - i32::from(lost[159])).abs();
        assert!(step < 1000, "step of {step}");
        assert_eq!(after[BLEND..], [-8000; 160 - BLEND]);
    }

    #[test]
    fn test_nothing_is_made_out_of_silence() {
        let mut lost = [1; 160];
        Concealer::new(1).bad(&mut lost);

        assert_eq!(lost, [0; 160]);
    }
}
