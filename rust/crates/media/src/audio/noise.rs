//! Comfort noise (RFC 3389): what is heard while the far end sends nothing because nobody speaks there.

use crate::audio::frame::{Frame, mix};

/// Louder noise than this (-dBov) is a mistake or a nuisance.
const LOUDEST: u8 = 30;

/// Noise of the level that the far end described last.
#[derive(Debug, Clone)]
pub(crate) struct ComfortNoise {
    /// Largest sample, while the far end is silent on purpose.
    amplitude: Option<i16>,
    state: u32,
}

impl ComfortNoise {
    /// Begin without noise.
    pub(crate) fn new(seed: u32) -> Self {
        Self { amplitude: None, state: seed | 1 }
    }

    /// Take the payload of a packet: the level in -dBov; the spectrum that may follow is not used.
    pub(crate) fn describe(&mut self, payload: &[u8]) {
        let Some(&level) = payload.first() else { return };
        let level = f32::from((level & 0x7f).max(LOUDEST));
        // 0 dBov is the power of a full square wave; evenly spread noise of that power reaches √3 times as high.
        #[allow(clippy::cast_possible_truncation)] // below 2000
        let amplitude = (3.0_f32.sqrt() * 32767.0 * 10.0_f32.powf(-level / 20.0)).round() as i16;
        self.amplitude = Some(amplitude);
    }

    /// The far end speaks again.
    pub(crate) fn stop(&mut self) {
        self.amplitude = None;
    }

    /// Add noise to what is left of the last words; false if there is none to add.
    pub(crate) fn fill(&mut self, frame: &mut Frame) -> bool {
        let Some(amplitude) = self.amplitude.map(i32::from) else { return false };
        for sample in frame {
            self.state = self.state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let noise = (self.state >> 16).cast_signed() - 0x8000;
            *sample = mix(*sample, i16::try_from((noise * amplitude) >> 15).unwrap_or_default());
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::frame::{SILENCE, energy};

    #[test]
    fn test_level_is_that_of_the_packet() {
        for level in [30_u8, 40, 50, 60] {
            let mut noise = ComfortNoise::new(7);
            noise.describe(&[level, 90, 80]);
            let mut frame = SILENCE;
            assert!(noise.fill(&mut frame));
            let dbov = 10.0 * (f64::from(energy(&frame)) / 32767.0_f64.powi(2)).log10();
            assert!((dbov + f64::from(level)).abs() < 2.0, "-{level} dBov became {dbov:.1}");
        }
    }

    #[test]
    fn test_nothing_is_added_unless_described_or_once_speech_is_back() {
        let mut noise = ComfortNoise::new(7);
        let mut frame = SILENCE;
        assert!(!noise.fill(&mut frame));
        noise.describe(&[]);
        assert!(!noise.fill(&mut frame));
        noise.describe(&[40]);
        noise.stop();
        assert!(!noise.fill(&mut frame));
        assert_eq!(frame, SILENCE);
    }
}
