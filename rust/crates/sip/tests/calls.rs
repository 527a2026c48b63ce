//! Whole calls between two user agents.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, clippy::unchecked_time_subtraction)]

mod common;

use std::time::Duration;

use common::*;
use ringback_sip::{Cause, Command, Confirmation, Event, Peer, Side};

#[test]
fn a_call_is_dialled_rung_answered_and_hung_up() {
    let mut pair = Pair::new();

    pair.tell_a(dial(1, B));
    pair.tell_b(Command::Ring { leg: incoming(0) });
    pair.tell_b(Command::Answer { leg: incoming(0), media: media("192.0.2.2:30000") });
    pair.tell_a(Command::Hangup { leg: 1, q850: Some(16) });

    assert_eq!(
        pair.ladder(),
        ["A INVITE", "B 100 INVITE", "B 180 INVITE", "B 200 INVITE", "A ACK", "A BYE", "B 200 BYE"]
    );
    assert_eq!(kinds(&pair.a_events), ["Progress", "Progress", "Answered", "Ended"]);
    assert_eq!(kinds(&pair.b_events), ["Incoming", "MediaAgreed", "AnswerConfirmed", "Ended"]);
    assert_eq!(ended(&pair.a_events[3]), Some((1, Cause::Bye, Side::Local, None)));
    assert_eq!(ended(&pair.b_events[3]), Some((incoming(0), Cause::Bye, Side::Remote, None)));
    assert!(matches!(&pair.b_events[3], Event::Ended { q850: Some(16), .. }));
    pair.assert_clean();
}

#[test]
fn the_called_side_hangs_up() {
    let mut pair = Pair::new();
    let (_, b) = pair.established();

    pair.tell_b(Command::Hangup { leg: b, q850: None });

    assert_eq!(pair.ladder(), ["B BYE", "A 200 BYE"]);
    assert_eq!(ended(&pair.a_events[0]), Some((1, Cause::Bye, Side::Remote, None)));
    assert_eq!(ended(&pair.b_events[0]), Some((b, Cause::Bye, Side::Local, None)));
    pair.assert_clean();
}

#[test]
fn a_rejected_call_ends_with_its_code_and_reason_on_both_sides() {
    let mut pair = Pair::new();
    pair.tell_a(dial(1, B));

    let reason = Some("Q.850;cause=17;text=\"User, busy\"".to_owned());
    pair.tell_b(Command::Reject { leg: incoming(0), code: 486, reason });

    assert_eq!(pair.ladder(), ["A INVITE", "B 100 INVITE", "B 486 INVITE", "A ACK"]);
    assert_eq!(ended(&pair.b_events[1]), Some((incoming(0), Cause::Response, Side::Local, Some(486))));
    let Event::Ended { cause, side, code, phrase, reason, q850, .. } = &pair.a_events[1] else { panic!("not ended") };
    assert_eq!((*cause, *side, *code, *q850), (Cause::Response, Side::Remote, Some(486), Some(17)));
    assert_eq!(phrase.as_deref(), Some("Busy Here"));
    assert_eq!(reason.as_deref(), Some("Q.850;cause=17;text=\"User, busy\""));
    pair.assert_clean();
}

#[test]
fn media_is_agreed_by_the_preference_of_the_called_side() {
    let mut pair = Pair::new();
    pair.tell_a(dial(1, B));
    pair.tell_b(Command::Answer { leg: incoming(0), media: media("192.0.2.2:30000") });

    let a = pair.a_events.iter().rev().find_map(media_of).expect("media");
    let b = pair.b_events.iter().rev().find_map(media_of).expect("media");

    assert_eq!(a.remote, addr("192.0.2.2:30000"));
    assert_eq!(b.remote, addr("192.0.2.1:20000"));
    assert_eq!((a.codec, a.payload_type, a.dtmf.map(|events| events.payload_type)), (b.codec, 8, Some(101)));
    assert!(a.send && a.receive && b.send && b.receive);
}

#[test]
fn incoming_says_everything_about_the_call() {
    let mut pair = Pair::new();
    pair.tell_a(dial(1, B));

    let Event::Incoming { leg, trunk, source, call_id, request_uri, to_uri, from_uri, headers, codec_ok, .. } =
        &pair.b_events[0]
    else {
        panic!("no Incoming")
    };

    assert_eq!((*leg, *trunk, *source, *codec_ok), (incoming(0), TRUNK, Peer::udp(addr(A)), true));
    assert_eq!(call_id, "call-1");
    assert_eq!(request_uri, "sip:+4930100@192.0.2.2:5060");
    assert_eq!(to_uri, "sip:+4930100@192.0.2.2:5060");
    assert_eq!(from_uri, "sip:+4930200@ringback.example");
    assert!(headers.iter().any(|(name, value)| name == "User-Agent" && value == "Ringback"));
}

#[test]
fn each_lost_message_of_a_call_is_made_good() {
    for victim in ["INVITE", "100 INVITE", "180 INVITE", "200 INVITE", "ACK", "BYE", "200 BYE"] {
        let mut pair = Pair::new();
        let mut left = 1;
        pair.lose(move |_, text| {
            let hit = left > 0 && short(text) == victim;
            left -= i32::from(hit);
            hit
        });

        pair.tell_a(dial(1, B));
        pair.advance(Duration::from_secs(2));
        pair.tell_b(Command::Ring { leg: incoming(0) });
        pair.tell_b(Command::Answer { leg: incoming(0), media: media("192.0.2.2:30000") });
        pair.advance(Duration::from_secs(2));
        pair.tell_a(Command::Hangup { leg: 1, q850: None });
        pair.advance(Duration::from_secs(2));

        assert_eq!(
            ended(pair.a_events.last().expect("an event")),
            Some((1, Cause::Bye, Side::Local, None)),
            "{victim}"
        );
        let b = ended(pair.b_events.last().expect("an event"));
        assert_eq!(b, Some((incoming(0), Cause::Bye, Side::Remote, None)), "{victim}");
        let confirmed = Event::AnswerConfirmed { leg: incoming(0), how: Confirmation::Ack };
        assert!(pair.b_events.contains(&confirmed), "{victim}: {:?}", pair.b_events);
        pair.assert_clean();
    }
}

#[test]
fn a_call_to_nobody_times_out_after_64_t1() {
    let mut pair = Pair::new();
    pair.lose(|_, _| true);

    pair.tell_a(dial(1, B));
    pair.advance(TIMEOUT - Duration::from_millis(1));
    assert_eq!(pair.a_events, []);
    pair.advance(Duration::from_millis(1));

    assert_eq!(ended(&pair.a_events[0]), Some((1, Cause::Timeout, Side::Network, None)));
    assert_eq!(pair.ladder().len(), 7, "at 0, 0.5, 1.5, 3.5, 7.5, 15.5 and 31.5 s");
    pair.assert_clean();
}

#[test]
fn a_refused_datagram_ends_the_call_at_once() {
    let mut pair = Pair::new();
    pair.lose(|_, _| true);
    pair.tell_a(dial(1, B));

    pair.a.handle_transport_error(pair.now, Peer::udp(addr("192.0.2.3:5060")));
    pair.pump();
    assert_eq!(pair.a_events, [], "that was another address");
    pair.a.handle_transport_error(pair.now, Peer::udp(addr(B)));
    pair.pump();

    assert_eq!(ended(&pair.a_events[0]), Some((1, Cause::Transport, Side::Network, None)));
    pair.assert_clean();
}

#[test]
fn a_bye_that_nobody_answers_ends_the_leg_after_its_time_out() {
    let mut pair = Pair::new();
    let (a, _) = pair.established();
    pair.lose(|_, _| true);

    pair.tell_a(Command::Hangup { leg: a, q850: None });
    pair.advance(TIMEOUT - Duration::from_millis(1));
    assert_eq!(pair.a_events, []);
    pair.advance(Duration::from_millis(1));

    assert_eq!(ended(&pair.a_events[0]), Some((1, Cause::Bye, Side::Local, None)));
    assert_eq!(pair.wire.len(), 11, "at 0, 0.5, 1.5, 3.5 and then every 4 s");
    assert_eq!(pair.a.counters().unanswered_byes, 1);
}

#[test]
fn both_sides_may_hang_up_at_once() {
    let mut pair = Pair::new();
    let (a, b) = pair.established();

    pair.a.handle_command(pair.now, Command::Hangup { leg: a, q850: None });
    pair.b.handle_command(pair.now, Command::Hangup { leg: b, q850: None });
    pair.pump();

    assert_eq!(kinds(&pair.a_events), ["Ended"]);
    assert_eq!(kinds(&pair.b_events), ["Ended"]);
    pair.assert_clean();
}

#[test]
fn a_bye_with_a_provisional_response_is_repeated_every_t2() {
    let mut script = Script::new();
    script.tell(dial(1, "192.0.2.9:5060"));
    let invite = script.expect("INVITE");
    script.say(&ok_with_answer(&invite, "t"));
    script.expect("ACK");
    script.tell(Command::Hangup { leg: 1, q850: None });
    let bye = script.expect("BYE");
    script.say(&reply(&bye, 100, "", "", ""));

    script.advance(Duration::from_millis(3_999));
    assert!(script.sent.is_empty());
    script.advance(Duration::from_millis(1));
    assert_eq!(script.take_sent(), ["BYE"]);
    script.advance(TIMEOUT);

    assert_eq!(script.take_sent().len(), 6, "at 8, 12, 16, 20, 24 and 28 s");
    assert_eq!(kinds(&script.events), ["Answered", "Ended"]);
}
