//! What the core promises, one fact a test.

use std::time::Duration;

use ringback_media::{GatherResult, MediaEvent, OpResult};
use ringback_sip as sip;

use super::MEDIA_CLOSE_WITHIN;
use super::scripted::{Bench, IN, agreed, answered, dial, ended, figures, incoming, target, tone};
use crate::command::{Command, Gather, Operation};
use crate::ids::{LegId, OpId};

fn done(op: u64, leg: u64) -> MediaEvent {
    MediaEvent::OpDone { op, leg, result: OpResult::Done, detail: None, duration_ms: 1 }
}

#[test]
fn a_dialed_leg_opens_media_first_and_ends_last() {
    let mut bench = Bench::new();

    bench.dial(1);
    assert_eq!(bench.calls(), ["open 1"]);
    assert_eq!(bench.sip_commands(), ["dial 1 192.0.2.9:5060 192.0.2.1:20000"]);

    bench.sip(answered(1));
    assert_eq!(bench.calls(), ["remote 1 192.0.2.9:4000"]);
    bench.command(tone(7, 1));
    bench.sip(ended(1, sip::Cause::Bye));
    assert_eq!(bench.calls(), ["start 7 on 1", "close 1"]);
    assert_eq!(bench.events(), ["answered 1 PCMA"], "media is still closing");

    bench.media(figures(1));
    bench.media(MediaEvent::Closed { leg: 1 });
    assert_eq!(bench.events(), ["done 7 of 1 leg_ended", "stats 1 PCMA", "ended 1 bye remote"]);
    assert_eq!((bench.core.legs(), bench.core.ops(), bench.core.next_deadline()), (0, 0, None));
}

#[test]
fn media_that_never_closes_cannot_hold_a_leg() {
    let mut bench = Bench::new();
    bench.dial(1);
    bench.sip(ended(1, sip::Cause::Response));

    bench.wait(MEDIA_CLOSE_WITHIN * 9 / 10);
    assert!(bench.events().is_empty());
    bench.wait(MEDIA_CLOSE_WITHIN / 10);

    assert_eq!(bench.events(), ["ended 1 response remote"]);
    bench.media(MediaEvent::Closed { leg: 1 });
    assert!(bench.events().is_empty());
    assert_eq!(bench.core.counters().media_close_timeouts, 1);
}

#[test]
fn an_incoming_leg_nobody_touches_is_refused_as_overload() {
    let mut bench = Bench::new();
    bench.sip(incoming(IN));

    bench.wait(Duration::from_secs(4));
    assert_eq!(bench.sip_commands(), [format!("reject {IN} 503")]);
    bench.sip(ended(IN, sip::Cause::Response));

    assert_eq!(bench.events(), [format!("incoming {IN}"), format!("ended {IN} overload local")]);
    assert_eq!(bench.core.counters().refused_overload, 1);
}

#[test]
fn any_command_for_an_incoming_leg_is_a_decision() {
    let commands = [
        Command::Ring { leg: IN },
        Command::Answer { leg: IN },
        Command::Hangup { leg: IN, q850: None, reason: None },
        tone(1, IN),
    ];
    for command in commands {
        let mut bench = Bench::new();
        bench.sip(incoming(IN));

        bench.command(command.clone());
        bench.sip_commands();
        bench.wait(Duration::from_secs(60));

        assert!(bench.sip_commands().is_empty(), "{command:?}");
    }
}

#[test]
fn without_a_media_port_a_dialed_leg_ends_before_anything_is_sent() {
    let mut bench = Bench::new();
    bench.script.borrow_mut().no_port = true;

    bench.command(dial(1));

    assert_eq!(bench.events(), ["ended 1 no_media_port local"]);
    assert!(bench.sip_commands().is_empty());
    assert!(bench.core.lookups.is_empty());
}

#[test]
fn without_a_media_port_an_incoming_leg_is_refused() {
    let mut bench = Bench::new();
    bench.sip(incoming(IN));
    bench.script.borrow_mut().no_port = true;

    bench.command(Command::Answer { leg: IN });
    bench.command(Command::Answer { leg: IN });
    assert_eq!(bench.sip_commands(), [format!("reject {IN} 503")]);
    bench.sip(ended(IN, sip::Cause::Response));

    assert_eq!(bench.events()[1], format!("ended {IN} no_media_port local"));
}

#[test]
fn a_name_that_does_not_resolve_ends_the_leg_as_dns() {
    let mut bench = Bench::new();
    bench.command(dial(1));
    assert_eq!(
        bench.core.lookups.pop_front().map(|(leg, question)| (leg, question.host)),
        Some((1, "gw.example".to_owned()))
    );

    bench.core.handle_resolved(bench.now, 1, Err("no such name".to_owned()));
    bench.media(MediaEvent::Closed { leg: 1 });

    assert_eq!(bench.events(), ["ended 1 dns network"]);
    assert!(bench.sip_commands().is_empty());
}

#[test]
fn a_name_server_that_is_silent_ends_the_leg_as_dns() {
    let mut bench = Bench::new();
    bench.command(dial(1));

    bench.wait(Duration::from_secs(5));
    bench.wait(MEDIA_CLOSE_WITHIN);
    bench.core.handle_resolved(bench.now, 1, Ok(vec![target()]));

    assert_eq!(bench.events(), ["ended 1 dns network"]);
    assert!(bench.sip_commands().is_empty());
}

#[test]
fn a_hangup_while_the_name_is_looked_up_sends_nothing() {
    let mut bench = Bench::new();
    bench.command(dial(1));

    bench.command(Command::Hangup { leg: 1, q850: Some(16), reason: None });
    bench.core.handle_resolved(bench.now, 1, Ok(vec![target()]));
    bench.media(MediaEvent::Closed { leg: 1 });

    assert_eq!(bench.events(), ["ended 1 cancelled local"]);
    assert!(bench.sip_commands().is_empty());
}

#[test]
fn operations_on_legs_that_are_over_or_never_were_end_at_once() {
    let mut bench = Bench::new();
    bench.dial(1);
    bench.sip(ended(1, sip::Cause::Bye));
    bench.command(tone(1, 1));
    bench.media(MediaEvent::Closed { leg: 1 });
    bench.events();

    bench.command(tone(2, 1));
    bench.command(tone(3, 99));
    bench.command(gather(4, 1));

    assert_eq!(bench.events(), ["done 2 of 1 leg_ended", "done 3 of 99 failed", "gathered 4 of 1 leg_ended"]);
    assert!(!bench.calls().iter().any(|call| call.starts_with("start")));
}

fn gather(op: OpId, leg: LegId) -> Command {
    let gather = Gather {
        files: Vec::new(),
        min_digits: 1,
        max_digits: 1,
        terminators: String::new(),
        first_timeout: Duration::ZERO,
        inter_timeout: Duration::ZERO,
        barge_in: true,
    };
    Command::Start { op, leg, operation: Operation::Gather(gather) }
}

#[test]
fn a_gather_that_fails_says_why_whoever_finds_out() {
    let mut bench = Bench::new();
    bench.dial(1);
    bench.command(gather(1, 99));
    bench.command(gather(2, 1));
    let (digits, detail) = (String::new(), Some("menu.wav: no such file".to_owned()));
    bench.media(MediaEvent::GatherDone {
        op: 2,
        leg: 1,
        digits,
        result: GatherResult::Failed,
        terminator: None,
        detail,
    });

    let expected = ["gathered 1 of 99 failed: there is no such leg", "gathered 2 of 1 failed: menu.wav: no such file"];
    assert_eq!(bench.events(), expected);
}

#[test]
fn an_operation_before_the_answer_fails_with_the_reason() {
    let mut bench = Bench::new();
    bench.sip(incoming(IN));

    bench.command(tone(1, IN));

    assert_eq!(bench.events()[1], format!("done 1 of {IN} failed"));
}

#[test]
fn a_join_ends_once_when_either_leg_ends() {
    let mut bench = Bench::new();
    bench.dial(1);
    bench.dial(2);
    bench.command(Command::Start { op: 5, leg: 1, operation: Operation::Join { other: 2 } });

    bench.sip(ended(2, sip::Cause::Bye));
    bench.media(MediaEvent::Closed { leg: 2 });
    bench.media(done(5, 1));
    bench.sip(ended(1, sip::Cause::Bye));
    bench.media(MediaEvent::Closed { leg: 1 });

    assert_eq!(bench.events(), ["done 5 of 1 leg_ended", "ended 2 bye remote", "ended 1 bye remote"]);
}

#[test]
fn a_leg_is_not_joined_to_itself() {
    let mut bench = Bench::new();
    bench.dial(1);

    bench.command(Command::Start { op: 5, leg: 1, operation: Operation::Join { other: 1 } });

    assert_eq!(bench.events(), ["done 5 of 1 failed"]);
}

#[test]
fn media_confirms_an_answer_only_after_there_is_one() {
    let mut bench = Bench::new();
    bench.sip(incoming(IN));
    bench.media(MediaEvent::FirstPacket { leg: IN });
    assert!(bench.sip_commands().is_empty());

    bench.command(Command::Answer { leg: IN });
    bench.sip(sip::Event::MediaAgreed { leg: IN, media: agreed() });
    bench.media(MediaEvent::FirstPacket { leg: IN });
    bench.sip(sip::Event::AnswerConfirmed { leg: IN, how: sip::Confirmation::Rtp });

    assert_eq!(bench.sip_commands(), [format!("answer {IN} 192.0.2.1:20000"), format!("seen {IN}")]);
    assert_eq!(bench.events()[1], format!("confirmed {IN} rtp PCMA"));
}

#[test]
fn early_media_and_the_answer_share_one_port() {
    let mut bench = Bench::new();
    bench.sip(incoming(IN));

    bench.command(Command::EarlyMedia { leg: IN });
    bench.command(Command::Answer { leg: IN });

    assert_eq!(bench.calls(), [format!("open {IN}")]);
    assert_eq!(bench.sip_commands().len(), 2);
}

#[test]
fn a_digit_by_info_reaches_gathers_and_python() {
    let mut bench = Bench::new();
    bench.dial(1);
    bench.sip(answered(1));
    bench.calls();

    bench.sip(sip::Event::InfoDtmf { leg: 1, digit: '5', duration_ms: 250 });

    assert_eq!(bench.calls(), ["digit 1 5"]);
    assert!(bench.events()[1].contains("info"));
}

#[test]
fn a_fault_of_media_ends_its_leg() {
    let mut bench = Bench::new();
    bench.dial(1);

    bench.media(MediaEvent::Fault { leg: 1, what: "bug".to_owned() });
    bench.media(MediaEvent::Closed { leg: 1 });
    bench.sip(ended(1, sip::Cause::Bye));

    let events = bench.events();
    assert_eq!(events.len(), 2);
    assert!(events[0].starts_with("Fault"));
    assert_eq!(events[1], "ended 1 fault local");
    assert_eq!(bench.sip_commands()[1], "hangup 1");
}

#[test]
fn stopping_ends_what_was_not_sent_and_refuses_what_comes() {
    let mut bench = Bench::new();
    bench.command(dial(1));
    bench.dial(2);
    bench.sip_commands();

    bench.core.begin_stop(bench.now);
    bench.media(MediaEvent::Closed { leg: 1 });
    bench.command(dial(3));
    assert_eq!(bench.events(), ["ended 1 stopped local", "ended 3 stopped local"]);
    assert_eq!(bench.sip_commands(), ["StopAll"]);

    bench.core.end_all(bench.now, "stopped");
    bench.media(MediaEvent::Closed { leg: 2 });
    assert_eq!(bench.events(), ["ended 2 stopped local"]);
}

#[test]
fn commands_for_legs_that_are_over_are_counted() {
    let mut bench = Bench::new();

    for command in
        [Command::Ring { leg: 9 }, Command::Hangup { leg: 9, q850: None, reason: None }, Command::StopOp { op: 9 }]
    {
        bench.command(command);
    }

    assert_eq!(bench.core.counters().stale_commands, 3);
    assert!(bench.events().is_empty() && bench.sip_commands().is_empty());
}

#[test]
fn a_hang_up_after_a_play_waits_until_the_far_end_has_heard_its_end() {
    let mut bench = Bench::new();
    bench.dial(1);
    bench.sip(answered(1));
    let play = Operation::Play { files: vec!["a.wav".into()], loop_count: 1, barge_in: false, gain_db: 0.0 };
    bench.command(Command::Start { op: 7, leg: 1, operation: play });
    bench.sip_commands();
    bench.media(done(7, 1));

    for _ in 0..2 {
        bench.command(Command::Hangup { leg: 1, q850: Some(16), reason: None });
    }
    assert!(bench.sip_commands().is_empty(), "the BYE follows the last packet at once");
    bench.wait(Duration::from_millis(119));
    assert!(bench.sip_commands().is_empty());
    bench.wait(Duration::from_millis(1));

    assert_eq!(bench.sip_commands(), ["hangup 1"]);
    bench.command(Command::Hangup { leg: 1, q850: Some(16), reason: None });
    assert_eq!(bench.sip_commands(), ["hangup 1"], "only once");
}

#[test]
fn rooms_take_what_can_be_done_there_and_refuse_the_rest() {
    let mut bench = Bench::new();
    let room = ringback_media::ROOMS;
    bench.command(tone(1, room));
    bench.command(Command::OpenRoom { room, max_members: 3 });
    bench.command(tone(2, room));
    bench.command(Command::Start { op: 3, leg: room, operation: Operation::Join { other: 1 } });
    bench.command(Command::CloseRoom { room });
    bench.core.finish_all(bench.now, "stopped");

    let ends = [(1, "failed"), (3, "failed"), (2, "leg_ended")];
    assert_eq!(bench.events(), ends.map(|(op, result)| format!("done {op} of {room} {result}")));
    let calls = [format!("open room {room}"), format!("start 2 on {room}"), format!("close room {room}")];
    assert_eq!(bench.calls(), calls);
}
