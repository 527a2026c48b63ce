//! RTCP packets (RFC 3550 section 6): sender and receiver report, source description, goodbye.

/// Packet types, RFC 3550 section 12.1.
const SR: u8 = 200;
const RR: u8 = 201;
const SDES: u8 = 202;
const BYE: u8 = 203;
/// SDES item: canonical name.
const CNAME: u8 = 1;
/// Bytes of one report block.
const BLOCK_BYTES: usize = 24;
/// Packets read out of one datagram; what follows is ignored.
const MAX_PACKETS: usize = 16;

/// What a receiver says about one source (RFC 3550 section 6.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ReportBlock {
    /// The source reported on.
    pub(crate) ssrc: u32,
    /// Share of packets lost since the last report, in 1/256.
    pub(crate) fraction_lost: u8,
    /// Packets lost since the begin, -2^23 to 2^23-1.
    pub(crate) cumulative_lost: i32,
    /// Highest sequence number, with the count of its cycles in the upper half.
    pub(crate) highest_sequence: u32,
    /// Interarrival jitter in RTP ticks.
    pub(crate) jitter_rtp_ts: u32,
    /// Middle 32 bits of the NTP time in the last sender report, 0 for none.
    pub(crate) last_sr: u32,
    /// Since that report arrived, in 1/65536 s.
    pub(crate) delay_since_sr: u32,
}

/// What a sender says about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SenderInfo {
    /// Wall clock, seconds since 1900 in the upper half.
    pub(crate) ntp: u64,
    /// The same moment in RTP ticks.
    pub(crate) rtp_ts: u32,
    /// Packets sent since the begin.
    pub(crate) packets: u32,
    /// Payload bytes sent since the begin.
    pub(crate) octets: u32,
}

/// One packet out of a compound datagram.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RtcpPacket {
    /// SR, or RR when there is no sender info.
    Report { ssrc: u32, sender: Option<SenderInfo>, blocks: Vec<ReportBlock> },
    /// BYE.
    Goodbye { sources: Vec<u32> },
    /// SDES, APP, feedback: of no use here.
    Other { packet_type: u8 },
}

/// What is wrong with a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RtcpError {
    #[error("RTCP packet is shorter than its header says")]
    Short,
    #[error("RTCP version is not 2")]
    Version,
    #[error("RTCP datagram does not begin with a report")]
    NoReport,
}

/// Append SR (with `sender`) or RR with at most one block.
pub(crate) fn pack_report(ssrc: u32, sender: Option<&SenderInfo>, block: Option<&ReportBlock>, out: &mut Vec<u8>) {
    let body = 4 + if sender.is_some() { 20 } else { 0 } + if block.is_some() { BLOCK_BYTES } else { 0 };
    pack_header(u8::from(block.is_some()), if sender.is_some() { SR } else { RR }, body, out);
    out.extend_from_slice(&ssrc.to_be_bytes());
    if let Some(info) = sender {
        out.extend_from_slice(&info.ntp.to_be_bytes());
        for word in [info.rtp_ts, info.packets, info.octets] {
            out.extend_from_slice(&word.to_be_bytes());
        }
    }
    if let Some(block) = block {
        let [_, high, middle, low] = block.cumulative_lost.clamp(-0x80_0000, 0x7f_ffff).to_be_bytes();
        out.extend_from_slice(&block.ssrc.to_be_bytes());
        out.extend_from_slice(&[block.fraction_lost, high, middle, low]);
        for word in [block.highest_sequence, block.jitter_rtp_ts, block.last_sr, block.delay_since_sr] {
            out.extend_from_slice(&word.to_be_bytes());
        }
    }
}

/// Append SDES with a canonical name of at most 255 bytes.
pub(crate) fn pack_cname(ssrc: u32, name: &str, out: &mut Vec<u8>) {
    let name = &name.as_bytes()[..name.len().min(255)];
    // The list of items ends with at least one zero and is padded to whole words.
    let items = (2 + name.len() + 1).next_multiple_of(4);
    pack_header(1, SDES, 4 + items, out);
    out.extend_from_slice(&ssrc.to_be_bytes());
    out.push(CNAME);
    #[allow(clippy::cast_possible_truncation)] // cut to 255 above
    out.push(name.len() as u8);
    out.extend_from_slice(name);
    out.resize(out.len() + items - 2 - name.len(), 0);
}

/// Append BYE for one source.
pub(crate) fn pack_goodbye(ssrc: u32, out: &mut Vec<u8>) {
    pack_header(1, BYE, 4, out);
    out.extend_from_slice(&ssrc.to_be_bytes());
}

fn pack_header(count: u8, packet_type: u8, body: usize, out: &mut Vec<u8>) {
    // Length is in words without the first one, so just the words of the body.
    let words = u16::try_from(body / 4).unwrap_or(u16::MAX);
    out.extend_from_slice(&[(2 << 6) | (count & 0x1f), packet_type]);
    out.extend_from_slice(&words.to_be_bytes());
}

/// Return the packets of a compound datagram (RFC 3550 appendix A.2: version 2, a report first).
pub(crate) fn unpack_rtcp(bytes: &[u8]) -> Result<Vec<RtcpPacket>, RtcpError> {
    let mut packets = Vec::with_capacity(2);
    let mut rest = bytes;
    while !rest.is_empty() && packets.len() < MAX_PACKETS {
        let (head, tail) = rest.split_first_chunk::<4>().ok_or(RtcpError::Short)?;
        if head[0] >> 6 != 2 {
            return Err(RtcpError::Version);
        }
        if packets.is_empty() && head[1] != SR && head[1] != RR {
            return Err(RtcpError::NoReport);
        }
        let length = usize::from(u16::from_be_bytes([head[2], head[3]])) * 4;
        let body = tail.get(..length).ok_or(RtcpError::Short)?;
        packets.push(unpack_packet(head[1], usize::from(head[0] & 0x1f), body)?);
        rest = &tail[length..];
    }
    Ok(packets)
}

fn unpack_packet(packet_type: u8, count: usize, body: &[u8]) -> Result<RtcpPacket, RtcpError> {
    match packet_type {
        SR | RR => unpack_report(packet_type == SR, count, body),
        BYE => {
            let sources = (0..count).map(|index| word(body, index * 4)).collect::<Result<_, _>>()?;
            Ok(RtcpPacket::Goodbye { sources })
        }
        _ => Ok(RtcpPacket::Other { packet_type }),
    }
}

fn unpack_report(is_sender: bool, count: usize, body: &[u8]) -> Result<RtcpPacket, RtcpError> {
    let ssrc = word(body, 0)?;
    let mut at = 4;
    let mut sender = None;
    if is_sender {
        let ntp = (u64::from(word(body, 4)?) << 32) | u64::from(word(body, 8)?);
        sender = Some(SenderInfo { ntp, rtp_ts: word(body, 12)?, packets: word(body, 16)?, octets: word(body, 20)? });
        at = 24;
    }
    let mut blocks = Vec::with_capacity(count);
    for index in 0..count {
        blocks.push(unpack_block(body, at + index * BLOCK_BYTES)?);
    }
    Ok(RtcpPacket::Report { ssrc, sender, blocks })
}

fn unpack_block(body: &[u8], at: usize) -> Result<ReportBlock, RtcpError> {
    let loss = word(body, at + 4)?;
    Ok(ReportBlock {
        ssrc: word(body, at)?,
        fraction_lost: loss.to_be_bytes()[0],
        // Shift up and back down, so that the sign bit of the 24 bits is extended.
        cumulative_lost: (loss << 8).cast_signed() >> 8,
        highest_sequence: word(body, at + 8)?,
        jitter_rtp_ts: word(body, at + 12)?,
        last_sr: word(body, at + 16)?,
        delay_since_sr: word(body, at + 20)?,
    })
}

fn word(body: &[u8], at: usize) -> Result<u32, RtcpError> {
    let bytes = body.get(at..).and_then(|rest| rest.first_chunk::<4>()).ok_or(RtcpError::Short)?;
    Ok(u32::from_be_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

    use super::*;

    fn compound() -> (Vec<u8>, SenderInfo, ReportBlock) {
        let info = SenderInfo { ntp: 0x0102_0304_0506_0708, rtp_ts: 160, packets: 7, octets: 1120 };
        let block = ReportBlock {
            ssrc: 9,
            fraction_lost: 64,
            cumulative_lost: -3,
            highest_sequence: 0x1_0002,
            jitter_rtp_ts: 12,
            last_sr: 0x0304_0506,
            delay_since_sr: 65536,
        };
        let mut bytes = Vec::new();
        pack_report(5, Some(&info), Some(&block), &mut bytes);
        pack_cname(5, "abcde", &mut bytes);
        pack_goodbye(5, &mut bytes);
        (bytes, info, block)
    }

    #[test]
    fn test_compound_datagram_comes_back_as_it_was_packed() {
        let (bytes, info, block) = compound();

        assert_eq!(
            unpack_rtcp(&bytes),
            Ok(vec![
                RtcpPacket::Report { ssrc: 5, sender: Some(info), blocks: vec![block] },
                RtcpPacket::Other { packet_type: SDES },
                RtcpPacket::Goodbye { sources: vec![5] },
            ])
        );
        assert_eq!(bytes.len() % 4, 0);
    }

    #[test]
    fn test_cname_is_ended_by_a_zero_and_padded() {
        let mut bytes = Vec::new();
        pack_cname(1, "ab", &mut bytes);

        assert_eq!(bytes, [0x81, 202, 0, 3, 0, 0, 0, 1, 1, 2, b'a', b'b', 0, 0, 0, 0]);
    }

    #[test]
    fn test_receiver_report_without_block_is_one_word() {
        let mut bytes = Vec::new();
        pack_report(1, None, None, &mut bytes);

        assert_eq!(bytes, [0x80, 201, 0, 1, 0, 0, 0, 1]);
    }

    #[test]
    fn test_every_truncation_is_refused_or_ends_at_a_packet() {
        let (bytes, _, _) = compound();
        let whole: Vec<usize> = vec![0, 52, 52 + 16, 52 + 16 + 8];

        for length in 0..=bytes.len() {
            assert_eq!(unpack_rtcp(&bytes[..length]).is_ok(), whole.contains(&length), "cut at {length}");
        }
    }

    #[test]
    fn test_datagram_without_a_report_first_is_refused() {
        let mut bytes = Vec::new();
        pack_goodbye(1, &mut bytes);

        assert_eq!(unpack_rtcp(&bytes), Err(RtcpError::NoReport));
    }

    #[test]
    fn test_mutated_datagrams_never_panic() {
        let mut runner = TestRunner::new_with_rng(
            Config { cases: 4000, failure_persistence: None, ..Config::default() },
            TestRng::from_seed(RngAlgorithm::ChaCha, &[3; 32]),
        );
        let (good, _, _) = compound();
        let edits = proptest::collection::vec((0..good.len(), any::<u8>()), 0..6);
        runner
            .run(&(edits, 0..=good.len()), |(edits, length)| {
                let mut bytes = good.clone();
                for (at, byte) in edits {
                    bytes[at] = byte;
                }
                let _ = unpack_rtcp(&bytes[..length]);
                Ok(())
            })
            .unwrap();
    }
}
