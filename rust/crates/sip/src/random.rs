//! Numbers nobody can guess: tags and client nonces (RFC 3261 section 19.3 asks for 32 bits; we give 64).

use std::fmt::Write;

use sha2::{Digest, Sha256};

/// A counter under a hash with a secret: unpredictable to the network, repeatable for tests.
#[derive(Debug)]
pub(crate) struct Random {
    seed: u64,
    drawn: u64,
}

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed, drawn: 0 }
    }

    /// 64 bits.
    pub(crate) fn number(&mut self) -> u64 {
        self.drawn += 1;
        let mut hash = Sha256::new();
        hash.update(b"ringback random");
        hash.update(self.seed.to_be_bytes());
        hash.update(self.drawn.to_be_bytes());
        first_u64(&hash.finalize())
    }

    /// 16 hexadecimal digits, a token.
    pub(crate) fn token(&mut self) -> Vec<u8> {
        format!("{:016x}", self.number()).into_bytes()
    }
}

fn first_u64(bytes: &[u8]) -> u64 {
    bytes.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// Lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
