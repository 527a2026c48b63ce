//! Playing files and tones.

use super::stage::{Stage, find, likeness, speech};
use crate::audio::country_tones::Country;
use crate::audio::frame::energy;
use crate::command::{Codec, MediaCommand, ToneName};
use crate::event::OpResult;

#[test]
fn test_a_prompt_is_heard_whole_and_without_a_gap_in_both_codecs() {
    for codec in [Codec::Pcma, Codec::Pcmu] {
        let mut stage = Stage::with_legs(&[(1, codec)]);
        let prompt = speech(1, 1990);
        stage.run(100);

        stage.play(7, 1, &prompt, false);
        stage.run(3000);

        let heard = stage.listen(1, codec);
        let (at, _) = find(&prompt[..1600], &heard);
        let alike = likeness(&prompt, &heard[at..at + prompt.len()]);
        assert!(alike > 0.999, "{codec:?}: {alike}");
        assert_eq!(energy(&heard[at + prompt.len()..]) / 100, 0);
        let (end, result) = stage.op(7).unwrap();
        assert_eq!(result, OpResult::Done);
        // Begun at the first tick after 100 ms, 100 packets long.
        assert!((2080..=2120).contains(&end), "{end}");
    }
}

#[test]
fn test_files_follow_each_other_and_loop_with_gain() {
    let mut stage = Stage::with_legs(&[(1, Codec::Pcmu)]);
    let (one, two) = (speech(1, 333), speech(2, 505));
    let files = vec![stage.wav("one.wav", &one), stage.wav("two.wav", &two)];

    stage.begin(MediaCommand::Play { op: 1, leg: 1, files, loop_count: 2, barge_in: false, gain_db: -6.0 });
    stage.run(2000);

    let heard = stage.listen(1, Codec::Pcmu);
    let all = [one.clone(), two.clone(), one, two].concat();
    let (at, alike) = find(&all, &heard);
    assert!(alike > 0.998, "{alike}");
    let louder = f64::from(energy(&all)) / f64::from(energy(&heard[at..at + all.len()]));
    assert!((louder.sqrt() - 1.995).abs() < 0.02, "{louder}");
    assert_eq!(stage.op(1).map(|end| end.1), Some(OpResult::Done));
}

#[test]
fn test_a_newer_play_or_tone_replaces_the_older_at_once() {
    let mut stage = Stage::with_legs(&[(1, Codec::Pcma)]);
    stage.play(1, 1, &speech(1, 5000), false);
    stage.run(200);

    stage.begin(MediaCommand::Tone {
        op: 2,
        leg: 1,
        name: ToneName::Ringback,
        country: Country::default(),
        duration_ms: 0,
    });
    assert_eq!(stage.op(1), Some((200, OpResult::Replaced)));
    stage.run(200);
    stage.play(3, 1, &speech(2, 100), false);
    stage.run(400);

    assert_eq!(stage.op(2), Some((400, OpResult::Replaced)));
    assert_eq!(stage.op(3).map(|end| end.1), Some(OpResult::Done));
}

#[test]
fn test_an_endless_play_goes_on_until_it_is_stopped() {
    let mut stage = Stage::with_legs(&[(1, Codec::Pcma)]);
    let files = vec![stage.wav("a.wav", &speech(1, 50))];
    stage.begin(MediaCommand::Play { op: 1, leg: 1, files, loop_count: 0, barge_in: false, gain_db: 0.0 });
    stage.run(30_000);
    assert_eq!(stage.op(1), None);

    stage.stop(1);

    assert_eq!(stage.op(1), Some((30_000, OpResult::Stopped)));
    stage.stop(1);
    assert_eq!(stage.late_commands, 1);
}

#[test]
fn test_a_digit_stops_a_play_with_barge_in_at_key_down() {
    let mut stage = Stage::with_legs(&[(1, Codec::Pcma)]);
    stage.play(1, 1, &speech(1, 5000), true);
    stage.press(1, '5', 300);
    stage.run(1000);

    let (at, result) = stage.op(1).unwrap();
    assert_eq!(result, OpResult::Digit);
    assert!((300..=320).contains(&at), "{at}");
}

#[test]
fn test_a_digit_does_not_stop_a_play_without_barge_in() {
    let mut stage = Stage::with_legs(&[(1, Codec::Pcma)]);
    stage.play(1, 1, &speech(1, 1000), false);
    stage.press(1, '5', 300);
    stage.run(2000);

    assert_eq!(stage.op(1).map(|end| end.1), Some(OpResult::Done));
}

#[test]
fn test_a_missing_file_fails_with_its_name_before_anything_is_played() {
    let mut stage = Stage::with_legs(&[(1, Codec::Pcma)]);
    let files = vec![stage.wav("a.wav", &speech(1, 1000)), "/no/such.wav".into()];

    stage.begin(MediaCommand::Play { op: 1, leg: 1, files, loop_count: 1, barge_in: false, gain_db: 0.0 });
    stage.run(100);

    assert_eq!(stage.op(1), Some((0, OpResult::Failed)));
    assert!(stage.detail(1).contains("/no/such.wav"), "{}", stage.detail(1));
    assert_eq!(energy(&stage.listen(1, Codec::Pcma)) / 100, 0);
}

#[test]
fn test_no_files_and_too_many_files_fail() {
    let mut stage = Stage::with_legs(&[(1, Codec::Pcma)]);
    for (op, count) in [(1, 0), (2, 101)] {
        let files = vec!["/no/such.wav".into(); count];
        stage.begin(MediaCommand::Play { op, leg: 1, files, loop_count: 1, barge_in: false, gain_db: 0.0 });
        assert!(stage.detail(op).contains("1 to 100"), "{}", stage.detail(op));
    }
}

#[test]
fn test_a_play_before_the_remote_is_known_runs_unheard() {
    let mut stage = Stage::new();
    stage.open(1);
    stage.play(1, 1, &speech(1, 500), false);
    stage.run(1000);

    assert_eq!(stage.op(1).map(|end| end.1), Some(OpResult::Done));
    assert!(stage.heard.is_empty());
}

#[test]
fn test_a_tone_with_a_duration_ends_by_itself() {
    let mut stage = Stage::with_legs(&[(1, Codec::Pcma)]);
    stage.begin(MediaCommand::Tone {
        op: 1,
        leg: 1,
        name: ToneName::Beep,
        country: Country::default(),
        duration_ms: 200,
    });
    stage.run(1000);

    let heard = stage.listen(1, Codec::Pcma);
    let loud = heard.iter().filter(|sample| sample.abs() > 100).count();
    // Two of eight samples of 1000 Hz are zero.
    assert_eq!(loud, 1200);
    assert_eq!(stage.op(1).map(|end| end.1), Some(OpResult::Done));
}

#[test]
fn test_closing_a_leg_ends_what_plays() {
    let mut stage = Stage::with_legs(&[(1, Codec::Pcma)]);
    stage.play(1, 1, &speech(1, 5000), false);
    stage.run(100);

    stage.close(1);
    stage.play(2, 1, &speech(1, 100), false);

    assert_eq!(stage.op(1), Some((100, OpResult::LegEnded)));
    assert_eq!(stage.op(2), Some((100, OpResult::LegEnded)));
}
