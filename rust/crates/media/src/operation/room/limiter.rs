//! Sums of many voices brought back into range: turned down at once, up again slowly, and never cut hard.

/// What a sum may reach; above it the whole frame is turned down.
const LIMIT: f32 = 28_000.0;
/// What is above this is bent: only while the gain is on its way down.
const KNEE: f32 = 30_000.0;
const REST: f32 = 32_767.0 - KNEE;
/// Share of the way back to full gain in 20 ms: half of it in a quarter of a second.
const RELEASE: f32 = 0.055;
/// The gain gets to where it must be within this part of a frame: 2.5 ms.
const ATTACK: usize = 8;

/// The gain of one listener.
#[derive(Debug, Clone)]
pub(crate) struct Limiter {
    gain: f32,
}

impl Limiter {
    /// Begin at full gain.
    pub(crate) fn new() -> Self {
        Self { gain: 1.0 }
    }

    /// Take the loudest sample of a frame, and return the gain at its begin and after the attack.
    pub(crate) fn next(&mut self, peak: i32) -> (f32, f32) {
        #[allow(clippy::cast_precision_loss)] // below 2^24: 200 voices at full scale
        let most = (LIMIT / (peak.max(1) as f32)).min(1.0);
        let before = self.gain;
        let released = before + (1.0 - before) * RELEASE;
        self.gain = if released > 0.999 { most } else { released.min(most) };
        (before, self.gain)
    }
}

/// Return the loudest sample.
pub(crate) fn peak(sums: &[i32]) -> i32 {
    sums.iter().fold(0, |peak, sum| peak.max(sum.abs()))
}

/// Write sums with a gain that goes from one value to another.
pub(crate) fn apply(sums: &[i32], (from, to): (f32, f32), out: &mut [i16]) {
    let attack = sums.len() / ATTACK;
    #[allow(clippy::cast_precision_loss)] // 40 at most
    let step = (to - from) / attack as f32;
    let mut gain = from;
    for (index, (sample, &sum)) in out.iter_mut().zip(sums).enumerate() {
        gain = if index < attack { gain + step } else { to };
        #[allow(clippy::cast_precision_loss)]
        let value = sum as f32 * gain;
        *sample = bent(value);
    }
}

fn bent(value: f32) -> i16 {
    let size = value.abs();
    let size = if size <= KNEE { size } else { KNEE + REST * ((size - KNEE) / REST).tanh() };
    #[allow(clippy::cast_possible_truncation)] // within the range by the lines above
    let sample = size.copysign(value).round() as i16;
    sample
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(limiter: &mut Limiter, sums: &[i32]) -> Vec<i16> {
        let mut out = vec![0; sums.len()];
        apply(sums, limiter.next(peak(sums)), &mut out);
        out
    }

    #[test]
    fn test_what_fits_is_not_touched() {
        let mut limiter = Limiter::new();

        assert_eq!(run(&mut limiter, &[0, 27_000, -27_000, 5]), [0, 27_000, -27_000, 5]);
    }

    #[test]
    fn test_loud_sums_are_turned_down_without_being_cut() {
        let mut limiter = Limiter::new();
        let loud: Vec<i32> =
            (0..160).map(|at| (f64::from(at) / 5.0).sin()).map(|sine| (sine * 90_000.0) as i32).collect();
        run(&mut limiter, &loud);

        let out = run(&mut limiter, &loud);

        let scale = f64::from(loud[8]) / f64::from(out[8]);
        for (sum, sample) in loud.iter().zip(&out) {
            assert!((f64::from(*sum) / scale - f64::from(*sample)).abs() < 2.0, "{sum} became {sample}");
        }
        assert!(peak(&out.iter().map(|&sample| i32::from(sample)).collect::<Vec<_>>()) <= 28_001);
    }

    #[test]
    fn test_the_gain_comes_back_slowly() {
        let mut limiter = Limiter::new();
        run(&mut limiter, &[80_000; 160]);

        assert!(run(&mut limiter, &[1000; 160])[159] < 500);
        for _ in 0..150 {
            run(&mut limiter, &[1000; 160]);
        }
        assert_eq!(run(&mut limiter, &[1000; 160])[159], 1000);
    }
}
