//! Changes during a call: re-INVITE and UPDATE (RFC 3261 section 14, RFC 3311, RFC 3264 section 8).
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, clippy::unchecked_time_subtraction)]

mod common;

use common::*;
use ringback_sip::{Cause, Codec, Command, Event, Side};

/// An incoming call that is up; its To tag.
fn up() -> (Script, String) {
    let mut script = Script::new();
    script.say(&Ask::default().text());
    script.tell(Command::Answer { leg: incoming(0), media: media("192.0.2.1:20000") });
    script.expect("100 INVITE");
    let to_tag = tag(&header(&script.expect("200 INVITE"), "To"));
    script.say(&Ask { method: "ACK", branch: "a", to_tag: &to_tag, body: "", ..Ask::default() }.text());
    script.events.clear();
    (script, to_tag)
}

fn reinvite(script: &mut Script, to_tag: &str, cseq: u32, sdp: &str) -> String {
    let branch = format!("re{cseq}");
    script.say(&Ask { branch: &branch, to_tag, cseq, body: sdp, ..Ask::default() }.text());
    let answer = script.next();
    if short(&answer) == "200 INVITE" {
        let ack = format!("ack{cseq}");
        script.say(&Ask { method: "ACK", branch: &ack, to_tag, cseq, body: "", ..Ask::default() }.text());
    }
    answer
}

#[test]
fn hold_and_resume_in_each_way_it_is_written() {
    let ways = [
        OFFER.replace("sendrecv", "sendonly"),
        OFFER.replace("sendrecv", "inactive"),
        OFFER.replace("c=IN IP4 192.0.2.9", "c=IN IP4 0.0.0.0"),
        OFFER.replace("a=sendrecv\r\n", "").replace("t=0 0\r\n", "t=0 0\r\na=sendonly\r\n"),
    ];
    for hold in ways {
        let (mut script, to_tag) = up();

        let held = reinvite(&mut script, &to_tag, 2, &hold);
        let resumed = reinvite(&mut script, &to_tag, 3, OFFER);

        assert_eq!(kinds(&script.events), ["MediaAgreed", "Held", "MediaAgreed", "Held"], "{hold}");
        assert_eq!(script.events[1], Event::Held { leg: incoming(0), on: true });
        assert_eq!(script.events[3], Event::Held { leg: incoming(0), on: false });
        assert!(!media_of(&script.events[0]).expect("media").send);
        assert!(media_of(&script.events[2]).expect("media").send);
        assert!(body(&resumed).contains("a=sendrecv"), "{resumed}");
        if hold.contains("a=sendonly") {
            assert!(body(&held).contains("a=recvonly"), "{held}");
        }
    }
}

#[test]
fn a_new_codec_and_address_are_taken_and_the_version_of_our_sdp_grows() {
    let (mut script, to_tag) = up();
    let first = reinvite(&mut script, &to_tag, 2, OFFER);
    let moved = OFFER
        .replace("RTP/AVP 0 8 101", "RTP/AVP 0 96")
        .replace("192.0.2.9", "192.0.2.44")
        .replace("rtpmap:101 telephone-event", "rtpmap:96 telephone-event");

    let second = reinvite(&mut script, &to_tag, 3, &moved);

    assert_eq!(kinds(&script.events), ["MediaAgreed"], "the first re-INVITE changed nothing");
    let media = media_of(&script.events[0]).expect("media");
    assert_eq!(media.codec, Codec::Pcmu);
    assert_eq!(media.remote, addr("192.0.2.44:40000"));
    assert_eq!(media.dtmf.map(|events| events.payload_type), Some(96));
    let origin = |message: &str| body(message).lines().nth(1).unwrap_or_default().to_owned();
    let number = |line: String, at: usize| line.split(' ').nth(at).and_then(|word| word.parse::<u64>().ok());
    assert_eq!(number(origin(&first), 1), number(origin(&second), 1));
    assert_eq!(number(origin(&first), 2).map(|version| version + 1), number(origin(&second), 2));
}

#[test]
fn an_offer_we_cannot_use_gets_488_and_the_call_goes_on() {
    let (mut script, to_tag) = up();
    let video = "v=0\r\no=- 1 2 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\nm=video 5000 RTP/AVP 31\r\n";

    let refused = reinvite(&mut script, &to_tag, 2, video);

    assert_eq!(short(&refused), "488 INVITE");
    assert_eq!(script.events, []);
    assert_eq!(script.ua.counters().legs, 1);
}

#[test]
fn other_streams_are_refused_in_their_place() {
    let (mut script, to_tag) = up();
    let mixed = format!("{OFFER}m=video 5000 RTP/AVP 31 32\r\nm=image 5002 udptl t38\r\n");

    let answer = reinvite(&mut script, &to_tag, 2, &mixed);

    let streams: Vec<_> = body(&answer).lines().filter(|line| line.starts_with("m=")).map(str::to_owned).collect();
    assert_eq!(streams, ["m=audio 20000 RTP/AVP 8 101", "m=video 0 RTP/AVP 31", "m=image 0 udptl t38"]);
}

#[test]
fn a_reinvite_without_sdp_gets_our_offer_and_its_ack_brings_the_answer() {
    let (mut script, to_tag) = up();
    script.say(&Ask { branch: "r", to_tag: &to_tag, cseq: 2, body: "", ..Ask::default() }.text());
    let ok = script.expect("200 INVITE");
    assert!(body(&ok).contains("m=audio 20000 RTP/AVP 8 0 101"), "{ok}");

    let moved = OFFER.replace("192.0.2.9", "192.0.2.45");
    script.say(&Ask { method: "ACK", branch: "x", to_tag: &to_tag, cseq: 2, body: &moved, ..Ask::default() }.text());

    assert_eq!(media_of(&script.events[0]).expect("media").remote, addr("192.0.2.45:40000"));
}

#[test]
fn glare_gets_491() {
    let (mut script, to_tag) = up();
    script.say(&Ask { branch: "r2", to_tag: &to_tag, cseq: 2, ..Ask::default() }.text());
    script.expect("200 INVITE");

    script.say(&Ask { branch: "r3", to_tag: &to_tag, cseq: 3, ..Ask::default() }.text());

    script.expect("491 INVITE");
}

#[test]
fn a_reinvite_before_our_answer_gets_500_with_retry_after() {
    let mut script = Script::new();
    script.say(&Ask::default().text());
    script.tell(Command::Ring { leg: incoming(0) });
    script.expect("100 INVITE");
    let to_tag = tag(&header(&script.expect("180 INVITE"), "To"));

    script.say(&Ask { branch: "r2", to_tag: &to_tag, cseq: 2, ..Ask::default() }.text());
    script.say(&Ask { method: "UPDATE", branch: "u3", to_tag: &to_tag, cseq: 3, ..Ask::default() }.text());

    for what in ["500 INVITE", "500 UPDATE"] {
        let refused = script.expect(what);
        let retry_after: u32 = header(&refused, "Retry-After").parse().expect("a number");
        assert!(retry_after <= 10);
    }
}

#[test]
fn an_invite_of_theirs_inside_our_unanswered_call_gets_491() {
    let mut script = Script::new();
    script.tell(dial(1, "192.0.2.9:5060"));
    let invite = script.expect("INVITE");
    script.say(&reply(&invite, 180, "caller", "", ""));
    let our_tag = tag(&header(&invite, "From"));

    let theirs = Ask { to_tag: &our_tag, ..Ask::default() }.text().replace("script-1", "call-1");
    script.say(&theirs);

    script.expect("491 INVITE");
}

#[test]
fn a_200_to_a_reinvite_without_ack_ends_the_call() {
    let (mut script, to_tag) = up();
    script.say(&Ask { branch: "r2", to_tag: &to_tag, cseq: 2, ..Ask::default() }.text());

    script.advance(TIMEOUT);

    let sent = script.take_sent();
    assert_eq!(sent.iter().filter(|what| *what == "200 INVITE").count(), 11);
    assert_eq!(sent.last().map(String::as_str), Some("BYE"));
    script.advance(TIMEOUT);
    assert_eq!(ended(&script.events[0]), Some((incoming(0), Cause::NoAck, Side::Network, None)));
    script.assert_clean();
}

#[test]
fn update_refreshes_the_target_with_and_without_an_offer() {
    let (mut script, to_tag) = up();
    let update = Ask { method: "UPDATE", branch: "u2", to_tag: &to_tag, cseq: 2, body: "", ..Ask::default() };
    script.say(&update.text().replace("sip:peer@192.0.2.9:5060", "sip:new@192.0.2.61:5071"));
    let ok = script.expect("200 UPDATE");
    assert_eq!(body(&ok), "");
    assert!(!header(&ok, "Contact").is_empty());

    let hold = OFFER.replace("sendrecv", "sendonly");
    let update = Ask { method: "UPDATE", branch: "u3", to_tag: &to_tag, cseq: 3, body: &hold, ..Ask::default() };
    script.say(&update.text().replace("sip:peer@192.0.2.9:5060", "sip:newer@192.0.2.62:5072"));
    let ok = script.expect("200 UPDATE");
    assert!(body(&ok).contains("a=recvonly"), "{ok}");
    script.tell(Command::Hangup { leg: incoming(0), q850: None });

    let (to, bye) = script.sent.pop_front().expect("BYE");
    assert_eq!(target(&bye), "sip:newer@192.0.2.62:5072");
    assert_eq!(to, addr("192.0.2.62:5072"));
    assert_eq!(kinds(&script.events), ["MediaAgreed", "Held"]);
}

#[test]
fn a_refused_offer_does_not_move_the_target() {
    let (mut script, to_tag) = up();
    let unusable = OFFER.replace("RTP/AVP 0 8 101", "RTP/AVP 18");
    let update = Ask { method: "UPDATE", branch: "u2", to_tag: &to_tag, cseq: 2, body: &unusable, ..Ask::default() };
    script.say(&update.text().replace("sip:peer@192.0.2.9:5060", "sip:new@192.0.2.61:5071"));
    script.expect("488 UPDATE");

    script.tell(Command::Hangup { leg: incoming(0), q850: None });

    assert_eq!(target(&script.expect("BYE")), "sip:peer@192.0.2.9:5060");
}
