//! `Instant` as the nanoseconds that Python's `time.monotonic_ns()` would say.

use std::time::Instant;

/// Relates `Instant` to `CLOCK_MONOTONIC`, which it counts on Linux.
#[derive(Debug, Clone, Copy)]
pub struct MonotonicClock {
    base: Instant,
    base_ns: u64,
}

impl MonotonicClock {
    /// Read both clocks once.
    pub fn new() -> Self {
        let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: the pointer is to a live timespec; the clock exists on every Linux.
        unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
        let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
        let nanoseconds = u64::try_from(time.tv_nsec).unwrap_or(0);
        Self { base: Instant::now(), base_ns: seconds * 1_000_000_000 + nanoseconds }
    }

    /// Nanoseconds of `CLOCK_MONOTONIC` at `when`.
    pub fn nanoseconds(&self, when: Instant) -> u64 {
        let later = when.saturating_duration_since(self.base).as_nanos();
        let earlier = self.base.saturating_duration_since(when).as_nanos();
        let at = u128::from(self.base_ns) + later;
        u64::try_from(at.saturating_sub(earlier)).unwrap_or(u64::MAX)
    }
}

impl Default for MonotonicClock {
    fn default() -> Self {
        Self::new()
    }
}
