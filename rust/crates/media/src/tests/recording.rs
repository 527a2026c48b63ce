//! Recording to files.

use std::path::{Path, PathBuf};

use super::stage::{Stage, Talk, find, speech};
use crate::command::{Codec, MediaCommand, OpId};
use crate::event::{MediaEvent, OpResult};

fn record(stage: &mut Stage, op: OpId, stereo: bool, max_ms: u64, silence_stop_ms: u64) -> PathBuf {
    let path = stage.folder.join(format!("record-{op}.wav"));
    stage.begin(MediaCommand::Record { op, leg: 1, path: path.clone(), stereo, max_ms, silence_stop_ms });
    path
}

/// Return the channels of a file.
fn read(path: &Path) -> Vec<Vec<i16>> {
    let mut reader = hound::WavReader::open(path).unwrap();
    let channels = usize::from(reader.spec().channels);
    let samples: Vec<i16> = reader.samples().map(Result::unwrap).collect();
    (0..channels).map(|channel| samples.iter().skip(channel).step_by(channels).copied().collect()).collect()
}

#[test]
fn test_stereo_has_the_far_end_left_and_the_prompt_right() {
    let mut stage = Stage::with_legs(&[(1, Codec::Pcma)]);
    let (words, prompt) = (speech(1, 2000), speech(2, 2000));
    let path = record(&mut stage, 1, true, 0, 0);
    stage.play(2, 1, &prompt, false);
    stage.talk(1, &words, Talk::default());
    stage.run(3000);
    stage.stop(1);

    assert_eq!(stage.op(1), Some((3000, OpResult::Stopped)));
    let channels = read(&path);
    assert_eq!(channels[0].len(), 24_000);
    assert!(find(&words, &channels[0]).1 > 0.99);
    assert!(find(&prompt, &channels[1]).1 > 0.99);
    assert!(find(&words, &channels[1]).1 < 0.1);
}

#[test]
fn test_mono_has_both_in_one() {
    let mut stage = Stage::with_legs(&[(1, Codec::Pcma)]);
    let words = speech(1, 1000);
    let path = record(&mut stage, 1, false, 2000, 0);
    stage.talk(1, &words, Talk::default());
    stage.run(2500);

    assert_eq!(stage.op(1).map(|end| end.1), Some(OpResult::Limit));
    let channels = read(&path);
    assert_eq!((channels.len(), channels[0].len()), (1, 16_000));
    assert!(find(&words, &channels[0]).1 > 0.99);
}

#[test]
fn test_silence_of_the_far_end_ends_it() {
    let mut stage = Stage::with_legs(&[(1, Codec::Pcma)]);
    record(&mut stage, 1, false, 0, 1000);
    stage.talk(1, &speech(1, 2000), Talk::default());
    stage.run(5000);

    let (at, result) = stage.op(1).unwrap();
    assert_eq!(result, OpResult::Silence);
    assert!((2950..=3150).contains(&at), "{at}");
}

#[test]
fn test_closing_a_leg_finishes_the_file_first() {
    let mut stage = Stage::with_legs(&[(1, Codec::Pcma)]);
    let path = record(&mut stage, 1, true, 0, 0);
    stage.run(1050);
    stage.close(1);

    assert_eq!(stage.op(1), Some((1050, OpResult::LegEnded)));
    assert_eq!(read(&path)[0].len(), 53 * 160);
    let lasted = stage.events_of(|event| match event {
        MediaEvent::OpDone { duration_ms, .. } => Some(*duration_ms),
        _ => None,
    });
    assert_eq!(lasted, [(1050, 1060)]);
    assert!(matches!(stage.events.last(), Some((_, MediaEvent::Closed { leg: 1 }))));
}

#[test]
fn test_a_disk_that_is_stuck_delays_the_end_of_a_leg_by_two_seconds_at_most() {
    let mut stage = Stage::with_legs(&[(1, Codec::Pcma)]);
    record(&mut stage, 1, true, 0, 0);
    stage.run(1000);
    stage.disk_works = false;
    stage.close(1);
    stage.run(1900);
    assert_eq!(stage.op(1), None);

    stage.run(200);

    let (at, result) = stage.op(1).unwrap();
    assert_eq!(result, OpResult::LegEnded);
    assert!((3000..=3040).contains(&at), "{at}");
    assert!(stage.detail(1).contains("disk"), "{}", stage.detail(1));
    assert!(matches!(stage.events.last(), Some((_, MediaEvent::Closed { leg: 1 }))));
}

#[test]
fn test_a_disk_that_was_slow_leaves_silence_in_its_place() {
    let mut stage = Stage::with_legs(&[(1, Codec::Pcma)]);
    let path = record(&mut stage, 1, false, 0, 0);
    let words = speech(1, 3000);
    stage.talk(1, &words, Talk::default());
    stage.run(1000);
    stage.disk_works = false;
    stage.run(1000);
    stage.disk_works = true;
    stage.run(1000);
    stage.stop(1);

    assert!(stage.count("dropped_record_chunks") >= 4);
    let mono = &read(&path)[0];
    assert_eq!(mono.len(), 24_000);
    let (early, late) = (find(&words[..4000], mono), find(&words[18_000..20_000], mono));
    assert!(early.1 > 0.99 && late.1 > 0.99);
    assert!(late.0 - early.0 == 18_000, "{} samples apart", late.0 - early.0);
}

#[test]
fn test_a_path_that_cannot_be_written_fails() {
    let mut stage = Stage::with_legs(&[(1, Codec::Pcma)]);
    let path = stage.folder.join("none/a.wav");
    stage.begin(MediaCommand::Record { op: 1, leg: 1, path, stereo: true, max_ms: 0, silence_stop_ms: 0 });

    assert_eq!(stage.op(1), Some((0, OpResult::Failed)));
    assert!(stage.detail(1).contains("none/a.wav"), "{}", stage.detail(1));
}

#[test]
fn test_four_recordings_of_a_leg_are_possible() {
    let mut stage = Stage::with_legs(&[(1, Codec::Pcma)]);
    for op in 1..=5 {
        record(&mut stage, op, true, 0, 0);
    }
    stage.run(100);

    assert_eq!(stage.op(4), None);
    assert_eq!(stage.op(5).map(|end| end.1), Some(OpResult::Failed));
}
