//! The Reason header (RFC 3326), out and in: on CANCEL, BYE and final responses, of several protocols.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::*;
use ringback_sip::{Command, Event};

const ELSEWHERE: &str = r#"SIP;cause=200;text="Call completed elsewhere""#;

fn explain(leg: u64) -> Command {
    Command::Explain { leg, reason: ELSEWHERE.to_owned() }
}

fn reasons(events: &[Event]) -> Vec<(Option<String>, Option<u8>)> {
    events
        .iter()
        .filter_map(|event| match event {
            Event::Ended { reason, q850, .. } => Some((reason.clone(), *q850)),
            _ => None,
        })
        .collect()
}

#[test]
fn cancel_says_that_the_call_was_completed_elsewhere() {
    let mut script = Script::new();
    script.tell(dial(1, "192.0.2.9:5060"));
    let invite = script.expect("INVITE");
    script.say(&reply(&invite, 180, "t", "", ""));

    script.tell(explain(1));
    script.tell(Command::Hangup { leg: 1, q850: Some(26) });

    let cancel = script.expect("CANCEL");
    assert_eq!(header(&cancel, "Reason"), format!("{ELSEWHERE}, Q.850;cause=26"));
    script.say(&reply(&cancel, 200, "", "", ""));
    script.say(&reply(&invite, 487, "t", "", ""));
    script.expect("ACK");
    script.assert_clean();
}

#[test]
fn bye_and_cancel_carry_every_value_to_the_far_end() {
    let both = format!("{ELSEWHERE}, Q.850;cause=31");
    let mut pair = Pair::new();
    let (ours, _) = pair.established();

    pair.tell_a(explain(ours));
    pair.tell_a(Command::Hangup { leg: ours, q850: Some(31) });

    assert_eq!(reasons(&pair.b_events), [(Some(both), Some(31))]);
    pair.assert_clean();
}

#[test]
fn a_call_that_rings_here_is_refused_with_the_reason_of_its_end() {
    let mut pair = Pair::new();
    pair.tell_a(dial(1, B));
    let leg = incoming(0);
    pair.tell_b(Command::Ring { leg });

    pair.tell_b(Command::Explain { leg, reason: "SIP;cause=600".to_owned() });
    pair.tell_b(Command::Hangup { leg, q850: None });

    assert_eq!(reasons(&pair.a_events), [(Some("SIP;cause=600".to_owned()), None)]);
}

#[test]
fn several_reasons_of_a_refusal_are_all_reported() {
    let mut script = Script::new();
    script.tell(dial(1, "192.0.2.9:5060"));
    let invite = script.expect("INVITE");
    let extra = "Reason: SIP;cause=486;text=\"Busy, really\"\r\nReason: Q.850;cause=17;text=\"User busy\"\r\n";

    script.say(&reply(&invite, 486, "t", extra, ""));

    let raw = r#"SIP;cause=486;text="Busy, really", Q.850;cause=17;text="User busy""#;
    assert_eq!(reasons(&script.events), [(Some(raw.to_owned()), Some(17))]);
}

#[test]
fn a_reason_cannot_end_its_line() {
    let mut script = Script::new();
    script.tell(dial(1, "192.0.2.9:5060"));
    let invite = script.expect("INVITE");
    script.say(&reply(&invite, 180, "t", "", ""));

    script.tell(Command::Explain { leg: 1, reason: "SIP\r\nEvil: 1".to_owned() });
    script.tell(Command::Hangup { leg: 1, q850: None });

    assert_eq!(headers(&script.expect("CANCEL"), "Evil"), Vec::<String>::new());
}
