//! Transfers: REFER and its NOTIFYs both ways, Replaces (RFC 3515, 3891, 3892, 4488, 5589).
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, clippy::unchecked_time_subtraction)]

mod common;

use std::time::Duration;

use common::*;
use ringback_sip::{Command, Event, Policy};

const PEER: &str = "192.0.2.9:5060";
const TARGET: &str = "Refer-To: <sip:+4930300@elsewhere.example>\r\n";

fn allowing() -> Policy {
    Policy { allow_transfer: true, ..Policy::default() }
}

/// A call of theirs that is up; our tag.
fn called(policy: Policy) -> (Script, String) {
    let mut script = Script::with(user_agent_with(A, policy));
    script.say(&Ask::default().text());
    script.tell(Command::Answer { leg: incoming(0), media: media("192.0.2.1:20000") });
    script.expect("100 INVITE");
    let to_tag = tag(&header(&script.expect("200 INVITE"), "To"));
    script.say(&Ask { method: "ACK", branch: "a", to_tag: &to_tag, body: "", ..Ask::default() }.text());
    script.events.clear();
    (script, to_tag)
}

/// A call of ours that is up.
fn dialed(policy: Policy) -> Script {
    let mut script = Script::with(user_agent_with(A, policy));
    script.tell(dial_with(1, PEER, policy));
    let invite = script.expect("INVITE");
    script.say(&ok_with_answer(&invite, "far"));
    script.expect("ACK");
    script.events.clear();
    script
}

fn refer(to_tag: &str, cseq: u32, extra: &str) -> String {
    let branch = format!("refer{cseq}");
    Ask { method: "REFER", branch: &branch, to_tag, cseq, extra, body: "", ..Ask::default() }.text()
}

/// A NOTIFY of the scripted far end in the call we dialed.
fn notify(cseq: u32, state: &str, fragment: &str) -> String {
    let branch = format!("n{cseq}");
    let extra = format!("Event: refer\r\nSubscription-State: {state}\r\nContent-Type: message/sipfrag\r\n");
    let ask = Ask {
        method: "NOTIFY",
        branch: &branch,
        from_tag: "far",
        to_tag: "tag-1",
        cseq,
        extra: &extra,
        body: fragment,
    };
    ask.text().replace("script-1", "call-1")
}

fn progress(code: u16, phrase: &str, is_final: bool) -> Event {
    Event::TransferProgress { leg: 1, code, phrase: phrase.to_owned(), is_final }
}

fn ask_for_transfer(script: &mut Script, replaces: Option<u64>) {
    let to = "sip:+4930300@elsewhere.example".to_owned();
    script.tell(Command::Refer { leg: 1, to, replaces, referred_by: Some("sip:us@here.example".to_owned()) });
}

#[test]
fn without_leave_of_the_trunk_a_refer_is_declined_and_not_reported() {
    let (mut script, to_tag) = called(Policy::default());

    script.say(&refer(&to_tag, 2, TARGET));

    script.expect("603 REFER");
    assert_eq!((script.events.len(), script.ua.counters().refused_transfers), (0, 1));
    script.say(&Ask { method: "REFER", branch: "out", extra: TARGET, body: "", ..Ask::default() }.text());
    script.expect("603 REFER");
}

#[test]
fn a_refer_is_handed_up_and_told_how_it_goes() {
    let (mut script, to_tag) = called(allowing());
    script.say(&refer(&to_tag, 2, &format!("{TARGET}Referred-By: <sip:boss@here>\r\n")));
    assert_eq!(
        script.take_events(),
        [Event::TransferRequested {
            leg: incoming(0),
            target: "sip:+4930300@elsewhere.example".to_owned(),
            replaces: None,
            has_replaces: false,
            referred_by: Some("sip:boss@here".to_owned()),
        }]
    );
    script.say(&refer(&to_tag, 2, TARGET));
    assert_eq!(script.take_sent(), Vec::<String>::new(), "a copy while we think");

    script.tell(Command::AcceptTransfer { leg: incoming(0) });
    script.tell(Command::NotifyTransfer { leg: incoming(0), code: 180 });
    script.tell(Command::NotifyTransfer { leg: incoming(0), code: 200 });
    script.tell(Command::NotifyTransfer { leg: incoming(0), code: 200 });

    let accepted = script.expect("202 REFER");
    assert!(!header(&accepted, "Contact").is_empty());
    for (fragment, state) in [
        ("SIP/2.0 100 Trying", "active;expires=180"),
        ("SIP/2.0 180 Ringing", "active;expires=180"),
        ("SIP/2.0 200 OK", "terminated;reason=noresource"),
    ] {
        let notify = script.expect("NOTIFY");
        assert_eq!(header(&notify, "Event"), "refer");
        assert_eq!(header(&notify, "Subscription-State"), state);
        assert_eq!(header(&notify, "Content-Type"), "message/sipfrag;version=2.0");
        assert_eq!(body(&notify).trim_end(), fragment);
    }
    assert_eq!(script.take_sent(), Vec::<String>::new(), "after the last word there is none");
    script.say(&refer(&to_tag, 3, TARGET));
    script.tell(Command::AcceptTransfer { leg: incoming(0) });
    script.expect("202 REFER");
    assert_eq!(header(&script.expect("NOTIFY"), "Event"), "refer;id=3");
}

#[test]
fn who_does_not_want_to_hear_of_it_is_told_nothing() {
    let (mut script, to_tag) = called(allowing());
    script.say(&refer(&to_tag, 2, &format!("{TARGET}Refer-Sub: false\r\n")));

    script.tell(Command::AcceptTransfer { leg: incoming(0) });
    script.tell(Command::NotifyTransfer { leg: incoming(0), code: 200 });

    assert_eq!(header(&script.expect("202 REFER"), "Refer-Sub"), "false");
    assert_eq!(script.take_sent(), Vec::<String>::new());
}

#[test]
fn a_refused_or_undecided_transfer_leaves_the_call() {
    let (mut script, to_tag) = called(allowing());
    script.say(&refer(&to_tag, 2, TARGET));
    script.tell(Command::RejectTransfer { leg: incoming(0), code: 488 });
    script.expect("488 REFER");

    script.say(&refer(&to_tag, 3, TARGET));
    script.say(&refer(&to_tag, 4, TARGET));
    script.expect("603 REFER");
    script.advance(T1 * 16);
    script.expect("603 REFER");

    assert_eq!(script.ua.counters().legs, 1);
    script.tell(Command::AcceptTransfer { leg: incoming(0) });
    assert_eq!(script.take_sent(), Vec::<String>::new(), "too late");
    script.tell(Command::Hangup { leg: incoming(0), q850: None });
    script.assert_clean();
}

#[test]
fn a_transfer_nobody_reports_on_is_told_to_have_failed() {
    let (mut script, to_tag) = called(allowing());
    script.say(&refer(&to_tag, 2, TARGET));
    script.tell(Command::AcceptTransfer { leg: incoming(0) });
    script.expect("202 REFER");
    let first = script.expect("NOTIFY");
    script.say(&reply(&first, 200, "", "", ""));

    script.advance(Duration::from_secs(180));

    assert!(body(&script.expect("NOTIFY")).starts_with("SIP/2.0 408"));
}

#[test]
fn targets_that_are_no_calls_get_400() {
    let (mut script, to_tag) = called(allowing());
    let wrong = [
        "",
        "Refer-To: <sip:h;method=BYE>\r\n",
        "Refer-To: <sip:a@h>\r\nRefer-To: <sip:b@h>\r\n",
        "Refer-To: <nothing>\r\n",
    ];
    for (cseq, extra) in (2..).zip(wrong) {
        script.say(&refer(&to_tag, cseq, extra));
        script.expect("400 REFER");
    }
    assert_eq!(script.events, []);
}

#[test]
fn an_attended_transfer_between_two_calls_with_us_names_the_other_leg() {
    let (mut script, to_tag) = called(allowing());
    script.tell(dial_with(1, PEER, allowing()));
    let invite = script.expect("INVITE");
    script.say(&ok_with_answer(&invite, "far"));
    script.expect("ACK");
    script.events.clear();
    let replaces = "call-1%3Bto-tag%3Dtag-1%3Bfrom-tag%3Dfar";

    script.say(&refer(&to_tag, 2, &format!("Refer-To: <sip:x@192.0.2.1?Replaces={replaces}>\r\n")));

    assert!(
        matches!(&script.events[0], Event::TransferRequested { replaces: Some(1), has_replaces: true, target, .. } if target == "sip:x@192.0.2.1"),
        "{:?}",
        script.events
    );
}

#[test]
fn a_transfer_of_ours_is_told_step_by_step() {
    let mut script = dialed(Policy::default());
    ask_for_transfer(&mut script, None);
    let asked = script.expect("REFER");
    assert_eq!(header(&asked, "Refer-To"), "<sip:+4930300@elsewhere.example>");
    assert_eq!(header(&asked, "Referred-By"), "<sip:us@here.example>");

    script.say(&reply(&asked, 202, "far", "", ""));
    script.say(&notify(1, "active;expires=60", "SIP/2.0 180 Ringing\r\n"));
    script.say(&notify(2, "terminated;reason=noresource", "SIP/2.0 200 OK\r\n"));
    script.say(&notify(3, "terminated;reason=noresource", "SIP/2.0 200 OK\r\n"));

    assert_eq!(script.take_sent(), ["200 NOTIFY", "200 NOTIFY", "481 NOTIFY"]);
    assert_eq!(
        script.events,
        [progress(202, "Phrase", false), progress(180, "Ringing", false), progress(200, "OK", true)]
    );
}

#[test]
fn a_notify_may_be_quicker_than_the_202() {
    let mut script = dialed(Policy::default());
    ask_for_transfer(&mut script, None);
    let asked = script.expect("REFER");

    script.say(&notify(1, "active", "SIP/2.0 100 Trying\r\n"));
    script.say(&reply(&asked, 202, "far", "", ""));

    assert_eq!(script.events, [progress(100, "Trying", false)]);
}

#[test]
fn refused_silent_and_forgotten_transfers_have_an_end_too() {
    for (code, extra, expected) in
        [(603, "", progress(603, "Phrase", true)), (202, "Refer-Sub: false\r\n", progress(202, "Phrase", true))]
    {
        let mut script = dialed(Policy::default());
        ask_for_transfer(&mut script, None);
        let asked = script.expect("REFER");
        script.say(&reply(&asked, code, "far", extra, ""));
        assert_eq!(script.events, [expected]);
    }
    let mut script = dialed(Policy::default());
    ask_for_transfer(&mut script, None);
    script.advance(TIMEOUT);
    assert_eq!(script.events, [progress(408, "Request Timeout", true)]);

    let mut script = dialed(Policy::default());
    ask_for_transfer(&mut script, None);
    let asked = script.expect("REFER");
    script.say(&reply(&asked, 202, "far", "", ""));
    script.advance(Duration::from_secs(180));
    assert_eq!(script.events.last(), Some(&progress(408, "Request Timeout", true)));
}

#[test]
fn what_cannot_be_asked_is_refused_at_once() {
    let mut script = dialed(Policy::default());
    ask_for_transfer(&mut script, Some(99));
    script.tell(Command::Refer { leg: 1, to: "nobody".to_owned(), replaces: None, referred_by: None });
    script.tell(Command::Refer { leg: 1, to: "sip:a@h>\u{20}<sip:b".to_owned(), replaces: None, referred_by: None });
    assert_eq!(script.take_sent(), Vec::<String>::new());
    ask_for_transfer(&mut script, None);
    ask_for_transfer(&mut script, None);

    let codes: Vec<_> = script
        .events
        .iter()
        .map(|event| if let Event::TransferProgress { code, is_final: true, .. } = event { *code } else { 0 })
        .collect();
    assert_eq!(codes, [481, 400, 400, 491]);
    assert_eq!(script.take_sent(), ["REFER"]);
}

#[test]
fn an_attended_transfer_of_ours_names_the_dialog_as_its_far_end_does() {
    let mut script = dialed(Policy::default());
    let mut second = dial(2, PEER);
    if let Command::Dial { call_id, .. } = &mut second {
        *call_id = "c%2@here".to_owned();
    }
    script.tell(second);
    let invite = script.expect("INVITE");
    script.say(&ok_with_answer(&invite, "other"));
    script.expect("ACK");

    ask_for_transfer(&mut script, Some(2));

    let to = header(&script.expect("REFER"), "Refer-To");
    assert_eq!(to, "<sip:+4930300@elsewhere.example?Replaces=c%252%40here%3Bto-tag%3Dother%3Bfrom-tag%3Dtag-2>");
}

#[test]
fn a_notify_of_another_subscription_gets_489() {
    let mut script = dialed(Policy::default());

    script.say(&notify(1, "active", "x").replace("Event: refer", "Event: presence"));

    script.expect("489 NOTIFY");
}

/// An INVITE of a third party that replaces a dialog.
fn replacing(value: &str) -> String {
    let extra = format!("Replaces: {value}\r\n");
    Ask { branch: "third", from_tag: "third", extra: &extra, ..Ask::default() }.text().replace("script-1", "script-2")
}

#[test]
fn an_invite_that_replaces_a_leg_takes_its_place_when_it_is_answered() {
    let mut script = dialed(allowing());

    script.say(&replacing("call-1;to-tag=tag-1;from-tag=far"));
    assert!(matches!(script.events[0], Event::Incoming { replaces: Some(1), .. }), "{:?}", script.events);
    script.expect("100 INVITE");
    assert_eq!(script.take_sent(), Vec::<String>::new(), "nothing happens before the answer");
    script.tell(Command::Answer { leg: incoming(0), media: media("192.0.2.1:20002") });

    assert_eq!(script.take_sent(), ["200 INVITE", "BYE"]);
}

#[test]
fn a_ringing_call_of_ours_is_taken_over_by_cancel() {
    let mut script = Script::with(user_agent_with(A, allowing()));
    script.tell(dial_with(1, PEER, allowing()));
    let invite = script.expect("INVITE");
    script.say(&reply(&invite, 180, "far", "", ""));

    script.say(&replacing("call-1;to-tag=tag-1;from-tag=far;early-only"));
    script.tell(Command::Answer { leg: incoming(0), media: media("192.0.2.1:20002") });

    assert_eq!(script.take_sent(), ["100 INVITE", "200 INVITE", "CANCEL"]);
}

#[test]
fn what_cannot_be_replaced_is_refused_as_the_rfc_says() {
    let mut script = dialed(allowing());
    script.say(&replacing("call-1;to-tag=tag-1;from-tag=wrong"));
    script.expect("481 INVITE");
    script.say(&replacing("call-1;to-tag=tag-1;from-tag=far;early-only"));
    script.expect("486 INVITE");
    script.say(&replacing("call-1"));
    script.expect("400 INVITE");
    script.say(&replacing("a;to-tag=b;from-tag=c\r\nReplaces: a;to-tag=b;from-tag=c"));
    script.expect("400 INVITE");
    script.tell(Command::Hangup { leg: 1, q850: None });
    script.expect("BYE");
    script.say(&replacing("call-1;to-tag=tag-1;from-tag=far"));
    script.expect("603 INVITE");

    // An early dialog that its caller began.
    script.say(&Ask::default().text());
    script.expect("100 INVITE");
    script.tell(Command::Ring { leg: incoming(0) });
    let to_tag = tag(&header(&script.expect("180 INVITE"), "To"));
    script.say(&replacing(&format!("script-1;to-tag={to_tag};from-tag=caller")));
    script.expect("481 INVITE");
}

#[test]
fn where_the_trunk_does_not_allow_it_nobody_takes_over_a_call() {
    let mut script = dialed(Policy::default());

    script.say(&replacing("call-1;to-tag=tag-1;from-tag=far"));

    assert!(matches!(script.events[0], Event::Incoming { replaces: None, .. }), "a call like any other");
    let required =
        replacing("call-1;to-tag=tag-1;from-tag=far").replace("script-2", "script-3").replace("third", "fourth");
    script.expect("100 INVITE");
    script.say(&required.replace("Replaces: ", "Require: replaces\r\nReplaces: "));
    assert_eq!(header(&script.expect("420 INVITE"), "Unsupported"), "replaces");
}

#[test]
fn two_of_us_transfer_a_call() {
    let mut pair = Pair::new();
    pair.b.set_access(vec![ringback_sip::AccessRule { policy: allowing(), ..rule("192.0.2.0/24") }]);
    let (a, b) = pair.established();
    pair.tell_a(Command::Refer { leg: a, to: "sip:c@192.0.2.3".to_owned(), replaces: None, referred_by: None });
    pair.tell_b(Command::AcceptTransfer { leg: b });
    pair.tell_b(Command::NotifyTransfer { leg: b, code: 200 });

    let told: Vec<_> = pair.a_events.iter().filter(|event| kind(event) == "TransferProgress").collect();
    assert!(matches!(told.last(), Some(Event::TransferProgress { code: 200, is_final: true, .. })), "{told:?}");
    pair.tell_a(Command::Hangup { leg: a, q850: None });
    pair.assert_clean();
}
