//! What a trunk allows of media.

use ringback_sip::{Codec, KeySalt, LocalCrypto};

use crate::error::EngineError;

/// Whether media is encrypted (SRTP, RFC 3711) with keys in SDP (RFC 4568).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum SrtpMode {
    /// Never; offers of nothing but SRTP are refused.
    #[default]
    Off,
    /// Where both sides can: keys within plain `RTP/AVP` are offered, and taken in either profile.
    Optional,
    /// Always: `RTP/SAVP` is offered, and media in the clear refused (`no_srtp`).
    Required,
}

impl SrtpMode {
    /// Read the word of the Python contract: `off`, `optional`, `required`.
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "off" => Some(Self::Off),
            "optional" => Some(Self::Optional),
            "required" => Some(Self::Required),
            _ => None,
        }
    }
}

/// What legs of a trunk offer and take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaPolicy {
    /// Order of preference, at least one.
    pub codecs: Vec<Codec>,
    /// Whether media is encrypted.
    pub srtp: SrtpMode,
    /// Send the keys even where signaling is not encrypted, so that whoever reads it can decrypt the media.
    pub srtp_over_clear: bool,
    /// Digits are tones within the audio both ways, whatever the far end says of telephone events.
    pub inband_dtmf: bool,
}

impl Default for MediaPolicy {
    fn default() -> Self {
        Self { codecs: vec![Codec::Pcma, Codec::Pcmu], srtp: SrtpMode::Off, srtp_over_clear: false, inband_dtmf: false }
    }
}

/// SRTP is required, and signaling in the clear would give the key away; or there is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NoSrtp;

/// Read how digits travel, in the word of the Python contract: `auto` or `inband`; says whether within the audio.
pub fn parse_dtmf(word: &str) -> Result<bool, EngineError> {
    match word {
        "auto" => Ok(false),
        "inband" => Ok(true),
        _ => Err(EngineError::argument("dtmf", format!("{word:?} is neither auto nor inband"))),
    }
}

impl MediaPolicy {
    /// Return what a leg tells of SRTP; `draw` makes a key. `secure`: its signaling is encrypted.
    pub(crate) fn crypto(
        &self,
        secure: bool,
        draw: impl FnOnce() -> Option<[u8; 30]>,
    ) -> Result<Option<LocalCrypto>, NoSrtp> {
        let required = self.srtp == SrtpMode::Required;
        let allowed = self.srtp != SrtpMode::Off && (secure || self.srtp_over_clear);
        let key = if allowed { draw() } else { None };
        match key {
            Some(key) => Ok(Some(LocalCrypto { required, key: KeySalt(key) })),
            None if required => Err(NoSrtp),
            None => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_told_only_where_nobody_else_reads_them() {
        let crypto = |srtp, srtp_over_clear, secure| {
            let policy = MediaPolicy { srtp, srtp_over_clear, ..MediaPolicy::default() };
            policy.crypto(secure, || Some([7; 30])).map(|crypto| crypto.map(|crypto| crypto.required))
        };
        assert_eq!(crypto(SrtpMode::Off, true, true), Ok(None));
        assert_eq!(crypto(SrtpMode::Optional, false, false), Ok(None));
        assert_eq!(crypto(SrtpMode::Optional, false, true), Ok(Some(false)));
        assert_eq!(crypto(SrtpMode::Optional, true, false), Ok(Some(false)));
        assert_eq!(crypto(SrtpMode::Required, false, false), Err(NoSrtp));
        assert_eq!(crypto(SrtpMode::Required, false, true), Ok(Some(true)));
        let policy = MediaPolicy { srtp: SrtpMode::Required, ..MediaPolicy::default() };
        assert_eq!(policy.crypto(true, || None), Err(NoSrtp), "no key, no call");
    }
}
