//! Figures about the received stream: RFC 3550 appendix A.1 (sequence), A.3 (loss), A.8 (jitter).

use std::time::{Duration, Instant};

use crate::wire::rtcp::ReportBlock;
use crate::wire::rtp::RtpHeader;
use crate::wire::wrap::{seq_add, seq_after};

/// A larger step forward is not loss but a new sequence (RFC 3550 A.1, `MAX_DROPOUT`).
const MAX_DROPOUT: i32 = 3000;
/// A larger step back is not reordering (RFC 3550 A.1, `MAX_MISORDER`).
const MAX_MISORDER: i32 = 100;

/// What the sequence number says about a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sequence {
    /// It belongs to the stream.
    Valid,
    /// A stream of another SSRC, or one whose numbers began anew.
    NewStream,
    /// Far off; the next one tells whether the numbers began anew.
    Doubtful,
}

/// The stream of one SSRC.
#[derive(Debug, Clone, Copy)]
struct Stream {
    ssrc: u32,
    base: u32,
    /// Highest number with its cycles in the upper half.
    highest: u32,
    received: u64,
    /// The number that, if it comes next, proves that the numbers began anew.
    doubtful: Option<u16>,
    /// Figures at the last report.
    expected_before: u64,
    received_before: u64,
}

impl Stream {
    fn new(header: &RtpHeader) -> Self {
        let base = u32::from(header.sequence);
        let ssrc = header.ssrc;
        Self { ssrc, base, highest: base, received: 1, doubtful: None, expected_before: 0, received_before: 0 }
    }

    fn expected(&self) -> u64 {
        u64::from(self.highest.wrapping_sub(self.base)) + 1
    }

    fn lost(&self) -> u64 {
        self.expected().saturating_sub(self.received)
    }
}

/// Figures of everything received on a leg.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reception {
    stream: Option<Stream>,
    /// Of streams that are over.
    received_before: u64,
    lost_before: u64,
    /// Smoothed interarrival jitter in RTP ticks, and the most it was in milliseconds.
    jitter: f64,
    jitter_max_ms: f64,
    /// Times that numbers were missing: what loss there was came in so many pieces.
    gaps: u64,
    /// Ticks of the RTP clock in a millisecond; 0 before the first packet.
    ticks_per_ms: u32,
    /// Arrival and timestamp of the last audio packet.
    last: Option<(Instant, u32)>,
}

impl Reception {
    /// Say whether anything was received.
    pub(crate) fn has_stream(&self) -> bool {
        self.stream.is_some()
    }

    /// Say whether packets of this SSRC belong to the stream, or may begin one.
    pub(crate) fn is_stream(&self, ssrc: u32) -> bool {
        self.stream.is_none_or(|stream| stream.ssrc == ssrc)
    }

    /// Count a packet of the far end by its sequence number.
    pub(crate) fn packet(&mut self, header: &RtpHeader) -> Sequence {
        let Some(stream) = self.stream.as_mut().filter(|stream| stream.ssrc == header.ssrc) else {
            self.begin(header);
            return Sequence::NewStream;
        };
        #[allow(clippy::cast_possible_truncation)] // the lower half is the number
        let step = seq_after(header.sequence, stream.highest as u16);
        if (-MAX_MISORDER..MAX_DROPOUT).contains(&step) {
            self.gaps += u64::from(step > 1);
            if step > 0 {
                stream.highest = stream.highest.wrapping_add_signed(step);
            }
            stream.received += 1;
            stream.doubtful = None;
            return Sequence::Valid;
        }
        if stream.doubtful == Some(header.sequence) {
            self.begin(header);
            return Sequence::NewStream;
        }
        stream.doubtful = Some(seq_add(header.sequence, 1));
        Sequence::Doubtful
    }

    /// Take the arrival of an audio packet for the jitter.
    pub(crate) fn arrival(&mut self, at: Instant, rtp_ts: u32, ticks_per_ms: u32) {
        if self.ticks_per_ms != ticks_per_ms {
            // Another codec with another clock: what was measured before is the same in milliseconds.
            self.jitter = self.jitter_ms() * f64::from(ticks_per_ms);
            self.ticks_per_ms = ticks_per_ms;
            self.last = None;
        }
        if let Some((last_at, last_ts)) = self.last.replace((at, rtp_ts)) {
            let media = f64::from(rtp_ts.wrapping_sub(last_ts).cast_signed());
            let difference = (signed_ms(at, last_at) * f64::from(ticks_per_ms) - media).abs();
            // A pause of the sender with a clock of its own is not jitter.
            if difference < 1000.0 * f64::from(ticks_per_ms) {
                self.jitter += (difference - self.jitter) / 16.0;
                self.jitter_max_ms = self.jitter_max_ms.max(self.jitter_ms());
            }
        }
    }

    /// Return the jitter in milliseconds.
    pub(crate) fn jitter_ms(&self) -> f64 {
        self.jitter / f64::from(self.ticks_per_ms.max(1))
    }

    /// Return the most the jitter was, in milliseconds.
    pub(crate) fn jitter_max_ms(&self) -> f64 {
        self.jitter_max_ms
    }

    /// Return how many packets one gap in the numbers had on average, at least 1.
    #[allow(clippy::cast_precision_loss)] // an average
    pub(crate) fn gap(&self) -> f64 {
        (self.lost() as f64 / self.gaps.max(1) as f64).max(1.0)
    }

    /// Return packets received in all.
    pub(crate) fn received(&self) -> u64 {
        self.received_before + self.stream.map_or(0, |stream| stream.received)
    }

    /// Return packets lost in all.
    pub(crate) fn lost(&self) -> u64 {
        self.lost_before + self.stream.map_or(0, |stream| stream.lost())
    }

    /// Return what a report says now, and begin the interval of the next one.
    pub(crate) fn report(&mut self, last_sr: Option<(u32, Duration)>) -> Option<ReportBlock> {
        let stream = self.stream.as_mut()?;
        let expected = stream.expected() - stream.expected_before;
        let received = stream.received - stream.received_before;
        (stream.expected_before, stream.received_before) = (stream.expected(), stream.received);
        let lost = expected.saturating_sub(received);
        let fraction = (lost * 256).checked_div(expected).unwrap_or(0).min(255);
        let cumulative = i64::try_from(stream.expected()).unwrap_or(0) - i64::try_from(stream.received).unwrap_or(0);
        let (last_sr, delay) = last_sr.unwrap_or((0, Duration::ZERO));
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // a small positive number
        Some(ReportBlock {
            ssrc: stream.ssrc,
            fraction_lost: u8::try_from(fraction).unwrap_or(u8::MAX),
            cumulative_lost: i32::try_from(cumulative.clamp(-0x80_0000, 0x7f_ffff)).unwrap_or(0),
            highest_sequence: stream.highest,
            jitter_rtp_ts: self.jitter as u32,
            last_sr,
            delay_since_sr: (delay.as_secs_f64() * 65536.0) as u32,
        })
    }

    fn begin(&mut self, header: &RtpHeader) {
        self.received_before = self.received();
        self.lost_before = self.lost();
        self.stream = Some(Stream::new(header));
        self.last = None;
    }
}

fn signed_ms(later: Instant, earlier: Instant) -> f64 {
    // Kernel time stamps of two packets may be swapped.
    let ms = |time: Duration| time.as_secs_f64() * 1000.0;
    later.checked_duration_since(earlier).map_or_else(|| -ms(earlier.duration_since(later)), ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(ssrc: u32, sequence: u16) -> RtpHeader {
        RtpHeader { marker: false, payload_type: 8, sequence, timestamp: 0, ssrc }
    }

    fn feed(sequences: impl IntoIterator<Item = u16>) -> Reception {
        let mut reception = Reception::default();
        for sequence in sequences {
            reception.packet(&header(1, sequence));
        }
        reception
    }

    #[test]
    fn test_loss_is_counted_across_the_wrap() {
        let mut reception = feed([65533, 65534, 1, 2]);

        assert_eq!((reception.received(), reception.lost()), (4, 2));
        let block = reception.report(None).unwrap();
        assert_eq!((block.highest_sequence, block.cumulative_lost), (0x1_0002, 2));
        assert_eq!(block.fraction_lost, 85); // 2 of 6, in 1/256
        assert_eq!(reception.report(None).unwrap().fraction_lost, 0);
    }

    #[test]
    fn test_swapped_packets_are_not_lost() {
        assert_eq!(feed([1, 3, 2, 4]).lost(), 0);
    }

    #[test]
    fn test_a_new_ssrc_keeps_the_figures_of_the_old_one() {
        let mut reception = feed([1, 3]);

        assert_eq!(reception.packet(&header(2, 500)), Sequence::NewStream);
        assert_eq!(reception.packet(&header(2, 501)), Sequence::Valid);
        assert_eq!((reception.received(), reception.lost()), (4, 1));
    }

    #[test]
    fn test_a_single_odd_number_is_doubtful_and_two_are_a_new_stream() {
        let mut reception = feed([1, 2]);

        assert_eq!(reception.packet(&header(1, 30000)), Sequence::Doubtful);
        assert_eq!(reception.packet(&header(1, 3)), Sequence::Valid);
        assert_eq!(reception.packet(&header(1, 40000)), Sequence::Doubtful);
        assert_eq!(reception.packet(&header(1, 40001)), Sequence::NewStream);
        assert_eq!(reception.lost(), 0);
    }

    #[test]
    fn test_jitter_is_that_of_the_standard() {
        let (mut reception, start) = (Reception::default(), Instant::now());
        // Packets alternately on time and 16 ms late: |D| is 128 ticks each time.
        for index in 0..400_u64 {
            let late = if index % 2 == 0 { 0 } else { 16 };
            reception.arrival(start + Duration::from_millis(index * 20 + late), index as u32 * 160, 8);
        }

        assert!((reception.jitter_ms() - 16.0).abs() < 0.1, "{}", reception.jitter_ms());
    }
}
