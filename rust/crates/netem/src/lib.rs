//! A bad network for tests, without sockets and clock: what is sent comes out later, twice, in another order or never.
//!
//! The same seed makes the same mischief. Each direction of a link is a [`Network`] of its own or shares one; the route
//! is up to the caller, who puts it into what is sent.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// What a network does to packets. The default is a perfect one.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Conditions {
    /// Packets lost, 0-1.
    pub loss: f64,
    /// Mean length of a run of lost packets, 1 or more; up to 1 each packet is lost or not for itself. Longer runs come
    /// seldomer, so that `loss` holds (a Gilbert model of two states).
    pub burst: f64,
    /// Time on the way.
    pub latency: Duration,
    /// Added to it, evenly spread from 0 to this. Packets overtake each other by it.
    pub jitter: Duration,
    /// Packets that come twice, 0-1; the copy takes its own time.
    pub duplicate: f64,
    /// Packets that take no time at all and so overtake those before, 0-1.
    pub reorder: f64,
    /// Bytes per second; packets wait in a queue for their turn. 0 is no limit.
    pub rate: u32,
    /// Longest wait in that queue; what would wait longer is lost.
    pub queue: Duration,
}

/// What became of the packets so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Given to `send`.
    pub sent: u64,
    /// Lost on the way.
    pub lost: u64,
    /// Lost because the queue was full.
    pub overflowed: u64,
    /// Delivered a second time.
    pub duplicated: u64,
    /// Delivered, copies too.
    pub delivered: u64,
}

/// Packets on their way.
#[derive(Debug)]
pub struct Network<T> {
    conditions: Conditions,
    dice: Dice,
    /// By arrival, then in the order they were sent.
    flying: BTreeMap<(Instant, u64), T>,
    number: u64,
    /// In a run of losses.
    losing: bool,
    /// When the queue of the slow line is empty.
    line_free: Option<Instant>,
    counts: Counts,
}

impl<T: Clone> Network<T> {
    /// Begin with nothing on the way.
    pub fn new(conditions: Conditions, seed: u64) -> Self {
        Self {
            conditions,
            dice: Dice(seed),
            flying: BTreeMap::new(),
            number: 0,
            losing: false,
            line_free: None,
            counts: Counts::default(),
        }
    }

    /// Change the weather; what is on its way stays so.
    pub fn set_conditions(&mut self, conditions: Conditions) {
        self.conditions = conditions;
    }

    /// Send a packet of so many bytes.
    pub fn send(&mut self, now: Instant, bytes: usize, packet: T) {
        self.counts.sent += 1;
        if self.is_lost() {
            self.counts.lost += 1;
            return;
        }
        let Some(wait) = self.queue(now, bytes) else {
            self.counts.overflowed += 1;
            return;
        };
        if self.dice.happens(self.conditions.duplicate) {
            self.counts.duplicated += 1;
            let at = now + wait + self.delay();
            self.fly(at, packet.clone());
        }
        let at = now + wait + self.delay();
        self.fly(at, packet);
    }

    /// When the next packet arrives.
    pub fn next_arrival(&self) -> Option<Instant> {
        self.flying.keys().next().map(|(at, _)| *at)
    }

    /// Take the next packet that arrived until `now`, and when it did.
    pub fn receive(&mut self, now: Instant) -> Option<(Instant, T)> {
        let entry = self.flying.first_entry().filter(|entry| entry.key().0 <= now)?;
        let ((at, _), packet) = entry.remove_entry();
        self.counts.delivered += 1;
        Some((at, packet))
    }

    /// What became of the packets so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    fn fly(&mut self, at: Instant, packet: T) {
        self.flying.insert((at, self.number), packet);
        self.number += 1;
    }

    /// Two states: in the bad one everything is lost. It is left once in `burst` packets, and entered so often that
    /// `loss` is the share of time spent in it.
    fn is_lost(&mut self) -> bool {
        let Conditions { loss, burst, .. } = self.conditions;
        if burst <= 1.0 || loss <= 0.0 || loss >= 1.0 {
            return self.dice.happens(loss);
        }
        let leave = 1.0 / burst;
        let change = if self.losing { leave } else { (leave * loss / (1.0 - loss)).min(1.0) };
        if self.dice.happens(change) {
            self.losing = !self.losing;
        }
        self.losing
    }

    /// Wait for the line to be free; None if that would be too long.
    fn queue(&mut self, now: Instant, bytes: usize) -> Option<Duration> {
        if self.conditions.rate == 0 {
            return Some(Duration::ZERO);
        }
        let free = self.line_free.map_or(now, |free| free.max(now));
        let wait = free.duration_since(now);
        if wait > self.conditions.queue {
            return None;
        }
        let nanoseconds = bytes as u64 * 1_000_000_000 / u64::from(self.conditions.rate);
        let done = free + Duration::from_nanos(nanoseconds);
        self.line_free = Some(done);
        Some(done.duration_since(now))
    }

    fn delay(&mut self) -> Duration {
        if self.dice.happens(self.conditions.reorder) {
            return Duration::ZERO;
        }
        self.conditions.latency + self.conditions.jitter.mul_f64(self.dice.share())
    }
}

/// A small generator (`SplitMix64`).
#[derive(Debug)]
struct Dice(u64);

impl Dice {
    /// 0 to 1, evenly.
    #[allow(clippy::cast_precision_loss)] // 53 bits are what a share has
    fn share(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn happens(&mut self, probability: f64) -> bool {
        probability > 0.0 && self.share() < probability
    }
}

#[cfg(test)]
#[allow(clippy::cast_precision_loss, clippy::float_cmp)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// Send a packet each 20 ms; what arrived, with the time after it was sent.
    fn run(conditions: Conditions, seed: u64, packets: u32) -> (Vec<(u32, Duration)>, Counts) {
        let begin = Instant::now();
        let mut network = Network::new(conditions, seed);
        for number in 0..packets {
            network.send(begin + MS * 20 * number, 200, number);
        }
        let end = begin + Duration::from_secs(100_000);
        let arrived = std::iter::from_fn(|| network.receive(end))
            .map(|(at, number)| (number, at.duration_since(begin + MS * 20 * number)))
            .collect();
        (arrived, network.counts())
    }

    fn runs_of_loss(arrived: &[(u32, Duration)]) -> Vec<u32> {
        let mut numbers: Vec<u32> = arrived.iter().map(|(number, _)| *number).collect();
        numbers.sort_unstable();
        numbers.windows(2).map(|pair| pair[1] - pair[0] - 1).filter(|run| *run > 0).collect()
    }

    #[test]
    fn a_perfect_network_delivers_everything_at_once_in_order() {
        let (arrived, counts) = run(Conditions::default(), 1, 1000);

        assert_eq!(arrived, (0..1000).map(|number| (number, Duration::ZERO)).collect::<Vec<_>>());
        assert_eq!(counts, Counts { sent: 1000, delivered: 1000, ..Counts::default() });
    }

    #[test]
    fn the_same_seed_does_the_same_and_another_does_not() {
        let conditions = Conditions { loss: 0.1, jitter: MS * 60, duplicate: 0.1, ..Conditions::default() };

        assert_eq!(run(conditions, 7, 500), run(conditions, 7, 500));
        assert_ne!(run(conditions, 7, 500).0, run(conditions, 8, 500).0);
    }

    #[test]
    fn so_many_are_lost_alone_or_in_bursts() {
        for (burst, shortest, longest) in [(1.0, 1.0, 1.2), (4.0, 3.5, 4.5)] {
            let (arrived, counts) = run(Conditions { loss: 0.05, burst, ..Conditions::default() }, 3, 100_000);
            let share = counts.lost as f64 / 100_000.0;
            let runs = runs_of_loss(&arrived);
            let mean = f64::from(runs.iter().sum::<u32>()) / runs.len() as f64;

            assert!((0.04..0.06).contains(&share), "{share}");
            assert!((shortest..longest).contains(&mean), "{mean}");
        }
    }

    #[test]
    fn latency_and_jitter_bound_the_time_on_the_way() {
        let conditions = Conditions { latency: MS * 40, jitter: MS * 60, ..Conditions::default() };
        let (arrived, _) = run(conditions, 5, 5000);
        let times: Vec<Duration> = arrived.iter().map(|(_, time)| *time).collect();

        assert!(times.iter().all(|time| (MS * 40..MS * 100).contains(time)));
        assert!(times.iter().any(|time| *time > MS * 95) && times.iter().any(|time| *time < MS * 45));
        assert!(!arrived.is_sorted_by_key(|(number, _)| *number), "60 ms of jitter reorder packets of 20 ms");
    }

    #[test]
    fn some_come_twice_and_some_overtake() {
        let conditions = Conditions { latency: MS * 50, duplicate: 0.1, reorder: 0.1, ..Conditions::default() };
        let (arrived, counts) = run(conditions, 5, 10_000);
        let overtaking = arrived.iter().filter(|(_, time)| *time == Duration::ZERO).count();

        assert_eq!(arrived.len() as u64, 10_000 + counts.duplicated);
        assert!((900..1100).contains(&counts.duplicated), "{counts:?}");
        assert!((900..1300).contains(&overtaking), "{overtaking}");
    }

    #[test]
    fn a_slow_line_delays_and_then_drops() {
        // Half of what is sent fits.
        let conditions = Conditions { rate: 5000, queue: MS * 200, ..Conditions::default() };
        let (arrived, counts) = run(conditions, 1, 1000);
        let longest = arrived.iter().map(|(_, time)| *time).max();

        assert!((480..520).contains(&counts.overflowed), "{counts:?}");
        assert!(longest.is_some_and(|time| (MS * 200..=MS * 240).contains(&time)), "{longest:?}");
        assert!(arrived.is_sorted_by_key(|(number, _)| *number));
    }
}
