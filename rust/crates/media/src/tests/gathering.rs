//! Collecting digits.

use super::stage::{Stage, address, remote, speech};
use crate::command::{Codec, GatherPrompt, MediaCommand, OpId};
use crate::event::{GatherResult, MediaEvent, OpResult};
use crate::output::Channel;

fn gather(op: OpId, max_digits: u32, prompt: GatherPrompt) -> MediaCommand {
    MediaCommand::Gather {
        op,
        leg: 1,
        prompt,
        min_digits: 1,
        max_digits,
        terminators: "#".into(),
        first_timeout_ms: 5000,
        inter_timeout_ms: 3000,
    }
}

fn stage() -> Stage {
    Stage::with_legs(&[(1, Codec::Pcma)])
}

fn prompt(stage: &Stage, ms: u64, barge_in: bool) -> GatherPrompt {
    GatherPrompt { files: vec![stage.wav("prompt.wav", &speech(1, ms))], barge_in }
}

type End = (String, GatherResult, Option<char>);

fn matched(digits: &str, terminator: Option<char>) -> End {
    (digits.into(), GatherResult::Match, terminator)
}

fn result(stage: &Stage, op: OpId) -> Option<End> {
    stage.gather(op).map(|(_, digits, result, terminator)| (digits, result, terminator))
}

#[test]
fn test_digits_are_collected_and_each_is_reported_once() {
    let mut stage = stage();
    stage.begin(gather(1, 4, GatherPrompt::default()));
    for (index, digit) in (0..).zip("12#".chars()) {
        stage.press(1, digit, 500 + index * 300);
    }
    stage.run(3000);

    assert_eq!(result(&stage, 1), Some(matched("12", Some('#'))));
    let digits = stage.events_of(|event| match event {
        MediaEvent::Dtmf { digit, duration_ms, .. } => Some((*digit, *duration_ms)),
        _ => None,
    });
    assert_eq!(digits.into_iter().map(|(_, press)| press).collect::<Vec<_>>(), [('1', 100), ('2', 100), ('#', 100)]);
}

#[test]
fn test_without_input_it_ends_after_the_first_time_out() {
    let mut stage = stage();
    stage.begin(gather(1, 1, GatherPrompt::default()));
    stage.run(6000);

    let (at, digits, result, _) = stage.gather(1).unwrap();
    assert_eq!((digits.as_str(), result), ("", GatherResult::NoInput));
    assert!((5000..=5020).contains(&at), "{at}");
}

#[test]
fn test_the_first_time_out_runs_from_the_end_of_the_prompt() {
    let mut stage = stage();
    stage.begin(gather(1, 1, prompt(&stage, 2000, true)));
    stage.run(8000);

    let (at, _, result, _) = stage.gather(1).unwrap();
    assert_eq!(result, GatherResult::NoInput);
    assert!((6980..=7040).contains(&at), "{at}");
}

#[test]
fn test_a_digit_stops_the_prompt_and_counts() {
    let mut stage = stage();
    stage.begin(gather(1, 2, prompt(&stage, 5000, true)));
    stage.press(1, '7', 1000);
    stage.run(1500);
    assert_eq!(result(&stage, 1), None);
    assert!(stage.heard[&1].iter().filter(|packet| packet.at_ms > 1020).all(|packet| packet.payload == [0xd5; 160]));

    stage.run(5000);

    let (at, digits, result, _) = stage.gather(1).unwrap();
    assert_eq!((digits.as_str(), result), ("7", GatherResult::Match));
    // Three seconds after the key came up.
    assert!((4080..=4120).contains(&at), "{at}");
}

#[test]
fn test_digits_during_a_prompt_that_cannot_be_stopped_count_after_it() {
    let mut stage = stage();
    stage.begin(gather(1, 1, prompt(&stage, 2000, false)));
    stage.press(1, '7', 500);
    stage.run(1800);
    assert_eq!(result(&stage, 1), None);

    stage.run(300);

    let (at, digits, ..) = stage.gather(1).unwrap();
    assert_eq!(digits, "7");
    assert!((1980..=2040).contains(&at), "{at}");
}

#[test]
fn test_digits_typed_ahead_count_and_the_rest_waits_for_the_next_gather() {
    let mut stage = stage();
    for (index, digit) in (0..).zip("123".chars()) {
        stage.press(1, digit, index * 200);
    }
    stage.run(1000);

    stage.begin(gather(1, 2, prompt(&stage, 5000, true)));
    assert_eq!(result(&stage, 1), Some(matched("12", None)));
    stage.begin(gather(2, 1, GatherPrompt::default()));

    assert_eq!(result(&stage, 2), Some(matched("3", None)));
    stage.run(100);
    assert!(stage.heard[&1].iter().all(|packet| packet.payload == [0xd5; 160]), "the prompt was not needed");
}

#[test]
fn test_who_types_ahead_does_not_hear_the_prompt() {
    let mut stage = stage();
    stage.press(1, '1', 0);
    stage.run(300);
    stage.begin(gather(1, 2, prompt(&stage, 1000, true)));
    stage.run(500);

    assert!(stage.heard[&1].iter().all(|packet| packet.payload == [0xd5; 160]));
    assert_eq!(result(&stage, 1), None);
}

#[test]
fn test_typed_ahead_digits_are_bounded() {
    let mut stage = stage();
    for _ in 0..70 {
        stage.begin(MediaCommand::Digit { leg: 1, digit: '1' });
    }

    stage.begin(gather(1, 64, GatherPrompt::default()));

    assert_eq!(result(&stage, 1), Some(matched(&"1".repeat(64), None)));
    assert_eq!(stage.count("dropped_digits"), 6);
    stage.begin(MediaCommand::Digit { leg: 1, digit: 'x' });
    assert_eq!(stage.count("dropped_digits"), 7);
}

#[test]
fn test_a_digit_out_of_sip_counts_but_is_not_reported() {
    let mut stage = stage();
    stage.play(5, 1, &speech(1, 5000), true);
    stage.begin(gather(1, 1, GatherPrompt::default()));
    stage.run(100);

    stage.begin(MediaCommand::Digit { leg: 1, digit: '9' });

    assert_eq!(result(&stage, 1), Some(matched("9", None)));
    assert_eq!(stage.op(5), Some((100, OpResult::Digit)));
    assert!(stage.events_of(|event| matches!(event, MediaEvent::Dtmf { .. }).then_some(())).is_empty());
}

#[test]
fn test_a_newer_gather_replaces_the_older_with_its_prompt() {
    let mut stage = stage();
    stage.begin(gather(1, 2, prompt(&stage, 5000, true)));
    stage.run(100);
    stage.begin(gather(2, 1, GatherPrompt::default()));
    stage.run(100);

    assert_eq!(result(&stage, 1).map(|end| end.1), Some(GatherResult::Replaced));
    let last = stage.heard[&1].last().unwrap();
    assert_eq!(last.payload, [0xd5; 160]);
}

#[test]
fn test_a_play_in_place_of_the_prompt_does_not_end_the_gather() {
    let mut stage = stage();
    stage.begin(gather(1, 1, prompt(&stage, 9000, true)));
    stage.run(1000);
    stage.play(2, 1, &speech(2, 100), false);
    stage.run(6000);

    let (at, _, result, _) = stage.gather(1).unwrap();
    assert_eq!(result, GatherResult::NoInput);
    assert!((6000..=6020).contains(&at), "{at}");
}

#[test]
fn test_stop_and_close_end_it_with_the_digits_so_far() {
    let mut stage = stage();
    stage.begin(gather(1, 4, GatherPrompt::default()));
    stage.press(1, '4', 0);
    stage.run(500);
    stage.stop(1);
    assert_eq!(result(&stage, 1), Some(("4".into(), GatherResult::Stopped, None)));

    stage.begin(gather(2, 4, GatherPrompt::default()));
    stage.press(1, '5', 0);
    stage.run(500);
    stage.close(1);
    assert_eq!(result(&stage, 2), Some(("5".into(), GatherResult::LegEnded, None)));
}

#[test]
fn test_a_bad_prompt_fails_the_gather() {
    let mut stage = stage();
    stage.begin(gather(1, 1, GatherPrompt { files: vec!["/no/such.wav".into()], barge_in: true }));

    assert_eq!(result(&stage, 1).map(|end| end.1), Some(GatherResult::Failed));
    assert!(stage.detail(1).contains("/no/such.wav"), "{}", stage.detail(1));
}

#[test]
fn test_a_key_held_down_stops_the_clock_and_its_lost_end_is_made_up() {
    let mut stage = stage();
    stage.begin(gather(1, 1, GatherPrompt::default()));
    for index in 0..100_u16 {
        // From 4.9 to 6.9 s, and no end.
        let [high, low] = ((index + 1) * 160).to_be_bytes();
        let mut bytes = vec![0x80, 101, 0, index as u8, 0, 0, 1, 0, 0, 0, 0, 1];
        bytes.extend([8, 10, high, low]);
        stage.packet(1, Channel::Rtp, address(1), 4900 + u64::from(index) * 20, bytes);
    }
    stage.run(8000);

    let (at, digits, result, _) = stage.gather(1).unwrap();
    assert_eq!((digits.as_str(), result), ("8", GatherResult::Match));
    assert!((7080..=7120).contains(&at), "{at}");
}

#[test]
fn test_digits_typed_before_the_remote_was_repeated_are_kept() {
    let mut stage = stage();
    stage.press(1, '1', 0);
    stage.run(300);
    stage.set_remote(1, remote(1, Codec::Pcmu));
    stage.begin(gather(1, 1, GatherPrompt::default()));

    assert_eq!(result(&stage, 1), Some(matched("1", None)));
}
