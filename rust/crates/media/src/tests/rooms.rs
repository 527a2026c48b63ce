//! Rooms and taps: who hears whom, by correlating what the far ends hear with what the others said.

use std::sync::Arc;

use super::stage::{Stage, Talk, find, likeness, remote, speech};
use crate::audio::frame::energy;
use crate::command::{Change, Codec, LegId, MediaCommand, OpId};
use crate::event::{MediaEvent, OpResult};
use crate::operation::join::Join;
use crate::operation::room::{Membership, ROOMS, Role, Room};
use crate::operation::tap::{TapMode, TapSide};
use crate::shard::ShardCommand;

struct Conference {
    stage: Stage,
    room: Arc<Room>,
}

impl Conference {
    /// Legs 1 to `legs` in a room, by turns A-law and µ-law; the operation has the number of the leg.
    fn new(legs: u64, role: impl Fn(LegId) -> Role) -> Self {
        let mut stage = Stage::new();
        let room = Room::new(ROOMS, 200);
        stage.shard(ShardCommand::OpenRoom { room: Arc::clone(&room) });
        for leg in 1..=legs {
            stage.open(leg);
            stage.set_remote(leg, remote(leg, codec(leg)));
            let side = room.enter(leg, leg, Membership { role: role(leg), ..Membership::default() }).unwrap();
            stage.shard(ShardCommand::EnterRoom(side));
        }
        Self { stage, room }
    }

    /// Let legs talk at the same time, each with words of its own.
    fn talk(&mut self, legs: &[LegId], ms: u64) {
        for &leg in legs {
            let quiet: Vec<i16> = words(leg, ms).iter().map(|sample| sample / 2).collect();
            let talk = Talk {
                codec: codec(leg),
                payload_type: if codec(leg) == Codec::Pcma { 8 } else { 0 },
                ssrc: leg as u32,
                ..Talk::default()
            };
            self.stage.talk(leg, &quiet, talk);
        }
        self.stage.run(ms + 200);
    }

    /// Return how much of a leg's words another one heard, 0-1.
    fn hears(&self, listener: LegId, talker: LegId, ms: u64) -> f64 {
        hears(&self.stage, listener, &words(talker, ms))
    }
}

fn codec(leg: LegId) -> Codec {
    if leg.is_multiple_of(2) { Codec::Pcmu } else { Codec::Pcma }
}

fn words(leg: LegId, ms: u64) -> Vec<i16> {
    speech(1000 + leg, ms)
}

/// Return how alike words and what was heard are, for the best delay up to 300 ms.
fn hears(stage: &Stage, listener: LegId, words: &[i16]) -> f64 {
    let heard = stage.listen(listener, codec(listener));
    let part = &words[4000..12_000];
    find(part, &heard[4000..(4000 + part.len() + 2400).min(heard.len())]).1
}

#[test]
fn test_three_legs_hear_each_other_and_not_themselves() {
    let mut conference = Conference::new(3, |_| Role::Talker);

    conference.talk(&[1, 2, 3], 2000);

    for listener in 1..=3 {
        for talker in 1..=3 {
            let heard = conference.hears(listener, talker, 2000);
            let expected = if listener == talker { 0.0..0.1 } else { 0.6..0.8 };
            assert!(expected.contains(&heard), "{listener} hears {heard} of {talker}");
        }
    }
}

#[test]
fn test_ten_legs_hear_nine_others() {
    let mut conference = Conference::new(10, |_| Role::Talker);

    conference.talk(&(1..=10).collect::<Vec<_>>(), 2000);

    for (listener, talker) in [(1, 2), (1, 10), (5, 6), (10, 3)] {
        assert!(conference.hears(listener, talker, 2000) > 0.25, "{listener} does not hear {talker}");
    }
    assert!(conference.hears(4, 4, 2000) < 0.12);
}

#[test]
fn test_a_hundred_legs_hear_five_talkers_without_the_noise_of_the_others() {
    let mut conference = Conference::new(100, |_| Role::Talker);
    let hiss: Vec<i16> = speech(5, 2000).iter().map(|sample| sample / 400).collect();
    for leg in 6..=100 {
        let payload_type = if codec(leg) == Codec::Pcma { 8 } else { 0 };
        conference.stage.talk(
            leg,
            &hiss,
            Talk { codec: codec(leg), payload_type, ssrc: leg as u32, ..Talk::default() },
        );
    }

    conference.talk(&[1, 2, 3, 4, 5], 2000);

    for (listener, talker) in [(100, 1), (50, 5), (77, 3), (1, 2)] {
        assert!(conference.hears(listener, talker, 2000) > 0.35, "{listener} does not hear {talker}");
    }
    assert!(conference.hears(3, 3, 2000) < 0.1);
    assert!(hears(&conference.stage, 90, &hiss) < 0.1, "the noise of 95 lines is heard");
}

#[test]
fn test_many_loud_voices_are_not_cut() {
    let mut conference = Conference::new(6, |_| Role::Talker);
    let tone: Vec<i16> = (0..16_000).map(|at| (20_000.0 * (f64::from(at) * 0.3).sin()) as i16).collect();
    for leg in 2..=6 {
        let payload_type = if codec(leg) == Codec::Pcma { 8 } else { 0 };
        conference.stage.talk(
            leg,
            &tone,
            Talk { codec: codec(leg), payload_type, ssrc: leg as u32, ..Talk::default() },
        );
    }
    conference.stage.run(2000);

    let heard = conference.stage.listen(1, Codec::Pcma);
    let part = &heard[8000..9600];
    let best = (0..160).map(|at| likeness(&tone[at..at + part.len()], part)).fold(0.0, f64::max);
    assert!(best > 0.995, "{best}: a sine is not a sine any more");
    assert!(energy(part) > 15_000 * 15_000, "it was turned down too far");
}

#[test]
fn test_roles_mute_and_gain_say_who_hears_whom() {
    let role = |leg| [Role::Talker, Role::Listener, Role::Coached, Role::Whisper][leg as usize - 1];
    let mut conference = Conference::new(4, role);
    conference.talk(&[1, 2, 3, 4], 2000);
    let hears = |one, other| conference.hears(one, other, 2000) > 0.4;
    let table: Vec<Vec<LegId>> = (1..=4).map(|one| (1..=4).filter(|&other| hears(one, other)).collect()).collect();
    assert_eq!(table, [vec![3], vec![1, 3], vec![1, 4], vec![1, 3]]);

    let mut conference = Conference::new(3, |_| Role::Talker);
    for (op, change) in [(2, Change::Mute(true)), (3, Change::Gain(-12.0)), (1, Change::Role(Role::Listener))] {
        conference.stage.shard(ShardCommand::Change { op, change });
    }
    conference.talk(&[1, 2, 3], 2000);
    assert!(conference.hears(1, 2, 2000) < 0.1, "leg 2 is muted");
    assert!(conference.hears(1, 3, 2000) > 0.9);
    assert!(conference.hears(3, 1, 2000) < 0.1, "leg 1 only listens now");
    let level = energy(&conference.stage.listen(1, Codec::Pcma)[4000..12_000]);
    let full = energy(&words(3, 2000)[4000..12_000]) / 4;
    assert!((f64::from(level) / f64::from(full) / 0.063 - 1.0).abs() < 0.3, "{level} of {full} is not 12 dB less");
}

#[test]
fn test_talkers_are_reported_once_when_they_begin_and_cease() {
    let mut conference = Conference::new(3, |_| Role::Talker);

    conference.talk(&[2], 1500);
    conference.stage.run(1000);

    let talking = conference.stage.events_of(|event| match event {
        MediaEvent::Talking { room, leg, on } => Some((*room, *leg, *on)),
        _ => None,
    });
    let what: Vec<_> = talking.iter().map(|(_, what)| *what).collect();
    assert_eq!(what, [(ROOMS, 2, true), (ROOMS, 2, false)]);
    assert!(talking[0].0 < 250 && (1900..2300).contains(&talking[1].0), "{talking:?}");
}

#[test]
fn test_a_room_is_played_to_and_recorded() {
    let mut conference = Conference::new(2, |_| Role::Talker);
    let announcement = speech(77, 1500);
    let path = conference.stage.folder.join("room.wav");
    conference.stage.play(50, ROOMS, &announcement, false);
    conference.stage.begin(MediaCommand::Record {
        op: 51,
        leg: ROOMS,
        path: path.clone(),
        stereo: true,
        max_ms: 0,
        silence_stop_ms: 0,
    });
    conference.talk(&[1], 2000);
    conference.stage.stop(51);
    conference.stage.run(100);

    for listener in [1, 2] {
        let heard = conference.stage.listen(listener, codec(listener));
        assert!(find(&announcement[2000..6000], &heard[..12_000]).1 > 0.6, "{listener} hears no announcement");
    }
    assert_eq!(conference.stage.op(50).map(|(_, result)| result), Some(OpResult::Done));
    assert_eq!(conference.stage.op(51).map(|(_, result)| result), Some(OpResult::Stopped));
    let recorded = crate::audio::wav::read_wav(&path, false).unwrap().0;
    assert!(find(&announcement[2000..6000], &recorded[..12_000]).1 > 0.6);
    assert!(find(&words(1, 2000)[12_000..15_000], &recorded[12_000..]).1 > 0.95);
    conference.stage.begin(MediaCommand::SendDtmf { op: 52, leg: ROOMS, digits: "1".into(), tone_ms: 100, gap_ms: 60 });
    assert_eq!(conference.stage.op(52).map(|(_, result)| result), Some(OpResult::Failed));
}

#[test]
fn test_memberships_end_once_with_the_leg_the_room_or_the_next_talk() {
    let mut conference = Conference::new(4, |_| Role::Talker);
    conference.stage.run(100);
    conference.stage.stop(1);
    conference.stage.close(2);
    conference.stage.play(60, 3, &speech(1, 5000), false);
    for side in Join::new(9, 3, 1).sides() {
        conference.stage.shard(ShardCommand::Join(side));
    }
    conference.stage.run(100);
    conference.stage.play(50, ROOMS, &speech(1, 5000), false);
    conference.stage.shard(ShardCommand::CloseRoom { room: ROOMS });
    conference.stage.run(100);

    let ends: Vec<_> = [1, 2, 3, 4, 50, 60].map(|op| conference.stage.op(op).map(|(_, result)| result)).into();
    let expected =
        [OpResult::Stopped, OpResult::LegEnded, OpResult::Replaced, OpResult::Done, OpResult::Done, OpResult::Replaced];
    assert_eq!(ends, expected.map(Some));
    assert!(conference.room.enter(7, 1, Membership::default()).unwrap_err().contains("closed"));
    assert!(conference.stage.shard.rooms.is_empty());
}

#[test]
fn test_a_full_room_lets_nobody_in_until_somebody_leaves() {
    let room = Room::new(ROOMS, 2);
    let enter = |op| room.enter(op, op, Membership::default());
    let (first, _second) = (enter(1).unwrap(), enter(2).unwrap());

    assert!(enter(3).unwrap_err().contains("full: 2 members"));
    drop(first);
    assert!(enter(3).is_ok());
}

/// Legs 1 and 2 joined, leg 3 a supervisor who taps them in this mode.
fn tapped(mode: TapMode) -> Stage {
    let mut stage = Stage::with_legs(&[(1, codec(1)), (2, codec(2)), (3, codec(3))]);
    let join = Join::new(9, 1, 2);
    let side = TapSide::begin(Arc::clone(&join), 30, 3, mode).unwrap();
    for side in join.sides() {
        stage.shard(ShardCommand::Join(side));
    }
    stage.shard(ShardCommand::Tap(side));
    stage
}

fn table(stage: &mut Stage) -> Vec<Vec<LegId>> {
    let mut conference = Conference { stage: std::mem::replace(stage, Stage::new()), room: Room::new(ROOMS + 1, 1) };
    conference.talk(&[1, 2, 3], 2000);
    let hears = |one, other| conference.hears(one, other, 2000) > 0.4;
    let table = (1..=3).map(|one| (1..=3).filter(|&other| hears(one, other)).collect()).collect();
    *stage = conference.stage;
    table
}

#[test]
fn test_a_supervisor_hears_both_and_is_heard_as_the_mode_says() {
    assert_eq!(table(&mut tapped(TapMode::Monitor)), [vec![2], vec![1], vec![1, 2]]);
    assert_eq!(table(&mut tapped(TapMode::Whisper(1))), [vec![2, 3], vec![1], vec![1, 2]]);
    assert_eq!(table(&mut tapped(TapMode::Whisper(2))), [vec![2], vec![1, 3], vec![1, 2]]);
    assert_eq!(table(&mut tapped(TapMode::Barge)), [vec![2, 3], vec![1, 3], vec![1, 2]]);
}

#[test]
fn test_the_mode_is_changed_while_they_talk_and_the_tap_ends_with_the_join() {
    let mut stage = tapped(TapMode::Monitor);
    stage.shard(ShardCommand::Change { op: 30, change: Change::Tap(TapMode::Whisper(77)) });
    stage.shard(ShardCommand::Change { op: 30, change: Change::Tap(TapMode::Barge) });
    assert_eq!(table(&mut stage), [vec![2, 3], vec![1, 3], vec![1, 2]]);

    stage.close(2);
    stage.run(100);

    let end = |op: OpId| stage.op(op).map(|(_, result)| result);
    assert_eq!((end(9), end(30)), (Some(OpResult::LegEnded), Some(OpResult::Done)));
    assert!(stage.detail(30).contains("over"));
}

#[test]
fn test_a_tap_on_nothing_or_for_a_stranger_is_refused() {
    let join = Join::new(9, 1, 2);
    let begin = |op, mode| TapSide::begin(Arc::clone(&join), op, 3, mode);

    assert!(begin(1, TapMode::Whisper(7)).unwrap_err().contains("leg 7"));
    let _taps: Vec<_> = (1..=4).map(|op| begin(op, TapMode::Monitor).unwrap()).collect();
    assert!(begin(5, TapMode::Monitor).unwrap_err().contains("4 supervisors"));
    drop(Arc::clone(&join).sides());
    assert!(begin(6, TapMode::Monitor).unwrap_err().contains("over"));
}
