//! Reliable provisional responses, both ways (RFC 3262).
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, clippy::unchecked_time_subtraction)]

mod common;

use common::*;
use ringback_sip::{Cause, Command, Event, Policy, Reliable, Side};

const PEER: &str = "192.0.2.9:5060";

fn policy(reliable: Reliable) -> Policy {
    Policy { reliable, ..Policy::default() }
}

/// A call of ours; its INVITE.
fn calling(policy: Policy) -> (Script, String) {
    let mut script = Script::new();
    script.tell(dial_with(1, PEER, policy));
    let invite = script.expect("INVITE");
    (script, invite)
}

fn ringing(invite: &str, code: u16, fork: &str, rseq: u32, sdp: &str) -> String {
    let extra = format!("Require: 100rel\r\nRSeq: {rseq}\r\nContact: <sip:{fork}@192.0.2.9:5060>\r\n");
    reply(invite, code, fork, &extra, sdp)
}

/// Their call, with these extra header lines and this body.
fn called(policy: Policy, extra: &str, body: &str) -> Script {
    let mut script = Script::with(user_agent_with(A, policy));
    script.say(&Ask { extra, body, ..Ask::default() }.text());
    script.expect("100 INVITE");
    script
}

fn prack(response: &str, cseq: u32, sdp: &str) -> String {
    let to_tag = tag(&header(response, "To"));
    let extra = format!("RAck: {} 1 INVITE\r\n", header(response, "RSeq"));
    let branch = format!("p{cseq}");
    Ask { method: "PRACK", branch: &branch, to_tag: &to_tag, cseq, extra: &extra, body: sdp, ..Ask::default() }.text()
}

fn ring(script: &mut Script) {
    script.tell(Command::Ring { leg: incoming(0) });
}

fn early(script: &mut Script) {
    script.tell(Command::EarlyMedia { leg: incoming(0), media: media("192.0.2.1:20000") });
}

fn answer(script: &mut Script) {
    script.tell(Command::Answer { leg: incoming(0), media: media("192.0.2.1:20000") });
}

#[test]
fn the_invite_says_what_the_trunk_allows() {
    let (_, off) = calling(policy(Reliable::Off));
    let (_, supported) = calling(policy(Reliable::Supported));
    let (_, required) = calling(policy(Reliable::Required));

    assert!(!header(&off, "Supported").contains("100rel"));
    assert!(header(&supported, "Supported").contains("100rel") && header(&supported, "Require").is_empty());
    assert_eq!(header(&required, "Require"), "100rel");
}

#[test]
fn each_reliable_response_gets_its_prack_in_order_and_copies_get_none() {
    let (mut script, invite) = calling(Policy::default());

    script.say(&ringing(&invite, 180, "f", 7, ""));
    script.say(&ringing(&invite, 180, "f", 7, ""));
    script.say(&ringing(&invite, 183, "f", 9, ""));
    script.say(&ringing(&invite, 183, "f", 8, ""));

    let (first, second) = (script.expect("PRACK"), script.expect("PRACK"));
    assert_eq!(script.take_sent(), Vec::<String>::new());
    assert_eq!(header(&first, "RAck"), "7 1 INVITE");
    assert_eq!(header(&second, "RAck"), "8 1 INVITE");
    assert_eq!(target(&first), "sip:f@192.0.2.9:5060");
    assert_eq!(tag(&header(&first, "To")), "f");
    assert_eq!((header(&first, "CSeq").as_str(), header(&second, "CSeq").as_str()), ("2 PRACK", "3 PRACK"));
    let codes: Vec<_> = script.events.iter().map(kind).collect();
    assert_eq!(codes, ["Progress", "Progress"], "neither the copy nor the one out of order is reported");
}

#[test]
fn the_answer_does_not_wait_for_a_prack_that_nobody_answers() {
    let (mut script, invite) = calling(Policy::default());
    script.say(&ringing(&invite, 180, "f", 1, ""));
    script.expect("PRACK");

    script.say(&ok_with_answer(&invite, "f"));

    script.expect("ACK");
    assert!(matches!(script.events.last(), Some(Event::Answered { .. })));
    script.advance(TIMEOUT);
    assert!(script.take_sent().iter().all(|sent| sent == "PRACK"), "repeated, then given up; the call goes on");
    assert_eq!((script.ua.counters().failed_requests, script.ua.counters().legs), (1, 1));
    script.tell(Command::Hangup { leg: 1, q850: None });
    let bye = script.expect("BYE");
    assert_eq!(header(&bye, "CSeq"), "3 BYE", "the numbers of the early dialog go on");
}

#[test]
fn forks_are_acknowledged_each_in_its_own_dialog() {
    let (mut script, invite) = calling(Policy::default());

    script.say(&ringing(&invite, 180, "one", 5, ""));
    script.say(&ringing(&invite, 180, "two", 1, ""));
    script.say(&ringing(&invite, 183, "one", 6, ""));

    for (fork, rack, cseq) in
        [("one", "5 1 INVITE", "2 PRACK"), ("two", "1 1 INVITE", "2 PRACK"), ("one", "6 1 INVITE", "3 PRACK")]
    {
        let prack = script.expect("PRACK");
        assert_eq!(tag(&header(&prack, "To")), fork);
        assert_eq!((header(&prack, "RAck").as_str(), header(&prack, "CSeq").as_str()), (rack, cseq));
    }
}

#[test]
fn an_answer_given_reliably_stands_whatever_the_200_repeats() {
    let (mut script, invite) = calling(Policy::default());
    script.say(&ringing(&invite, 183, "f", 1, OFFER));
    let early = media_of(&script.events[0]).expect("early media");

    script.say(
        &ok_with_answer(&invite, "f")
            .replace("192.0.2.9\r\ns=-", "192.0.2.9\r\ns=x")
            .replace("m=audio 40000", "m=audio 41000"),
    );

    let answered = script.events.iter().find(|event| kind(event) == "Answered").expect("answered");
    assert_eq!(media_of(answered), Some(early));
}

#[test]
fn a_call_without_offer_answers_the_offer_of_a_reliable_183_in_its_prack() {
    let (mut script, invite) = calling(Policy { delayed_offer: true, ..Policy::default() });
    assert_eq!(body(&invite), "");

    script.say(&ringing(&invite, 183, "f", 1, OFFER));

    let prack = script.expect("PRACK");
    assert!(body(&prack).contains("m=audio 20000 RTP/AVP 8 101"), "{prack}");
    assert!(media_of(&script.events[0]).is_some(), "media flows early");
    script.say(&reply(&invite, 200, "f", "Contact: <sip:f@192.0.2.9:5060>\r\n", ""));
    let ack = script.expect("ACK");
    assert_eq!(body(&ack), "", "the exchange is complete");
    assert!(script.events.iter().any(|event| kind(event) == "Answered"));
}

#[test]
fn a_call_without_offer_answers_the_offer_of_the_200_in_its_ack() {
    let (mut script, invite) = calling(Policy { delayed_offer: true, ..Policy::default() });

    script.say(&ok_with_answer(&invite, "f"));
    let first = script.expect("ACK");
    script.say(&ok_with_answer(&invite, "f"));

    assert!(body(&first).contains("m=audio 20000 RTP/AVP 8 101"), "{first}");
    assert_eq!(script.expect("ACK"), first, "a copy of the 200 gets the same ACK");
    assert!(matches!(script.events.last(), Some(Event::Answered { .. })));
}

#[test]
fn an_offer_nobody_can_use_ends_the_call_without_offer() {
    let (mut script, invite) = calling(Policy { delayed_offer: true, ..Policy::default() });
    let g729 = OFFER.replace("RTP/AVP 0 8 101", "RTP/AVP 18");

    script.say(&ringing(&invite, 183, "f", 1, &g729));

    assert_eq!(script.take_sent(), ["PRACK", "CANCEL"]);
    script.say(&reply(&invite, 487, "f", "", ""));
    assert_eq!(script.events.last().and_then(ended), Some((1, Cause::NoCommonCodec, Side::Local, Some(487))));
}

#[test]
fn a_challenged_prack_is_sent_again_with_credentials() {
    let mut order = dial_with(1, PEER, Policy::default());
    if let Command::Dial { credentials, .. } = &mut order {
        *credentials =
            Some(ringback_sip::Credentials { username: "u".to_owned(), password: "p".to_owned(), realm: None });
    }
    let mut script = Script::new();
    script.tell(order);
    let invite = script.expect("INVITE");
    script.say(&ringing(&invite, 180, "f", 1, ""));
    let prack = script.expect("PRACK");

    script.say(&reply(&prack, 401, "f", "WWW-Authenticate: Digest realm=\"r\", nonce=\"n\"\r\n", ""));

    let again = script.expect("PRACK");
    assert!(header(&again, "Authorization").contains("uri=\"sip:f@192.0.2.9:5060\""), "{again}");
    assert_eq!((header(&again, "RAck").as_str(), header(&again, "CSeq").as_str()), ("1 1 INVITE", "3 PRACK"));
}

#[test]
fn a_caller_who_requires_it_is_rung_reliably_until_its_prack() {
    let mut script = called(Policy::default(), "Require: 100rel\r\n", OFFER);
    ring(&mut script);
    let ringing = script.expect("180 INVITE");
    assert_eq!(header(&ringing, "Require"), "100rel");

    script.advance(T1 * 7);
    assert_eq!(script.take_sent(), ["180 INVITE", "180 INVITE", "180 INVITE"], "after T1, 3 T1 and 7 T1");
    script.say(&prack(&ringing, 2, ""));

    script.expect("200 PRACK");
    script.advance(TIMEOUT);
    assert_eq!(script.take_sent(), Vec::<String>::new());
}

#[test]
fn without_prack_the_call_is_refused_with_504_after_64_t1() {
    let mut script = called(Policy::default(), "Require: 100rel\r\n", OFFER);
    ring(&mut script);

    script.advance(TIMEOUT);

    let sent = script.take_sent();
    assert_eq!(sent.iter().filter(|what| *what == "180 INVITE").count(), 7, "{sent:?}");
    assert_eq!(sent.last().map(String::as_str), Some("504 INVITE"));
    assert_eq!(script.events.last().and_then(ended), Some((incoming(0), Cause::NoPrack, Side::Network, Some(504))));
    assert_eq!(script.ua.counters().unacknowledged_progress, 1);
    script.assert_clean();
}

#[test]
fn a_prack_for_something_else_gets_481_and_does_not_count() {
    let mut script = called(Policy::default(), "Require: 100rel\r\n", OFFER);
    ring(&mut script);
    let ringing = script.expect("180 INVITE");
    let rseq: u32 = header(&ringing, "RSeq").parse().expect("a number");

    script.say(&prack(&ringing, 2, "").replace(&format!("RAck: {rseq}"), &format!("RAck: {}", rseq + 1)));
    script.expect("481 PRACK");
    script.say(&prack(&ringing, 3, ""));
    script.expect("200 PRACK");
    script.say(&prack(&ringing, 4, ""));
    script.expect("481 PRACK");
}

#[test]
fn the_200_waits_for_the_prack_of_a_183_with_sdp_and_then_has_none() {
    let mut script = called(Policy::default(), "Require: 100rel\r\n", OFFER);
    early(&mut script);
    let progress = script.expect("183 INVITE");
    assert!(body(&progress).contains("m=audio 20000"));

    answer(&mut script);
    assert_eq!(script.take_sent(), Vec::<String>::new(), "a 2xx may not overtake the answer");
    script.say(&prack(&progress, 2, ""));

    script.expect("200 PRACK");
    let ok = script.expect("200 INVITE");
    assert_eq!(body(&ok), "", "the answer was given already");
    let to_tag = tag(&header(&ok, "To"));
    script.say(&Ask { method: "ACK", branch: "a", to_tag: &to_tag, body: "", ..Ask::default() }.text());
    assert_eq!(kinds(&script.events), ["Incoming", "MediaAgreed", "AnswerConfirmed"]);
}

#[test]
fn the_200_does_not_wait_for_the_prack_of_a_180_and_that_prack_is_still_answered() {
    let mut script = called(Policy::default(), "Require: 100rel\r\n", OFFER);
    ring(&mut script);
    let ringing = script.expect("180 INVITE");

    answer(&mut script);

    assert!(!body(&script.expect("200 INVITE")).is_empty());
    script.say(&prack(&ringing, 2, ""));
    script.expect("200 PRACK");
}

#[test]
fn responses_wait_for_each_other_and_leave_one_by_one() {
    let mut script = called(Policy::default(), "Require: 100rel\r\n", OFFER);
    ring(&mut script);
    early(&mut script);
    ring(&mut script);
    let ringing = script.expect("180 INVITE");
    assert_eq!(script.take_sent(), Vec::<String>::new());

    script.say(&prack(&ringing, 2, ""));

    script.expect("200 PRACK");
    let progress = script.expect("183 INVITE");
    let number = |message: &str| header(message, "RSeq").parse::<u32>().expect("a number");
    assert_eq!(number(&progress), number(&ringing) + 1);
    script.say(&prack(&progress, 3, ""));
    assert_eq!(script.take_sent(), ["200 PRACK", "180 INVITE"]);
}

#[test]
fn callers_who_only_can_are_rung_reliably_where_the_trunk_requires_it() {
    for (reliable, expected) in [(Reliable::Supported, ""), (Reliable::Required, "100rel"), (Reliable::Off, "")] {
        let mut script = called(policy(reliable), "Supported: 100rel\r\n", OFFER);
        ring(&mut script);
        assert_eq!(header(&script.expect("180 INVITE"), "Require"), expected, "{reliable:?}");
    }
    let mut script = called(policy(Reliable::Required), "", OFFER);
    ring(&mut script);
    assert_eq!(header(&script.expect("180 INVITE"), "Require"), "", "this caller cannot");
}

#[test]
fn a_trunk_without_it_refuses_callers_who_require_it() {
    let mut script = Script::with(user_agent_with(A, policy(Reliable::Off)));

    script.say(&Ask { extra: "Require: 100rel\r\n", ..Ask::default() }.text());

    assert_eq!(header(&script.expect("420 INVITE"), "Unsupported"), "100rel");
}

#[test]
fn a_call_without_offer_gets_ours_in_a_reliable_183_and_answers_in_its_prack() {
    let mut script = called(Policy::default(), "Supported: 100rel\r\n", "");
    early(&mut script);
    let progress = script.expect("183 INVITE");
    assert!(body(&progress).contains("m=audio 20000 RTP/AVP 8 0 101"), "{progress}");
    assert_eq!(header(&progress, "Require"), "100rel");
    answer(&mut script);

    script.say(&prack(&progress, 2, OFFER));

    script.expect("200 PRACK");
    assert_eq!(body(&script.expect("200 INVITE")), "");
    assert_eq!(kinds(&script.events), ["Incoming", "MediaAgreed"]);
}

#[test]
fn a_prack_that_owes_an_answer_and_has_none_ends_the_call() {
    let mut script = called(Policy::default(), "Supported: 100rel\r\n", "");
    early(&mut script);
    let progress = script.expect("183 INVITE");

    script.say(&prack(&progress, 2, ""));

    assert_eq!(script.take_sent(), ["488 PRACK", "488 INVITE"]);
    assert_eq!(script.events.last().and_then(ended), Some((incoming(0), Cause::NoCommonCodec, Side::Local, Some(488))));
}

#[test]
fn a_cancel_ends_the_repetition() {
    let mut script = called(Policy::default(), "Require: 100rel\r\n", OFFER);
    early(&mut script);
    script.say(&Ask { method: "CANCEL", body: "", ..Ask::default() }.text());

    script.advance(T1 * 3);

    let sent = script.take_sent();
    assert_eq!(sent.iter().filter(|what| *what == "183 INVITE").count(), 1, "{sent:?}");
    assert_eq!(script.events.last().and_then(ended).map(|(_, cause, ..)| cause), Some(Cause::Cancelled));
}

#[test]
fn once_the_early_exchange_is_complete_both_sides_take_update_with_an_offer() {
    let moved = OFFER.replace("m=audio 40000", "m=audio 42000");
    let mut called = called(Policy::default(), "Require: 100rel\r\n", OFFER);
    early(&mut called);
    let progress = called.expect("183 INVITE");
    let to_tag = tag(&header(&progress, "To"));
    let update = |cseq: u32| {
        Ask {
            method: "UPDATE",
            branch: if cseq == 2 { "u2" } else { "u4" },
            to_tag: &to_tag,
            cseq,
            body: &moved,
            ..Ask::default()
        }
        .text()
    };
    called.say(&update(2));
    called.expect("500 UPDATE");
    called.say(&prack(&progress, 3, ""));
    called.expect("200 PRACK");
    called.say(&update(4));
    assert!(body(&called.expect("200 UPDATE")).contains("m=audio 20000"));
    assert_eq!(called.events.last().and_then(media_of).map(|media| media.remote.port()), Some(42000));

    let (mut script, invite) = calling(Policy::default());
    script.say(&ringing(&invite, 183, "f", 1, OFFER));
    script.expect("PRACK");
    let ours = tag(&header(&invite, "From"));
    let ask = Ask { method: "UPDATE", from_tag: "f", to_tag: &ours, cseq: 1, body: &moved, ..Ask::default() };
    script.say(&ask.text().replace("script-1", "call-1"));
    script.expect("200 UPDATE");
    script.say(&reply(&invite, 200, "f", "Contact: <sip:f@192.0.2.9:5060>\r\n", ""));
    let answered = script.events.iter().find(|event| kind(event) == "Answered").expect("answered");
    assert_eq!(media_of(answered).map(|media| media.remote.port()), Some(42000), "the UPDATE counts");
}

#[test]
fn two_of_us_agree_on_reliable_responses() {
    let mut pair = Pair::new();
    pair.a.set_access(vec![rule("192.0.2.0/24")]);
    pair.tell_a(dial_with(1, B, policy(Reliable::Required)));
    pair.tell_b(Command::EarlyMedia { leg: incoming(0), media: media("192.0.2.2:30000") });
    pair.tell_b(Command::Answer { leg: incoming(0), media: media("192.0.2.2:30000") });

    assert_eq!(
        pair.ladder(),
        ["A INVITE", "B 100 INVITE", "B 183 INVITE", "A PRACK", "B 200 PRACK", "B 200 INVITE", "A ACK"]
    );
    assert!(pair.a_events.iter().any(|event| kind(event) == "Answered"));
    pair.tell_a(Command::Hangup { leg: 1, q850: None });
    pair.assert_clean();
}
