//! A 200 whose ACK does not come (RFC 3261 section 13.3.1.4): nobody stays stuck waiting.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, clippy::unchecked_time_subtraction)]

mod common;

use std::time::Duration;

use common::*;
use ringback_sip::{Cause, Command, Confirmation, Event, Side};

/// An incoming call, answered, the 200 just sent.
fn answered() -> Script {
    let mut script = Script::new();
    script.say(&Ask::default().text());
    script.tell(Command::Answer { leg: incoming(0), media: media("192.0.2.1:20000") });
    assert_eq!(script.take_sent(), ["100 INVITE", "200 INVITE"]);
    script.events.clear();
    script
}

fn our_tag(script: &mut Script) -> String {
    script.say(&Ask::default().text());
    script.sent.clear();
    script.advance(T1);
    tag(&header(&script.expect("200 INVITE"), "To"))
}

#[test]
fn the_200_is_repeated_from_t1_doubling_to_t2_then_bye_and_no_ack() {
    let mut script = answered();
    let mut at = Vec::new();
    let start = script.now;

    while script.events.is_empty() && script.now - start < TIMEOUT * 3 {
        script.advance(Duration::from_millis(100));
        at.extend(script.take_sent().into_iter().map(|what| format!("{what} {:?}", script.now - start)));
    }

    assert_eq!(
        at.iter().take_while(|line| line.starts_with("200")).cloned().collect::<Vec<_>>(),
        ["500ms", "1.5s", "3.5s", "7.5s", "11.5s", "15.5s", "19.5s", "23.5s", "27.5s", "31.5s"]
            .map(|time| format!("200 INVITE {time}"))
    );
    assert_eq!(at[10], "BYE 32s");
    assert_eq!(ended(&script.events[0]), Some((incoming(0), Cause::NoAck, Side::Network, None)));
    script.assert_clean();
}

#[test]
fn an_ack_ends_the_repetition() {
    let mut script = answered();
    let to_tag = our_tag(&mut script);

    script.say(&Ask { method: "ACK", branch: "ack", to_tag: &to_tag, body: "", ..Ask::default() }.text());
    script.advance(TIMEOUT * 2);

    assert_eq!(script.take_sent(), Vec::<String>::new());
    assert_eq!(script.events, [Event::AnswerConfirmed { leg: incoming(0), how: Confirmation::Ack }]);
}

#[test]
fn an_ack_with_the_branch_of_its_invite_counts_too() {
    let mut script = answered();
    let to_tag = our_tag(&mut script);

    script.say(&Ask { method: "ACK", to_tag: &to_tag, body: "", ..Ask::default() }.text());

    assert_eq!(kinds(&script.events), ["AnswerConfirmed"]);
}

#[test]
fn an_ack_with_another_cseq_does_not_count() {
    let mut script = answered();
    let to_tag = our_tag(&mut script);

    script.say(&Ask { method: "ACK", branch: "ack", to_tag: &to_tag, cseq: 2, body: "", ..Ask::default() }.text());

    assert_eq!(script.events, []);
}

#[test]
fn a_request_in_the_dialog_confirms_and_ends_the_repetition() {
    let mut script = answered();
    let to_tag = our_tag(&mut script);

    let options = Ask { method: "OPTIONS", branch: "o", to_tag: &to_tag, cseq: 2, body: "", ..Ask::default() };
    script.say(&options.text());
    script.advance(TIMEOUT * 2);

    assert_eq!(script.take_sent(), ["200 OPTIONS"]);
    assert_eq!(script.events, [Event::AnswerConfirmed { leg: incoming(0), how: Confirmation::Request }]);
}

#[test]
fn a_bye_confirms_before_it_ends() {
    let mut script = answered();
    let to_tag = our_tag(&mut script);

    script.say(&Ask { method: "BYE", branch: "y", to_tag: &to_tag, cseq: 2, body: "", ..Ask::default() }.text());

    assert_eq!(script.events[0], Event::AnswerConfirmed { leg: incoming(0), how: Confirmation::Request });
    assert_eq!(ended(&script.events[1]), Some((incoming(0), Cause::Bye, Side::Remote, None)));
    script.assert_clean();
}

#[test]
fn media_confirms_once_and_spares_the_bye() {
    let mut script = answered();

    script.tell(Command::MediaSeen { leg: incoming(0) });
    script.tell(Command::MediaSeen { leg: incoming(0) });
    script.advance(TIMEOUT * 2);

    assert_eq!(script.events, [Event::AnswerConfirmed { leg: incoming(0), how: Confirmation::Rtp }]);
    assert!(script.take_sent().iter().all(|what| what == "200 INVITE"));
}

#[test]
fn a_hang_up_waits_for_the_ack() {
    let mut script = answered();
    let to_tag = our_tag(&mut script);

    script.tell(Command::Hangup { leg: incoming(0), q850: None });
    assert_eq!(script.take_sent(), Vec::<String>::new());
    script.say(&Ask { method: "ACK", branch: "ack", to_tag: &to_tag, body: "", ..Ask::default() }.text());

    let bye = script.expect("BYE");
    script.say(&reply(&bye, 200, "", "", ""));
    assert_eq!(ended(script.events.last().expect("an event")), Some((incoming(0), Cause::Bye, Side::Local, None)));
    script.assert_clean();
}

#[test]
fn a_hang_up_without_any_ack_still_ends_in_bye() {
    let mut script = answered();

    script.tell(Command::Hangup { leg: incoming(0), q850: None });
    script.advance(TIMEOUT);

    assert_eq!(script.take_sent().last().map(String::as_str), Some("BYE"));
    script.advance(TIMEOUT);
    assert_eq!(ended(&script.events[0]), Some((incoming(0), Cause::Bye, Side::Local, None)));
    script.assert_clean();
}

#[test]
fn copies_of_the_invite_are_absorbed_after_the_200() {
    let mut script = answered();

    script.say(&Ask::default().text());

    assert_eq!(script.take_sent(), Vec::<String>::new());
    assert_eq!(script.events, []);
    assert_eq!(script.ua.counters().retransmissions_absorbed, 1);
}
