//! Two legs that hear each other.

use super::stage::{DTMF, Stage, Talk, find, likeness, remote, speech};
use crate::audio::frame::energy;
use crate::command::{Codec, LegId, MediaCommand, OpId};
use crate::event::OpResult;
use crate::operation::join::Join;
use crate::shard::ShardCommand;

fn join(stage: &mut Stage, op: OpId, a: LegId, b: LegId) {
    for side in Join::new(op, a, b).sides() {
        stage.shard(ShardCommand::Join(side));
    }
}

fn joined() -> Stage {
    let mut stage = Stage::with_legs(&[(1, Codec::Pcma), (2, Codec::Pcmu)]);
    join(&mut stage, 9, 1, 2);
    stage
}

fn ulaw(seed: u32) -> Talk {
    Talk { codec: Codec::Pcmu, payload_type: 0, ssrc: seed, ..Talk::default() }
}

/// Say how like the words are in what was heard, and when they began, in ms after the first packet.
fn heard(stage: &Stage, leg: LegId, codec: Codec, words: &[i16]) -> (f64, f64) {
    let heard = stage.listen(leg, codec);
    let (at, _) = find(&words[800..2400], &heard);
    let begin = at - 800;
    let end = (begin + words.len()).min(heard.len());
    (likeness(&words[..end - begin], &heard[begin..end]), begin as f64 / 8.0)
}

#[test]
fn test_both_hear_each_other_across_codecs() {
    let mut stage = joined();
    let (hello, answer) = (speech(1, 3000), speech(2, 3000));
    stage.talk(1, &hello, Talk::default());
    stage.talk(2, &answer, ulaw(2));
    stage.run(3500);

    for (leg, codec, words) in [(2, Codec::Pcmu, &hello), (1, Codec::Pcma, &answer)] {
        let (alike, begin) = heard(&stage, leg, codec, words);
        assert!(alike > 0.99, "leg {leg}: {alike}");
        assert!(begin <= 100.0, "leg {leg} hears the other {begin} ms late");
    }
}

#[test]
fn test_loss_and_swapped_packets_are_hardly_heard() {
    let mut stage = joined();
    let (hello, answer) = (speech(1, 8000), speech(2, 8000));
    stage.talk(1, &hello, Talk { loss_percent: 2, swap_every: 10, ..Talk::default() });
    stage.talk(2, &answer, Talk { loss_percent: 2, swap_every: 7, packet_ms: 30, ..ulaw(2) });
    stage.run(8500);

    for (leg, codec, words) in [(2, Codec::Pcmu, &hello), (1, Codec::Pcma, &answer)] {
        let (alike, _) = heard(&stage, leg, codec, words);
        assert!(alike > 0.96, "leg {leg}: {alike}");
    }
    assert!(stage.count("media_frames_concealed") >= 8);
    assert_eq!(stage.count("dropped_rtp_late"), 0, "40 ms are enough for a swap of 22 ms");
}

#[test]
fn test_the_way_through_adds_no_gap() {
    let mut stage = joined();
    let tone: Vec<i16> = (0..24_000).map(|n| (6000.0 * (f64::from(n) * 0.3).sin()) as i16).collect();
    stage.talk(1, &tone, Talk::default());
    stage.run(3000);

    let heard = stage.listen(2, Codec::Pcmu);
    let begin = heard.iter().position(|sample| sample.abs() > 1000).unwrap();
    let quiet = heard[begin..begin + 20_000].chunks(40).filter(|piece| energy(piece) < 1_000_000).count();
    assert_eq!(quiet, 0, "pieces of 5 ms without the tone");
}

#[test]
fn test_a_leg_without_a_remote_can_be_joined() {
    let mut stage = Stage::with_legs(&[(1, Codec::Pcma)]);
    stage.open(2);
    join(&mut stage, 9, 1, 2);
    stage.run(1000);
    stage.set_remote(2, remote(2, Codec::Pcmu));
    let words = speech(1, 1000);
    stage.talk(1, &words, Talk::default());
    stage.run(1500);

    assert!(heard(&stage, 2, Codec::Pcmu, &words).0 > 0.99);
}

#[test]
fn test_it_ends_with_either_leg_before_that_leg_is_reported_closed() {
    for closed in [1, 2] {
        let mut stage = joined();
        stage.run(100);

        stage.close(closed);

        assert_eq!(stage.op(9), Some((100, OpResult::LegEnded)));
        let words = speech(1, 500);
        stage.talk(3 - closed, &words, Talk::default());
        stage.run(200);
        assert_eq!(stage.op(9), Some((100, OpResult::LegEnded)));
    }
}

#[test]
fn test_a_stop_separates_the_legs() {
    let mut stage = joined();
    stage.run(100);
    stage.stop(9);
    assert_eq!(stage.op(9), Some((100, OpResult::Stopped)));
    stage.talk(1, &speech(1, 500), Talk::default());
    stage.run(600);

    assert_eq!(energy(&stage.listen(2, Codec::Pcmu)), 0);
}

#[test]
fn test_it_replaces_plays_and_an_older_join() {
    let mut stage = Stage::with_legs(&[(1, Codec::Pcma), (2, Codec::Pcmu), (3, Codec::Pcma)]);
    stage.play(5, 1, &speech(1, 5000), false);
    join(&mut stage, 9, 1, 2);
    assert_eq!(stage.op(5), Some((0, OpResult::Replaced)));
    stage.run(100);

    join(&mut stage, 10, 3, 1);
    stage.run(100);

    assert_eq!(stage.op(9).map(|end| end.1), Some(OpResult::Replaced));
    assert_eq!(stage.op(10), None);
    let words = speech(3, 1000);
    stage.talk(3, &words, Talk::default());
    stage.run(1200);
    assert!(heard(&stage, 1, Codec::Pcma, &words).0 > 0.99);
    assert_eq!(energy(&stage.listen(2, Codec::Pcmu)[4000..]), 0);
}

#[test]
fn test_a_play_during_a_join_is_heard_by_its_leg_only() {
    let mut stage = joined();
    stage.run(100);
    let whisper = speech(7, 500);
    stage.play(5, 2, &whisper, false);
    stage.run(1000);

    assert!(heard(&stage, 2, Codec::Pcmu, &whisper).0 > 0.99);
    assert!(energy(&stage.listen(1, Codec::Pcma)) < 100);
    assert_eq!(stage.op(9), None);
}

#[test]
fn test_digits_are_passed_on_and_neither_they_nor_older_ones_are_kept() {
    let mut stage = Stage::with_legs(&[(1, Codec::Pcma), (2, Codec::Pcmu)]);
    stage.press(1, '7', 0);
    stage.run(500);
    join(&mut stage, 9, 1, 2);
    stage.press(1, '5', 100);
    stage.run(600);

    let digits: Vec<u8> = stage.heard[&2]
        .iter()
        .filter(|packet| packet.header.payload_type == DTMF && packet.payload[1] & 0x80 != 0)
        .map(|packet| packet.payload[0])
        .collect();
    assert_eq!(digits, [5, 5, 5]);
    stage.stop(9);
    stage.begin(MediaCommand::Gather {
        op: 1,
        leg: 1,
        prompt: crate::command::GatherPrompt::default(),
        min_digits: 1,
        max_digits: 1,
        terminators: String::new(),
        first_timeout_ms: 100,
        inter_timeout_ms: 100,
    });
    assert_eq!(stage.gather(1), None);
}

#[test]
fn test_a_join_with_a_leg_that_is_gone_fails() {
    let mut stage = Stage::with_legs(&[(1, Codec::Pcma)]);
    join(&mut stage, 9, 1, 2);
    stage.run(20);
    assert_eq!(stage.op(9).map(|end| end.1), Some(OpResult::Failed));
    assert!(stage.detail(9).contains("leg 2"), "{}", stage.detail(9));

    join(&mut stage, 10, 2, 1);
    stage.run(20);
    assert_eq!(stage.op(10).map(|end| end.1), Some(OpResult::Failed));
    stage.play(11, 1, &speech(1, 100), false);
    stage.run(200);
    assert_eq!(stage.op(11).map(|end| end.1), Some(OpResult::Done));
}
