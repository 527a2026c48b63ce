//! Faults of our own end one leg, and rubbish from the network ends none.

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::stage::{DTMF, Stage, Talk, address, find, rtp, speech};
use crate::command::Codec;
use crate::event::{MediaEvent, OpResult};
use crate::output::Channel;
use crate::wire::rtcp::{pack_cname, pack_report};
use crate::wire::rtp::RtpHeader;

#[test]
fn test_a_panic_ends_its_leg_and_no_other() {
    let mut stage = Stage::with_legs(&[(1, Codec::Pcma), (2, Codec::Pcma)]);
    let prompt = speech(1, 1000);
    stage.play(1, 1, &prompt, false);
    stage.play(2, 2, &prompt, false);
    stage.run(100);

    stage.shard.break_leg(1);
    stage.run(1500);

    assert_eq!(stage.op(1).map(|end| end.1), Some(OpResult::Failed));
    assert!(stage.detail(1).contains("fault"), "{}", stage.detail(1));
    assert_eq!(stage.op(2).map(|end| end.1), Some(OpResult::Done));
    assert!(find(&prompt, &stage.listen(2, Codec::Pcma)).1 > 0.99);
    let faults = stage.events_of(|event| match event {
        MediaEvent::Fault { leg, what } => Some((*leg, what.clone())),
        _ => None,
    });
    assert_eq!(faults.len(), 1);
    assert!(faults[0].1.1.contains("a test asked for this"), "{faults:?}");
    assert_eq!((stage.count("media_faults"), stage.count("media_legs")), (1, 1));

    stage.close(1);
    assert_eq!(stage.events.last().map(|(_, event)| event.clone()), Some(MediaEvent::Closed { leg: 1 }));
}

#[test]
fn test_a_panic_ends_a_join_and_closes_recordings() {
    let mut stage = Stage::with_legs(&[(1, Codec::Pcma), (2, Codec::Pcma)]);
    let path = stage.folder.join("a.wav");
    stage.begin(crate::command::MediaCommand::Record {
        op: 1,
        leg: 1,
        path: path.clone(),
        stereo: false,
        max_ms: 0,
        silence_stop_ms: 0,
    });
    for side in crate::operation::join::Join::new(2, 2, 1).sides() {
        stage.shard(crate::shard::ShardCommand::Join(side));
    }
    stage.run(400);

    stage.shard.break_leg(1);
    stage.run(100);

    assert_eq!(stage.op(1).map(|end| end.1), Some(OpResult::Failed));
    assert_eq!(stage.op(2).map(|end| end.1), Some(OpResult::LegEnded));
    assert_eq!(hound::WavReader::open(path).unwrap().duration(), 3200);
}

#[test]
fn test_commands_for_legs_that_are_not_there_do_nothing() {
    let mut stage = Stage::with_legs(&[(1, Codec::Pcma)]);
    stage.close(1);
    stage.set_remote(1, super::stage::remote(1, Codec::Pcma));
    stage.talk(1, &speech(1, 100), Talk::default());
    stage.stop(5);
    stage.run(100);

    assert_eq!(stage.late_commands, 2);
    assert!(stage.heard.is_empty());
}

#[test]
fn test_mutated_packets_harm_nobody() {
    let good = good_packets();
    let mut runner = TestRunner::new_with_rng(
        Config { cases: 2000, failure_persistence: None, ..Config::default() },
        TestRng::from_seed(RngAlgorithm::ChaCha, &[11; 32]),
    );
    let mutation = (0..good.len(), proptest::collection::vec((any::<usize>(), any::<u8>()), 0..5), 0..300_usize);
    runner
        .run(&proptest::collection::vec((mutation, any::<bool>()), 1..40), |mutations| {
            let mut stage = Stage::with_legs(&[(1, Codec::Pcma)]);
            for ((which, edits, length), is_rtcp) in mutations {
                let mut bytes = good[which].clone();
                for (at, byte) in edits {
                    let at = at % bytes.len();
                    bytes[at] = byte;
                }
                bytes.truncate(length);
                let channel = if is_rtcp { Channel::Rtcp } else { Channel::Rtp };
                stage.packet(1, channel, address(1), 0, bytes);
                stage.run(10);
            }
            stage.run(40);
            prop_assert_eq!(stage.count("media_faults"), 0);
            prop_assert!(stage.heard[&1].len() >= 2);
            Ok(())
        })
        .unwrap();
}

fn good_packets() -> Vec<Vec<u8>> {
    let audio = RtpHeader { marker: false, payload_type: 8, sequence: 7, timestamp: 1120, ssrc: 3 };
    let event = RtpHeader { payload_type: DTMF, ..audio };
    let mut report = Vec::new();
    pack_report(3, None, None, &mut report);
    pack_cname(3, "far end", &mut report);
    vec![rtp(&audio, &[0x55; 160]), rtp(&audio, &[0x55; 480]), rtp(&event, &[5, 0x8a, 1, 64]), report]
}
