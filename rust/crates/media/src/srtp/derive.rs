//! Session keys out of a master key (RFC 3711 section 4.3), with a derivation rate of zero: once for all packets.

use aes::Aes128;
use aes::cipher::KeyInit;
use hmac::Hmac;
use hmac::Mac;
use sha1::Sha1;
use zeroize::Zeroizing;

use super::{AUTH_KEY_BYTES, KEY_BYTES, SALT_BYTES, SrtpKey, keystream};

/// Which keys are derived: RFC 3711 section 4.3.1 numbers those of RTP from 0, section 4.3.2 those of RTCP from 3.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Rtp = 0,
    Rtcp = 3,
}

/// Offsets of the three keys from the number of a [`Purpose`].
const CIPHER: u8 = 0;
const AUTH: u8 = 1;
const SALT: u8 = 2;

/// What packets of one direction and one protocol are worked on with.
pub(super) struct SessionKeys {
    pub(super) cipher: Aes128,
    pub(super) salt: [u8; SALT_BYTES],
    /// Keyed, nothing signed yet.
    auth: Hmac<Sha1>,
}

impl SessionKeys {
    pub(super) fn derive(master: &SrtpKey, purpose: Purpose) -> Self {
        let first = purpose as u8;
        let key = Zeroizing::new(session_key::<KEY_BYTES>(master, first + CIPHER));
        let auth = Zeroizing::new(session_key::<AUTH_KEY_BYTES>(master, first + AUTH));
        Self { cipher: Aes128::new(&(*key).into()), salt: session_key(master, first + SALT), auth: keyed(&auth) }
    }

    /// Return the whole HMAC-SHA1 over `parts`, one after the other.
    pub(super) fn sign(&self, parts: [&[u8]; 2]) -> [u8; AUTH_KEY_BYTES] {
        let mut mac = self.auth.clone();
        for part in parts {
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }
}

impl std::fmt::Debug for SessionKeys {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("SessionKeys")
    }
}

/// HMAC takes keys of any length, so this cannot fail; the type of the library does not say so.
fn keyed(key: &[u8; AUTH_KEY_BYTES]) -> Hmac<Sha1> {
    let mut block = hmac::digest::Key::<Hmac<Sha1>>::default();
    block[..AUTH_KEY_BYTES].copy_from_slice(key);
    <Hmac<Sha1> as KeyInit>::new(&block)
}

/// Return the first `N` bytes of the keystream that the label chooses.
pub(super) fn session_key<const N: usize>(master: &SrtpKey, label: u8) -> [u8; N] {
    let cipher = Aes128::new(&master.key.into());
    // The label stands before a 48-bit index of zero, right-aligned in the 112 bits of the salt.
    let mut salt = master.salt;
    salt[SALT_BYTES - 7] ^= label;
    let mut key = [0; N];
    keystream::apply(&cipher, keystream::first_block(&salt, 0, 0), &mut key);
    key
}
