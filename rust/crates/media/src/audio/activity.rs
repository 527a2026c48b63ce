//! Somebody speaks, or not: the energy of a frame against what the line has in pauses.

use crate::audio::frame::{Frame, energy};

/// Bounds of the threshold, root mean square: -50 dBov at least, whatever the line, and speech is louder than -26 dBov.
const LEAST: f32 = 100.0;
const MOST: f32 = 1600.0;
/// Speech is this much above the line's noise: 10 dB.
const ABOVE_NOISE: f32 = 3.2;
/// The noise is what was lowest of late: it follows downwards at once and upwards by 1 % a frame.
const RISE: f32 = 1.01;
/// What a line has as long as nothing is known.
const START: f32 = 80.0;

/// Follows the noise of one line.
#[derive(Debug, Clone)]
pub(crate) struct Activity {
    noise: f32,
}

impl Activity {
    /// Begin with an ordinary line.
    pub(crate) fn new() -> Self {
        Self { noise: START }
    }

    /// Say whether there is speech (or anything else as loud) in 20 ms.
    pub(crate) fn is_voice(&mut self, frame: &Frame) -> bool {
        #[allow(clippy::cast_precision_loss)] // only compared
        let level = (energy(frame) as f32).sqrt();
        // Digital silence says nothing about the line.
        self.noise = if level < 1.0 { self.noise } else { level.min(self.noise * RISE).max(1.0) };
        level > (self.noise * ABOVE_NOISE).clamp(LEAST, MOST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(level: i16) -> Frame {
        std::array::from_fn(|index| if index * 7 % 13 > 6 { level } else { -level })
    }

    #[test]
    fn test_speech_is_told_from_the_noise_of_quiet_and_loud_lines() {
        for line in [0, 20, 100, 250] {
            let mut activity = Activity::new();
            for _ in 0..300 {
                activity.is_voice(&noise(line));
            }
            assert!(!activity.is_voice(&noise(line)), "{line}");
            assert!(activity.is_voice(&noise(2000)), "{line}");
            assert!(!activity.is_voice(&noise(line)), "{line}");
        }
    }

    #[test]
    fn test_loud_speech_from_the_first_frame_on_is_speech() {
        let mut activity = Activity::new();

        assert!((0..100).all(|_| activity.is_voice(&noise(3000))));
    }
}
