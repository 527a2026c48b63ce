//! Commands: what a dial order turns into, orders that come too late, the end of everything.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, clippy::unchecked_time_subtraction)]

mod common;

use common::*;
use ringback_sip::{Cause, Command, Event, Output, Side};

fn dial_with(change: impl FnOnce(&mut Vec<(String, String)>, &mut Option<String>, &mut String)) -> Script {
    let mut script = Script::new();
    let mut order = dial(1, "192.0.2.9:5060");
    if let Command::Dial { headers, display_name, call_id, .. } = &mut order {
        change(headers, display_name, call_id);
    }
    script.tell(order);
    script
}

fn pair(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

#[test]
fn an_invite_has_everything_an_invite_needs() {
    let mut script = dial_with(|headers, display_name, _| {
        headers.push(pair("P-Asserted-Identity", "<sip:+4930200@ringback.example>"));
        *display_name = Some("Jörg \"JJ\" \\ Co".to_owned());
    });

    let invite = script.expect("INVITE");

    assert_eq!(target(&invite), "sip:+4930100@192.0.2.9:5060");
    assert_eq!(header(&invite, "From"), "\"Jörg \\\"JJ\\\" \\\\ Co\" <sip:+4930200@ringback.example>;tag=tag-1");
    assert_eq!(header(&invite, "To"), "<sip:+4930100@192.0.2.9:5060>");
    assert_eq!(header(&invite, "Call-ID"), "call-1");
    assert_eq!(header(&invite, "Max-Forwards"), "70");
    assert_eq!(header(&invite, "Supported"), "100rel, timer");
    assert_eq!(header(&invite, "P-Asserted-Identity"), "<sip:+4930200@ringback.example>");
    assert_eq!(header(&invite, "Content-Type"), "application/sdp");
    assert_eq!(header(&invite, "Content-Length"), body(&invite).len().to_string());
}

#[test]
fn headers_of_ours_and_headers_with_line_breaks_are_left_out() {
    let mut script = dial_with(|headers, _, _| {
        headers.extend([
            pair("Via", "SIP/2.0/UDP evil"),
            pair("v", "SIP/2.0/UDP evil"),
            pair("contact", "<sip:evil>"),
            pair("X-A", "ok\r\nX-Evil: 1"),
            pair("X B", "ok"),
            pair("X-Good", "good"),
        ]);
        headers.extend((0..30).map(|n| pair(&format!("X-{n}"), "v")));
    });

    let invite = script.expect("INVITE");

    assert!(!invite.contains("evil") && !invite.contains("Evil"));
    assert_eq!(header(&invite, "X-Good"), "good");
    assert_eq!(invite.matches("\r\nX-").count(), 20);
    assert_eq!(script.ua.counters().refused_headers, 16);
}

#[test]
fn an_order_that_cannot_be_written_ends_as_fault() {
    let script = dial_with(|_, _, call_id| "a\r\nb".clone_into(call_id));

    assert!(script.sent.is_empty());
    assert_eq!(ended(&script.events[0]), Some((1, Cause::Fault, Side::Local, None)));
    assert_eq!((script.ua.counters().legs, script.ua.counters().faults), (0, 1));
}

#[test]
fn orders_for_legs_that_are_over_are_counted() {
    let mut script = Script::new();
    script.tell(Command::Ring { leg: 5 });
    script.tell(Command::Answer { leg: 5, media: media("192.0.2.1:20000") });
    script.tell(Command::Reject { leg: 5, code: 486, reason: None });
    script.tell(Command::Hangup { leg: 5, q850: None });
    script.tell(Command::MediaSeen { leg: 5 });

    assert_eq!(script.events, []);
    assert_eq!(script.ua.counters().stale_commands, 5);
}

#[test]
fn ring_and_reject_after_the_answer_do_nothing() {
    let mut pair = Pair::new();
    let (_, b) = pair.established();

    pair.tell_b(Command::Ring { leg: b });
    pair.tell_b(Command::Reject { leg: b, code: 486, reason: None });
    pair.tell_b(Command::Answer { leg: b, media: media("192.0.2.2:30000") });

    assert!(pair.wire.is_empty());
    assert_eq!(pair.b.counters().stale_commands, 3);
}

#[test]
fn a_hang_up_before_the_answer_is_480_with_its_reason() {
    let mut script = Script::new();
    script.say(&Ask::default().text());
    script.tell(Command::Hangup { leg: incoming(0), q850: Some(19) });

    script.expect("100 INVITE");
    assert_eq!(header(&script.expect("480 INVITE"), "Reason"), "Q.850;cause=19");
    assert_eq!(ended(&script.events[1]), Some((incoming(0), Cause::Response, Side::Local, Some(480))));
}

#[test]
fn codes_that_are_no_refusal_become_480() {
    for code in [0, 200, 302, 700] {
        let mut script = Script::new();
        script.say(&Ask::default().text());
        script.tell(Command::Reject { leg: incoming(0), code, reason: Some("x\r\nEvil: 1".to_owned()) });
        script.expect("100 INVITE");
        let refused = script.expect("480 INVITE");
        assert_eq!(header(&refused, "Reason"), "x  Evil: 1");
    }
}

#[test]
fn stop_all_ends_every_leg_as_its_state_asks() {
    let mut script = Script::new();
    script.tell(dial(1, "192.0.2.9:5060"));
    let ringing = script.expect("INVITE");
    script.say(&reply(&ringing, 180, "a", "", ""));
    script.tell(dial(2, "192.0.2.9:5060"));
    let talking = script.expect("INVITE");
    script.say(&ok_with_answer(&talking, "b"));
    script.expect("ACK");
    script.say(&Ask::default().text());
    script.expect("100 INVITE");
    script.events.clear();

    script.tell(Command::StopAll);

    let cancel = script.expect("CANCEL");
    let bye = script.expect("BYE");
    script.expect("480 INVITE");
    assert_eq!(ended(&script.events[0]), Some((incoming(0), Cause::Stopped, Side::Local, Some(480))));
    script.say(&reply(&cancel, 200, "", "", ""));
    script.say(&reply(&ringing, 487, "a", "", ""));
    script.say(&reply(&bye, 200, "", "", ""));
    assert_eq!(ended(&script.events[1]), Some((1, Cause::Stopped, Side::Local, Some(487))));
    assert_eq!(ended(&script.events[2]), Some((2, Cause::Stopped, Side::Local, None)));

    script.sent.clear();
    script.say(&Ask { branch: "late", from_tag: "late", ..Ask::default() }.text());
    script.expect("503 INVITE");
    script.tell(dial(3, "192.0.2.9:5060"));
    assert_eq!(ended(&script.events[3]), Some((3, Cause::Stopped, Side::Local, None)));
    script.assert_clean();
}

#[test]
fn the_retry_after_of_a_refusal_is_reported() {
    let mut script = Script::new();
    script.tell(dial(1, "192.0.2.9:5060"));
    let invite = script.expect("INVITE");

    script.say(&reply(&invite, 503, "t", "Retry-After: 120 (maintenance);duration=3600\r\n", ""));

    assert!(matches!(&script.events[0], Event::Ended { retry_after_s: Some(120), code: Some(503), .. }));
}

#[test]
fn traces_name_their_leg_and_nothing_names_it_after_its_end() {
    let mut config = config(A);
    config.trace = true;
    let mut ua = ringback_sip::UserAgent::new(config);
    ua.set_access(vec![rule("192.0.2.0/24")]);
    let mut script = Script::with(ua);
    script.tell(dial(1, "192.0.2.9:5060"));
    let invite = script.expect("INVITE");
    script.say(&reply(&invite, 100, "", "", ""));
    script.say(&reply(&invite, 486, "t", "", ""));
    script.say(&reply(&invite, 486, "t", "", ""));

    let seen: Vec<String> = script
        .events
        .iter()
        .map(|event| match event {
            Event::Trace { leg, sent, bytes, .. } => {
                format!("{} {} {leg:?}", if *sent { ">" } else { "<" }, short(&String::from_utf8_lossy(bytes)))
            }
            other => kind(other).to_owned(),
        })
        .collect();
    assert_eq!(
        seen,
        [
            "> INVITE Some(1)",
            "< 100 INVITE Some(1)",
            "Progress",
            "< 486 INVITE Some(1)",
            "> ACK Some(1)",
            "Ended",
            "< 486 INVITE None",
            "> ACK None"
        ]
    );
}

#[test]
fn transmits_name_their_leg() {
    let mut ua = user_agent(A);
    ua.handle_command(std::time::Instant::now(), dial(1, "192.0.2.9:5060"));

    assert!(matches!(ua.poll_output(), Some(Output::Transmit { leg: Some(1), .. })));
    assert_eq!(ua.poll_output(), None);
}

#[test]
fn a_t1_of_nothing_does_not_stop_time() {
    let mut config = config(A);
    config.t1 = std::time::Duration::ZERO;
    let mut script = Script::with(ringback_sip::UserAgent::new(config));

    script.tell(dial(1, "192.0.2.9:5060"));
    script.advance(std::time::Duration::from_millis(64));

    assert_eq!(ended(&script.events[0]), Some((1, Cause::Timeout, Side::Network, None)));
}

#[test]
fn extensions_that_are_only_offered_do_not_matter() {
    let mut script = Script::new();
    let extra = "Supported: 100rel, timer, replaces\r\nSession-Expires: 1800;refresher=uas\r\nMin-SE: 90\r\n";

    script.say(&Ask { extra, ..Ask::default() }.text());
    script.tell(Command::Ring { leg: incoming(0) });

    script.expect("100 INVITE");
    let ringing = script.expect("180 INVITE");
    assert_eq!((header(&ringing, "Require"), header(&ringing, "RSeq")), (String::new(), String::new()));
}
