//! Telephone events as received: many packets for one key press, some of them lost, become one press.

use std::time::{Duration, Instant};

use crate::dtmf::digit_of;
use crate::wire::wrap::ts_after;

/// A press without its end is over after this long without a packet: several packets' worth at the slowest rate used.
const END_TIMEOUT: Duration = Duration::from_millis(200);
/// Events older than the last one by less than this are late repetitions, not a clock that was set anew.
const REORDER_WINDOW_MS: i32 = 10_000;

/// What a packet or the passing of time means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Key {
    /// The key went down.
    Down(char),
    /// The key came up.
    Up { digit: char, duration_ms: u32 },
}

/// What a packet with the payload type of telephone-event was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Received {
    /// Key strokes, at most an end without packet, a begin and its end.
    Keys([Option<Key>; 3]),
    /// An event that is not a digit (flash hook ...).
    NoDigit,
    /// Too short.
    Malformed,
}

#[derive(Debug, Clone, Copy)]
struct Press {
    event: u8,
    digit: char,
    /// Timestamp of the packets of this press; of its last segment, if it is a long one.
    rtp_ts: u32,
    /// Duration in the newest packet, in RTP ticks.
    duration: u32,
    /// Duration of earlier segments.
    before: u32,
    /// Ticks of the clock of the events in a millisecond.
    ticks_per_ms: u32,
    last_packet: Instant,
}

impl Press {
    fn up(&self) -> Key {
        let ms = u64::from(self.before.saturating_add(self.duration)) / u64::from(self.ticks_per_ms.max(1));
        Key::Up { digit: self.digit, duration_ms: u32::try_from(ms).unwrap_or(u32::MAX) }
    }
}

/// The keypad of the far end.
#[derive(Debug, Clone, Default)]
pub(crate) struct DtmfReceiver {
    down: Option<Press>,
    /// Timestamp of the press that ended last.
    ended: Option<u32>,
}

impl DtmfReceiver {
    /// Say whether a key is down.
    pub(crate) fn is_down(&self) -> bool {
        self.down.is_some()
    }

    /// Take the payload of one packet; its clock has so many ticks in a millisecond.
    pub(crate) fn packet(&mut self, payload: &[u8], rtp_ts: u32, ticks_per_ms: u32, now: Instant) -> Received {
        let Some(&[event, flags, high, low]) = payload.first_chunk::<4>() else { return Received::Malformed };
        let Some(digit) = digit_of(event) else { return Received::NoDigit };
        let duration = u32::from(u16::from_be_bytes([high, low]));
        let mut keys = [None; 3];
        if !self.continues(event, rtp_ts) {
            if self.is_old(rtp_ts, ticks_per_ms) {
                return Received::Keys(keys);
            }
            keys[0] = self.release();
            keys[1] = Some(Key::Down(digit));
            self.down = Some(Press { event, digit, rtp_ts, duration, before: 0, ticks_per_ms, last_packet: now });
        }
        if let Some(press) = &mut self.down {
            press.duration = press.duration.max(duration);
            press.last_packet = now;
        }
        if flags & 0x80 != 0 {
            keys[2] = self.release();
        }
        Received::Keys(keys)
    }

    /// Let time pass: a press whose end was lost ends.
    pub(crate) fn tick(&mut self, now: Instant) -> Option<Key> {
        let silent = now.saturating_duration_since(self.down?.last_packet);
        if silent >= END_TIMEOUT { self.release() } else { None }
    }

    /// Say whether a packet belongs to the key that is down.
    fn continues(&mut self, event: u8, rtp_ts: u32) -> bool {
        let Some(press) = self.down.as_mut().filter(|press| press.event == event) else { return false };
        // A press longer than 8 s comes in segments, each beginning where the one before ended (RFC 4733 2.5.1.3).
        let is_next_segment = press.duration > 0xf000 && rtp_ts == press.rtp_ts.wrapping_add(press.duration);
        if is_next_segment {
            press.before = press.before.saturating_add(press.duration);
            press.duration = 0;
            press.rtp_ts = rtp_ts;
        }
        press.rtp_ts == rtp_ts
    }

    /// Say whether a timestamp is that of a press that is over, or of one before it.
    fn is_old(&self, rtp_ts: u32, ticks_per_ms: u32) -> bool {
        let newest = self.down.map(|press| press.rtp_ts).or(self.ended);
        newest.is_some_and(|newest| {
            (-REORDER_WINDOW_MS * ticks_per_ms.cast_signed()..=0).contains(&ts_after(rtp_ts, newest))
        })
    }

    fn release(&mut self) -> Option<Key> {
        let press = self.down.take()?;
        self.ended = Some(press.rtp_ts);
        Some(press.up())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Wire {
        receiver: DtmfReceiver,
        now: Instant,
        keys: Vec<Key>,
    }

    impl Wire {
        fn new() -> Self {
            Self { receiver: DtmfReceiver::default(), now: Instant::now(), keys: Vec::new() }
        }

        fn packet(&mut self, event: u8, end: bool, rtp_ts: u32, duration: u16) {
            self.now += Duration::from_millis(20);
            let [high, low] = duration.to_be_bytes();
            let payload = [event, if end { 0x8a } else { 0x0a }, high, low];
            if let Received::Keys(keys) = self.receiver.packet(&payload, rtp_ts, 8, self.now) {
                self.keys.extend(keys.into_iter().flatten());
            }
        }

        fn wait(&mut self, ms: u64) {
            self.now += Duration::from_millis(ms);
            self.keys.extend(self.receiver.tick(self.now));
        }
    }

    fn press(digit: char, duration_ms: u32) -> [Key; 2] {
        [Key::Down(digit), Key::Up { digit, duration_ms }]
    }

    #[test]
    fn test_many_packets_are_one_press() {
        let mut wire = Wire::new();
        for duration in [160, 320, 480] {
            wire.packet(5, false, 1000, duration);
        }
        for _ in 0..3 {
            wire.packet(5, true, 1000, 640);
        }
        wire.wait(1000);

        assert_eq!(wire.keys, press('5', 80));
    }

    #[test]
    fn test_the_same_digit_twice_is_two_presses() {
        let mut wire = Wire::new();
        wire.packet(11, true, 1000, 400);
        wire.packet(11, true, 3000, 400);

        assert_eq!(wire.keys, [press('#', 50), press('#', 50)].concat());
    }

    #[test]
    fn test_a_lost_end_is_made_up_by_time() {
        let mut wire = Wire::new();
        wire.packet(1, false, 1000, 160);
        wire.packet(1, false, 1000, 320);
        wire.wait(100);
        assert_eq!(wire.keys.len(), 1);

        wire.wait(100);

        assert_eq!(wire.keys, press('1', 40));
    }

    #[test]
    fn test_a_lost_end_is_made_up_by_the_next_press() {
        let mut wire = Wire::new();
        wire.packet(1, false, 1000, 160);
        wire.packet(2, true, 2000, 160);
        wire.packet(1, true, 1000, 800); // the end after all, late

        assert_eq!(wire.keys, [press('1', 20), press('2', 20)].concat());
    }

    #[test]
    fn test_only_an_end_packet_is_enough() {
        let mut wire = Wire::new();
        wire.packet(9, true, 1000, 800);

        assert_eq!(wire.keys, press('9', 100));
    }

    #[test]
    fn test_a_press_of_nine_seconds_is_one_press() {
        let mut wire = Wire::new();
        wire.packet(3, false, 0, 65520);
        wire.packet(3, false, 65520, 160);
        wire.packet(3, true, 65520, 6480);

        assert_eq!(wire.keys, press('3', 9000));
    }

    #[test]
    fn test_flash_and_rubbish_are_no_digits() {
        let mut receiver = DtmfReceiver::default();

        assert_eq!(receiver.packet(&[16, 0x80, 0, 0], 0, 8, Instant::now()), Received::NoDigit);
        assert_eq!(receiver.packet(&[1, 0x80, 0], 0, 8, Instant::now()), Received::Malformed);
    }
}
