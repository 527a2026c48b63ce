//! Our direction: encrypt and sign.

use super::derive::{Purpose, SessionKeys};
use super::rollover::{Rollover, index};
use super::{
    ENCRYPTED, RTCP_CLEAR_BYTES, RTCP_TAG_BYTES, SrtpError, SrtpKey, SrtpSuite, keystream, rtcp_source,
    rtp_header_bytes, rtp_identity,
};

/// Protects what we send with our key: one source at a time. A leg that takes a new SSRC (RFC 7160) begins to count anew, as
/// the far end does for a source it has not heard; it never goes back to an old one.
#[derive(Debug)]
pub struct Protector {
    suite: SrtpSuite,
    rtp: SessionKeys,
    rtcp: SessionKeys,
    /// The source that is being sent, and how far it is.
    rollover: Option<(u32, Rollover)>,
    /// Number of the next RTCP packet.
    pub(super) rtcp_index: u32,
}

impl Protector {
    /// Derive the session keys.
    pub fn new(key: &SrtpKey) -> Self {
        Self {
            suite: key.suite,
            rtp: SessionKeys::derive(key, Purpose::Rtp),
            rtcp: SessionKeys::derive(key, Purpose::Rtcp),
            rollover: None,
            rtcp_index: 0,
        }
    }

    /// Encrypt the RTP packet that `out` holds from `start` on, and append its tag.
    pub fn protect_rtp(&mut self, out: &mut Vec<u8>, start: usize) -> Result<(), SrtpError> {
        let packet = out.get_mut(start..).ok_or(SrtpError::Short)?;
        let (sequence, source) = rtp_identity(packet)?;
        let header = rtp_header_bytes(packet)?;
        let known = self.rollover.filter(|(ssrc, _)| *ssrc == source);
        let mut rollover = known.map_or_else(|| Rollover::new(sequence), |(_, rollover)| rollover);
        let rollovers = rollover.guess(sequence).ok_or(SrtpError::Exhausted)?;
        rollover.note(rollovers, sequence);
        self.rollover = Some((source, rollover));
        let block = keystream::first_block(&self.rtp.salt, source, index(rollovers, sequence));
        keystream::apply(&self.rtp.cipher, block, &mut packet[header..]);
        let tag = self.rtp.sign([packet, &rollovers.to_be_bytes()]);
        out.extend_from_slice(&tag[..self.suite.rtp_tag_bytes()]);
        Ok(())
    }

    /// Encrypt the RTCP datagram that `out` holds from `start` on, and append its index and tag.
    pub fn protect_rtcp(&mut self, out: &mut Vec<u8>, start: usize) -> Result<(), SrtpError> {
        let packet = out.get_mut(start..).ok_or(SrtpError::Short)?;
        let source = rtcp_source(packet)?;
        if self.rtcp_index >= ENCRYPTED {
            return Err(SrtpError::Exhausted);
        }
        let block = keystream::first_block(&self.rtcp.salt, source, self.rtcp_index.into());
        keystream::apply(&self.rtcp.cipher, block, &mut packet[RTCP_CLEAR_BYTES..]);
        let index = (ENCRYPTED | self.rtcp_index).to_be_bytes();
        let tag = self.rtcp.sign([packet, &index]);
        out.extend_from_slice(&index);
        out.extend_from_slice(&tag[..RTCP_TAG_BYTES]);
        self.rtcp_index += 1;
        Ok(())
    }
}
