//! SRTP and SRTCP (RFC 3711): what travels is encrypted and signed, with keys that SDP brought (RFC 4568).
//!
//! ```text
//!  master key, salt --derive--> session keys (RTP: cipher, salt, signature; RTCP: likewise)
//!
//!  sender    packet --encrypt payload--> sign header, payload, rollover counter --> packet, tag
//!  receiver  packet --guess rollover counter, seen before?--> check tag --> decrypt payload --> packet
//! ```
//!
//! One key for each direction: [`Protector`] is ours, [`Unprotector`] is the far end's. Neither knows sockets or time,
//! and neither allocates for a packet. Nothing in here may print a key: see the `Debug` of [`SrtpKey`].

mod derive;
mod keystream;
mod protect;
mod replay;
mod rollover;
#[cfg(test)]
mod tests;
mod unprotect;

pub use protect::Protector;
pub use unprotect::Unprotector;

use zeroize::{Zeroize, ZeroizeOnDrop};

/// Bytes of a master key and of a cipher key (RFC 3711 section 8.2).
pub const KEY_BYTES: usize = 16;
/// Bytes of a master salt and of a session salt.
pub const SALT_BYTES: usize = 14;
/// Bytes of a signature key.
const AUTH_KEY_BYTES: usize = 20;
/// Bytes of the tag that RTCP carries in both suites (RFC 4568 section 6.2).
const RTCP_TAG_BYTES: usize = 10;
/// Bytes of the index that RTCP carries before the tag.
const RTCP_INDEX_BYTES: usize = 4;
/// Set in that index when the packet is encrypted.
const ENCRYPTED: u32 = 1 << 31;

/// How packets are encrypted and signed: AES in counter mode, HMAC-SHA1 (RFC 4568 section 6.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SrtpSuite {
    /// `AES_CM_128_HMAC_SHA1_80`: 10 bytes of tag on each RTP packet.
    Sha1Tag80,
    /// `AES_CM_128_HMAC_SHA1_32`: 4 bytes of tag on each RTP packet, 10 on each RTCP packet.
    Sha1Tag32,
}

impl SrtpSuite {
    /// Return the name SDP knows it by.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sha1Tag80 => "AES_CM_128_HMAC_SHA1_80",
            Self::Sha1Tag32 => "AES_CM_128_HMAC_SHA1_32",
        }
    }

    /// Return the suite of a name of SDP.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Sha1Tag80, Self::Sha1Tag32].into_iter().find(|suite| suite.name().eq_ignore_ascii_case(name))
    }

    /// Bytes of the tag on an RTP packet.
    fn rtp_tag_bytes(self) -> usize {
        match self {
            Self::Sha1Tag80 => 10,
            Self::Sha1Tag32 => 4,
        }
    }
}

/// Master key and salt of one direction. Never printed, wiped from memory when dropped.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct SrtpKey {
    /// How packets are encrypted and signed.
    #[zeroize(skip)]
    pub suite: SrtpSuite,
    /// Master key.
    pub key: [u8; KEY_BYTES],
    /// Master salt.
    pub salt: [u8; SALT_BYTES],
}

impl std::fmt::Debug for SrtpKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("SrtpKey").field("suite", &self.suite).finish_non_exhaustive()
    }
}

/// Why a packet was neither sent nor taken. Each is counted by the leg; a forged packet changes nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SrtpError {
    /// Not even the shortest packet there is.
    #[error("packet is too short to be protected RTP or RTCP")]
    Short,
    /// Somebody else made it, or it was changed on the way.
    #[error("the tag does not fit: forged, damaged, or another key")]
    Tag,
    /// Its number is not above or within the window of those received.
    #[error("packet was received before, or is too old to tell")]
    Replayed,
    /// A far end has one source, and a new one when it restarts.
    #[error("more sources than one key may serve")]
    Sources,
    /// 2^48 RTP or 2^31 RTCP packets (RFC 3711 section 9.2).
    #[error("the key has protected as many packets as it may")]
    Exhausted,
}

/// Return where the payload of an RTP packet begins: header, contributing sources and extension stay in the clear.
fn rtp_header_bytes(packet: &[u8]) -> Result<usize, SrtpError> {
    let first = *packet.first().ok_or(SrtpError::Short)?;
    let mut length = crate::wire::rtp::HEADER_BYTES + usize::from(first & 0x0f) * 4;
    if first & 0x10 != 0 {
        let words = packet.get(length + 2..length + 4).ok_or(SrtpError::Short)?;
        length += 4 + usize::from(u16::from_be_bytes([words[0], words[1]])) * 4;
    }
    if length > packet.len() { Err(SrtpError::Short) } else { Ok(length) }
}

/// Return sequence number and source of an RTP packet.
fn rtp_identity(packet: &[u8]) -> Result<(u16, u32), SrtpError> {
    let head = packet.first_chunk::<{ crate::wire::rtp::HEADER_BYTES }>().ok_or(SrtpError::Short)?;
    Ok((u16::from_be_bytes([head[2], head[3]]), u32::from_be_bytes([head[8], head[9], head[10], head[11]])))
}

/// Bytes of an RTCP packet that stay in the clear: its first header and source.
const RTCP_CLEAR_BYTES: usize = 8;

/// Return the source of an RTCP packet.
fn rtcp_source(packet: &[u8]) -> Result<u32, SrtpError> {
    let head = packet.first_chunk::<RTCP_CLEAR_BYTES>().ok_or(SrtpError::Short)?;
    Ok(u32::from_be_bytes([head[4], head[5], head[6], head[7]]))
}
