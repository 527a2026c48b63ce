//! What goes out when, and digits to the far end.

use super::stage::{DTMF, Stage, address, remote};
use crate::audio::country_tones::Country;
use crate::audio::g711;
use crate::command::{Codec, MediaCommand, RemoteMedia, ToneName};
use crate::event::OpResult;

#[test]
fn test_a_leg_with_nothing_to_say_sends_silence_every_20_ms() {
    let mut stage = Stage::with_legs(&[(1, Codec::Pcma), (2, Codec::Pcmu)]);
    stage.run(1000);

    for (leg, codec) in [(1, Codec::Pcma), (2, Codec::Pcmu)] {
        let packets = &stage.heard[&leg];
        assert_eq!(packets.len(), 50);
        for (index, pair) in packets.windows(2).enumerate() {
            assert_eq!(pair[1].at_ms - pair[0].at_ms, 20, "packet {index}");
            assert_eq!(pair[1].header.timestamp.wrapping_sub(pair[0].header.timestamp), 160);
            assert_eq!(pair[1].header.sequence.wrapping_sub(pair[0].header.sequence), 1);
        }
        assert!(packets.iter().all(|packet| packet.payload == [g711::silence(codec); 160]));
        assert!(packets[0].header.marker && packets[1..].iter().all(|packet| !packet.header.marker));
        assert!(packets.iter().all(|packet| packet.to == address(leg)));
    }
}

#[test]
fn test_legs_are_spread_over_the_ticks() {
    let legs: Vec<_> = (1..=8).map(|leg| (leg, Codec::Pcma)).collect();
    let mut stage = Stage::with_legs(&legs);
    stage.run(20);

    let mut times: Vec<u64> = stage.heard.values().map(|packets| packets[0].at_ms).collect();
    times.sort_unstable();
    assert_eq!(times, [5, 5, 10, 10, 15, 15, 20, 20]);
}

#[test]
fn test_nothing_is_sent_while_the_far_end_holds_us() {
    let mut stage = Stage::with_legs(&[(1, Codec::Pcma)]);
    stage.run(200);
    stage.set_remote(1, RemoteMedia { send: false, ..remote(1, Codec::Pcma) });
    stage.run(1000);
    assert_eq!(stage.heard[&1].len(), 10);

    stage.set_remote(1, remote(1, Codec::Pcma));
    stage.run(200);

    let packets = &stage.heard[&1];
    assert_eq!(packets.len(), 20);
    let pause = packets[10].header.timestamp.wrapping_sub(packets[9].header.timestamp);
    assert_eq!((pause, packets[10].header.marker), (51 * 160, true));
    assert_eq!(packets[10].header.sequence, packets[9].header.sequence.wrapping_add(1));
}

#[test]
fn test_nothing_is_sent_to_an_unspecified_address() {
    let mut stage = Stage::with_legs(&[(1, Codec::Pcma)]);
    let nowhere = "0.0.0.0:4000".parse().unwrap();
    stage.set_remote(1, RemoteMedia { address: nowhere, ..remote(1, Codec::Pcma) });
    stage.run(6000);

    assert!(stage.heard.is_empty() && stage.rtcp.is_empty());
}

#[test]
fn test_the_codec_may_change_in_a_call() {
    let mut stage = Stage::with_legs(&[(1, Codec::Pcma)]);
    stage.begin(MediaCommand::Tone {
        op: 1,
        leg: 1,
        name: ToneName::Ringback,
        country: Country::default(),
        duration_ms: 0,
    });
    stage.run(100);
    stage.set_remote(1, remote(1, Codec::Pcmu));
    stage.run(100);

    let types: Vec<u8> = stage.heard[&1].iter().map(|packet| packet.header.payload_type).collect();
    assert_eq!(types, [8, 8, 8, 8, 8, 0, 0, 0, 0, 0]);
    assert_eq!(stage.op(1), None);
}

#[test]
fn test_packets_have_the_length_agreed() {
    let mut stage = Stage::with_legs(&[(1, Codec::Pcma)]);
    stage.set_remote(1, RemoteMedia { ptime_ms: 60, ..remote(1, Codec::Pcma) });
    stage.run(1200);

    let packets = &stage.heard[&1];
    assert_eq!(packets.len(), 20);
    assert!(packets.iter().all(|packet| packet.payload.len() == 480));
}

#[test]
fn test_digits_go_out_as_events_instead_of_audio() {
    let mut stage = Stage::with_legs(&[(1, Codec::Pcma)]);
    stage.begin(MediaCommand::SendDtmf { op: 1, leg: 1, digits: "1#".into(), tone_ms: 100, gap_ms: 60 });
    stage.begin(MediaCommand::SendDtmf { op: 2, leg: 1, digits: "A".into(), tone_ms: 40, gap_ms: 40 });
    stage.run(1000);

    let packets = &stage.heard[&1];
    assert_eq!(packets.len(), 50, "one packet at each tick, audio or event");
    let events: Vec<_> = packets.iter().filter(|packet| packet.header.payload_type == DTMF).collect();
    let digits: Vec<(u8, u32)> = events.iter().map(|packet| (packet.payload[0], packet.header.timestamp)).collect();
    let mut presses = digits.clone();
    presses.dedup();
    assert_eq!(presses.iter().map(|press| press.0).collect::<Vec<_>>(), [1, 11, 12]);
    // 160 ms from the begin of one digit to the next.
    assert_eq!(presses[1].1.wrapping_sub(presses[0].1), 1280);
    assert_eq!(events.iter().filter(|packet| packet.payload[1] & 0x80 != 0).count(), 9);
    assert_eq!(stage.op(1).map(|end| end.1), Some(OpResult::Done));
    assert!(stage.op(1).unwrap().0 < stage.op(2).unwrap().0);
}

#[test]
fn test_digits_are_tones_when_events_were_not_agreed() {
    let mut stage = Stage::with_legs(&[(1, Codec::Pcma)]);
    stage.set_remote(1, RemoteMedia { dtmf: None, ..remote(1, Codec::Pcma) });
    stage.begin(MediaCommand::SendDtmf { op: 1, leg: 1, digits: "5".into(), tone_ms: 100, gap_ms: 60 });
    stage.run(500);

    let heard = stage.listen(1, Codec::Pcma);
    let loud = heard.iter().filter(|sample| sample.abs() > 100).count();
    assert!((700..=800).contains(&loud), "{loud}");
    assert_eq!(stage.op(1).map(|end| end.1), Some(OpResult::Done));
}

#[test]
fn test_digits_that_do_not_exist_fail() {
    let mut stage = Stage::with_legs(&[(1, Codec::Pcma)]);
    stage.begin(MediaCommand::SendDtmf { op: 1, leg: 1, digits: "12x".into(), tone_ms: 100, gap_ms: 60 });
    assert_eq!(stage.op(1), Some((0, OpResult::Failed)));
    assert!(stage.detail(1).contains("0-9*#A-D"), "{}", stage.detail(1));

    for op in 2..12 {
        stage.begin(MediaCommand::SendDtmf { op, leg: 1, digits: "1".into(), tone_ms: 100, gap_ms: 60 });
    }
    assert_eq!(stage.op(10), None);
    assert!(stage.detail(11).contains("too many"), "{}", stage.detail(11));
    stage.stop(3);
    assert_eq!(stage.op(3), Some((0, OpResult::Stopped)));
}

#[test]
fn test_a_thread_that_was_held_up_leaves_time_out() {
    let mut stage = Stage::with_legs(&[(1, Codec::Pcma)]);
    stage.run(20);
    stage.shard.skip(10);
    stage.run(20);

    let packets = &stage.heard[&1];
    assert_eq!(packets[1].header.timestamp.wrapping_sub(packets[0].header.timestamp), 11 * 160);
    assert!(packets[1].header.marker);
    assert_eq!(stage.count("dropped_ticks"), 40);
}
