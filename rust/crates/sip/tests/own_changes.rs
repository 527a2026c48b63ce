//! Hold and resume by us, by re-INVITE and UPDATE; glare (RFC 3261 section 14, RFC 3311).
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, clippy::unchecked_time_subtraction)]

mod common;

use std::time::Duration;

use common::*;
use ringback_sip::{Cause, Command, Event, Side};

const PEER: &str = "192.0.2.9:5060";

/// A call of ours that is up; our From tag.
fn dialed() -> Script {
    let mut script = Script::new();
    script.tell(dial(1, PEER));
    let invite = script.expect("INVITE");
    script.say(&ok_with_answer(&invite, "far"));
    script.expect("ACK");
    script.events.clear();
    script
}

/// A call of theirs that is up; our tag.
fn called() -> (Script, String) {
    let mut script = Script::new();
    script.say(&Ask::default().text());
    script.tell(Command::Answer { leg: incoming(0), media: media("192.0.2.1:20000") });
    script.expect("100 INVITE");
    let to_tag = tag(&header(&script.expect("200 INVITE"), "To"));
    script.say(&Ask { method: "ACK", branch: "a", to_tag: &to_tag, body: "", ..Ask::default() }.text());
    script.events.clear();
    (script, to_tag)
}

fn hold(script: &mut Script, on: bool) -> String {
    script.tell(Command::Hold { leg: 1, on });
    script.expect("INVITE")
}

fn answered(script: &mut Script, invite: &str, direction: &str) -> String {
    let sdp = OFFER.replace("sendrecv", direction);
    script.say(&reply(invite, 200, "far", "Contact: <sip:far@192.0.2.9:5060>\r\n", &sdp));
    script.expect("ACK")
}

fn version(message: &str) -> u64 {
    let line = body(message).lines().nth(1).unwrap_or_default().to_owned();
    line.split(' ').nth(2).and_then(|word| word.parse().ok()).expect("a version")
}

#[test]
fn hold_and_resume_are_offered_and_reported() {
    let mut script = dialed();

    let held = hold(&mut script, true);
    let ack = answered(&mut script, &held, "recvonly");
    let resumed = hold(&mut script, false);
    answered(&mut script, &resumed, "sendrecv");

    assert!(body(&held).contains("a=sendonly"), "{held}");
    assert!(body(&resumed).contains("a=sendrecv"), "{resumed}");
    assert_eq!(version(&resumed), version(&held) + 1);
    assert_eq!(target(&held), "sip:far@192.0.2.9:5060");
    assert_eq!((header(&held, "CSeq").as_str(), header(&ack, "CSeq").as_str()), ("2 INVITE", "2 ACK"));
    assert_eq!(kinds(&script.events), ["MediaAgreed", "HoldDone", "MediaAgreed", "HoldDone"], "they do not hold us");
    assert_eq!(script.events[1], Event::HoldDone { leg: 1, on: true, code: 200 });
    let (first, second) = (media_of(&script.events[0]).expect("media"), media_of(&script.events[2]).expect("media"));
    assert_eq!((first.send, first.receive, second.send, second.receive), (true, false, true, true));
}

#[test]
fn a_copy_of_the_200_is_acknowledged_again_and_not_reported_again() {
    let mut script = dialed();
    let held = hold(&mut script, true);
    let ack = answered(&mut script, &held, "recvonly");
    script.events.clear();

    assert_eq!(answered(&mut script, &held, "recvonly"), ack);

    assert_eq!(script.events, []);
}

#[test]
fn who_is_held_by_both_hears_nothing() {
    let (mut script, to_tag) = called();
    let theirs = OFFER.replace("sendrecv", "sendonly");
    script.say(&Ask { branch: "r2", to_tag: &to_tag, cseq: 2, body: &theirs, ..Ask::default() }.text());
    script.expect("200 INVITE");
    script.say(&Ask { method: "ACK", branch: "a2", to_tag: &to_tag, cseq: 2, body: "", ..Ask::default() }.text());

    script.tell(Command::Hold { leg: incoming(0), on: true });

    assert!(body(&script.expect("INVITE")).contains("a=inactive"));
}

#[test]
fn while_we_hold_their_offers_do_not_take_us_back() {
    let (mut script, to_tag) = called();
    script.tell(Command::Hold { leg: incoming(0), on: true });
    let held = script.expect("INVITE");
    script.say(&reply(&held, 200, "", "", &OFFER.replace("sendrecv", "recvonly")));
    script.expect("ACK");

    script.say(&Ask { branch: "r2", to_tag: &to_tag, cseq: 2, ..Ask::default() }.text());
    assert!(body(&script.expect("200 INVITE")).contains("a=sendonly"));
    script.say(&Ask { method: "ACK", branch: "a2", to_tag: &to_tag, cseq: 2, body: "", ..Ask::default() }.text());
    script.say(&Ask { branch: "r3", to_tag: &to_tag, cseq: 3, body: "", ..Ask::default() }.text());

    assert!(body(&script.expect("200 INVITE")).contains("a=sendonly"));
}

#[test]
fn every_stream_they_ever_offered_keeps_its_place() {
    let mut script = Script::new();
    let mixed = format!("{OFFER}m=video 5000 RTP/AVP 31 32\r\n");
    script.say(&Ask { body: &mixed, ..Ask::default() }.text());
    script.tell(Command::Answer { leg: incoming(0), media: media("192.0.2.1:20000") });
    script.expect("100 INVITE");
    let to_tag = tag(&header(&script.expect("200 INVITE"), "To"));
    script.say(&Ask { method: "ACK", branch: "a", to_tag: &to_tag, body: "", ..Ask::default() }.text());

    script.tell(Command::Hold { leg: incoming(0), on: true });

    let held = body(&script.expect("INVITE"));
    let streams: Vec<_> = held.lines().filter(|line| line.starts_with("m=")).collect();
    assert_eq!(streams, ["m=audio 20000 RTP/AVP 8 101", "m=video 0 RTP/AVP 31"]);
}

#[test]
fn a_refused_hold_is_reported_and_leaves_the_call_as_it_was() {
    let mut script = dialed();
    let held = hold(&mut script, true);

    script.say(&reply(&held, 488, "far", "", ""));

    let ack = script.expect("ACK");
    assert_eq!(header(&ack, "CSeq"), "2 ACK");
    assert_eq!(script.events, [Event::HoldDone { leg: 1, on: true, code: 488 }]);
    assert_eq!(script.ua.counters().legs, 1);
    assert!(body(&hold(&mut script, true)).contains("a=sendonly"), "it may be tried again");
}

#[test]
fn an_answer_without_usable_sdp_leaves_the_call_as_it_was() {
    let mut script = dialed();
    let held = hold(&mut script, true);

    script.say(&reply(&held, 200, "far", "", ""));

    script.expect("ACK");
    assert_eq!(script.events, [Event::HoldDone { leg: 1, on: true, code: 488 }]);
}

#[test]
fn only_a_far_end_that_is_gone_ends_the_call() {
    for code in [408, 481] {
        let mut script = dialed();
        let held = hold(&mut script, true);
        script.say(&reply(&held, code, "far", "", ""));
        assert_eq!(script.take_sent(), ["ACK", "BYE"]);
        script.advance(TIMEOUT);
        assert_eq!(script.events.last().and_then(ended), Some((1, Cause::SessionExpired, Side::Network, Some(code))));
        script.assert_clean();
    }
    let mut script = dialed();
    hold(&mut script, true);
    script.advance(TIMEOUT * 2);
    assert_eq!(script.events.last().and_then(ended), Some((1, Cause::SessionExpired, Side::Network, Some(408))));
    script.assert_clean();
}

#[test]
fn who_rings_on_a_reinvite_for_ever_is_not_waited_for() {
    let mut script = dialed();
    let held = hold(&mut script, true);
    script.say(&reply(&held, 100, "", "", ""));

    script.advance(TIMEOUT * 2);

    assert_eq!(script.events, [Event::HoldDone { leg: 1, on: true, code: 408 }]);
    answered(&mut script, &held, "recvonly");
    assert_eq!(script.ua.counters().legs, 1, "a 200 after all gets its ACK and the call goes on");
}

/// When the next INVITE is sent after a 491, in milliseconds.
fn back_off(script: &mut Script, invite: &str) -> u64 {
    script.say(&reply(invite, 491, "far", "", ""));
    script.expect("ACK");
    let mut waited = 0;
    while script.sent.is_empty() {
        script.advance(Duration::from_millis(10));
        waited += 10;
        assert!(waited <= 10_000, "never sent again");
    }
    waited
}

#[test]
fn after_a_491_who_owns_the_call_id_waits_longer_and_tries_again() {
    let mut script = dialed();
    let held = hold(&mut script, true);
    let waited = back_off(&mut script, &held);
    assert!((2100..=4000).contains(&waited), "{waited}");
    let again = script.expect("INVITE");
    assert_eq!((header(&again, "CSeq").as_str(), body(&again).contains("a=sendonly")), ("3 INVITE", true));
    assert_eq!(script.events, []);

    let (mut script, _) = called();
    script.tell(Command::Hold { leg: incoming(0), on: true });
    let held = script.expect("INVITE");
    let waited = back_off(&mut script, &held);
    assert!(waited <= 2010, "{waited}");
}

#[test]
fn glare_without_end_is_given_up() {
    let mut script = dialed();
    let mut held = hold(&mut script, true);
    for _ in 0..5 {
        back_off(&mut script, &held);
        held = script.expect("INVITE");
    }
    script.say(&reply(&held, 491, "far", "", ""));

    script.expect("ACK");
    assert_eq!(script.events, [Event::HoldDone { leg: 1, on: true, code: 491 }]);
    script.advance(TIMEOUT);
    assert_eq!(script.take_sent(), Vec::<String>::new());
}

#[test]
fn two_who_hold_each_other_at_once_both_succeed() {
    let mut pair = Pair::new();
    let (a, b) = pair.established();
    pair.a.handle_command(pair.now, Command::Hold { leg: a, on: true });
    pair.b.handle_command(pair.now, Command::Hold { leg: b, on: true });
    pair.pump();
    assert_eq!(pair.ladder().iter().filter(|line| line.contains("491")).count(), 2);

    pair.advance(Duration::from_secs(10));

    for events in [&pair.a_events, &pair.b_events] {
        let done: Vec<_> = events.iter().filter(|event| kind(event) == "HoldDone").collect();
        assert!(matches!(done.as_slice(), [Event::HoldDone { on: true, code: 200, .. }]), "{done:?}");
    }
    pair.tell_a(Command::Hangup { leg: a, q850: None });
    pair.assert_clean();
}

#[test]
fn while_our_offer_is_open_theirs_gets_491() {
    let (mut script, to_tag) = called();
    script.tell(Command::Hold { leg: incoming(0), on: true });
    script.expect("INVITE");

    script.say(&Ask { branch: "r2", to_tag: &to_tag, cseq: 2, ..Ask::default() }.text());
    script.say(&Ask { method: "UPDATE", branch: "u3", to_tag: &to_tag, cseq: 3, ..Ask::default() }.text());

    script.expect("491 INVITE");
    script.expect("491 UPDATE");
}

#[test]
fn a_change_waits_for_the_ack_of_our_200_and_for_the_last_change() {
    let mut script = Script::new();
    script.say(&Ask::default().text());
    script.tell(Command::Answer { leg: incoming(0), media: media("192.0.2.1:20000") });
    script.expect("100 INVITE");
    let to_tag = tag(&header(&script.expect("200 INVITE"), "To"));

    script.tell(Command::Hold { leg: incoming(0), on: true });
    assert_eq!(script.take_sent(), Vec::<String>::new());
    script.say(&Ask { method: "ACK", branch: "a", to_tag: &to_tag, body: "", ..Ask::default() }.text());
    let held = script.expect("INVITE");
    script.tell(Command::Hold { leg: incoming(0), on: false });
    assert_eq!(script.take_sent(), Vec::<String>::new());
    script.say(&reply(&held, 200, "", "", &OFFER.replace("sendrecv", "recvonly")));

    assert_eq!(script.take_sent(), ["ACK", "INVITE"]);
}

#[test]
fn asking_for_what_is_so_already_is_done_at_once() {
    let mut script = dialed();

    script.tell(Command::Hold { leg: 1, on: false });

    assert_eq!(script.take_sent(), Vec::<String>::new());
    assert_eq!(script.events, [Event::HoldDone { leg: 1, on: false, code: 200 }]);
}

#[test]
fn a_challenged_reinvite_carries_credentials_and_so_does_its_ack() {
    let mut order = dial(1, PEER);
    if let Command::Dial { credentials, .. } = &mut order {
        *credentials =
            Some(ringback_sip::Credentials { username: "u".to_owned(), password: "p".to_owned(), realm: None });
    }
    let mut script = Script::new();
    script.tell(order);
    let invite = script.expect("INVITE");
    script.say(&ok_with_answer(&invite, "far"));
    script.expect("ACK");
    let held = hold(&mut script, true);

    script.say(&reply(&held, 407, "far", "Proxy-Authenticate: Digest realm=\"r\", nonce=\"n\"\r\n", ""));

    script.expect("ACK");
    let again = script.expect("INVITE");
    assert!(header(&again, "Proxy-Authorization").contains("nonce=\"n\""));
    let ack = answered(&mut script, &again, "recvonly");
    assert_eq!(header(&ack, "Proxy-Authorization"), header(&again, "Proxy-Authorization"));
}

#[test]
fn the_ack_of_a_refused_reinvite_goes_the_way_of_the_reinvite() {
    let mut script = Script::new();
    script.tell(dial(1, PEER));
    let invite = script.expect("INVITE");
    let extra = "Record-Route: <sip:192.0.2.77;lr>\r\nContact: <sip:far@192.0.2.9:5060>\r\n";
    script.say(&reply(&invite, 200, "far", extra, OFFER));
    script.expect("ACK");
    let held = hold(&mut script, true);

    script.say(&reply(&held, 488, "far", "", ""));

    let (to, ack) = script.sent.pop_front().expect("an ACK");
    assert_eq!(to, addr("192.0.2.77:5060"));
    assert_eq!(header(&ack, "Route"), header(&held, "Route"));
    assert_eq!(header(&ack, "Via"), header(&held, "Via"));
}

#[test]
fn an_early_hold_is_an_update_once_the_first_exchange_is_complete() {
    let mut script = Script::new();
    script.tell(dial(1, PEER));
    let invite = script.expect("INVITE");
    script.tell(Command::Hold { leg: 1, on: true });
    assert_eq!(script.take_sent(), Vec::<String>::new(), "our first offer is open");
    let extra = "Require: 100rel\r\nRSeq: 1\r\nAllow: INVITE, UPDATE, PRACK\r\nContact: <sip:f@192.0.2.9:5060>\r\n";

    script.say(&reply(&invite, 183, "f", extra, OFFER));

    script.expect("PRACK");
    let update = script.expect("UPDATE");
    assert!(body(&update).contains("a=sendonly"), "{update}");
    assert_eq!((tag(&header(&update, "To")).as_str(), header(&update, "CSeq").as_str()), ("f", "3 UPDATE"));
    script.say(&reply(&update, 200, "f", "", &OFFER.replace("sendrecv", "recvonly")));
    assert!(script.events.contains(&Event::HoldDone { leg: 1, on: true, code: 200 }));
}

#[test]
fn a_busy_far_end_says_when_to_try_an_update_again() {
    let mut script = Script::new();
    script.tell(dial(1, PEER));
    let invite = script.expect("INVITE");
    let extra = "Require: 100rel\r\nRSeq: 1\r\nAllow: INVITE, UPDATE, PRACK\r\nContact: <sip:f@192.0.2.9:5060>\r\n";
    script.say(&reply(&invite, 183, "f", extra, OFFER));
    script.expect("PRACK");
    script.tell(Command::Hold { leg: 1, on: true });
    let update = script.expect("UPDATE");

    script.say(&reply(&update, 500, "f", "Retry-After: 3\r\n", ""));
    script.advance(Duration::from_millis(2990));
    assert!(!script.take_sent().contains(&"UPDATE".to_owned()));
    script.advance(Duration::from_millis(20));

    assert!(script.take_sent().contains(&"UPDATE".to_owned()));
}
