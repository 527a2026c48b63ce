//! CANCEL, both ways (RFC 3261 section 9), and the races around it.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, clippy::unchecked_time_subtraction)]

mod common;

use std::time::Duration;

use common::*;
use ringback_sip::{Cause, Command, Event, Side};

fn dialled() -> (Script, String) {
    let mut script = Script::new();
    script.tell(dial(1, "192.0.2.9:5060"));
    let invite = script.expect("INVITE");
    (script, invite)
}

#[test]
fn cancel_is_held_until_a_provisional_response() {
    let (mut script, invite) = dialled();

    script.tell(Command::Hangup { leg: 1, q850: Some(16) });
    script.advance(T1);
    assert_eq!(script.take_sent(), ["INVITE"], "sent again, but not cancelled");
    script.say(&reply(&invite, 100, "", "", ""));

    let cancel = script.expect("CANCEL");
    assert_eq!(header(&cancel, "Via"), header(&invite, "Via"));
    assert_eq!(header(&cancel, "CSeq"), "1 CANCEL");
    assert_eq!(target(&cancel), target(&invite));
    assert_eq!(header(&cancel, "Reason"), "Q.850;cause=16");
    script.say(&reply(&cancel, 200, "", "", ""));
    script.say(&reply(&invite, 487, "t", "", ""));

    let ack = script.expect("ACK");
    assert_eq!(header(&ack, "Via"), header(&invite, "Via"));
    assert_eq!(header(&ack, "To"), format!("{};tag=t", header(&invite, "To")));
    assert_eq!(ended(&script.events[0]), Some((1, Cause::Cancelled, Side::Local, Some(487))));
    script.assert_clean();
}

#[test]
fn a_200_that_crosses_cancel_gets_ack_and_bye() {
    let (mut script, invite) = dialled();
    script.say(&reply(&invite, 180, "t", "", ""));
    script.tell(Command::Hangup { leg: 1, q850: None });
    let cancel = script.expect("CANCEL");

    script.say(&ok_with_answer(&invite, "t"));
    script.say(&reply(&cancel, 481, "", "", ""));

    script.expect("ACK");
    let bye = script.expect("BYE");
    assert_eq!(header(&bye, "CSeq"), "2 BYE");
    assert_eq!(script.events[1], Event::LateAnswer { leg: 1, code: 200 });
    assert_eq!(script.events.len(), 2, "the leg ends with its BYE");
    script.say(&reply(&bye, 200, "", "", ""));
    assert_eq!(ended(&script.events[2]), Some((1, Cause::Cancelled, Side::Local, Some(200))));
    script.assert_clean();
}

#[test]
fn a_200_before_any_provisional_is_a_late_answer_too() {
    let (mut script, invite) = dialled();
    script.tell(Command::Hangup { leg: 1, q850: None });

    script.say(&ok_with_answer(&invite, "t"));

    script.expect("ACK");
    script.expect("BYE");
    assert_eq!(script.events, [Event::LateAnswer { leg: 1, code: 200 }]);
}

#[test]
fn another_final_response_that_crosses_cancel_says_what_it_says() {
    let (mut script, invite) = dialled();
    script.say(&reply(&invite, 180, "t", "", ""));
    script.tell(Command::Hangup { leg: 1, q850: None });
    script.expect("CANCEL");

    script.say(&reply(&invite, 486, "t", "", ""));

    assert_eq!(ended(&script.events[1]), Some((1, Cause::Response, Side::Remote, Some(486))));
}

#[test]
fn silence_after_cancel_ends_as_cancelled_and_a_later_200_is_still_ended() {
    let (mut script, invite) = dialled();
    script.say(&reply(&invite, 180, "t", "", ""));
    script.tell(Command::Hangup { leg: 1, q850: None });

    script.advance(TIMEOUT - Duration::from_millis(1));
    assert_eq!(kinds(&script.events), ["Progress"]);
    script.advance(Duration::from_millis(1));
    assert_eq!(ended(&script.events[1]), Some((1, Cause::Cancelled, Side::Local, None)));
    script.sent.clear();
    script.say(&ok_with_answer(&invite, "t"));

    assert_eq!(script.take_sent(), ["ACK", "BYE"]);
    assert_eq!(script.events.len(), 2, "nothing is reported after Ended");
    assert_eq!(script.ua.counters().late_answers, 1);
    script.assert_clean();
}

#[test]
fn nobody_at_all_after_a_withdrawal_ends_as_cancelled() {
    let (mut script, _) = dialled();

    script.tell(Command::Hangup { leg: 1, q850: None });
    script.advance(TIMEOUT);

    assert_eq!(ended(&script.events[0]), Some((1, Cause::Cancelled, Side::Local, None)));
    assert!(!script.take_sent().contains(&"CANCEL".to_owned()));
    script.assert_clean();
}

#[test]
fn progress_is_not_reported_once_the_leg_is_withdrawn() {
    let (mut script, invite) = dialled();
    script.tell(Command::Hangup { leg: 1, q850: None });

    script.say(&reply(&invite, 180, "t", "", ""));
    script.say(&reply(&invite, 183, "t", "", OFFER));

    assert_eq!(script.events, []);
    assert_eq!(script.take_sent(), ["CANCEL"]);
}

#[test]
fn the_callers_cancel_gets_200_and_487() {
    let mut script = Script::new();
    script.say(&Ask::default().text());
    script.take_sent();

    let reason = "Reason: SIP;cause=200;text=\"Call completed elsewhere\", Q.850;cause=26\r\n";
    script.say(&Ask { method: "CANCEL", extra: reason, body: "", ..Ask::default() }.text());

    let ok = script.expect("200 CANCEL");
    let terminated = script.expect("487 INVITE");
    assert_eq!(header(&ok, "To"), header(&terminated, "To"));
    assert_eq!(ended(&script.events[1]), Some((incoming(0), Cause::Cancelled, Side::Remote, Some(487))));
    assert!(matches!(&script.events[1], Event::Ended { q850: Some(26), .. }));
    script.say(&Ask { method: "ACK", body: "", ..Ask::default() }.text());
    script.advance(TIMEOUT);
    assert_eq!(script.take_sent(), Vec::<String>::new(), "487 is not repeated after its ACK");
    script.assert_clean();
}

#[test]
fn a_repeated_cancel_gets_the_same_200() {
    let mut script = Script::new();
    script.say(&Ask::default().text());
    let cancel = Ask { method: "CANCEL", body: "", ..Ask::default() }.text();
    script.say(&cancel);
    let first = script.sent.iter().find(|(_, text)| short(text) == "200 CANCEL").cloned();
    script.sent.clear();

    script.say(&cancel);

    assert_eq!(script.sent.pop_front(), first);
    assert_eq!(script.events.len(), 2);
}

#[test]
fn cancel_after_our_200_changes_nothing() {
    let mut script = Script::new();
    script.say(&Ask::default().text());
    script.tell(Command::Answer { leg: incoming(0), media: media("192.0.2.1:20000") });
    script.take_sent();
    script.events.clear();

    script.say(&Ask { method: "CANCEL", body: "", ..Ask::default() }.text());

    assert_eq!(script.take_sent(), ["200 CANCEL"]);
    assert_eq!(script.events, []);
    assert_eq!(script.ua.counters().legs, 1);
}

#[test]
fn cancel_of_nothing_gets_481() {
    let mut script = Script::new();

    script.say(&Ask { method: "CANCEL", body: "", ..Ask::default() }.text());

    assert_eq!(script.take_sent(), ["481 CANCEL"]);
}

#[test]
fn hanging_up_twice_sends_one_cancel() {
    let (mut script, invite) = dialled();
    script.say(&reply(&invite, 180, "t", "", ""));

    script.tell(Command::Hangup { leg: 1, q850: None });
    script.tell(Command::Hangup { leg: 1, q850: None });

    assert_eq!(script.take_sent(), ["CANCEL"]);
}

#[test]
fn both_responses_to_a_cancel_too_late_carry_one_tag() {
    let mut script = Script::new();
    script.say(&Ask::default().text());
    script.tell(Command::Answer { leg: incoming(0), media: media("192.0.2.1:20000") });
    script.expect("100 INVITE");
    let ok = script.expect("200 INVITE");

    script.say(&Ask { method: "CANCEL", body: "", ..Ask::default() }.text());

    assert_eq!(header(&script.expect("200 CANCEL"), "To"), header(&ok, "To"));
    assert_eq!(script.ua.counters().stale_commands, 0);
}
