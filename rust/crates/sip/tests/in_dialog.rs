//! Other requests inside a dialog, and those that pretend to be inside one.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, clippy::unchecked_time_subtraction)]

mod common;

use common::*;
use ringback_sip::{Cause, Command, Event, Side};

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

#[test]
fn digits_by_info_are_reported_and_answered() {
    let (mut script, to_tag) = up();
    let relay = "Content-Type: application/dtmf-relay\r\n";
    let info = |cseq, extra, body| Ask { method: "INFO", branch: "", to_tag: "", cseq, extra, body, ..Ask::default() };

    let first = Ask { branch: "i2", to_tag: &to_tag, ..info(2, relay, "Signal=7\r\nDuration=160\r\n") };
    let second = Ask { branch: "i3", to_tag: &to_tag, ..info(3, "Content-Type: application/dtmf\r\n", "#") };
    let empty = Ask { branch: "i4", to_tag: &to_tag, ..info(4, "", "") };
    for ask in [&first, &first, &second, &empty] {
        script.say(&ask.text());
        script.expect("200 INFO");
    }

    assert_eq!(
        script.events,
        [
            Event::InfoDtmf { leg: incoming(0), digit: '7', duration_ms: 160 },
            Event::InfoDtmf { leg: incoming(0), digit: '#', duration_ms: 250 },
        ],
        "a copy is answered, but not reported"
    );
}

#[test]
fn an_info_of_another_kind_is_refused_by_what_it_is_and_the_call_goes_on() {
    let (mut script, to_tag) = up();
    let text = "Content-Type: text/plain\r\n";
    let cases = [
        (text.to_owned(), "415 INFO", "Accept", "application/dtmf-relay, application/dtmf"),
        (format!("Info-Package: x\r\n{text}"), "469 INFO", "Recv-Info", ""),
        (format!("{text}Content-Disposition: render; handling=optional\r\n"), "200 INFO", "Server", "Ringback"),
    ];
    for (cseq, (extra, expected, name, value)) in (2..).zip(&cases) {
        let branch = format!("o{cseq}");
        let ask =
            Ask { method: "INFO", branch: &branch, to_tag: &to_tag, cseq, extra, body: "hello", ..Ask::default() };
        script.say(&ask.text());
        assert_eq!(header(&script.expect(expected), name), *value);
    }
    assert_eq!((script.events.len(), script.ua.counters().refused_info, script.ua.counters().legs), (0, 2, 1));
}

#[test]
fn options_is_answered_inside_and_outside_a_dialog() {
    let (mut script, to_tag) = up();

    script.say(&Ask { method: "OPTIONS", branch: "o", to_tag: &to_tag, cseq: 2, body: "", ..Ask::default() }.text());
    script.say(&Ask { method: "OPTIONS", branch: "p", cseq: 9, body: "", ..Ask::default() }.text());

    for _ in 0..2 {
        let ok = script.expect("200 OPTIONS");
        assert_eq!(header(&ok, "Allow"), "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, PRACK, REFER, NOTIFY");
        assert_eq!(header(&ok, "Accept"), "application/sdp");
    }
    assert_eq!(script.events, []);
}

#[test]
fn methods_we_do_not_offer_get_405_and_unknown_ones_501() {
    let (mut script, to_tag) = up();
    for (at, (method, code)) in
        [("SUBSCRIBE", 405), ("MESSAGE", 405), ("PUBLISH", 405), ("DANCE", 501)].iter().enumerate()
    {
        let cseq = 2 + u32::try_from(at).expect("small");
        let branch = format!("m{at}");
        for to_tag in [to_tag.as_str(), ""] {
            let branch = format!("{branch}{}", to_tag.len());
            script.say(&Ask { method, branch: &branch, to_tag, cseq, body: "", ..Ask::default() }.text());
            let refused = script.expect(&format!("{code} {method}"));
            assert!(header(&refused, "Allow").contains("INVITE"));
        }
    }
    assert_eq!(script.ua.counters().refused_unsupported, 8);
}

#[test]
fn a_cseq_that_goes_backwards_gets_500() {
    let (mut script, to_tag) = up();
    script.say(&Ask { method: "OPTIONS", branch: "o5", to_tag: &to_tag, cseq: 5, body: "", ..Ask::default() }.text());
    script.expect("200 OPTIONS");

    script.say(&Ask { method: "BYE", branch: "b4", to_tag: &to_tag, cseq: 4, body: "", ..Ask::default() }.text());

    script.expect("500 BYE");
    assert_eq!(script.events, []);
    assert_eq!(script.ua.counters().refused_cseq, 1);
}

#[test]
fn requests_for_a_dialog_nobody_knows_get_481() {
    let mut script = Script::new();
    for method in ["INVITE", "BYE", "INFO", "UPDATE", "OPTIONS"] {
        script.say(&Ask { method, branch: method, to_tag: "ghost", body: "", ..Ask::default() }.text());
        script.expect(&format!("481 {method}"));
    }
    script.say(&Ask { method: "BYE", branch: "bye", body: "", ..Ask::default() }.text());
    script.expect("481 BYE");

    assert_eq!(script.ua.counters().refused_no_dialog, 6);
    assert_eq!(script.ua.counters().transactions, 0);
}

#[test]
fn a_stray_ack_is_counted_and_not_answered() {
    let mut script = Script::new();

    script.say(&Ask { method: "ACK", to_tag: "ghost", body: "", ..Ask::default() }.text());

    assert!(script.sent.is_empty());
    assert_eq!(script.ua.counters().dropped_stray_acks, 1);
}

#[test]
fn a_stray_response_is_counted_and_does_nothing() {
    let mut script = Script::new();
    script.tell(dial(1, "192.0.2.9:5060"));
    let invite = script.expect("INVITE");

    script.say(&ok_with_answer(&invite, "t").replace("branch=z9hG4bK", "branch=z9hG4bKx"));
    script.say(&reply(&invite, 200, "t", "", OFFER).replace("CSeq: 1 INVITE", "CSeq: 1 BYE"));

    assert!(script.sent.is_empty());
    assert_eq!(script.events, []);
    assert_eq!(script.ua.counters().dropped_stray_responses, 2);
}

#[test]
fn an_answer_to_a_call_that_we_never_made_is_stray_though_its_branch_is_ours() {
    let mut script = Script::new();
    script.tell(dial(1, "192.0.2.9:5060"));
    let invite = script.expect("INVITE");

    for (ours, theirs) in [("tag=tag-1", "tag=tag-2"), (";tag=tag-1", ""), ("Call-ID: call-1", "Call-ID: call-2")] {
        let answer = ok_with_answer(&invite, "t");
        assert!(answer.contains(ours));
        script.say(&answer.replace(ours, theirs));
        assert!(script.sent.is_empty(), "{theirs:?} was believed");
    }
    assert_eq!(script.events, []);
    assert_eq!(script.ua.counters().dropped_stray_responses, 3);

    script.say(&ok_with_answer(&invite, "t"));
    script.expect("ACK");
}

#[test]
fn the_bye_of_the_peer_carries_its_reason_up() {
    let (mut script, to_tag) = up();
    let reason =
        "Reason: SIP;cause=200;text=\"a, b\"\r\nReason: Q.850;cause=31;text=\"Normal, \\\"unspecified\\\"\"\r\n";

    script.say(
        &Ask { method: "BYE", branch: "y", to_tag: &to_tag, cseq: 2, extra: reason, body: "", ..Ask::default() }.text(),
    );

    let Event::Ended { cause, side, q850, reason, .. } = &script.events[0] else { panic!("not ended") };
    assert_eq!((*cause, *side, *q850), (Cause::Bye, Side::Remote, Some(31)));
    assert_eq!(
        reason.as_deref(),
        Some("SIP;cause=200;text=\"a, b\", Q.850;cause=31;text=\"Normal, \\\"unspecified\\\"\"")
    );
}

#[test]
fn a_repeated_bye_gets_the_same_200_after_the_leg_is_gone() {
    let (mut script, to_tag) = up();
    let bye = Ask { method: "BYE", branch: "y", to_tag: &to_tag, cseq: 2, body: "", ..Ask::default() }.text();
    script.say(&bye);
    let first = script.expect("200 BYE");

    script.say(&bye);

    assert_eq!(script.expect("200 BYE"), first);
    assert_eq!(kinds(&script.events), ["Ended"]);
    script.assert_clean();
}

#[test]
fn required_extensions_inside_a_dialog_get_420() {
    let (mut script, to_tag) = up();
    let require = "Require: 100rel, foo\r\n";

    let ask =
        Ask { method: "UPDATE", branch: "u", to_tag: &to_tag, cseq: 2, extra: require, body: "", ..Ask::default() };
    script.say(&ask.text());

    assert_eq!(header(&script.expect("420 UPDATE"), "Unsupported"), "foo");
}

#[test]
fn their_bye_ends_the_wait_for_the_answer_to_ours() {
    let (mut script, to_tag) = up();
    script.tell(Command::Hangup { leg: incoming(0), q850: None });
    script.expect("BYE");

    script.say(&Ask { method: "BYE", branch: "y", to_tag: &to_tag, cseq: 2, body: "", ..Ask::default() }.text());

    script.expect("200 BYE");
    assert_eq!(ended(&script.events[0]), Some((incoming(0), Cause::Bye, Side::Local, None)));
    script.assert_clean();
}

#[test]
fn a_flood_of_requests_is_answered_but_not_remembered_without_bounds() {
    let mut config = config(A);
    config.max_legs = 1;
    let mut ua = ringback_sip::UserAgent::new(config);
    ua.set_access(vec![rule("192.0.2.0/24")]);
    let mut script = Script::with(ua);
    script.say(&Ask::default().text());
    script.tell(Command::Ring { leg: incoming(0) });
    script.expect("100 INVITE");
    let to_tag = tag(&header(&script.expect("180 INVITE"), "To"));

    for cseq in 2..12_000 {
        let branch = format!("f{cseq}");
        script
            .say(&Ask { method: "OPTIONS", branch: &branch, to_tag: &to_tag, cseq, body: "", ..Ask::default() }.text());
        script.expect("200 OPTIONS");
    }

    let counters = script.ua.counters();
    assert_eq!(counters.transactions, 10_064);
    assert_eq!(counters.refused_max_transactions, 11_998 + 1 - 10_064);
    script.tell(Command::StopAll);
    script.assert_clean();
}
