//! Legs with SRTP: what is heard, what is refused before anything else looks at it, and what never leaves in the clear.

use super::stage::{DTMF, Stage, address, remote, rtp, speech};
use crate::audio::g711;
use crate::command::{Codec, LegId, MediaCommand, RemoteMedia, SrtpKeys};
use crate::operation::join::Join;
use crate::output::Channel;
use crate::shard::ShardCommand;
use crate::srtp::{KEY_BYTES, Protector, SALT_BYTES, SrtpKey, SrtpSuite, Unprotector};
use crate::wire::rtp::{RtpHeader, unpack_rtp};

fn key(fill: u8) -> SrtpKey {
    SrtpKey { suite: SrtpSuite::Sha1Tag80, key: [fill; KEY_BYTES], salt: [fill; SALT_BYTES] }
}

fn secure(leg: LegId) -> RemoteMedia {
    RemoteMedia { srtp: Some(SrtpKeys { local: key(1), remote: key(2) }), ..remote(leg, Codec::Pcma) }
}

fn stage() -> Stage {
    let mut stage = Stage::with_legs(&[(1, Codec::Pcma), (2, Codec::Pcmu)]);
    stage.set_remote(1, secure(1));
    for side in Join::new(9, 1, 2).sides() {
        stage.shard(ShardCommand::Join(side));
    }
    stage
}

/// Packets of 20 ms as the far end of leg 1 sends them, protected with its key.
fn protected(samples: &[i16], first_sequence: u16) -> Vec<Vec<u8>> {
    let mut protector = Protector::new(&key(2));
    (0_u16..)
        .zip(samples.chunks(160))
        .map(|(index, piece)| {
            let mut payload = vec![0; piece.len()];
            g711::encode(Codec::Pcma, piece, &mut payload);
            let sequence = first_sequence.wrapping_add(index);
            let header =
                RtpHeader { marker: false, payload_type: 8, sequence, timestamp: u32::from(index) * 160, ssrc: 7 };
            let mut bytes = rtp(&header, &payload);
            protector.protect_rtp(&mut bytes, 0).unwrap();
            bytes
        })
        .collect()
}

#[test]
fn test_encrypted_words_are_heard_across_the_roll_over() {
    let mut stage = stage();
    let words = speech(1, 2000);
    for (index, bytes) in (0..).zip(protected(&words, 65_500)) {
        stage.packet(1, Channel::Rtp, address(1), index * 20, bytes);
    }
    stage.run(2300);

    let heard = stage.listen(2, Codec::Pcmu);
    assert!(super::stage::find(&words[8000..10_000], &heard).1 > 0.99);
    assert_eq!(stage.count("dropped_srtp_forged"), 0);
}

#[test]
fn test_what_is_forged_replayed_or_in_the_clear_is_counted_and_nothing_else() {
    let mut stage = stage();
    let packets = protected(&speech(1, 200), 100);
    for (index, bytes) in (0..).zip(&packets) {
        stage.packet(1, Channel::Rtp, address(1), index * 20, bytes.clone());
        stage.packet(1, Channel::Rtp, address(1), index * 20 + 1, bytes.clone());
        let mut forged = bytes.clone();
        forged[20] ^= 1;
        forged[3] = forged[3].wrapping_add(50);
        stage.packet(1, Channel::Rtp, address(1), index * 20 + 2, forged);
    }
    stage.run(300);
    let header = RtpHeader { marker: false, payload_type: 8, sequence: 200, timestamp: 32_000, ssrc: 9 };
    stage.packet(1, Channel::Rtp, address(1), 0, rtp(&header, &[0x55; 160]));
    stage.run(100);

    assert_eq!(stage.count("dropped_srtp_replayed"), packets.len() as u64);
    assert_eq!(stage.count("dropped_srtp_forged"), packets.len() as u64 + 1);
    assert_eq!(stage.count("media_rtp_received"), packets.len() as u64);
    assert_eq!(stage.count("media_ssrc_changes"), 0, "a packet in the clear began a stream");
}

#[test]
fn test_audio_digits_and_reports_leave_protected() {
    let mut stage = stage();
    stage.begin(MediaCommand::SendDtmf { op: 1, leg: 1, digits: "5".into(), tone_ms: 100, gap_ms: 60 });
    stage.run(3000);

    let mut unprotector = Unprotector::new(&key(1));
    let mut kinds = std::collections::BTreeSet::new();
    for packet in &stage.heard[&1] {
        let mut bytes = rtp(&packet.header, &packet.payload);
        let clear = unprotector.unprotect_rtp(&mut bytes).unwrap();
        kinds.insert(unpack_rtp(clear).unwrap().0.payload_type);
    }
    assert_eq!(kinds.into_iter().collect::<Vec<_>>(), [8, DTMF]);
    for (_, _, bytes) in &stage.rtcp[&1] {
        assert!(unprotector.unprotect_rtcp(&mut bytes.clone()).is_ok());
    }
    assert!(!stage.rtcp[&1].is_empty());
}

#[test]
fn test_the_same_keys_again_go_on_counting_and_new_ones_begin() {
    let mut stage = stage();
    stage.run(1000);
    stage.set_remote(1, RemoteMedia { ptime_ms: 40, ..secure(1) });
    stage.run(1000);
    let sent = stage.heard[&1].len();
    stage.set_remote(1, RemoteMedia { srtp: Some(SrtpKeys { local: key(3), remote: key(4) }), ..secure(1) });
    stage.run(1000);

    let mut old = Unprotector::new(&key(1));
    let mut new = Unprotector::new(&key(3));
    for (index, packet) in stage.heard[&1].iter().enumerate() {
        let mut bytes = rtp(&packet.header, &packet.payload);
        let opened = if index < sent { old.unprotect_rtp(&mut bytes) } else { new.unprotect_rtp(&mut bytes) };
        assert!(opened.is_ok(), "packet {index}");
    }
}
