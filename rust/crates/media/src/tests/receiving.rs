//! Whose packets are taken, and what becomes of odd ones.

use std::net::SocketAddr;

use super::stage::{Stage, Talk, address, find, remote, rtp, speech};
use crate::command::{Codec, MediaCommand, RemoteMedia};
use crate::event::{MediaEvent, MediaStats};
use crate::output::Channel;
use crate::wire::rtp::RtpHeader;

/// Record what is heard from leg 1, run, and return it.
fn heard(stage: &mut Stage, ms: u64) -> Vec<i16> {
    let path = stage.folder.join("heard.wav");
    let record =
        MediaCommand::Record { op: 99, leg: 1, path: path.clone(), stereo: true, max_ms: 0, silence_stop_ms: 0 };
    stage.begin(record);
    stage.run(ms);
    stage.stop(99);
    let mut reader = hound::WavReader::open(path).unwrap();
    reader.samples().map(Result::unwrap).step_by(2).collect()
}

fn stage() -> Stage {
    Stage::with_legs(&[(1, Codec::Pcma)])
}

fn stats(stage: &mut Stage) -> MediaStats {
    stage.close(1);
    let stats = stage.events_of(|event| match event {
        MediaEvent::Stats { stats, .. } => Some(stats.clone()),
        _ => None,
    });
    stats[0].1.clone()
}

fn happened(stage: &Stage, wanted: &MediaEvent) -> Vec<u64> {
    stage.events_of(|event| (event == wanted).then_some(())).into_iter().map(|(at, ())| at).collect()
}

#[test]
fn test_the_first_packet_is_reported_once() {
    let mut stage = stage();
    stage.run(500);
    stage.talk(1, &speech(1, 500), Talk::default());
    stage.run(1000);

    let times = happened(&stage, &MediaEvent::FirstPacket { leg: 1 });
    assert_eq!(times.len(), 1);
    assert!((500..=505).contains(&times[0]), "{times:?}");
}

#[test]
fn test_strangers_are_not_heard() {
    let mut stage = stage();
    let (words, noise) = (speech(1, 2000), speech(2, 2000));
    stage.talk(1, &words, Talk::default());
    stage.talk_from(1, address(66), &noise, Talk { ssrc: 66, ..Talk::default() });

    let heard = heard(&mut stage, 2500);

    assert!(find(&words, &heard).1 > 0.99);
    let stats = stats(&mut stage);
    assert_eq!((stats.packets_received, stats.packets_foreign), (100, 100));
    assert_eq!(stage.count("dropped_rtp_foreign"), 100);
    assert!(stage.heard[&1].iter().all(|packet| packet.to == address(1)));
}

#[test]
fn test_behind_nat_the_source_is_learned_and_answered() {
    let mut stage = stage();
    let words = speech(1, 2000);
    let nat: SocketAddr = "203.0.113.9:61000".parse().unwrap();
    stage.talk_from(1, nat, &words, Talk::default());

    let heard = heard(&mut stage, 2500);

    assert!(find(&words[800..], &heard).1 > 0.99);
    assert!((3..=5).contains(&stage.count("dropped_rtp_learning")));
    assert_eq!(stage.heard[&1].first().unwrap().to, address(1));
    assert_eq!(stage.heard[&1].last().unwrap().to, nat);
}

#[test]
fn test_a_new_address_in_sdp_is_followed() {
    let mut stage = stage();
    stage.talk(1, &speech(1, 500), Talk::default());
    stage.run(500);
    stage.set_remote(1, RemoteMedia { address: address(50), ..remote(1, Codec::Pcma) });
    let words = speech(2, 1000);
    stage.talk_from(1, address(50), &words, Talk { ssrc: 5, ..Talk::default() });
    stage.talk(1, &speech(3, 1000), Talk { sequence: 65555_u32 as u16, ..Talk::default() });

    let heard = heard(&mut stage, 1200);

    assert!(find(&words, &heard).1 > 0.99);
    assert_eq!(stage.heard[&1].last().unwrap().to, address(50));
    assert_eq!(stage.count("dropped_rtp_foreign"), 50);
}

#[test]
fn test_a_new_ssrc_is_followed_at_once() {
    let mut stage = stage();
    stage.talk(1, &speech(1, 1000), Talk::default());
    stage.run(1000);
    let words = speech(2, 1000);
    stage.talk(1, &words, Talk { ssrc: 7, sequence: 9, rtp_ts: 77, ..Talk::default() });

    let heard = heard(&mut stage, 1200);

    assert!(find(&words, &heard).1 > 0.99);
    assert_eq!(stage.count("media_ssrc_changes"), 1);
    let stats = stats(&mut stage);
    assert_eq!((stats.packets_received, stats.packets_lost), (100, 0));
}

#[test]
fn test_digits_with_an_ssrc_of_their_own_do_not_disturb_the_audio() {
    let mut stage = stage();
    let words = speech(1, 2000);
    stage.talk(1, &words, Talk::default());
    stage.press(1, '5', 500);

    let heard = heard(&mut stage, 2500);

    assert_eq!(stage.count("media_ssrc_changes"), 0);
    assert!(find(&words, &heard).1 > 0.99);
    assert_eq!(stats(&mut stage).packets_lost, 0);
}

#[test]
fn test_payload_types_nobody_agreed_to_are_dropped_and_do_not_lock() {
    let mut stage = stage();
    stage.talk(1, &speech(1, 200), Talk { payload_type: 3, ..Talk::default() });
    stage.run(300);

    assert_eq!(stage.count("dropped_rtp_payload_type"), 10);
    assert!(happened(&stage, &MediaEvent::FirstPacket { leg: 1 }).is_empty());
}

#[test]
fn test_the_other_g711_law_is_understood_without_being_agreed() {
    let mut stage = stage();
    let words = speech(1, 1000);
    stage.talk(1, &words, Talk { payload_type: 0, codec: Codec::Pcmu, ..Talk::default() });

    assert!(find(&words, &heard(&mut stage, 1200)).1 > 0.99);
}

#[test]
fn test_a_dynamic_payload_type_is_the_codec_it_was_agreed_for() {
    let mut stage = stage();
    stage.set_remote(1, RemoteMedia { payload_type: 118, ..remote(1, Codec::Pcmu) });
    let words = speech(1, 1000);
    stage.talk(1, &words, Talk { payload_type: 118, codec: Codec::Pcmu, ..Talk::default() });

    assert!(find(&words, &heard(&mut stage, 1200)).1 > 0.99);
    assert!(stage.heard[&1].iter().all(|packet| packet.header.payload_type == 118));
}

#[test]
fn test_packets_of_10_to_60_ms_are_heard() {
    for packet_ms in [10, 30, 40, 50, 60] {
        let mut stage = stage();
        let words = speech(1, 1200);
        stage.talk(1, &words, Talk { packet_ms, ..Talk::default() });

        let alike = find(&words, &heard(&mut stage, 1600)).1;

        assert!(alike > 0.99, "{packet_ms} ms: {alike}");
    }
}

#[test]
fn test_malformed_and_oversized_packets_are_counted() {
    let mut stage = stage();
    let header = RtpHeader { marker: false, payload_type: 8, sequence: 1, timestamp: 0, ssrc: 1 };
    stage.packet(1, Channel::Rtp, address(1), 0, vec![1, 2, 3]);
    stage.packet(1, Channel::Rtp, address(1), 0, rtp(&header, &[0; 481]));
    stage.packet(1, Channel::Rtp, address(1), 0, rtp(&header, &[]));
    stage.run(20);

    assert_eq!(stage.count("dropped_rtp_malformed"), 3);
}

#[test]
fn test_packets_before_the_remote_is_known_are_counted() {
    let mut stage = Stage::new();
    stage.open(1);
    stage.talk(1, &speech(1, 100), Talk::default());
    stage.run(200);

    assert_eq!(stage.count("dropped_rtp_early"), 5);
}

#[test]
fn test_jitter_of_40_ms_is_ridden_out() {
    let mut stage = stage();
    let words = speech(1, 10_000);
    // Packets come in bursts of three.
    for (index, piece) in (0_u64..).zip(words.chunks(160)) {
        let mut payload = [0; 160];
        crate::audio::g711::encode(Codec::Pcma, piece, &mut payload);
        let header = RtpHeader {
            marker: false,
            payload_type: 8,
            sequence: index as u16,
            timestamp: index as u32 * 160,
            ssrc: 1,
        };
        stage.packet(1, Channel::Rtp, address(1), (index / 3 * 3 + 2) * 20, rtp(&header, &payload));
    }

    let heard = heard(&mut stage, 10_500);

    let late = stage.count("dropped_rtp_late");
    assert!(late <= 2, "{late} packets came too late");
    // After four seconds the delay became less, once.
    assert!(find(&words[40_000..64_000], &heard).1 > 0.99);
    let jitter = stats(&mut stage).jitter_ms;
    assert!((20.0..35.0).contains(&jitter), "{jitter}");
}

#[test]
fn test_lost_media_is_reported_once_until_it_comes_back() {
    let mut stage = stage();
    stage.talk(1, &speech(1, 1000), Talk::default());
    stage.run(30_000);
    let lost = MediaEvent::Lost { leg: 1 };
    let times = happened(&stage, &lost);
    assert_eq!(times.len(), 1);
    assert!((10_980..=11_020).contains(&times[0]), "{times:?}");

    stage.talk(1, &speech(1, 100), Talk { sequence: 100, ..Talk::default() });
    stage.run(20_000);

    assert_eq!(happened(&stage, &lost).len(), 2);
}

#[test]
fn test_setting_the_remote_restarts_the_clock() {
    let mut stage = stage();
    stage.run(9000);
    stage.set_remote(1, remote(1, Codec::Pcma));
    stage.run(9900);
    assert!(happened(&stage, &MediaEvent::Lost { leg: 1 }).is_empty());
    stage.run(200);

    stage.set_remote(1, remote(1, Codec::Pcma));
    stage.run(10_100);

    assert_eq!(happened(&stage, &MediaEvent::Lost { leg: 1 }).len(), 2);
}

#[test]
fn test_media_is_not_lost_on_hold_and_the_clock_starts_anew_after_it() {
    let mut stage = stage();
    stage.set_remote(1, RemoteMedia { receive: false, ..remote(1, Codec::Pcma) });
    stage.run(60_000);
    assert!(happened(&stage, &MediaEvent::Lost { leg: 1 }).is_empty());

    stage.set_remote(1, remote(1, Codec::Pcma));
    stage.run(9_900);
    assert!(happened(&stage, &MediaEvent::Lost { leg: 1 }).is_empty());
    stage.run(200);
    assert_eq!(happened(&stage, &MediaEvent::Lost { leg: 1 }).len(), 1);
}

#[test]
fn test_a_far_end_that_moved_is_found_after_media_was_lost() {
    let mut stage = stage();
    stage.talk(1, &speech(1, 1000), Talk::default());
    stage.run(2000);
    stage.talk_from(1, address(77), &speech(1, 1000), Talk { sequence: 100, ..Talk::default() });
    stage.run(10_000);
    assert_eq!(stage.count("dropped_rtp_foreign"), 50);

    let words = speech(2, 1000);
    stage.talk_from(1, address(77), &words, Talk { sequence: 500, ..Talk::default() });
    let heard = heard(&mut stage, 1200);

    assert!(find(&words[1600..], &heard).1 > 0.99);
    assert_eq!(stage.heard[&1].last().unwrap().to, address(77));
}

#[test]
fn test_comfort_noise_keeps_the_stream_alive() {
    let mut stage = stage();
    for index in 0..30_u16 {
        let header =
            RtpHeader { marker: false, payload_type: 13, sequence: index, timestamp: u32::from(index) * 8000, ssrc: 1 };
        stage.packet(1, Channel::Rtp, address(1), u64::from(index) * 1000, rtp(&header, &[40]));
    }
    stage.run(30_000);

    assert!(happened(&stage, &MediaEvent::Lost { leg: 1 }).is_empty());
    assert_eq!(stats(&mut stage).packets_received, 30);
}
