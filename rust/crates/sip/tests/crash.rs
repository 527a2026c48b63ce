//! Ending dialogs that only the journal knows.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, clippy::unchecked_time_subtraction)]

mod common;

use common::*;
use ringback_sip::{Command, Event};

fn fresh() -> Script {
    Script::new()
}

fn end(script: &mut Script, dialog: &str) {
    script.tell(Command::EndDialog { dialog: dialog.to_owned() });
}

#[test]
fn an_answered_call_of_ours_gets_bye_over_its_routes() {
    let mut before = fresh();
    before.tell(dial(1, "192.0.2.9:5060"));
    let invite = before.expect("INVITE");
    let extra = "Record-Route: <sip:192.0.2.51;lr>\r\nContact: <sip:u@192.0.2.60>\r\n";
    before.say(&reply(&invite, 200, "t", extra, OFFER));
    let Some(Event::Answered { dialog, .. }) = before.events.first() else { panic!("not answered") };

    let mut script = fresh();
    end(&mut script, dialog);

    let (to, bye) = script.sent.pop_front().expect("BYE");
    assert_eq!((short(&bye).as_str(), target(&bye).as_str()), ("BYE", "sip:u@192.0.2.60"));
    assert_eq!(header(&bye, "Route"), "<sip:192.0.2.51;lr>");
    assert_eq!(to, addr("192.0.2.51:5060"));
    assert_eq!(header(&bye, "Call-ID"), "call-1");
    assert_eq!(tag(&header(&bye, "From")), "tag-1");
    assert_eq!(tag(&header(&bye, "To")), "t");
    assert_eq!(header(&bye, "CSeq"), "2 BYE");
    script.say(&reply(&bye, 481, "", "", ""));
    assert_eq!(script.events, [], "counted, not reported");
    assert_eq!(script.ua.counters().dialogs_ended, 1);
    script.assert_clean();
}

#[test]
fn a_call_to_us_gets_bye_and_its_repeated_invite_480() {
    let mut before = fresh();
    before.say(&Ask::default().text());
    let Some(Event::Incoming { dialog, .. }) = before.events.first().cloned() else { panic!("no call") };
    before.tell(Command::Ring { leg: incoming(0) });
    let ringing = before.sent.back().expect("180").1.clone();

    let mut script = fresh();
    end(&mut script, &dialog);
    let bye = script.expect("BYE");
    assert_eq!(tag(&header(&bye, "From")), tag(&header(&ringing, "To")));
    assert_eq!(tag(&header(&bye, "To")), "caller");
    assert_eq!(target(&bye), "sip:peer@192.0.2.9:5060");
    script.say(&Ask::default().text());

    script.expect("480 INVITE");
    assert_eq!(script.events, []);
    script.advance(TIMEOUT);
    script.sent.clear();
    script.say(&Ask::default().text());
    script.expect("100 INVITE");
}

const EARLY: &str = r#"{"role":"uac","call_id":"call-1","local_tag":"tag-1","local_uri":"sip:+4930200@ringback.example","remote_uri":"sip:+4930100@192.0.2.9:5060","remote_target":"sip:+4930100@192.0.2.9:5060","peer":"192.0.2.9:5060"}"#;

#[test]
fn an_unanswered_call_of_ours_is_cancelled_with_the_branch_of_its_invite() {
    let mut before = fresh();
    before.tell(dial(1, "192.0.2.9:5060"));
    let invite = before.expect("INVITE");

    let mut script = fresh();
    end(&mut script, EARLY);

    let cancel = script.expect("CANCEL");
    for name in ["Via", "From", "To", "Call-ID"] {
        assert_eq!(header(&cancel, name), header(&invite, name), "{name}");
    }
    assert_eq!(target(&cancel), target(&invite));
    let second = script.expect("CANCEL");
    assert_eq!((header(&cancel, "CSeq"), header(&second, "CSeq")), ("1 CANCEL".to_owned(), "2 CANCEL".to_owned()));
    script.say(&reply(&cancel, 200, "", "", ""));
    script.say(&reply(&second, 481, "", "", ""));
    script.say(&reply(&invite, 487, "t", "", ""));
    assert_eq!(script.take_sent(), ["ACK"]);
    assert_eq!(script.events, []);
    script.assert_clean();
}

#[test]
fn an_answer_that_crosses_that_cancel_gets_ack_and_bye() {
    let mut before = fresh();
    before.tell(dial(1, "192.0.2.9:5060"));
    let invite = before.expect("INVITE");
    let mut script = fresh();
    end(&mut script, EARLY);
    script.take_sent();

    script.say(&ok_with_answer(&invite, "t"));
    assert_eq!(script.take_sent(), ["ACK", "BYE"]);
    script.say(&ok_with_answer(&invite, "t"));

    assert_eq!(script.take_sent(), ["ACK"]);
    assert_eq!(script.ua.counters().late_answers, 1);
    assert_eq!(script.events, []);
    script.assert_clean();
}

#[test]
fn a_stray_answer_of_a_call_nobody_named_is_left_alone() {
    let mut before = fresh();
    before.tell(dial(1, "192.0.2.9:5060"));
    let invite = before.expect("INVITE");
    let mut script = fresh();

    script.say(&ok_with_answer(&invite, "t"));

    assert!(script.sent.is_empty());
    assert_eq!(script.ua.counters().dropped_stray_responses, 1);
}

#[test]
fn texts_that_are_no_dialog_or_would_break_a_message_are_refused() {
    let mut script = fresh();
    let texts = [
        String::new(),
        "{}".to_owned(),
        "[1,2]".to_owned(),
        EARLY.replace("192.0.2.9:5060\"}", "gw.example\"}"),
        EARLY.replace("tag-1", "tag 1"),
        EARLY.replace("call-1", "call-1\\r\\nEvil: 1"),
        EARLY.replace("sip:+4930200@ringback.example", "sip:a b"),
    ];
    for text in &texts {
        end(&mut script, text);
    }

    assert!(script.sent.is_empty());
    assert_eq!(script.ua.counters().refused_dialogs, texts.len() as u64);
}

#[test]
fn a_dialog_that_is_alive_is_not_ended_behind_its_legs_back() {
    let mut script = fresh();
    script.say(&Ask::default().text());
    let Some(Event::Incoming { dialog, .. }) = script.events.first().cloned() else { panic!("no call") };
    script.take_sent();

    end(&mut script, &dialog);

    assert!(script.sent.is_empty());
    assert_eq!(script.ua.counters().refused_dialogs, 1);
}
