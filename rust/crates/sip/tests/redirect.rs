//! 3xx: followed once, and only back to the same peer.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, clippy::unchecked_time_subtraction)]

mod common;

use common::*;
use ringback_sip::{Cause, Command, Side};

fn redirected(allow: bool, contact: &str) -> Script {
    let mut script = Script::new();
    let mut order = dial(1, "192.0.2.9:5060");
    if let Command::Dial { allow_redirects, to, .. } = &mut order {
        *allow_redirects = allow;
        "sip:+4930100@gw.example".clone_into(to);
    }
    script.tell(order);
    let invite = script.expect("INVITE");
    script.say(&reply(&invite, 302, "t", &format!("Contact: {contact}\r\n"), ""));
    script.expect("ACK");
    script
}

#[test]
fn a_redirect_back_to_the_peer_is_followed_once() {
    for (contact, uri) in [
        ("<sip:+4930199@192.0.2.9:5060>;q=0.5", "sip:+4930199@192.0.2.9:5060"),
        ("<sip:+4930199@GW.example>", "sip:+4930199@GW.example"),
        ("<sip:x@203.0.113.1>, <sip:y@192.0.2.9>", "sip:y@192.0.2.9"),
    ] {
        let mut script = redirected(true, contact);
        let (to, second) = script.sent.pop_front().expect("INVITE");
        assert_eq!(
            (target(&second), header(&second, "CSeq"), to),
            (uri.to_owned(), "2 INVITE".to_owned(), script.peer)
        );

        script.say(&reply(&second, 302, "t", &format!("Contact: {contact}\r\n"), ""));

        assert_eq!(script.take_sent(), ["ACK"]);
        assert_eq!(ended(&script.events[0]), Some((1, Cause::Response, Side::Remote, Some(302))));
        script.assert_clean();
    }
}

#[test]
fn other_redirects_end_the_leg() {
    for (allow, contact) in [
        (false, "<sip:+4930199@192.0.2.9:5060>"),
        (true, "<sip:+4930199@203.0.113.1>"),
        (true, "<sip:+4930199@192.0.2.9:5099>"),
        (true, "<sip:+4930199@other.example>"),
        (true, "<tel:+4930199>"),
        (true, "<mailto:a@b>"),
    ] {
        let script = redirected(allow, contact);
        assert!(script.sent.is_empty(), "{contact}");
        assert_eq!(ended(&script.events[0]), Some((1, Cause::Response, Side::Remote, Some(302))), "{contact}");
    }
}

#[test]
fn several_choices_are_tried_in_order_of_q_each_once() {
    let contact = "<sip:c@192.0.2.9>;q=0.1, <sip:a@192.0.2.9>, <sip:evil@203.0.113.1>;q=1.0, <sip:b@192.0.2.9>;q=0.5, \
                   <sip:a@192.0.2.9>;q=0.9";
    let mut script = redirected(true, contact);
    for user in ["a", "b", "c"] {
        let invite = script.expect("INVITE");
        assert_eq!(target(&invite), format!("sip:{user}@192.0.2.9"));
        // A further redirect adds nothing.
        script.say(&reply(&invite, 302, "t", "Contact: <sip:d@192.0.2.9>\r\n", ""));
        script.expect("ACK");
    }
    assert_eq!(script.take_sent(), Vec::<String>::new());
    assert_eq!(ended(&script.events[0]), Some((1, Cause::Response, Side::Remote, Some(302))));
    script.assert_clean();
}

#[test]
fn a_choice_that_fails_leads_to_the_next_but_a_6xx_speaks_for_all() {
    let contact = "<sip:a@192.0.2.9>;q=0.9, <sip:b@192.0.2.9>;q=0.5, <sip:c@192.0.2.9>;q=0.1";
    let mut script = redirected(true, contact);
    let first = script.expect("INVITE");
    script.say(&reply(&first, 486, "t", "", ""));
    script.expect("ACK");
    let second = script.expect("INVITE");
    assert_eq!(target(&second), "sip:b@192.0.2.9");

    script.say(&reply(&second, 603, "t", "", ""));

    assert_eq!(script.take_sent(), ["ACK"]);
    assert_eq!(ended(&script.events[0]), Some((1, Cause::Response, Side::Remote, Some(603))));
}

#[test]
fn a_flood_of_choices_is_bounded() {
    let contacts: Vec<_> = (0..50).map(|n| format!("<sip:u{n}@192.0.2.9>")).collect();
    let mut script = redirected(true, &contacts.join(", "));
    let mut tried = 0;
    while let Some((_, invite)) = script.sent.pop_front() {
        tried += 1;
        script.say(&reply(&invite, 404, "t", "", ""));
        script.expect("ACK");
    }
    assert_eq!(tried, 5);
}
