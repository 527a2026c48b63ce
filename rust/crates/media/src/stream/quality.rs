//! How a leg was to listen to: an estimate by the E-model (ITU-T G.107) out of delay, loss and codec.
//!
//! Only what a gateway can see goes in: echo, noise and levels have the defaults of the Recommendation. Of the loss that
//! counts, packets that came too late are a part.

use crate::command::Codec;

/// Rating with every default of G.107: clear of echo, noise and loss.
const BEST_RATING: f64 = 93.2;
/// Impairments add up to this at most (G.107 equation 7-29).
const MOST_IMPAIRED: f64 = 95.0;
/// One-way delay from which talking gets hard, ms.
const DELAY_KNEE_MS: f64 = 177.3;
/// Most that losses in bursts can be worse than single ones.
const MOST_BURSTY: f64 = 8.0;

/// What the far end's packets went through.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Path {
    pub(crate) codec: Codec,
    /// From mouth to ear, ms.
    pub(crate) delay_ms: f64,
    /// Packets that could not be played, 0-1.
    pub(crate) loss: f64,
    /// Packets in one gap, on average; 1 for single losses.
    pub(crate) gap: f64,
}

/// Return the mean opinion score, 1 to 4.5.
pub(crate) fn mos(path: &Path) -> f64 {
    let rating = (BEST_RATING - delay_impairment(path.delay_ms) - loss_impairment(path)).clamp(0.0, 100.0);
    // G.107 annex B.
    (1.0 + 0.035 * rating + rating * (rating - 60.0) * (100.0 - rating) * 7e-6).clamp(1.0, 4.5)
}

/// Id, in the simple form that fits G.107 for calls without echo (Cole and Rosenbluth, 2001).
fn delay_impairment(delay_ms: f64) -> f64 {
    0.024 * delay_ms + 0.11 * (delay_ms - DELAY_KNEE_MS).max(0.0)
}

/// Ie,eff (G.107 equation 7-29).
fn loss_impairment(path: &Path) -> f64 {
    let (impairment, robustness) = figures(path.codec);
    let percent = path.loss.clamp(0.0, 1.0) * 100.0;
    let burst = (path.gap.max(1.0) * (1.0 - path.loss.clamp(0.0, 1.0))).clamp(1.0, MOST_BURSTY);
    impairment + (MOST_IMPAIRED - impairment) * percent / (percent / burst + robustness)
}

/// Ie and Bpl. Of G.711 with concealment they stand in G.113 appendix I. For the wideband codecs the telephone scale has
/// no place: they are taken as no worse than G.711, Opus as sturdier against loss for what it makes up.
fn figures(codec: Codec) -> (f64, f64) {
    match codec {
        Codec::Pcma | Codec::Pcmu | Codec::G722 => (0.0, 25.1),
        Codec::Opus => (0.0, 30.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLEAN: Path = Path { codec: Codec::Pcma, delay_ms: 0.0, loss: 0.0, gap: 1.0 };

    /// In tenths.
    fn rounded(path: Path) -> u8 {
        (mos(&path) * 10.0).round() as u8
    }

    #[test]
    fn test_scores_are_those_of_the_recommendation() {
        // R 93.2 is MOS 4.41; 1 % of single losses costs 3.6, 5 % 15.8, 200 ms of delay 7.3.
        assert_eq!(rounded(CLEAN), 44);
        assert_eq!(rounded(Path { loss: 0.01, ..CLEAN }), 43);
        assert_eq!(rounded(Path { loss: 0.05, ..CLEAN }), 39);
        assert_eq!(rounded(Path { delay_ms: 200.0, ..CLEAN }), 42);
        assert_eq!(rounded(Path { delay_ms: 1000.0, loss: 0.5, ..CLEAN }), 10);
    }

    #[test]
    fn test_bursts_are_worse_and_no_value_leaves_the_scale() {
        let single = mos(&Path { loss: 0.05, ..CLEAN });
        assert!(mos(&Path { loss: 0.05, gap: 4.0, ..CLEAN }) < single);
        for loss in [0.0, 0.3, 1.0, 7.0] {
            for delay_ms in [0.0, 400.0, 1e6] {
                let score = mos(&Path { codec: Codec::Opus, delay_ms, loss, gap: 100.0 });
                assert!((1.0..=4.5).contains(&score), "{score}");
            }
        }
    }
}
