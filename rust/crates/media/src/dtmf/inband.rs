//! Digits as pairs of frequencies within the audio (ITU-T Q.23, Q.24), for far ends without telephone events.
//!
//! A window of 13 ms moves on by 5 ms. One that holds one low and one high frequency, and little else, is a *hit*; a key
//! is down after hits of 40 ms and up after as long without. Speech is kept out by the share of the energy that the pair
//! must have, by how much it must exceed the other frequencies of its group, and by the time it has to stay.

use std::f32::consts::TAU;

use crate::dtmf::digit_of;
use crate::dtmf::receive::Key;

/// Frequencies of the rows, then of the columns.
const FREQUENCIES_HZ: [f32; 8] = [697.0, 770.0, 852.0, 941.0, 1209.0, 1336.0, 1477.0, 1633.0];
/// Events of RFC 4733 by row and column.
const KEYPAD: [[u8; 4]; 4] = [[1, 2, 3, 12], [4, 5, 6, 13], [7, 8, 9, 14], [10, 0, 11, 15]];
/// Windows in a second.
const HOPS_PER_S: usize = 200;
const HOP_MS: u32 = 5;
/// Length of a window: short enough for gaps of 40 ms, long enough to tell neighboring frequencies apart.
const WINDOW_MS: usize = 13;
const MAX_WINDOW: usize = WINDOW_MS * 16;
/// Hits that make a key go down: a tone of 40 ms has at least six, one of 23 ms (which Q.24 wants ignored) at most four.
const DOWN_HITS: u32 = 5;
/// Windows without a hit that let it go up: a gap of 40 ms has six.
const UP_MISSES: u32 = 6;
/// Least mean square of the weaker frequency: about -40 dBm0.
const MIN_POWER: f32 = 230.0 * 230.0 / 2.0;
/// Least share of the pair in the energy of the window; noise 8 dB below the pair and a frequency 1.5 % off leave more.
const MIN_SHARE: f32 = 0.75;
/// Least ratio of the pair to each other frequency of its group: 8 dB.
const MIN_LEAD: f32 = 6.3;
/// Most by which the low frequency may exceed the high one (10 dB) and the other way round (6 dB). Q.24 asks for 8 and 4.
const MAX_TWIST: f32 = 10.0;
const MAX_REVERSE_TWIST: f32 = 4.0;

/// Most by which the halves of a window may differ in energy: a keypad is steady, a voice comes in pulses.
const MAX_SWELL: f32 = 2.0;
/// Windows in a row that may be unknown because packets were lost: 100 ms. After that a key cannot be down.
const MAX_BLIND: u32 = 20;

/// The key that is down.
#[derive(Debug, Clone, Copy)]
struct Press {
    event: u8,
    /// Windows since the first hit, and how many of them since the last one.
    windows: u32,
    misses: u32,
}

/// Strokes found in one piece of audio: at most an end and a begin.
pub(crate) type Strokes = [Option<Key>; 2];

/// The keypad of a far end as it is heard.
#[derive(Debug, Clone)]
pub(crate) struct InbandReceiver {
    /// Twice the cosine of each frequency at the sample rate.
    factors: [f32; 8],
    samples: [f32; MAX_WINDOW],
    window: usize,
    hop: usize,
    /// Samples since the last window.
    fresh: usize,
    /// What may become a press: event, hits, and windows since the first of them.
    candidate: Option<(u8, u32, u32)>,
    /// Windows to come that hold made-up samples, and how many in a row did.
    unsure: usize,
    blind: u32,
    down: Option<Press>,
}

impl InbandReceiver {
    /// Listen to audio of `rate_hz`, 8000 or 16000.
    pub(crate) fn new(rate_hz: usize) -> Self {
        #[allow(clippy::cast_precision_loss)] // 16000 at most
        let factors = FREQUENCIES_HZ.map(|frequency| 2.0 * (TAU * frequency / rate_hz as f32).cos());
        Self {
            factors,
            samples: [0.0; MAX_WINDOW],
            window: (rate_hz * WINDOW_MS / 1000).min(MAX_WINDOW),
            hop: rate_hz / HOPS_PER_S,
            fresh: 0,
            candidate: None,
            unsure: 0,
            blind: 0,
            down: None,
        }
    }

    /// Say whether a key is down.
    pub(crate) fn is_down(&self) -> bool {
        self.down.is_some()
    }

    /// Take the next samples, at most 20 ms, and return the strokes that became clear with them.
    ///
    /// Samples that were `made_up` in place of lost ones say nothing: neither that a key is down nor that it is up.
    pub(crate) fn audio(&mut self, mut samples: &[i16], made_up: bool) -> Strokes {
        let mut strokes = [None; 2];
        if made_up {
            self.unsure = (samples.len() + self.window).div_ceil(self.hop);
        }
        while !samples.is_empty() {
            let count = (self.hop - self.fresh).min(samples.len());
            let (now, later) = samples.split_at(count);
            self.append(now);
            samples = later;
            self.fresh += count;
            if self.fresh == self.hop {
                self.fresh = 0;
                self.step(&mut strokes);
            }
        }
        strokes
    }

    fn append(&mut self, samples: &[i16]) {
        self.samples.copy_within(samples.len()..self.window, 0);
        let first = self.window - samples.len();
        for (kept, &sample) in self.samples[first..self.window].iter_mut().zip(samples) {
            *kept = f32::from(sample);
        }
    }

    /// Look at one window.
    fn step(&mut self, strokes: &mut Strokes) {
        if self.unsure > 0 {
            self.unsure -= 1;
            self.blind += 1;
            if self.blind <= MAX_BLIND {
                self.down.iter_mut().for_each(|press| press.windows += 1);
                return;
            }
        } else {
            self.blind = 0;
        }
        let event = self.hit();
        if let Some(press) = &mut self.down {
            press.windows += 1;
            press.misses = if event == Some(press.event) { 0 } else { press.misses + 1 };
            if press.misses >= UP_MISSES {
                strokes[0] = up(*press);
                self.down = None;
            }
        }
        self.candidate = match (self.candidate, event) {
            (Some((event, hits, windows)), Some(seen)) if event == seen => Some((event, hits + 1, windows + 1)),
            (Some((event, hits, windows)), _) if hits > 2 => Some((event, hits - 2, windows + 1)),
            (_, Some(seen)) => Some((seen, 1, 1)),
            (_, None) => None,
        };
        if let Some((event, hits, windows)) = self.candidate
            && hits >= DOWN_HITS
            && self.down.is_none_or(|press| press.event != event)
        {
            if let Some(before) = self.down.take() {
                strokes[0] = up(before);
            }
            strokes[1] = digit_of(event).map(Key::Down);
            self.down = Some(Press { event, windows, misses: 0 });
            self.candidate = None;
        }
    }

    /// Return the digit a window holds.
    fn hit(&self) -> Option<u8> {
        let window = &self.samples[..self.window];
        #[allow(clippy::cast_precision_loss)] // 208 at most
        let length = window.len() as f32;
        let energy: f32 = window.iter().map(|sample| sample * sample).sum();
        if energy < MIN_POWER * length || !is_steady(window, energy) {
            return None;
        }
        let powers = self.powers(window);
        let ((row, low), (column, high)) = (strongest(&powers[..4])?, strongest(&powers[4..])?);
        let pair = low + high;
        let is_pair = low.min(high) >= MIN_POWER * length
            && pair >= MIN_SHARE * energy
            && low <= MAX_TWIST * high
            && high <= MAX_REVERSE_TWIST * low;
        is_pair.then(|| KEYPAD[row][column])
    }

    /// Return the energy of each frequency in a window (Goertzel).
    fn powers(&self, window: &[f32]) -> [f32; 8] {
        let (mut last, mut before) = ([0.0_f32; 8], [0.0_f32; 8]);
        for &sample in window {
            for index in 0..8 {
                let next = sample + self.factors[index] * last[index] - before[index];
                before[index] = last[index];
                last[index] = next;
            }
        }
        #[allow(clippy::cast_precision_loss)] // 208 at most
        let scale = 2.0 / window.len() as f32;
        std::array::from_fn(|index| {
            let (last, before) = (last[index], before[index]);
            (last * last + before * before - self.factors[index] * last * before) * scale
        })
    }
}

/// Say whether both halves of a window have about the same energy.
fn is_steady(window: &[f32], energy: f32) -> bool {
    let first: f32 = window[..window.len() / 2].iter().map(|sample| sample * sample).sum();
    let second = energy - first;
    first <= MAX_SWELL * second && second <= MAX_SWELL * first
}

/// Return the strongest of a group, if it exceeds each of the others clearly.
fn strongest(group: &[f32]) -> Option<(usize, f32)> {
    let (best, &power) = group.iter().enumerate().max_by(|one, other| one.1.total_cmp(other.1))?;
    let leads = group.iter().enumerate().all(|(index, &other)| index == best || power >= MIN_LEAD * other);
    leads.then_some((best, power))
}

fn up(press: Press) -> Option<Key> {
    let duration_ms = (press.windows - press.misses) * HOP_MS;
    digit_of(press.event).map(|digit| Key::Up { digit, duration_ms })
}
