//! One INVITE, several answers (RFC 3261 section 13.2.2.4).
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, clippy::unchecked_time_subtraction)]

mod common;

use common::*;
use ringback_sip::{Cause, Command, Side};

fn dialled() -> (Script, String) {
    let mut script = Script::new();
    script.tell(dial(1, "192.0.2.9:5060"));
    let invite = script.expect("INVITE");
    (script, invite)
}

#[test]
fn every_further_answer_gets_ack_and_bye_of_its_own_dialog() {
    let (mut script, invite) = dialled();
    script.say(&reply(&invite, 180, "one", "", ""));
    script.say(&reply(&invite, 183, "two", "", OFFER));
    script.say(&ok_with_answer(&invite, "two"));
    script.expect("ACK");

    script.say(&ok_with_answer(&invite, "one"));

    let ack = script.expect("ACK");
    let bye = script.expect("BYE");
    assert_eq!(tag(&header(&ack, "To")), "one");
    assert_eq!(tag(&header(&bye, "To")), "one");
    assert_eq!(target(&bye), "sip:one@192.0.2.9:5060");
    assert_eq!(script.ua.counters().forked_answers, 1);
    assert_eq!(kinds(&script.events), ["Progress", "Progress", "Answered"]);
    script.say(&reply(&bye, 200, "", "", ""));

    script.tell(Command::Hangup { leg: 1, q850: None });
    let bye = script.expect("BYE");
    assert_eq!(tag(&header(&bye, "To")), "two");
    script.say(&reply(&bye, 200, "", "", ""));
    assert_eq!(ended(&script.events[3]), Some((1, Cause::Bye, Side::Local, None)));
    script.assert_clean();
}

#[test]
fn a_repeated_200_is_acknowledged_again_and_not_reported_again() {
    let (mut script, invite) = dialled();
    script.say(&ok_with_answer(&invite, "one"));
    let first = script.expect("ACK");

    script.say(&ok_with_answer(&invite, "one"));

    assert_eq!(script.expect("ACK"), first);
    assert_eq!(kinds(&script.events), ["Answered"]);
}

#[test]
fn a_repeated_200_of_another_fork_is_acknowledged_without_another_bye() {
    let (mut script, invite) = dialled();
    script.say(&ok_with_answer(&invite, "one"));
    script.say(&ok_with_answer(&invite, "two"));
    script.take_sent();

    script.say(&ok_with_answer(&invite, "two"));

    let ack = script.expect("ACK");
    assert_eq!(tag(&header(&ack, "To")), "two");
    assert!(script.sent.is_empty());
}

#[test]
fn a_repeated_200_after_the_end_is_still_acknowledged() {
    let (mut script, invite) = dialled();
    script.say(&ok_with_answer(&invite, "one"));
    script.expect("ACK");
    script.tell(Command::Hangup { leg: 1, q850: None });
    let bye = script.expect("BYE");
    script.say(&reply(&bye, 200, "", "", ""));

    script.say(&ok_with_answer(&invite, "one"));

    assert_eq!(script.take_sent(), ["ACK"]);
    script.assert_clean();
}

#[test]
fn a_bye_of_a_fork_that_lost_does_not_end_the_call() {
    let (mut script, invite) = dialled();
    script.say(&reply(&invite, 180, "one", "", ""));
    script.say(&ok_with_answer(&invite, "two"));
    script.take_sent();
    let our_tag = tag(&header(&invite, "From"));

    let bye = Ask { method: "BYE", from_tag: "one", to_tag: &our_tag, body: "", ..Ask::default() }.text();
    script.say(&bye.replace("Call-ID: script-1", "Call-ID: call-1"));

    assert_eq!(script.take_sent(), ["481 BYE"]);
    assert_eq!(script.ua.counters().legs, 1);
}

#[test]
fn a_bye_that_overtakes_its_200_ends_the_call_and_the_200_is_ended_too() {
    let (mut script, invite) = dialled();
    script.say(&reply(&invite, 180, "one", "", ""));
    let our_tag = tag(&header(&invite, "From"));

    let bye = Ask { method: "BYE", from_tag: "one", to_tag: &our_tag, body: "", ..Ask::default() }.text();
    script.say(&bye.replace("Call-ID: script-1", "Call-ID: call-1"));
    script.say(&ok_with_answer(&invite, "one"));

    assert_eq!(script.take_sent(), ["200 BYE", "ACK", "BYE"]);
    assert_eq!(ended(&script.events[1]), Some((1, Cause::Bye, Side::Remote, None)));
    script.assert_clean();
}

#[test]
fn early_media_is_reported_per_fork_and_stands_in_for_a_200_without_sdp() {
    let (mut script, invite) = dialled();
    script.say(&reply(&invite, 183, "one", "", OFFER));
    script.say(&reply(&invite, 200, "one", "Contact: <sip:one@192.0.2.9>\r\n", ""));

    let media: Vec<_> = script.events.iter().filter_map(media_of).collect();
    assert_eq!(media.len(), 2);
    assert_eq!(media[0], media[1]);
    assert_eq!(media[0].remote, addr("192.0.2.9:40000"));
}

#[test]
fn an_answer_without_usable_sdp_gets_ack_and_bye() {
    let g729 = OFFER.replace("RTP/AVP 0 8 101", "RTP/AVP 18").replace("rtpmap:0 PCMU", "rtpmap:18 G729");
    for sdp in ["", &g729, "v=0\r\ns=-\r\n", "garbage"] {
        let (mut script, invite) = dialled();
        script.say(&reply(&invite, 200, "one", "Contact: <sip:one@192.0.2.9>\r\n", sdp));

        script.expect("ACK");
        let bye = script.expect("BYE");
        script.say(&reply(&bye, 200, "", "", ""));
        assert_eq!(ended(&script.events[0]), Some((1, Cause::NoCommonCodec, Side::Local, Some(200))), "{sdp}");
        script.assert_clean();
    }
}

#[test]
fn a_flood_of_forks_is_bounded() {
    let (mut script, invite) = dialled();

    for n in 0..100 {
        script.say(&ok_with_answer(&invite, &format!("fork{n}")));
    }

    assert!(script.ua.counters().dialogs <= 17, "{:?}", script.ua.counters());
    script.tell(Command::Hangup { leg: 1, q850: None });
    script.assert_clean();
}

#[test]
fn a_refusal_after_an_answer_changes_nothing() {
    let (mut script, invite) = dialled();
    script.say(&ok_with_answer(&invite, "one"));
    script.expect("ACK");

    script.say(&reply(&invite, 486, "two", "", ""));

    assert!(script.sent.is_empty());
    assert_eq!(kinds(&script.events), ["Answered"]);
}
