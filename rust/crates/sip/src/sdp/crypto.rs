//! Keys of SRTP in SDP (RFC 4568): `a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:...`.

use std::fmt;

use base64::Engine;
use base64::engine::GeneralPurpose;
use base64::engine::general_purpose::STANDARD;

/// Tolerant of missing padding, which some leave out.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    base64::engine::GeneralPurposeConfig::new()
        .with_decode_padding_mode(base64::engine::DecodePaddingMode::Indifferent),
);

/// Master key (16 bytes) and master salt (14), as they stand in SDP. Never printed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct KeySalt(pub [u8; 30]);

impl fmt::Debug for KeySalt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeySalt(***)")
    }
}

/// How packets are encrypted and signed (RFC 4568 section 6.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Suite {
    /// `AES_CM_128_HMAC_SHA1_80`.
    HmacSha1_80,
    /// `AES_CM_128_HMAC_SHA1_32`: shorter tags on RTP.
    HmacSha1_32,
}

impl Suite {
    /// Both, the better one first.
    pub const ALL: [Self; 2] = [Self::HmacSha1_80, Self::HmacSha1_32];

    /// The name of SDP.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::HmacSha1_80 => "AES_CM_128_HMAC_SHA1_80",
            Self::HmacSha1_32 => "AES_CM_128_HMAC_SHA1_32",
        }
    }
}

/// What our side wants of SRTP on a leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocalCrypto {
    /// Refuse media in the clear.
    pub required: bool,
    /// The key we send with.
    pub key: KeySalt,
}

/// What two ends agreed on for SRTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Crypto {
    /// Both directions.
    pub suite: Suite,
    /// Of what we send.
    pub local: KeySalt,
    /// Of what they send.
    pub remote: KeySalt,
}

/// One `a=crypto` line of theirs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Offered {
    pub(super) tag: u32,
    pub(super) suite: Suite,
    pub(super) key: KeySalt,
}

impl Offered {
    /// Read what follows `a=crypto:`. `None` for suites and parameters that we do not know: RFC 4568 section 6.3 lets
    /// nobody ignore a session parameter, and we have no use for a key identifier (MKI).
    pub(super) fn parse(value: &str) -> Option<Self> {
        let mut words = value.split_ascii_whitespace();
        let tag = words.next()?.parse().ok()?;
        let name = words.next()?;
        let suite = Suite::ALL.into_iter().find(|suite| suite.as_str().eq_ignore_ascii_case(name))?;
        let parameters = words.next()?;
        if words.next().is_some() {
            return None;
        }
        let inline = parameters.get(..7).filter(|method| method.eq_ignore_ascii_case("inline:"))?;
        let mut parts = parameters[inline.len()..].split('|');
        let bytes = LENIENT.decode(parts.next()?).ok()?;
        // A lifetime may follow, which we never reach; `1:4` would be an identifier in every packet.
        if parts.any(|part| part.contains(':')) {
            return None;
        }
        Some(Self { tag, suite, key: KeySalt(bytes.try_into().ok()?) })
    }
}

/// One `a=crypto` line of ours, without line end.
pub(super) fn line(tag: u32, suite: Suite, key: &KeySalt) -> String {
    format!("a=crypto:{tag} {} inline:{}", suite.as_str(), STANDARD.encode(key.0))
}

/// Return a message without the keys that its SDP may hold, for people to read; `None` if there are none.
pub(crate) fn masked(message: &[u8]) -> Option<Vec<u8>> {
    const WORD: &[u8] = b"inline:";
    let mut out = Vec::new();
    let mut rest = message;
    while let Some(at) = rest.windows(WORD.len()).position(|window| window.eq_ignore_ascii_case(WORD)) {
        let (before, key) = rest.split_at(at + WORD.len());
        let end = key.iter().position(|byte| matches!(byte, b'\r' | b'\n' | b' ' | b'|' | b';')).unwrap_or(key.len());
        out.extend_from_slice(before);
        out.extend_from_slice(b"***");
        rest = &key[end..];
    }
    if out.is_empty() {
        return None;
    }
    out.extend_from_slice(rest);
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj";

    #[test]
    fn the_example_of_rfc_4568_is_read_and_written() {
        let offered = Offered::parse(&format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}")).expect("a line");
        assert_eq!((offered.tag, offered.suite), (1, Suite::HmacSha1_80));
        assert_eq!(&offered.key.0[..4], b"wDfv");
        assert_eq!(line(1, offered.suite, &offered.key), format!("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}"));
    }

    #[test]
    fn lifetimes_are_passed_over_and_what_we_cannot_do_is_not_taken() {
        let parse = |rest: &str| Offered::parse(rest).map(|offered| offered.suite);
        assert_eq!(parse(&format!("2 aes_cm_128_hmac_sha1_32 inline:{KEY}|2^20")), Some(Suite::HmacSha1_32));
        for refused in [
            format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|2^20|1:4"),
            format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|1:4"),
            format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY} UNENCRYPTED_SRTP"),
            format!("1 F8_128_HMAC_SHA1_80 inline:{KEY}"),
            format!("x AES_CM_128_HMAC_SHA1_80 inline:{KEY}"),
            "1 AES_CM_128_HMAC_SHA1_80 inline:c2hvcnQ=".to_owned(),
            "1 AES_CM_128_HMAC_SHA1_80 \u{e4}\u{e4}\u{e4}\u{e4}".to_owned(),
            "1 AES_CM_128_HMAC_SHA1_80".to_owned(),
            String::new(),
        ] {
            assert_eq!(parse(&refused), None, "{refused}");
        }
    }

    #[test]
    fn keys_are_neither_printed_nor_traced() {
        assert_eq!(format!("{:?}", KeySalt([7; 30])), "KeySalt(***)");
        let message = format!("a\r\na=crypto:1 X inline:{KEY}|2^20\r\na=crypto:2 Y INLINE:{KEY}\r\nb");
        let masked = masked(message.as_bytes()).expect("keys");
        assert_eq!(
            String::from_utf8_lossy(&masked),
            "a\r\na=crypto:1 X inline:***|2^20\r\na=crypto:2 Y INLINE:***\r\nb"
        );
        assert_eq!(super::masked(b"v=0\r\n"), None);
    }
}
