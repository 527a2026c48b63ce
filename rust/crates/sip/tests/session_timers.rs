//! Session timers, both roles (RFC 4028).
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, clippy::unchecked_time_subtraction)]

mod common;

use std::time::Duration;

use common::*;
use ringback_sip::{Cause, Command, Policy, Side};

const PEER: &str = "192.0.2.9:5060";
const CONTACT: &str = "Contact: <sip:far@192.0.2.9:5060>\r\nAllow: INVITE, ACK, BYE, UPDATE\r\n";

fn asks(session_expires_s: u32) -> Policy {
    Policy { session_expires_s, ..Policy::default() }
}

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// A call of ours that the far end answered with these header lines.
fn dialed(policy: Policy, extra: &str) -> Script {
    let mut script = Script::new();
    script.tell(dial_with(1, PEER, policy));
    let invite = script.expect("INVITE");
    script.say(&reply(&invite, 200, "far", &format!("{CONTACT}{extra}"), OFFER));
    script.expect("ACK");
    script.events.clear();
    script
}

/// A call of theirs with these header lines, answered and acknowledged; our 200.
fn called(policy: Policy, extra: &str) -> (Script, String) {
    let mut script = Script::with(user_agent_with(A, policy));
    let extra = format!("Allow: INVITE, ACK, BYE, UPDATE\r\n{extra}");
    script.say(&Ask { extra: &extra, ..Ask::default() }.text());
    script.tell(Command::Answer { leg: incoming(0), media: media("192.0.2.1:20000") });
    script.expect("100 INVITE");
    let ok = script.expect("200 INVITE");
    let to_tag = tag(&header(&ok, "To"));
    script.say(&Ask { method: "ACK", branch: "a", to_tag: &to_tag, body: "", ..Ask::default() }.text());
    script.events.clear();
    (script, ok)
}

#[test]
fn only_a_trunk_that_wants_one_asks_for_a_timer() {
    for (wanted, expected) in [(0, ""), (1800, "1800")] {
        let mut script = Script::new();
        script.tell(dial_with(1, PEER, asks(wanted)));
        let invite = script.expect("INVITE");
        assert_eq!(header(&invite, "Session-Expires"), expected);
        assert!(header(&invite, "Supported").contains("timer"), "the far end may ask in any case");
    }
}

#[test]
fn as_refresher_we_send_update_at_half_the_interval_over_and_over() {
    let mut script = dialed(asks(1800), "Session-Expires: 1800;refresher=uac\r\n");
    for _ in 0..3 {
        script.advance(seconds(899));
        assert_eq!(script.take_sent(), Vec::<String>::new());
        script.advance(seconds(1));
        let update = script.expect("UPDATE");
        assert_eq!(header(&update, "Session-Expires"), "1800;refresher=uac");
        assert_eq!(body(&update), "", "a refresh changes nothing");
        script.say(&reply(&update, 200, "far", "Session-Expires: 1800;refresher=uac\r\n", ""));
    }
    assert_eq!(script.events, []);
    assert_eq!(script.ua.counters().legs, 1);
}

#[test]
fn where_update_is_not_allowed_a_reinvite_with_the_same_sdp_refreshes() {
    let mut script = Script::new();
    script.tell(dial_with(1, PEER, asks(1800)));
    let invite = script.expect("INVITE");
    let extra =
        "Contact: <sip:far@192.0.2.9:5060>\r\nAllow: INVITE, ACK, BYE\r\nSession-Expires: 1800;refresher=uac\r\n";
    script.say(&reply(&invite, 200, "far", extra, OFFER));
    script.expect("ACK");

    script.advance(seconds(900));

    let refresh = script.expect("INVITE");
    assert_eq!(body(&refresh), body(&invite), "the same version: nothing new");
    script.say(&reply(&refresh, 200, "far", "Session-Expires: 1800;refresher=uac\r\n", OFFER));
    script.expect("ACK");
    script.advance(seconds(900));
    script.expect("INVITE");
}

#[test]
fn a_refresh_that_fails_is_tried_again_and_then_the_session_expires() {
    let mut script = dialed(asks(1800), "Session-Expires: 1800;refresher=uac\r\n");
    script.advance(seconds(900));
    let refresh = script.expect("UPDATE");
    script.say(&reply(&refresh, 503, "far", "", ""));
    script.advance(seconds(225));
    let again = script.expect("UPDATE");
    script.say(&reply(&again, 503, "far", "", ""));
    script.advance(seconds(225));
    let third = script.expect("UPDATE");
    script.say(&reply(&third, 503, "far", "", ""));

    script.advance(seconds(225) + TIMEOUT * 3);

    assert!(script.take_sent().contains(&"BYE".to_owned()));
    assert_eq!(
        script.events.last().and_then(ended).map(|(_, cause, side, _)| (cause, side)),
        Some((Cause::SessionExpired, Side::Network))
    );
}

#[test]
fn a_far_end_that_should_refresh_and_does_not_has_vanished() {
    let mut script = dialed(asks(0), "Require: timer\r\nSession-Expires: 90;refresher=uas\r\n");

    script.advance(seconds(59));
    assert_eq!(script.take_sent(), Vec::<String>::new());
    script.advance(seconds(1));

    script.expect("BYE");
    script.advance(TIMEOUT);
    assert_eq!(script.events.last().and_then(ended), Some((1, Cause::SessionExpired, Side::Network, None)));
    assert_eq!(script.ua.counters().sessions_expired, 1);
    script.assert_clean();
}

#[test]
fn their_refresh_by_update_or_reinvite_starts_the_interval_anew() {
    let timer = "Supported: timer\r\nSession-Expires: 90;refresher=uac\r\n";
    let (mut script, ok) = called(asks(0), timer);
    assert_eq!(header(&ok, "Session-Expires"), "90;refresher=uac");
    assert_eq!(header(&ok, "Require"), "timer", "it is up to them");
    let to_tag = tag(&header(&ok, "To"));
    for (cseq, method) in [(2, "UPDATE"), (3, "INVITE"), (4, "UPDATE")] {
        script.advance(seconds(50));
        let branch = format!("r{cseq}");
        let sdp = if method == "INVITE" { OFFER } else { "" };
        script.say(
            &Ask { method, branch: &branch, to_tag: &to_tag, cseq, extra: timer, body: sdp, ..Ask::default() }.text(),
        );
        let ok = script.expect(&format!("200 {method}"));
        assert_eq!(header(&ok, "Session-Expires"), "90;refresher=uac");
        if method == "INVITE" {
            script.say(&Ask { method: "ACK", branch: "ra", to_tag: &to_tag, cseq, body: "", ..Ask::default() }.text());
        }
    }
    script.advance(seconds(59));
    assert_eq!(script.take_sent(), Vec::<String>::new());
    script.advance(seconds(1));
    script.expect("BYE");
}

#[test]
fn who_refreshes_follows_table_2_of_the_rfc() {
    let cases = [
        ("Supported: timer\r\nSession-Expires: 600\r\n", "600;refresher=uas", ""),
        ("Supported: timer\r\nSession-Expires: 600;refresher=uac\r\n", "600;refresher=uac", "timer"),
        ("Supported: timer\r\nSession-Expires: 600;refresher=uas\r\n", "600;refresher=uas", ""),
        // A proxy asked; the caller does not know the extension.
        ("Session-Expires: 600;refresher=uac\r\n", "600;refresher=uas", ""),
        ("Supported: timer\r\n", "", ""),
        ("", "", ""),
    ];
    for (extra, expires, require) in cases {
        let (script, ok) = called(asks(0), extra);
        assert_eq!(
            (header(&ok, "Session-Expires").as_str(), header(&ok, "Require").as_str()),
            (expires, require),
            "{extra}"
        );
        drop(script);
    }
}

#[test]
fn our_interval_shortens_theirs_but_never_below_what_they_bear() {
    let cases = [
        (300, "Supported: timer\r\nSession-Expires: 1800\r\n", "300;refresher=uas"),
        (300, "Supported: timer\r\nSession-Expires: 1800\r\nMin-SE: 400\r\n", "400;refresher=uas"),
        (3600, "Supported: timer\r\nSession-Expires: 1800\r\n", "1800;refresher=uas"),
        (300, "", "300;refresher=uas"),
        (300, "Min-SE: 500\r\n", "500;refresher=uas"),
    ];
    for (ours, extra, expected) in cases {
        let (_, ok) = called(asks(ours), extra);
        assert_eq!(header(&ok, "Session-Expires"), expected, "{ours} {extra}");
    }
}

#[test]
fn as_called_side_we_refresh_what_is_left_to_us() {
    let (mut script, _) = called(asks(0), "Supported: timer\r\nSession-Expires: 600\r\n");

    script.advance(seconds(300));

    assert_eq!(
        header(&script.expect("UPDATE"), "Session-Expires"),
        "600;refresher=uac",
        "of this request we are the client"
    );
}

#[test]
fn too_short_an_interval_gets_422_from_who_understands_it() {
    let short = "Supported: timer\r\nSession-Expires: 60\r\n";
    let mut script = Script::new();
    script.say(&Ask { extra: short, ..Ask::default() }.text());
    assert_eq!(header(&script.expect("422 INVITE"), "Min-SE"), "90");
    assert_eq!(script.ua.counters().refused_interval, 1);

    let (_, ok) = called(asks(0), "Session-Expires: 60\r\n");
    assert_eq!(header(&ok, "Session-Expires"), "60;refresher=uas", "no proxy learns from a 422");

    let (mut script, ok) = called(asks(0), "");
    let to_tag = tag(&header(&ok, "To"));
    script.say(
        &Ask { method: "UPDATE", branch: "u", to_tag: &to_tag, cseq: 2, extra: short, body: "", ..Ask::default() }
            .text(),
    );
    assert_eq!(header(&script.expect("422 UPDATE"), "Min-SE"), "90");
}

#[test]
fn a_422_is_answered_with_the_interval_it_wants_as_long_as_it_grows() {
    let mut script = Script::new();
    script.tell(dial_with(1, PEER, asks(100)));
    let mut invite = script.expect("INVITE");
    for least in [200, 300] {
        script.say(&reply(&invite, 422, "far", &format!("Min-SE: {least}\r\n"), ""));
        script.expect("ACK");
        invite = script.expect("INVITE");
        assert_eq!(header(&invite, "Session-Expires"), least.to_string());
        assert_eq!(header(&invite, "Min-SE"), least.to_string());
    }

    script.say(&reply(&invite, 422, "far", "Min-SE: 300\r\n", ""));

    script.expect("ACK");
    assert_eq!(script.events.last().and_then(ended), Some((1, Cause::Response, Side::Remote, Some(422))));
}

#[test]
fn a_422_to_a_refresh_lengthens_the_interval() {
    let mut script = dialed(asks(100), "Session-Expires: 100;refresher=uac\r\n");
    script.advance(seconds(50));
    let refresh = script.expect("UPDATE");

    script.say(&reply(&refresh, 422, "far", "Min-SE: 240\r\n", ""));
    script.advance(Duration::from_millis(1));

    let again = script.expect("UPDATE");
    assert_eq!(
        (header(&again, "Session-Expires").as_str(), header(&again, "Min-SE").as_str()),
        ("240;refresher=uac", "240")
    );
}

#[test]
fn a_far_end_that_has_forgotten_the_call_ends_it_at_the_next_refresh() {
    let mut script = dialed(asks(1800), "Session-Expires: 1800;refresher=uac\r\n");
    script.advance(seconds(900));
    let refresh = script.expect("UPDATE");

    script.say(&reply(&refresh, 481, "far", "", ""));

    script.expect("BYE");
    script.advance(TIMEOUT);
    assert_eq!(script.events.last().and_then(ended), Some((1, Cause::SessionExpired, Side::Network, Some(481))));
}

#[test]
fn without_an_agreement_there_is_no_end() {
    let mut script = dialed(asks(1800), "");

    script.advance(seconds(86_400));

    assert_eq!(script.take_sent(), Vec::<String>::new());
    assert_eq!(script.ua.counters().legs, 1);
}

#[test]
fn a_hold_refreshes_too() {
    let mut script = dialed(asks(90), "Session-Expires: 90;refresher=uac\r\n");
    script.advance(seconds(40));
    script.tell(Command::Hold { leg: 1, on: true });
    let held = script.expect("INVITE");
    assert_eq!(header(&held, "Session-Expires"), "90;refresher=uac");
    script.say(&reply(
        &held,
        200,
        "far",
        "Session-Expires: 90;refresher=uac\r\n",
        &OFFER.replace("sendrecv", "recvonly"),
    ));
    script.expect("ACK");

    script.advance(seconds(44));

    assert_eq!(script.take_sent(), Vec::<String>::new());
}

#[test]
fn two_of_us_keep_a_call_up_for_a_day_and_notice_when_one_is_gone() {
    let mut pair = Pair::new();
    pair.tell_a(dial_with(1, B, asks(1800)));
    pair.tell_b(Command::Answer { leg: incoming(0), media: media("192.0.2.2:30000") });
    pair.advance(seconds(86_400));
    assert_eq!((pair.a.counters().legs, pair.b.counters().legs), (1, 1));

    pair.lose(|_, _| true);
    pair.advance(seconds(1800) + TIMEOUT * 3);

    for events in [&pair.a_events, &pair.b_events] {
        assert_eq!(events.last().and_then(ended).map(|(_, cause, ..)| cause), Some(Cause::SessionExpired));
    }
    pair.assert_clean();
}
