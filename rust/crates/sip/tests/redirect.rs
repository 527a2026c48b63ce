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
