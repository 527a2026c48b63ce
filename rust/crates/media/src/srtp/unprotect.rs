//! The far end's direction: check and decrypt.

use subtle::ConstantTimeEq;

use super::derive::{Purpose, SessionKeys};
use super::replay::ReplayWindow;
use super::rollover::{Rollover, index};
use super::{
    ENCRYPTED, RTCP_CLEAR_BYTES, RTCP_INDEX_BYTES, RTCP_TAG_BYTES, SrtpError, SrtpKey, SrtpSuite, keystream,
    rtcp_source, rtp_header_bytes, rtp_identity,
};

/// Sources one key serves at most: the far end's stream, one for its digits, and what it restarts as.
const MAX_SOURCES: usize = 8;

/// What is known of one source. Comes to be only with a packet that proved to be authentic.
#[derive(Debug, Clone, Copy)]
struct Source {
    ssrc: u32,
    /// Missing until the source sent RTP.
    rollover: Option<Rollover>,
    rtp: ReplayWindow,
    rtcp: ReplayWindow,
}

/// Checks and decrypts what comes with the far end's key.
#[derive(Debug)]
pub struct Unprotector {
    suite: SrtpSuite,
    rtp: SessionKeys,
    rtcp: SessionKeys,
    sources: Vec<Source>,
}

impl Unprotector {
    /// Derive the session keys.
    pub fn new(key: &SrtpKey) -> Self {
        Self {
            suite: key.suite,
            rtp: SessionKeys::derive(key, Purpose::Rtp),
            rtcp: SessionKeys::derive(key, Purpose::Rtcp),
            sources: Vec::new(),
        }
    }

    /// Check an RTP packet and decrypt it in place; returns it without its tag. One that is refused may be garbled.
    pub fn unprotect_rtp<'a>(&mut self, bytes: &'a mut [u8]) -> Result<&'a [u8], SrtpError> {
        let length = bytes.len().checked_sub(self.suite.rtp_tag_bytes()).ok_or(SrtpError::Short)?;
        let (packet, tag) = bytes.split_at_mut(length);
        let (sequence, ssrc) = rtp_identity(packet)?;
        let header = rtp_header_bytes(packet)?;
        let mut source = self.source(ssrc)?;
        let mut rollover = source.rollover.unwrap_or(Rollover::new(sequence));
        let rollovers = rollover.guess(sequence).ok_or(SrtpError::Exhausted)?;
        let index = index(rollovers, sequence);
        if !source.rtp.is_new(index) {
            return Err(SrtpError::Replayed);
        }
        let expected = self.rtp.sign([packet, &rollovers.to_be_bytes()]);
        check(&expected, tag)?;
        let block = keystream::first_block(&self.rtp.salt, ssrc, index);
        keystream::apply(&self.rtp.cipher, block, &mut packet[header..]);
        rollover.note(rollovers, sequence);
        source.rollover = Some(rollover);
        source.rtp.note(index);
        self.remember(source);
        Ok(packet)
    }

    /// Check an RTCP datagram and decrypt it in place; returns it without index and tag. One that is refused may be
    /// garbled.
    pub fn unprotect_rtcp<'a>(&mut self, bytes: &'a mut [u8]) -> Result<&'a [u8], SrtpError> {
        let signed = bytes.len().checked_sub(RTCP_TAG_BYTES).ok_or(SrtpError::Short)?;
        let length = signed.checked_sub(RTCP_INDEX_BYTES).ok_or(SrtpError::Short)?;
        let (packet, trailer) = bytes.split_at_mut(length);
        let ssrc = rtcp_source(packet)?;
        let (index, tag) = trailer.split_first_chunk::<RTCP_INDEX_BYTES>().ok_or(SrtpError::Short)?;
        let word = u32::from_be_bytes(*index);
        let number = u64::from(word & !ENCRYPTED);
        let mut source = self.source(ssrc)?;
        if !source.rtcp.is_new(number) {
            return Err(SrtpError::Replayed);
        }
        check(&self.rtcp.sign([packet, index]), tag)?;
        if word & ENCRYPTED != 0 {
            let block = keystream::first_block(&self.rtcp.salt, ssrc, number);
            keystream::apply(&self.rtcp.cipher, block, &mut packet[RTCP_CLEAR_BYTES..]);
        }
        source.rtcp.note(number);
        self.remember(source);
        Ok(packet)
    }

    /// Return what is known of a source, or a new one while there is room.
    fn source(&self, ssrc: u32) -> Result<Source, SrtpError> {
        match self.sources.iter().find(|source| source.ssrc == ssrc) {
            Some(source) => Ok(*source),
            None if self.sources.len() >= MAX_SOURCES => Err(SrtpError::Sources),
            None => Ok(Source { ssrc, rollover: None, rtp: ReplayWindow::default(), rtcp: ReplayWindow::default() }),
        }
    }

    fn remember(&mut self, source: Source) {
        match self.sources.iter_mut().find(|known| known.ssrc == source.ssrc) {
            Some(known) => *known = source,
            None => self.sources.push(source),
        }
    }
}

/// Compare the beginning of a signature with a tag, in a time that says nothing about where they differ.
fn check(expected: &[u8], tag: &[u8]) -> Result<(), SrtpError> {
    let expected = expected.get(..tag.len()).ok_or(SrtpError::Tag)?;
    if bool::from(expected.ct_eq(tag)) { Ok(()) } else { Err(SrtpError::Tag) }
}
