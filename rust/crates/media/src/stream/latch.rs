//! Whose packets are believed: learn the source, then lock.
//!
//! The address in SDP is often wrong behind NAT, and the RTP port is open to everybody ("RTP bleed"). So the signaled
//! address is locked at its first packet. Only while it sends nothing may another source be learned, and only after
//! several packets in a row of one stream. Once locked, everybody else is refused until the remote is set to a new
//! address or media was lost.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::wire::rtp::RtpHeader;
use crate::wire::wrap::seq_after;

/// Packets in a row another source must send before it is believed (RFC 3550 appendix A.1 asks for two).
const LEARN_PACKETS: u32 = 4;
/// The time they must take: one burst of spoofed packets is not enough.
const LEARN_TIME: Duration = Duration::from_millis(50);
/// Largest step of the sequence number "in a row".
const LEARN_STEP: i32 = 3;

/// What to do with a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is of the far end.
    Accept,
    /// It is of the far end, which was found out just now.
    Locked,
    /// Its source is not known well enough yet.
    Learning,
    /// It is of somebody else.
    Foreign,
}

#[derive(Debug, Clone, Copy)]
struct Candidate {
    source: SocketAddr,
    ssrc: u32,
    sequence: u16,
    packets: u32,
    since: Instant,
}

/// Where the far end is.
#[derive(Debug, Clone)]
pub(crate) struct Latch {
    signaled: SocketAddr,
    locked: Option<SocketAddr>,
    candidate: Option<Candidate>,
}

impl Latch {
    /// Expect the address of SDP.
    pub(crate) fn new(signaled: SocketAddr) -> Self {
        Self { signaled, locked: None, candidate: None }
    }

    /// Take a new address of SDP; the same one changes nothing.
    pub(crate) fn signal(&mut self, signaled: SocketAddr) {
        if signaled != self.signaled {
            *self = Self::new(signaled);
        }
    }

    /// Let a source be learned again, after media was lost: a NAT may have moved it.
    pub(crate) fn unlock(&mut self) {
        self.locked = None;
        self.candidate = None;
    }

    /// Return where RTP goes: to where it comes from (symmetric RTP), else where SDP says.
    pub(crate) fn target(&self) -> Option<SocketAddr> {
        let address = self.locked.unwrap_or(self.signaled);
        (!address.ip().is_unspecified() && address.port() != 0).then_some(address)
    }

    /// Return where RTCP goes, the port above that of RTP.
    pub(crate) fn rtcp_target(&self) -> Option<SocketAddr> {
        let mut address = self.target()?;
        address.set_port(address.port().checked_add(1)?);
        Some(address)
    }

    /// Judge a packet by its source.
    pub(crate) fn judge(&mut self, source: SocketAddr, header: &RtpHeader, now: Instant) -> Verdict {
        if let Some(locked) = self.locked {
            return if locked == source { Verdict::Accept } else { Verdict::Foreign };
        }
        if source != self.signaled && !self.learn(source, header, now) {
            return Verdict::Learning;
        }
        self.locked = Some(source);
        self.candidate = None;
        Verdict::Locked
    }

    /// Take a packet of a source that SDP does not name; return whether it is believed now.
    fn learn(&mut self, source: SocketAddr, header: &RtpHeader, now: Instant) -> bool {
        let Some(candidate) = self.candidate.as_mut().filter(|known| known.source == source) else {
            // One source at a time: a second one has its turn when the first was quiet for as long as learning takes.
            if self.candidate.is_none_or(|known| now.duration_since(known.since) > 4 * LEARN_TIME) {
                let (ssrc, sequence) = (header.ssrc, header.sequence);
                self.candidate = Some(Candidate { source, ssrc, sequence, packets: 1, since: now });
            }
            return false;
        };
        let step = seq_after(header.sequence, candidate.sequence);
        if header.ssrc != candidate.ssrc || !(1..=LEARN_STEP).contains(&step) {
            *candidate = Candidate { ssrc: header.ssrc, packets: 1, since: now, ..*candidate };
        } else {
            candidate.packets += 1;
        }
        candidate.sequence = header.sequence;
        candidate.packets >= LEARN_PACKETS && now.duration_since(candidate.since) >= LEARN_TIME
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, last], 4000))
    }

    fn header(sequence: u16) -> RtpHeader {
        RtpHeader { marker: false, payload_type: 8, sequence, timestamp: 0, ssrc: 1 }
    }

    /// Send packets from `source`, one in 20 ms, and return the verdicts.
    fn feed(latch: &mut Latch, source: SocketAddr, sequences: &[u16], start: Instant) -> Vec<Verdict> {
        let times = (0..).map(|index| start + Duration::from_millis(20) * index);
        sequences.iter().zip(times).map(|(&sequence, at)| latch.judge(source, &header(sequence), at)).collect()
    }

    #[test]
    fn test_the_signaled_address_is_locked_at_once() {
        let (mut latch, now) = (Latch::new(address(1)), Instant::now());

        assert_eq!(feed(&mut latch, address(1), &[1, 2], now), [Verdict::Locked, Verdict::Accept]);
        assert_eq!(feed(&mut latch, address(2), &[1, 2, 3, 4, 5], now), [Verdict::Foreign; 5]);
        assert_eq!(latch.target(), Some(address(1)));
    }

    #[test]
    fn test_another_source_is_learned_when_the_signaled_one_is_silent() {
        let (mut latch, now) = (Latch::new(address(1)), Instant::now());

        let verdicts = feed(&mut latch, address(2), &[65534, 65535, 0, 1], now);

        assert_eq!(verdicts, [Verdict::Learning, Verdict::Learning, Verdict::Learning, Verdict::Locked]);
        assert_eq!(latch.target(), Some(address(2)));
        assert_eq!(feed(&mut latch, address(1), &[9], now), [Verdict::Foreign]);
    }

    #[test]
    fn test_the_signaled_source_wins_while_another_is_being_learned() {
        let (mut latch, now) = (Latch::new(address(1)), Instant::now());
        feed(&mut latch, address(2), &[1, 2], now);

        assert_eq!(feed(&mut latch, address(1), &[7], now), [Verdict::Locked]);
    }

    #[test]
    fn test_a_burst_or_random_numbers_are_not_learned() {
        let (mut latch, now) = (Latch::new(address(1)), Instant::now());
        for sequence in 0..20 {
            assert_eq!(latch.judge(address(2), &header(sequence), now), Verdict::Learning);
        }
        assert!(!feed(&mut latch, address(2), &[500, 9, 77, 3000, 12, 60000], now).contains(&Verdict::Locked));
    }

    #[test]
    fn test_two_strangers_do_not_keep_each_other_out_for_ever() {
        let (mut latch, now) = (Latch::new(address(1)), Instant::now());
        latch.judge(address(3), &header(1), now);

        let verdicts = feed(&mut latch, address(2), &(0..20).collect::<Vec<_>>(), now);

        assert!(verdicts.contains(&Verdict::Locked));
    }

    #[test]
    fn test_a_new_address_is_learned_again_and_the_same_one_is_not() {
        let (mut latch, now) = (Latch::new(address(1)), Instant::now());
        feed(&mut latch, address(1), &[1], now);
        latch.signal(address(1));
        assert_eq!(feed(&mut latch, address(2), &[1], now), [Verdict::Foreign]);

        latch.signal(address(2));

        assert_eq!(latch.target(), Some(address(2)));
        assert_eq!(feed(&mut latch, address(2), &[1], now), [Verdict::Locked]);
        assert_eq!(feed(&mut latch, address(1), &[2], now), [Verdict::Foreign]);
    }

    #[test]
    fn test_nothing_is_sent_to_an_unspecified_address() {
        let latch = Latch::new(SocketAddr::from(([0, 0, 0, 0], 4000)));

        assert_eq!((latch.target(), latch.rtcp_target()), (None, None));
    }
}
