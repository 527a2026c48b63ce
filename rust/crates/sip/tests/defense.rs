//! What is not even listened to, and what unknown sources hear: nothing, or less than they sent.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::collections::HashMap;
use std::time::Duration;

use common::*;
use ringback_sip::{AclRule, BanLimits, DefenseSettings};

const STRANGER: &str = "198.51.100.66:5060";

fn options(agent: &str, branch: &str) -> String {
    let text = Ask { method: "OPTIONS", branch, body: "", ..Ask::default() }.text();
    text.replacen("\r\n\r\n", &format!("\r\nUser-Agent: {agent}\r\n\r\n"), 1)
}

fn invite(branch: &str) -> String {
    Ask { branch, ..Ask::default() }.text().replace("script-1", &format!("call-{branch}"))
}

#[test]
fn scanners_hear_nothing_whatever_they_send() {
    let mut script = Script::new();

    script.say_from(addr(STRANGER), &options("friendly-scanner", "a"));
    script.say_from(addr(STRANGER), &invite("b").replace("From:", "From: \"SIPvicious\""));

    assert!(script.sent.is_empty());
    assert_eq!(script.ua.counters().dropped_scanner, 2);
}

#[test]
fn a_carrier_may_call_its_software_what_it_likes() {
    let mut script = Script::new();

    script.say(&options("sipcli/v1.8", "a"));

    script.expect("200 OPTIONS");
    assert_eq!(script.ua.counters().dropped_scanner, 0);
}

#[test]
fn the_list_of_scanners_is_the_operators() {
    let mut script = Script::new();
    script.ua.set_defense(DefenseSettings { scanners: vec!["evil tool".to_owned()], ..DefenseSettings::default() });

    script.say_from(addr(STRANGER), &invite("a").replace("From:", "From: \"sipvicious\""));
    script.say_from(addr(STRANGER), &invite("b").replace("From:", "From: \"Evil Tool 2\""));

    script.expect("403 INVITE");
    assert!(script.sent.is_empty());
}

#[test]
fn a_banned_source_is_dropped_until_the_ban_ends_or_is_lifted() {
    let mut script = Script::new();
    let stranger = addr(STRANGER);
    script.ua.ban(script.now, stranger.ip(), Duration::from_secs(60));

    script.say_from(stranger, &invite("a"));
    assert!(script.sent.is_empty());
    assert_eq!((script.ua.counters().dropped_banned, script.ua.counters().bans), (1, 1));

    script.ua.lift_ban(stranger.ip());
    script.say_from(stranger, &invite("b"));
    script.expect("403 INVITE");

    script.ua.ban(script.now, stranger.ip(), Duration::from_secs(60));
    script.advance(Duration::from_secs(60));
    script.say_from(stranger, &invite("c"));
    script.expect("403 INVITE");
    assert_eq!((script.ua.counters().bans, script.ua.counters().sources_banned), (0, 2));
}

#[test]
fn a_trunk_cannot_be_cut_off_by_a_ban() {
    let mut script = Script::new();
    script.ua.ban(script.now, addr("192.0.2.9:1").ip(), Duration::from_secs(60));

    script.say(&invite("a"));

    script.expect("100 INVITE");
}

#[test]
fn a_listener_is_closed_to_networks_that_are_denied() {
    let mut script = Script::new();
    let deny = vec![AclRule { listener: Some(0), network: "192.0.2.9".parse().expect("a network") }];
    script.ua.set_defense(DefenseSettings { deny, bans: BanLimits::default(), ..DefenseSettings::default() });

    script.say(&invite("a"));

    assert!(script.sent.is_empty());
    assert_eq!(script.ua.counters().dropped_denied, 1);
}

#[test]
fn an_unknown_source_hears_no_more_than_it_said() {
    let mut script = Script::new();
    // One that leaves out everything a refusal has to name in full: the To tag and our name make the answer longer.
    let short = "INVITE sip:a@b SIP/2.0\r\nv:SIP/2.0/UDP h;branch=z9hG4bK1\r\nf:<sip:a@b>;tag=1\r\nt:<sip:a@b>\r\ni:1\r\nCSeq:1 INVITE\r\n\r\n";

    script.say_from(addr(STRANGER), short);
    assert!(script.sent.is_empty());
    assert_eq!(script.ua.counters().dropped_amplification, 1);

    for number in 0..30 {
        script.say_from(addr(STRANGER), &invite(&format!("n{number}")));
    }
    assert_eq!(script.take_sent().len(), 20);
    assert_eq!(script.ua.counters().dropped_stranger_rate, 10);
    script.advance(TIMEOUT);
    assert!(script.sent.is_empty(), "nothing is sent again to a source that was never proven");
}

#[test]
fn a_trunk_over_its_rate_gets_503_while_others_call() {
    let mut script = Script::new();
    script.ua.set_trunk_rates(HashMap::from([(TRUNK, 2)]));

    for branch in ["a", "b", "c"] {
        script.say(&invite(branch));
    }

    assert_eq!(script.take_sent(), ["100 INVITE", "100 INVITE", "503 INVITE"]);
    assert_eq!(script.ua.counters().refused_trunk_rate, 1);
    script.advance(Duration::from_millis(500));
    script.say(&invite("d"));
    script.expect("100 INVITE");
}

#[test]
fn retry_after_is_spread_so_that_not_all_come_back_at_once() {
    let mut script = Script::new();
    script.ua.set_trunk_rates(HashMap::from([(TRUNK, 1)]));
    script.say(&invite("first"));
    script.expect("100 INVITE");

    let mut seen = std::collections::BTreeSet::new();
    for number in 0..40 {
        script.say(&invite(&format!("n{number}")));
        let retry_after: u32 = header(&script.expect("503 INVITE"), "Retry-After").parse().expect("a number");
        assert!((5..=10).contains(&retry_after));
        seen.insert(retry_after);
    }
    assert_eq!(seen.len(), 6);
}
