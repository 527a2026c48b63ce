//! The playout ring: puts received samples into the order of their timestamps and hands out 20 ms at a time.
//!
//! Timestamps here count samples, at 8 or 16 kHz. The ring is indexed by them, so packets of any length, repeated and swapped ones need no case of their
//! own. How far packets arrive ahead of the playout is the delay: it grows by a frame when packets come too late and
//! shrinks by one after four calm seconds, between 20 and 80 ms.

use crate::audio::conceal::Concealer;
use crate::audio::frame::WIDE;
use crate::stream::ring::{CAPACITY, Ring};
use crate::wire::wrap::{ts_add, ts_after};

// All lengths are in samples at 8 kHz.
/// Samples in the ring: room for the largest delay, a long packet and a burst.
const CAPACITY_TS: i32 = 2048;
const _: () = assert!(CAPACITY_TS as usize == CAPACITY);
const FRAME_I32: i32 = 160;
/// Delay at the begin: 40 ms.
const START_DELAY: i32 = 2 * FRAME_I32;
/// Packets may be this far ahead of the playout at most: 80 ms.
const MAX_DELAY: i32 = 640;
/// Packets that are always this far ahead could be played a frame earlier.
const CALM_DELAY: i32 = 320;
/// Ticks over which "always" is measured: 4 s.
const CALM_TICKS: u32 = 200;
/// Ticks without a sample after which a stream may begin anew: 200 ms.
const IDLE_TICKS: u32 = 10;
/// Late packets in a row that mean the sender's clock was set anew.
const RESYNC_LATE: u32 = 5;

/// What became of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Inserted {
    /// It waits for its turn.
    Kept,
    /// Its turn was over.
    Late,
    /// It is there already.
    Duplicate,
    /// Its timestamp has nothing to do with the last ones: the ring began anew with it.
    Resynced,
}

/// What one pull brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pulled {
    /// Every sample was there.
    Whole,
    /// Some or all were made up.
    Concealed,
    /// Nothing has been received for a while: silence.
    Idle,
}

/// Received samples waiting for their turn.
#[derive(Debug, Clone)]
pub(crate) struct JitterBuffer {
    /// Samples for one at 8 kHz: 1 or 2.
    scale: i32,
    ring: Ring,
    /// Timestamp of the next sample to play, once there is a stream.
    cursor: Option<u32>,
    concealer: Concealer,
    /// A packet came too late since the last pull.
    came_late: bool,
    late_run: u32,
    idle_ticks: u32,
    /// Least and most a packet was ahead since `calm_ticks` was zero, in samples.
    least_ahead: i32,
    most_ahead: i32,
    /// Delay at that time.
    delay_before: i32,
    calm_ticks: u32,
}

impl JitterBuffer {
    /// Begin empty, for 8 kHz.
    pub(crate) fn new() -> Self {
        Self::at(1)
    }

    /// Begin empty, for 16 kHz.
    pub(crate) fn wide() -> Self {
        Self::at(2)
    }

    fn at(scale: u8) -> Self {
        Self {
            scale: scale.into(),
            ring: Ring::new(CAPACITY * usize::from(scale)),
            cursor: None,
            concealer: Concealer::new(scale.into()),
            came_late: false,
            late_run: 0,
            idle_ticks: IDLE_TICKS,
            least_ahead: i32::MAX,
            most_ahead: 0,
            delay_before: 0,
            calm_ticks: 0,
        }
    }

    /// Forget the stream; the next packet begins a new one.
    pub(crate) fn reset(&mut self) {
        self.cursor = None;
    }

    /// Put the samples of a packet where they belong. At most 120 ms.
    pub(crate) fn insert(&mut self, first_ts: u32, samples: &[i16]) -> Inserted {
        let inserted = self.arrive(first_ts, samples.len());
        if matches!(inserted, Inserted::Kept | Inserted::Resynced) {
            self.write(first_ts, samples);
        }
        inserted
    }

    /// Judge a packet by its place and length. What is `Kept` or `Resynced` is to be written, now or when it is due.
    pub(crate) fn arrive(&mut self, first_ts: u32, length: usize) -> Inserted {
        let Some(cursor) = self.cursor else {
            self.begin(first_ts);
            return Inserted::Kept;
        };
        let ahead = ts_after(first_ts, cursor);
        let length = i32::try_from(length).unwrap_or(self.capacity());
        if self.is_new_clock(ahead, length) {
            self.begin(first_ts);
            return Inserted::Resynced;
        }
        if ahead < 0 {
            self.came_late = true;
        }
        if ahead + length <= 0 {
            self.late_run += 1;
            return Inserted::Late;
        }
        self.late_run = 0;
        self.measure(ahead);
        let first = if ahead < 0 { cursor } else { first_ts };
        if self.ring.run(first, 1).0 { Inserted::Duplicate } else { Inserted::Kept }
    }

    /// Write samples that are not too late; the part whose turn is over is cut off.
    pub(crate) fn write(&mut self, first_ts: u32, samples: &[i16]) {
        let Some(cursor) = self.cursor else { return };
        let ahead = ts_after(first_ts, cursor);
        let cut = usize::try_from(-ahead).unwrap_or(0).min(samples.len());
        let room = usize::try_from(self.capacity() - ahead.max(0)).unwrap_or(0);
        let kept = &samples[cut..];
        self.ring.write(if ahead < 0 { cursor } else { first_ts }, &kept[..kept.len().min(room)]);
    }

    /// Return up to where samples are needed for the next pull.
    pub(crate) fn horizon(&self) -> Option<u32> {
        let frames = if self.calm_ticks + 1 >= CALM_TICKS { 2 } else { 1 };
        self.cursor.map(|cursor| ts_add(cursor, frames * self.frame_ts()))
    }

    /// Take the next 20 ms.
    ///
    /// `frame` has the length of 20 ms at the rate of the buffer.
    pub(crate) fn pull(&mut self, frame: &mut [i16]) -> Pulled {
        let Some(cursor) = self.cursor else {
            frame.fill(0);
            return Pulled::Idle;
        };
        let step = FRAME_I32 * self.scale;
        if self.came_late && self.delay_samples() + step <= MAX_DELAY * self.scale {
            // Playing made-up audio instead of the next frame puts off everything by 20 ms.
            self.came_late = false;
            self.restart_measure(self.delay_samples() + step);
            self.concealer.bad(frame);
            return Pulled::Concealed;
        }
        self.came_late = false;
        let pulled = self.take(cursor, frame);
        self.cursor = Some(ts_add(cursor, self.frame_ts()));
        self.calm_ticks += 1;
        if self.calm_ticks >= CALM_TICKS {
            self.shrink(frame);
        }
        pulled
    }

    /// Return how far the fastest packets are ahead of the playout, in samples: what the ring adds to the delay.
    pub(crate) fn delay_samples(&self) -> i32 {
        self.most_ahead.max(self.delay_before)
    }

    /// Return the delay in milliseconds.
    pub(crate) fn delay_ms(&self) -> i32 {
        self.delay_samples() / (8 * self.scale)
    }

    fn begin(&mut self, first_ts: u32) {
        self.ring.clear();
        let delay = START_DELAY * self.scale;
        self.cursor = Some(first_ts.wrapping_sub(delay.cast_unsigned()));
        (self.late_run, self.idle_ticks, self.came_late) = (0, 0, false);
        self.restart_measure(0);
        self.measure(delay);
    }

    fn capacity(&self) -> i32 {
        CAPACITY_TS * self.scale
    }

    fn frame_ts(&self) -> u32 {
        (FRAME_I32 * self.scale).cast_unsigned()
    }

    /// Say whether a packet can only be explained by a sender that set its clock anew.
    fn is_new_clock(&self, ahead: i32, length: i32) -> bool {
        let idle = self.idle_ticks >= IDLE_TICKS;
        ahead + length > self.capacity()
            || ahead < -10 * self.capacity()
            || (ahead + length <= 0 && (idle || self.late_run + 1 >= RESYNC_LATE))
            || (ahead > MAX_DELAY * self.scale && idle)
    }

    fn measure(&mut self, ahead: i32) {
        self.least_ahead = self.least_ahead.min(ahead);
        self.most_ahead = self.most_ahead.max(ahead);
    }

    fn restart_measure(&mut self, delay: i32) {
        (self.calm_ticks, self.least_ahead, self.most_ahead, self.delay_before) = (0, i32::MAX, 0, delay);
    }

    /// Move one frame out of the ring, covering what is missing.
    fn take(&mut self, cursor: u32, frame: &mut [i16]) -> Pulled {
        let whole = frame.len();
        let mut at = 0;
        let mut missing = 0;
        while at < whole {
            let from = sample_ts(cursor, at);
            let (good, length) = self.ring.run(from, whole - at);
            let part = &mut frame[at..at + length];
            if good {
                self.ring.take(from, part);
                self.concealer.good(part);
            } else {
                missing += length;
                self.concealer.bad(part);
            }
            at += length;
        }
        self.idle_ticks = if missing == whole { self.idle_ticks.saturating_add(1) } else { 0 };
        match missing {
            0 => Pulled::Whole,
            _ if missing == whole && self.idle_ticks >= IDLE_TICKS => Pulled::Idle,
            _ => Pulled::Concealed,
        }
    }

    /// After four seconds without a late packet: leave out a frame if all packets had time to spare.
    fn shrink(&mut self, frame: &mut [i16]) {
        let spare = self.least_ahead >= CALM_DELAY * self.scale && self.least_ahead < i32::MAX;
        self.restart_measure(self.most_ahead);
        let Some(cursor) = self.cursor.filter(|_| spare) else { return };
        let length = FRAME_I32 * self.scale;
        self.delay_before -= length;
        let mut next = [0; WIDE];
        let next = &mut next[..frame.len()];
        self.take(cursor, next);
        self.cursor = Some(ts_add(cursor, self.frame_ts()));
        for (index, (sample, later)) in (0_i32..).zip(frame.iter_mut().zip(&*next)) {
            let blended = i32::from(*sample) * (length - index) + i32::from(*later) * index;
            *sample = i16::try_from(blended / length).unwrap_or_default();
        }
    }
}

fn sample_ts(cursor: u32, offset: usize) -> u32 {
    ts_add(cursor, u32::try_from(offset).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::frame::{FRAME, Frame};

    /// Samples that tell their own timestamp: a slow ramp, so that order shows.
    fn packet(rtp_ts: u32, length: usize) -> Vec<i16> {
        (0..length as u32).map(|n| ((ts_add(rtp_ts, n) / 4) % 8000) as i16 + 1).collect()
    }

    fn insert(jitter: &mut JitterBuffer, rtp_ts: u32) -> Inserted {
        jitter.insert(rtp_ts, &packet(rtp_ts, 160))
    }

    fn pull(jitter: &mut JitterBuffer) -> (Pulled, Frame) {
        let mut frame = [0; FRAME];
        (jitter.pull(&mut frame), frame)
    }

    /// Begin a stream at `start` and play until its first packet is out.
    fn playing(start: u32, packets: u32) -> JitterBuffer {
        let mut jitter = JitterBuffer::new();
        for index in 0..packets {
            insert(&mut jitter, ts_add(start, index * 160));
        }
        for _ in 0..2 {
            assert_ne!(pull(&mut jitter).0, Pulled::Whole);
        }
        assert_eq!(pull(&mut jitter), (Pulled::Whole, packet(start, 160).try_into().unwrap()));
        jitter
    }

    #[test]
    fn test_samples_come_out_40_ms_after_the_first_packet() {
        playing(1000, 3);
    }

    #[test]
    fn test_order_is_restored_across_the_wrap() {
        let start = u32::MAX - 200;
        let mut jitter = playing(start, 1);
        for index in [3, 1, 2] {
            assert_eq!(insert(&mut jitter, ts_add(start, index * 160)), Inserted::Kept);
        }

        for index in 1..=3 {
            let expected: Frame = packet(ts_add(start, index * 160), 160).try_into().unwrap();
            assert_eq!(pull(&mut jitter), (Pulled::Whole, expected), "packet {index}");
        }
    }

    #[test]
    fn test_repeated_and_late_packets_are_told_apart() {
        let mut jitter = playing(0, 3);

        assert_eq!(insert(&mut jitter, 160), Inserted::Duplicate);
        assert_eq!(insert(&mut jitter, 0), Inserted::Late);
    }

    #[test]
    fn test_packets_of_10_to_60_ms_are_played_alike() {
        for length in [80_usize, 160, 240, 320, 400, 480] {
            let mut jitter = JitterBuffer::new();
            for index in 0..3 {
                jitter.insert(index * length as u32, &packet(index * length as u32, length));
            }
            pull(&mut jitter);
            pull(&mut jitter);
            for frame in 0..(3 * length / FRAME) as u32 {
                let expected: Frame = packet(frame * 160, 160).try_into().unwrap();
                assert_eq!(pull(&mut jitter), (Pulled::Whole, expected), "{length} samples, frame {frame}");
            }
        }
    }

    #[test]
    fn test_a_late_packet_makes_the_delay_grow_up_to_80_ms() {
        let mut jitter = playing(0, 4);
        let mut ts = 4 * 160;
        for _ in 0..10 {
            // Every second a packet comes after its turn.
            jitter.insert(jitter.cursor.unwrap().wrapping_sub(160), &packet(0, 160));
            for _ in 0..50 {
                insert(&mut jitter, ts);
                ts += 160;
                pull(&mut jitter);
            }
        }

        assert!((480..=640).contains(&jitter.delay_samples()), "{} samples", jitter.delay_samples());
    }

    #[test]
    fn test_a_calm_stream_gets_down_to_20_ms_of_delay() {
        let mut jitter = JitterBuffer::new();
        let mut lost = 0;
        for index in 0..2000 {
            insert(&mut jitter, index * 160);
            lost += u32::from(pull(&mut jitter).0 != Pulled::Whole);
        }

        assert!((160..320).contains(&jitter.delay_samples()), "{} samples", jitter.delay_samples());
        assert!(lost <= 2, "{lost} frames made up");
    }

    #[test]
    fn test_a_faster_sender_does_not_fill_the_ring() {
        let mut jitter = playing(0, 1);
        let mut ts = 160;
        for tick in 0..20_000 {
            insert(&mut jitter, ts);
            ts = ts_add(ts, 160);
            if tick % 250 == 0 {
                // One packet too many in 5 s: 0.4 %, far more than any real clock is off.
                insert(&mut jitter, ts);
                ts = ts_add(ts, 160);
            }
            pull(&mut jitter);
            assert!(jitter.delay_samples() <= 800, "tick {tick}: {} samples", jitter.delay_samples());
        }
    }

    #[test]
    fn test_a_new_clock_begins_anew() {
        let mut jitter = playing(1_000_000, 1);
        assert_eq!(insert(&mut jitter, 5_000_000), Inserted::Resynced);
        assert_eq!(insert(&mut jitter, 3_000), Inserted::Resynced);
        pull(&mut jitter);
        pull(&mut jitter);
        assert_eq!(pull(&mut jitter).0, Pulled::Whole);
    }

    #[test]
    fn test_a_clock_that_stood_still_during_silence_is_taken_up_again() {
        let mut jitter = playing(0, 1);
        for _ in 0..50 {
            pull(&mut jitter);
        }

        assert_eq!(pull(&mut jitter).0, Pulled::Idle);
        assert_eq!(insert(&mut jitter, 160), Inserted::Resynced);
    }

    #[test]
    fn test_a_lost_packet_is_covered_in_its_place() {
        let mut jitter = playing(0, 1);
        insert(&mut jitter, 320);

        let (pulled, frame) = pull(&mut jitter);
        assert_eq!(pulled, Pulled::Concealed);
        assert!(frame[..100].iter().all(|&sample| sample > 0), "the sound goes on");
        let (pulled, frame) = pull(&mut jitter);
        assert_eq!(pulled, Pulled::Whole);
        assert_eq!(frame[32..], packet(320, 160)[32..]);
    }
}
