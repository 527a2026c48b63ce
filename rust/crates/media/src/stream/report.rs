//! RTCP of a leg: when to report, what came back, how long the round trip is.

use std::time::{Duration, Instant};

use crate::stream::reception::Reception;
use crate::stream::sender::Sender;
use crate::wire::rtcp::{RtcpPacket, SenderInfo, pack_cname, pack_goodbye, pack_report};

/// Between reports (RFC 3550 section 6.2).
const INTERVAL: Duration = Duration::from_secs(5);
/// The first one comes earlier, so that short calls have figures too (RFC 3550 section 6.2: half the minimum).
const FIRST: Duration = Duration::from_millis(2500);
/// Round trips above this are a broken clock, not a network.
const MAX_ROUND_TRIP_MS: f64 = 10_000.0;

/// Ties the monotonic clock to NTP time: seconds since 1900 in the upper 32 bits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NtpClock {
    /// A moment on the monotonic clock.
    pub(crate) at: Instant,
    /// The same moment in NTP time.
    pub(crate) ntp: u64,
}

impl NtpClock {
    fn ntp(&self, now: Instant) -> u64 {
        let since = now.saturating_duration_since(self.at);
        // 2^32 / 10^9, in integers: exact to a nanosecond.
        let fraction = (u64::from(since.subsec_nanos()) << 32) / 1_000_000_000;
        self.ntp.wrapping_add(since.as_secs() << 32).wrapping_add(fraction)
    }

    /// Return the middle 32 bits, which reports use.
    #[allow(clippy::cast_possible_truncation)] // that is what "middle" means
    fn middle(&self, now: Instant) -> u32 {
        (self.ntp(now) >> 16) as u32
    }
}

/// RTCP state of one leg.
#[derive(Debug, Clone)]
pub(crate) struct Reporter {
    cname: String,
    next: Option<Instant>,
    /// Middle of the NTP time in the far end's last sender report, and when it came.
    last_sr: Option<(u32, Instant)>,
    /// Packets sent at the last report: a leg that sends nothing writes receiver reports.
    sent_before: u64,
    round_trip_ms: Option<f64>,
    remote_loss: Option<f64>,
}

impl Reporter {
    /// Begin; `cname` is random, it must not tell anything about us (RFC 7022).
    pub(crate) fn new(cname: String) -> Self {
        Self { cname, next: None, last_sr: None, sent_before: 0, round_trip_ms: None, remote_loss: None }
    }

    /// Return the last round trip.
    pub(crate) fn round_trip_ms(&self) -> Option<f64> {
        self.round_trip_ms
    }

    /// Return the loss the far end reported last, 0-1.
    pub(crate) fn remote_loss(&self) -> Option<f64> {
        self.remote_loss
    }

    /// Say whether a report is due, and when the next one is.
    pub(crate) fn is_due(&mut self, now: Instant) -> bool {
        let next = *self.next.get_or_insert(now + FIRST);
        if now < next {
            return false;
        }
        self.next = Some(now + INTERVAL);
        true
    }

    /// Append a report, with a goodbye if it is the last one.
    pub(crate) fn pack(
        &mut self,
        sender: &Sender,
        reception: &mut Reception,
        time: (NtpClock, Instant),
        goodbye: bool,
        out: &mut Vec<u8>,
    ) {
        let (clock, now) = time;
        let (packets, octets) = sender.sent();
        let is_sender = packets > self.sent_before;
        self.sent_before = packets;
        #[allow(clippy::cast_possible_truncation)] // both wrap by definition
        let info = is_sender.then(|| SenderInfo {
            ntp: clock.ntp(now),
            rtp_ts: sender.rtp_ts(),
            packets: packets as u32,
            octets: octets as u32,
        });
        let last_sr = self.last_sr.map(|(middle, at)| (middle, now.saturating_duration_since(at)));
        let block = reception.report(last_sr);
        pack_report(sender.ssrc(), info.as_ref(), block.as_ref(), out);
        pack_cname(sender.ssrc(), &self.cname, out);
        if goodbye {
            pack_goodbye(sender.ssrc(), out);
        }
    }

    /// Take one packet of the far end; `ssrc` is ours.
    pub(crate) fn receive(&mut self, packet: &RtcpPacket, ssrc: u32, clock: NtpClock, now: Instant) {
        let RtcpPacket::Report { sender, blocks, .. } = packet else { return };
        if let Some(info) = sender {
            #[allow(clippy::cast_possible_truncation)] // the middle 32 bits
            let middle = (info.ntp >> 16) as u32;
            self.last_sr = Some((middle, now));
        }
        for block in blocks.iter().filter(|block| block.ssrc == ssrc) {
            self.remote_loss = Some(f64::from(block.fraction_lost) / 256.0);
            if block.last_sr != 0 {
                let trip = clock.middle(now).wrapping_sub(block.last_sr).wrapping_sub(block.delay_since_sr);
                // In 1/65536 s. A slightly negative value is rounding.
                let ms = f64::from(trip.cast_signed().max(0)) * 1000.0 / 65536.0;
                if ms <= MAX_ROUND_TRIP_MS {
                    self.round_trip_ms = Some(ms);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::rtcp::unpack_rtcp;

    fn sender(ssrc: u32) -> Sender {
        let mut sender = Sender::new(ssrc, 0, 0);
        sender.audio(8, &[0; 160], |_, _| ());
        sender
    }

    #[test]
    fn test_reports_are_due_after_two_and_a_half_and_then_every_five_seconds() {
        let (mut reporter, start) = (Reporter::new("a".into()), Instant::now());
        let due: Vec<u64> =
            (0..300).filter(|tick| reporter.is_due(start + Duration::from_millis(tick * 50))).map(|n| n * 50).collect();

        assert_eq!(due, [2500, 7500, 12500]);
    }

    #[test]
    fn test_round_trip_is_measured_between_two_ends() {
        let (one, start) = (sender(1), Instant::now());
        let clock = NtpClock { at: start, ntp: 0x1234_5678_9abc_def0 };
        let far_clock = NtpClock { at: start, ntp: 99 << 32 };
        let (mut near, mut far) = (Reporter::new("a".into()), Reporter::new("b".into()));
        let mut far_reception = Reception::default();
        far_reception.packet(&crate::wire::rtp::RtpHeader {
            marker: false,
            payload_type: 8,
            sequence: 0,
            timestamp: 0,
            ssrc: 1,
        });
        let ms = Duration::from_millis;

        let mut report = Vec::new();
        near.pack(&one, &mut Reception::default(), (clock, start), false, &mut report);
        for packet in unpack_rtcp(&report).unwrap() {
            far.receive(&packet, 2, far_clock, start + ms(30));
        }
        let mut answer = Vec::new();
        far.pack(&sender(2), &mut far_reception, (far_clock, start + ms(1030)), false, &mut answer);
        for packet in unpack_rtcp(&answer).unwrap() {
            near.receive(&packet, 1, clock, start + ms(1070));
        }

        let trip = near.round_trip_ms().unwrap();
        assert!((trip - 70.0).abs() < 0.1, "{trip} ms");
        assert_eq!(near.remote_loss(), Some(0.0));
    }

    #[test]
    fn test_a_leg_that_sends_nothing_writes_receiver_reports_and_says_goodbye() {
        let now = Instant::now();
        let mut bytes = Vec::new();
        let silent = Sender::new(7, 0, 0);
        let clock = NtpClock { at: now, ntp: 0 };
        Reporter::new("a".into()).pack(&silent, &mut Reception::default(), (clock, now), true, &mut bytes);

        let packets = unpack_rtcp(&bytes).unwrap();
        assert_eq!(packets[0], RtcpPacket::Report { ssrc: 7, sender: None, blocks: Vec::new() });
        assert_eq!(packets[2], RtcpPacket::Goodbye { sources: vec![7] });
    }
}
