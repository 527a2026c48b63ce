//! AES in counter mode as SRTP uses it (RFC 3711 section 4.1.1).

use aes::Aes128;
use ctr::cipher::{InnerIvInit, StreamCipher, StreamCipherCoreWrapper};
use ctr::{CtrCore, flavors};

/// The counter of SRTP is the last two bytes of the block; a wider one counts the same, since no packet is that long.
type Keystream<'a> = StreamCipherCoreWrapper<CtrCore<&'a Aes128, flavors::Ctr128BE>>;

/// Bytes of one block.
const BLOCK_BYTES: usize = 16;

/// Encrypt or decrypt `data` in place.
pub(super) fn apply(cipher: &Aes128, block: [u8; BLOCK_BYTES], data: &mut [u8]) {
    let core = CtrCore::<_, flavors::Ctr128BE>::inner_iv_init(cipher, &block.into());
    Keystream::from_core(core).apply_keystream(data);
}

/// Return the first block of a packet: salt, source and index, each in its place.
///
/// `index` counts packets: 48 bits for RTP (rollover counter and sequence number), 31 bits for RTCP.
pub(super) fn first_block(salt: &[u8; super::SALT_BYTES], source: u32, index: u64) -> [u8; BLOCK_BYTES] {
    let mut block = [0; BLOCK_BYTES];
    block[..salt.len()].copy_from_slice(salt);
    for (byte, part) in block[4..8].iter_mut().zip(source.to_be_bytes()) {
        *byte ^= part;
    }
    for (byte, part) in block[8..14].iter_mut().zip(&index.to_be_bytes()[2..]) {
        *byte ^= part;
    }
    block
}
