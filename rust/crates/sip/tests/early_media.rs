//! 183 with SDP before the answer.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, clippy::unchecked_time_subtraction)]

mod common;

use common::*;
use ringback_sip::{Cause, Command, Confirmation, Event, Side};

fn early(script: &mut Script) {
    script.tell(Command::EarlyMedia { leg: incoming(0), media: media("192.0.2.1:20000") });
}

#[test]
fn a_183_carries_the_answer_and_the_200_repeats_it() {
    let mut script = Script::new();
    script.say(&Ask::default().text());
    script.expect("100 INVITE");

    early(&mut script);
    script.tell(Command::Answer { leg: incoming(0), media: media("192.0.2.1:20000") });

    let progress = script.expect("183 INVITE");
    let ok = script.expect("200 INVITE");
    assert!(body(&progress).contains("m=audio 20000 RTP/AVP 8 101"), "{progress}");
    assert_eq!(body(&progress), body(&ok));
    assert_eq!(header(&progress, "To"), header(&ok, "To"));
    assert!(!header(&progress, "Contact").is_empty());
    assert_eq!(kinds(&script.events), ["Incoming", "MediaAgreed"], "agreed once");
}

#[test]
fn another_port_in_the_200_is_a_new_version_of_our_sdp() {
    let mut script = Script::new();
    script.say(&Ask::default().text());
    early(&mut script);
    script.tell(Command::Answer { leg: incoming(0), media: media("192.0.2.1:20002") });

    script.expect("100 INVITE");
    let version = |message: String| body(&message).lines().nth(1).map(|line| line.split(' ').nth(2).map(str::to_owned));
    assert_eq!(version(script.expect("183 INVITE")), Some(Some("1".to_owned())));
    assert_eq!(version(script.expect("200 INVITE")), Some(Some("2".to_owned())));
}

#[test]
fn without_an_offer_or_a_common_codec_183_has_no_sdp() {
    let g729 = OFFER.replace("RTP/AVP 0 8 101", "RTP/AVP 18");
    for sdp in ["", g729.as_str()] {
        let mut script = Script::new();
        script.say(&Ask { body: sdp, ..Ask::default() }.text());
        script.expect("100 INVITE");

        early(&mut script);

        assert_eq!(body(&script.expect("183 INVITE")), "");
        assert_eq!(kinds(&script.events), ["Incoming"]);
    }
}

#[test]
fn early_media_then_a_refusal_or_a_cancel_ends_as_usual() {
    let mut script = Script::new();
    script.say(&Ask::default().text());
    early(&mut script);
    script.tell(Command::MediaSeen { leg: incoming(0) });
    script.say(&Ask { method: "CANCEL", body: "", ..Ask::default() }.text());

    assert_eq!(script.take_sent(), ["100 INVITE", "183 INVITE", "200 CANCEL", "487 INVITE"]);
    assert_eq!(kinds(&script.events), ["Incoming", "MediaAgreed", "Ended"]);
    script.assert_clean();
}

#[test]
fn the_calling_side_hears_of_it() {
    let mut pair = Pair::new();
    pair.tell_a(dial(1, B));
    pair.tell_b(Command::EarlyMedia { leg: incoming(0), media: media("192.0.2.2:30000") });
    pair.tell_b(Command::Answer { leg: incoming(0), media: media("192.0.2.2:30000") });

    let media: Vec<_> = pair.a_events.iter().filter_map(media_of).collect();
    assert_eq!(media.len(), 2);
    assert_eq!(media[0], media[1]);
    assert!(pair.b_events.contains(&Event::AnswerConfirmed { leg: incoming(0), how: Confirmation::Ack }));
}

#[test]
fn early_media_after_the_answer_is_too_late() {
    let mut pair = Pair::new();
    let (_, b) = pair.established();

    pair.tell_b(Command::EarlyMedia { leg: b, media: media("192.0.2.2:30000") });

    assert!(pair.wire.is_empty());
    assert_eq!(pair.b.counters().stale_commands, 1);
}

#[test]
fn a_503_of_ours_says_when_to_try_again() {
    let mut script = Script::new();
    script.say(&Ask::default().text());
    script.tell(Command::Reject { leg: incoming(0), code: 503, reason: None });

    script.expect("100 INVITE");
    let retry_after: u32 = header(&script.expect("503 INVITE"), "Retry-After").parse().expect("a number");
    assert!((5..=10).contains(&retry_after));
    assert_eq!(ended(&script.events[1]), Some((incoming(0), Cause::Response, Side::Local, Some(503))));
}
