//! Vectors of RFC 3711 appendix B and of the reference implementation, and what an attacker may try.

use aes::Aes128;
use aes::cipher::KeyInit;
use proptest::prelude::*;

use super::derive::session_key;
use super::*;

fn bytes(hex: &str) -> Vec<u8> {
    let hex: String = hex.split_whitespace().collect();
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

fn key(suite: SrtpSuite) -> SrtpKey {
    let key = bytes("e1f97a0d3e018be0d64fa32c06de4139").try_into().unwrap();
    let salt = bytes("0ec675ad498afeebb6960b3aabe6").try_into().unwrap();
    SrtpKey { suite, key, salt }
}

fn packet(sequence: u16) -> Vec<u8> {
    let mut packet = vec![0x80, 0x0f];
    packet.extend_from_slice(&sequence.to_be_bytes());
    packet.extend(bytes("decafbad cafebabe"));
    packet.extend([0xab; 16]);
    packet
}

fn report() -> Vec<u8> {
    [bytes("81c8000b cafebabe"), vec![0xab; 16]].concat()
}

fn protected(protector: &mut Protector, sequence: u16) -> Vec<u8> {
    let mut out = packet(sequence);
    protector.protect_rtp(&mut out, 0).unwrap();
    out
}

/// RFC 3711 appendix B.2.
#[test]
fn keystream_is_that_of_the_rfc() {
    let cipher = Aes128::new_from_slice(&bytes("2b7e151628aed2a6abf7158809cf4f3c")).unwrap();
    let salt = bytes("f0f1f2f3f4f5f6f7f8f9fafbfcfd").try_into().unwrap();
    let mut stream = vec![0; 0xff02 * 16 + 16];

    keystream::apply(&cipher, keystream::first_block(&salt, 0, 0), &mut stream);

    let block = |number: usize| &stream[number * 16..number * 16 + 16];
    assert_eq!(block(0), bytes("e03ead0935c95e80e166b16dd92b4eb4"));
    assert_eq!(block(1), bytes("d23513162b02d0f72a43a2fe4a5f97ab"));
    assert_eq!(block(2), bytes("41e95b3bb0a2e8dd477901e4fca894c0"));
    assert_eq!(block(0xfeff), bytes("ec8cdf7398607cb0f2d21675ea9ea1e4"));
    assert_eq!(block(0xff00), bytes("362b7c3c6773516318a077d7fc5073ae"));
    assert_eq!(block(0xff01), bytes("6a2cc3787889374fbeb4c81b17ba6c44"));
}

/// RFC 3711 appendix B.3; its signature key is longer than ours, which are its first bytes.
#[test]
fn session_keys_are_those_of_the_rfc() {
    let master = key(SrtpSuite::Sha1Tag80);

    assert_eq!(session_key::<16>(&master, 0).to_vec(), bytes("c61e7a93744f39ee10734afe3ff7a087"));
    assert_eq!(session_key::<14>(&master, 2).to_vec(), bytes("30cbbc08863d8c85d49db34a9ae1"));
    assert_eq!(
        session_key::<94>(&master, 1).to_vec(),
        bytes(
            "cebe321f6ff7716b6fd4ab49af256a15 6d38baa48f0a0acf3c34e2359e6cdbce e049646c43d9327ad175578ef7227098
             6371c10c9a369ac2f94a8c5fbcdddc25 6d6e919a48b610ef17c2041e47403576 6b68642c59bbfc2f34db60dbdfb2"
        )
    );
}

/// The packet that the reference implementation (libsrtp) checks itself with.
#[test]
fn rtp_packet_is_that_of_the_reference_implementation() {
    let whole = bytes("800f1234 decafbad cafebabe 4e55dc4c e79978d8 8ca4d215 949d2402 b78d6acc 99ea179b 8dbb");
    let mut sender = Protector::new(&key(SrtpSuite::Sha1Tag80));

    let mut sent = protected(&mut sender, 0x1234);

    assert_eq!(sent, whole);
    let mut receiver = Unprotector::new(&key(SrtpSuite::Sha1Tag80));
    assert_eq!(receiver.unprotect_rtp(&mut sent), Ok(packet(0x1234).as_slice()));
}

/// Likewise; the reference implementation begins to count at one.
#[test]
fn rtcp_packet_is_that_of_the_reference_implementation() {
    let whole = bytes("81c8000b cafebabe 7128035b e487b9bd bef89041 f977a5a8 80000001 993e08cd 54d6c123 0798");
    let mut sender = Protector::new(&key(SrtpSuite::Sha1Tag80));
    sender.rtcp_index = 1;
    let mut out = report();

    sender.protect_rtcp(&mut out, 0).unwrap();

    assert_eq!(out, whole);
    let mut receiver = Unprotector::new(&key(SrtpSuite::Sha1Tag80));
    assert_eq!(receiver.unprotect_rtcp(&mut out), Ok(report().as_slice()));
}

#[test]
fn short_tag_is_short_for_rtp_only() {
    let mut sender = Protector::new(&key(SrtpSuite::Sha1Tag32));
    let mut receiver = Unprotector::new(&key(SrtpSuite::Sha1Tag32));
    let (mut audio, mut control) = (protected(&mut sender, 1), report());
    sender.protect_rtcp(&mut control, 0).unwrap();

    assert_eq!((audio.len(), control.len()), (packet(1).len() + 4, report().len() + 14));
    assert_eq!(receiver.unprotect_rtp(&mut audio), Ok(packet(1).as_slice()));
    assert_eq!(receiver.unprotect_rtcp(&mut control), Ok(report().as_slice()));
}

#[test]
fn packets_go_on_across_the_rollover_in_any_order() {
    let mut sender = Protector::new(&key(SrtpSuite::Sha1Tag80));
    let mut receiver = Unprotector::new(&key(SrtpSuite::Sha1Tag80));
    let sequences: Vec<u16> = (65_530..=65_535).chain(0..6).collect();
    let mut sent: Vec<_> = sequences.iter().map(|&sequence| (sequence, protected(&mut sender, sequence))).collect();
    sent.swap(5, 6);
    sent.swap(4, 9);

    for (sequence, bytes) in &mut sent {
        assert_eq!(receiver.unprotect_rtp(bytes), Ok(packet(*sequence).as_slice()), "{sequence}");
    }
}

#[test]
fn new_source_after_a_rollover_is_understood() {
    let mut sender = Protector::new(&key(SrtpSuite::Sha1Tag80));
    let mut receiver = Unprotector::new(&key(SrtpSuite::Sha1Tag80));
    for sequence in [65_535, 0] {
        assert!(receiver.unprotect_rtp(&mut protected(&mut sender, sequence)).is_ok());
    }
    let mut changed = packet(1);
    changed[8..12].copy_from_slice(&7_u32.to_be_bytes());
    let clear = changed.clone();

    sender.protect_rtp(&mut changed, 0).unwrap();

    assert_eq!(receiver.unprotect_rtp(&mut changed), Ok(clear.as_slice()));
}

#[test]
fn packet_counts_once() {
    let mut sender = Protector::new(&key(SrtpSuite::Sha1Tag80));
    let mut receiver = Unprotector::new(&key(SrtpSuite::Sha1Tag80));
    let (audio, mut control) = (protected(&mut sender, 7), report());
    sender.protect_rtcp(&mut control, 0).unwrap();

    assert!(receiver.unprotect_rtp(&mut audio.clone()).is_ok());
    assert!(receiver.unprotect_rtcp(&mut control.clone()).is_ok());

    assert_eq!(receiver.unprotect_rtp(&mut audio.clone()), Err(SrtpError::Replayed));
    assert_eq!(receiver.unprotect_rtcp(&mut control.clone()), Err(SrtpError::Replayed));
}

#[test]
fn forged_packets_leave_no_trace_behind() {
    let mut receiver = Unprotector::new(&key(SrtpSuite::Sha1Tag80));
    let sender = || Protector::new(&key(SrtpSuite::Sha1Tag80));
    for source in 0..100_u32 {
        let mut forged = protected(&mut sender(), 60_000);
        forged[8..12].copy_from_slice(&source.to_be_bytes());
        assert_eq!(receiver.unprotect_rtp(&mut forged), Err(SrtpError::Tag));
    }

    assert!(receiver.unprotect_rtp(&mut protected(&mut sender(), 1)).is_ok());
}

#[test]
fn one_key_serves_a_bounded_number_of_sources() {
    let mut receiver = Unprotector::new(&key(SrtpSuite::Sha1Tag80));
    let results: Vec<bool> = (0..20_u32)
        .map(|source| {
            let mut bytes = packet(1);
            bytes[8..12].copy_from_slice(&source.to_be_bytes());
            Protector::new(&key(SrtpSuite::Sha1Tag80)).protect_rtp(&mut bytes, 0).unwrap();
            receiver.unprotect_rtp(&mut bytes).is_ok()
        })
        .collect();

    assert_eq!(results.iter().filter(|taken| **taken).count(), 8);
    assert!(results[..8].iter().all(|taken| *taken));
}

#[test]
fn key_that_served_its_packets_protects_no_more() {
    let mut sender = Protector::new(&key(SrtpSuite::Sha1Tag80));
    sender.rtcp_index = ENCRYPTED - 1;
    let mut out = report();

    assert_eq!(sender.protect_rtcp(&mut out, 0), Ok(()));
    assert_eq!(sender.protect_rtcp(&mut report(), 0), Err(SrtpError::Exhausted));
}

#[test]
fn contributing_sources_and_extension_stay_readable() {
    let mut out = bytes("910f0001 decafbad cafebabe 00000001 bede0001 11223344 abababab");
    let clear = out.clone();

    Protector::new(&key(SrtpSuite::Sha1Tag80)).protect_rtp(&mut out, 0).unwrap();

    assert_eq!(out[..24], clear[..24]);
    assert_ne!(out[24..28], clear[24..28]);
}

#[test]
fn key_is_never_printed() {
    let key = key(SrtpSuite::Sha1Tag80);

    let printed = format!("{key:?} {:?} {:?}", Protector::new(&key), Unprotector::new(&key));

    assert!(!printed.contains("225") && !printed.to_lowercase().contains("e1"), "{printed}");
}

proptest! {
    #[test]
    fn any_bytes_are_refused_without_a_panic(mut any in proptest::collection::vec(any::<u8>(), 0..200)) {
        let mut receiver = Unprotector::new(&key(SrtpSuite::Sha1Tag80));
        prop_assert!(receiver.unprotect_rtp(&mut any.clone()).is_err());
        prop_assert!(receiver.unprotect_rtcp(&mut any).is_err());
    }

    #[test]
    fn any_changed_bit_is_noticed(bit in 0..38 * 8_usize) {
        let mut sent = protected(&mut Protector::new(&key(SrtpSuite::Sha1Tag80)), 9);
        sent[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(Unprotector::new(&key(SrtpSuite::Sha1Tag80)).unprotect_rtp(&mut sent).is_err());
    }
}
