//! RTP packets (RFC 3550 section 5.1).

use std::ops::Range;

/// Bytes of a header without contributing sources and extension.
pub(crate) const HEADER_BYTES: usize = 12;

/// The fields of a header that media uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RtpHeader {
    /// First packet after a silence.
    pub(crate) marker: bool,
    /// 0-127.
    pub(crate) payload_type: u8,
    /// Counts packets.
    pub(crate) sequence: u16,
    /// Counts samples; that of the first sample in the packet.
    pub(crate) timestamp: u32,
    /// Names the stream.
    pub(crate) ssrc: u32,
}

/// What is wrong with a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RtpError {
    #[error("RTP packet is shorter than its header")]
    Short,
    #[error("RTP version is not 2")]
    Version,
    #[error("RTP padding is longer than the payload")]
    Padding,
}

/// Append header and payload to `out`.
pub(crate) fn pack_rtp(header: &RtpHeader, payload: &[u8], out: &mut Vec<u8>) {
    out.push(2 << 6);
    out.push((u8::from(header.marker) << 7) | (header.payload_type & 0x7f));
    out.extend_from_slice(&header.sequence.to_be_bytes());
    out.extend_from_slice(&header.timestamp.to_be_bytes());
    out.extend_from_slice(&header.ssrc.to_be_bytes());
    out.extend_from_slice(payload);
}

/// Return header and payload of a packet; contributing sources, extension and padding are passed over.
pub(crate) fn unpack_rtp(bytes: &[u8]) -> Result<(RtpHeader, &[u8]), RtpError> {
    let (head, rest) = bytes.split_first_chunk::<HEADER_BYTES>().ok_or(RtpError::Short)?;
    if head[0] >> 6 != 2 {
        return Err(RtpError::Version);
    }
    let header = RtpHeader {
        marker: head[1] & 0x80 != 0,
        payload_type: head[1] & 0x7f,
        sequence: u16::from_be_bytes([head[2], head[3]]),
        timestamp: u32::from_be_bytes([head[4], head[5], head[6], head[7]]),
        ssrc: u32::from_be_bytes([head[8], head[9], head[10], head[11]]),
    };
    let range = payload_range(head[0], rest)?;
    Ok((header, &rest[range]))
}

/// Return where in `rest` (what follows the fixed header) the payload is.
fn payload_range(first: u8, rest: &[u8]) -> Result<Range<usize>, RtpError> {
    let mut start = usize::from(first & 0x0f) * 4;
    if first & 0x10 != 0 {
        let length = rest.get(start + 2..start + 4).ok_or(RtpError::Short)?;
        start += 4 + usize::from(u16::from_be_bytes([length[0], length[1]])) * 4;
    }
    let padding = match rest.last() {
        Some(&count) if first & 0x20 != 0 => usize::from(count).max(1),
        _ => 0,
    };
    if start > rest.len() {
        return Err(RtpError::Short);
    }
    if padding > rest.len() - start {
        return Err(RtpError::Padding);
    }
    Ok(start..rest.len() - padding)
}

/// Say whether bytes on an RTP port are RTCP sent there (RFC 5761 section 4).
pub(crate) fn is_rtcp(bytes: &[u8]) -> bool {
    bytes.len() >= 2 && bytes[0] >> 6 == 2 && (192..=223).contains(&bytes[1])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

    use super::*;

    fn header() -> RtpHeader {
        RtpHeader { marker: true, payload_type: 101, sequence: 65535, timestamp: 0xfedc_ba98, ssrc: 0x0102_0304 }
    }

    #[test]
    fn test_packed_packet_has_the_bytes_of_rfc_3550() {
        let mut bytes = Vec::new();
        pack_rtp(&header(), &[7, 8], &mut bytes);

        assert_eq!(bytes, [0x80, 0xe5, 0xff, 0xff, 0xfe, 0xdc, 0xba, 0x98, 1, 2, 3, 4, 7, 8]);
        assert_eq!(unpack_rtp(&bytes), Ok((header(), &[7, 8][..])));
    }

    #[test]
    fn test_sources_extension_and_padding_are_passed_over() {
        let mut bytes = vec![0x80 | 0x20 | 0x10 | 2, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3];
        bytes.extend_from_slice(&[9; 8]); // two contributing sources
        bytes.extend_from_slice(&[0xbe, 0xde, 0, 1, 1, 1, 1, 1]); // extension of one word
        bytes.extend_from_slice(&[0x55, 0x56, 0, 0, 3]); // payload, then three bytes of padding

        assert_eq!(unpack_rtp(&bytes).map(|(_, payload)| payload), Ok(&[0x55, 0x56][..]));
    }

    #[test]
    fn test_packets_that_lie_about_their_length_are_refused() {
        assert_eq!(unpack_rtp(&[0x80; 11]), Err(RtpError::Short));
        assert_eq!(unpack_rtp(&[0x40; 12]), Err(RtpError::Version));
        assert_eq!(unpack_rtp(&[0x8f; 20]), Err(RtpError::Short));
        let mut padded = vec![0xa0; 12];
        padded.extend_from_slice(&[0, 200]);
        assert_eq!(unpack_rtp(&padded), Err(RtpError::Padding));
    }

    #[test]
    fn test_mutated_packets_never_panic() {
        let mut runner = TestRunner::new_with_rng(
            Config { cases: 4000, failure_persistence: None, ..Config::default() },
            TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]),
        );
        let bytes = proptest::collection::vec(any::<u8>(), 0..64);
        runner
            .run(&(bytes, 0x80_u8..=0xbf), |(mut bytes, first)| {
                if let Some(byte) = bytes.first_mut() {
                    *byte = first;
                }
                if let Ok((_, payload)) = unpack_rtp(&bytes) {
                    prop_assert!(payload.len() + HEADER_BYTES <= bytes.len());
                }
                Ok(())
            })
            .unwrap();
    }
}
