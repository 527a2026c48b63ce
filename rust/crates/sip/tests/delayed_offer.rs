//! INVITEs without SDP: the offer is in our 200, the answer in their ACK.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, clippy::unchecked_time_subtraction)]

mod common;

use common::*;
use ringback_sip::{Cause, Codec, Command, Confirmation, Event, Side};

fn answered_without_offer() -> (Script, String) {
    let mut script = Script::new();
    script.say(&Ask { body: "", ..Ask::default() }.text());
    assert!(matches!(script.events[0], Event::Incoming { codec_ok: true, .. }));
    script.tell(Command::Answer { leg: incoming(0), media: media("192.0.2.1:20000") });
    script.expect("100 INVITE");
    let ok = script.expect("200 INVITE");
    let offer = body(&ok);
    assert!(offer.contains("m=audio 20000 RTP/AVP 8 0 101\r\n"), "{offer}");
    assert!(offer.contains("a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n"), "{offer}");
    script.events.clear();
    (script, tag(&header(&ok, "To")))
}

#[test]
fn the_answer_in_the_ack_agrees_and_confirms() {
    let (mut script, to_tag) = answered_without_offer();

    script.say(&Ask { method: "ACK", branch: "a", to_tag: &to_tag, ..Ask::default() }.text());

    let media = media_of(&script.events[0]).expect("media");
    assert_eq!((media.codec, media.remote), (Codec::Pcmu, addr("192.0.2.9:40000")), "their first choice");
    assert_eq!(script.events[1], Event::AnswerConfirmed { leg: incoming(0), how: Confirmation::Ack });
}

#[test]
fn an_ack_without_a_usable_answer_ends_the_call() {
    for sdp in ["", "v=0\r\n", &OFFER.replace("m=audio 40000", "m=audio 0")] {
        let (mut script, to_tag) = answered_without_offer();

        script.say(&Ask { method: "ACK", branch: "a", to_tag: &to_tag, body: sdp, ..Ask::default() }.text());

        let bye = script.expect("BYE");
        script.say(&reply(&bye, 200, "", "", ""));
        assert_eq!(ended(&script.events[0]), Some((incoming(0), Cause::NoCommonCodec, Side::Local, None)));
        script.assert_clean();
    }
}

#[test]
fn a_request_alone_does_not_replace_the_answer() {
    let (mut script, to_tag) = answered_without_offer();

    let info = Ask { method: "INFO", branch: "i", to_tag: &to_tag, cseq: 2, body: "", ..Ask::default() };
    script.say(&info.text());
    script.advance(TIMEOUT);

    assert_eq!(script.take_sent().last().map(String::as_str), Some("BYE"));
    script.advance(TIMEOUT);
    assert_eq!(kinds(&script.events), ["AnswerConfirmed", "Ended"]);
    assert_eq!(ended(&script.events[1]), Some((incoming(0), Cause::NoAck, Side::Network, None)));
}

#[test]
fn an_offer_of_theirs_while_ours_is_open_gets_491() {
    let (mut script, to_tag) = answered_without_offer();

    script.say(&Ask { method: "UPDATE", branch: "u", to_tag: &to_tag, cseq: 2, ..Ask::default() }.text());
    script.say(&Ask { branch: "r", to_tag: &to_tag, cseq: 3, ..Ask::default() }.text());

    assert_eq!(script.take_sent(), ["491 UPDATE", "491 INVITE"]);
}

#[test]
fn media_before_the_answer_proves_nothing() {
    let (mut script, to_tag) = answered_without_offer();

    script.tell(Command::MediaSeen { leg: incoming(0) });
    assert_eq!(script.events, []);
    script.say(&Ask { method: "ACK", branch: "a", to_tag: &to_tag, ..Ask::default() }.text());

    assert_eq!(kinds(&script.events), ["MediaAgreed", "AnswerConfirmed"]);
}
