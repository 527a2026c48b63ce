//! Who may call, and how much (access table, gate, rate, room).
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, clippy::unchecked_time_subtraction)]

mod common;

use std::time::Duration;

use common::*;
use ringback_sip::{Codec, Command, Event, Gate, UserAgent};

fn invite(n: usize) -> String {
    let (branch, tag) = (format!("b{n}"), format!("t{n}"));
    Ask { branch: &branch, from_tag: &tag, ..Ask::default() }.text().replace("script-1", &format!("script-{n}"))
}

#[test]
fn an_invite_of_a_stranger_gets_403_without_leaving_a_trace() {
    let mut script = Script::new();

    script.say_from(addr("203.0.113.1:5060"), &invite(1));

    script.expect("403 INVITE");
    assert_eq!(script.events, []);
    let counters = script.ua.counters();
    assert_eq!((counters.refused_unknown_source, counters.transactions, counters.legs), (1, 0, 0));
}

#[test]
fn anything_else_of_a_stranger_is_dropped_and_counted() {
    let mut script = Script::new();
    let stranger = addr("203.0.113.1:5060");
    for (method, to_tag) in [("OPTIONS", ""), ("REGISTER", ""), ("BYE", "x"), ("CANCEL", ""), ("DANCE", "")] {
        script.say_from(stranger, &Ask { method, branch: method, to_tag, body: "", ..Ask::default() }.text());
    }
    script.say_from(stranger, &invite(1).replace("CSeq: 1 INVITE", "CSeq: x INVITE"));

    assert!(script.sent.is_empty());
    assert_eq!(script.ua.counters().dropped_unknown_source, 6);
}

#[test]
fn the_most_specific_rule_decides_and_a_port_beats_none() {
    let mut ua = UserAgent::new(config(A));
    let rules =
        [("0.0.0.0/0", None, 1), ("192.0.2.0/24", None, 2), ("192.0.2.9", None, 3), ("192.0.2.9", Some(5070), 4)];
    ua.set_access(
        rules
            .iter()
            .map(|(network, port, trunk)| ringback_sip::AccessRule { port: *port, trunk: *trunk, ..rule(network) })
            .collect(),
    );
    let mut script = Script::with(ua);
    let sources = ["203.0.113.1:5060", "192.0.2.8:5060", "192.0.2.9:5060", "192.0.2.9:5070"];
    for (n, source) in sources.iter().enumerate() {
        script.say_from(addr(source), &invite(n));
    }

    let trunks: Vec<u64> = script
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Incoming { trunk, .. } => Some(*trunk),
            _ => None,
        })
        .collect();
    assert_eq!(trunks, [1, 2, 3, 4]);
}

#[test]
fn codec_ok_compares_the_offer_with_the_codecs_of_the_trunk() {
    let mut ua = UserAgent::new(config(A));
    ua.set_access(vec![ringback_sip::AccessRule { codecs: vec![Codec::Pcma], ..rule("192.0.2.0/24") }]);
    let mut script = Script::with(ua);
    let no_rtpmap =
        "v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\nm=audio 40000 RTP/AVP 8\r\n";
    let pcmu_only = OFFER.replace("RTP/AVP 0 8 101", "RTP/AVP 0 101");
    let mapped = OFFER.replace("RTP/AVP 0 8 101", "RTP/AVP 97").replace("rtpmap:8 PCMA", "rtpmap:97 pcma");
    // Whether we may answer SRTP is a question of its own, with a cause of its own.
    let srtp = OFFER.replace("RTP/AVP", "RTP/SAVP");
    for (n, (sdp, expected)) in
        [(OFFER, true), (no_rtpmap, true), (&pcmu_only, false), (&mapped, true), (&srtp, true)].into_iter().enumerate()
    {
        let (branch, tag) = (format!("b{n}"), format!("t{n}"));
        script.say(&Ask { branch: &branch, from_tag: &tag, body: sdp, ..Ask::default() }.text());
        let Some(Event::Incoming { codec_ok, .. }) = script.events.last() else { panic!("no call") };
        assert_eq!(*codec_ok, expected, "{sdp}");
    }
}

#[test]
fn answering_without_a_common_codec_is_488() {
    let mut script = Script::new();
    let g729 = OFFER.replace("RTP/AVP 0 8 101", "RTP/AVP 18");
    script.say(&Ask { body: &g729, ..Ask::default() }.text());
    script.tell(Command::Answer { leg: incoming(0), media: media("192.0.2.1:20000") });

    assert_eq!(script.take_sent(), ["100 INVITE", "488 INVITE"]);
    let (_, cause, side, code) = ended(&script.events[1]).expect("ended");
    assert_eq!((cause.as_str(), side.as_str(), code), ("no_common_codec", "local", Some(488)));
}

#[test]
fn answering_srtp_without_keys_in_its_offer_is_488_for_want_of_srtp() {
    let mut script = Script::new();
    let srtp = OFFER.replace("RTP/AVP", "RTP/SAVP");
    script.say(&Ask { body: &srtp, ..Ask::default() }.text());
    script.tell(Command::Answer { leg: incoming(0), media: media("192.0.2.1:20000") });

    assert_eq!(script.take_sent(), ["100 INVITE", "488 INVITE"]);
    let (_, cause, side, code) = ended(&script.events[1]).expect("ended");
    assert_eq!((cause.as_str(), side.as_str(), code), ("no_srtp", "local", Some(488)));
}

#[test]
fn a_closed_gate_answers_503_to_calls_and_to_options() {
    let mut script = Script::new();
    script.ua.set_gate(Gate::Refuse { retry_after_s: 17 });

    script.say(&invite(1));
    script.say(&Ask { method: "OPTIONS", branch: "o", body: "", ..Ask::default() }.text());
    for what in ["503 INVITE", "503 OPTIONS"] {
        let retry_after: u32 = header(&script.expect(what), "Retry-After").parse().expect("a number");
        assert!((17..=34).contains(&retry_after), "spread over 17 s to twice that, but {retry_after}");
    }
    script.ua.set_gate(Gate::Open);
    script.say(&invite(2));

    assert_eq!(kinds(&script.events), ["Incoming"]);
    assert_eq!(script.ua.counters().refused_gate, 1);
}

#[test]
fn a_refusal_is_the_same_each_time_and_its_ack_is_swallowed() {
    let mut script = Script::new();
    script.ua.set_gate(Gate::Refuse { retry_after_s: 1 });
    script.say(&invite(1));
    let first = script.expect("503 INVITE");

    script.say(&invite(1));
    assert_eq!(script.expect("503 INVITE"), first);
    let to_tag = tag(&header(&first, "To"));
    script.say(&Ask { method: "ACK", to_tag: &to_tag, body: "", ..Ask::default() }.text());

    assert!(script.sent.is_empty());
    assert_eq!(script.ua.counters().dropped_stray_acks, 0);
    assert_eq!(script.ua.counters().transactions, 0);
}

#[test]
fn above_max_legs_new_calls_get_503_until_there_is_room() {
    let mut config = config(A);
    config.max_legs = 2;
    let mut ua = UserAgent::new(config);
    ua.set_access(vec![rule("192.0.2.0/24")]);
    let mut script = Script::with(ua);
    for n in 0..3 {
        script.say(&invite(n));
    }
    assert_eq!(kinds(&script.events), ["Incoming", "Incoming"]);
    assert_eq!(script.ua.counters().refused_max_legs, 1);
    assert!(!header(&script.sent[2].1.clone(), "Retry-After").is_empty());

    script.tell(Command::Reject { leg: incoming(0), code: 486, reason: None });
    script.say(&invite(4));

    assert_eq!(script.ua.counters().legs, 2);
}

#[test]
fn above_the_rate_of_one_source_new_calls_get_503_and_other_sources_do_not() {
    let mut config = config(A);
    config.max_incoming_per_s = 3;
    let mut ua = UserAgent::new(config);
    ua.set_access(vec![rule("192.0.2.0/24")]);
    let mut script = Script::with(ua);
    for n in 0..5 {
        script.say(&invite(n));
    }
    assert_eq!(script.ua.counters().refused_rate, 2);
    script.say_from(addr("192.0.2.10:5060"), &invite(10));
    assert_eq!(script.ua.counters().legs, 4);

    script.advance(Duration::from_secs(1));
    script.say(&invite(11));

    assert_eq!(script.ua.counters().legs, 5);
}

#[test]
fn networks_are_read_and_bounds_are_checked() {
    use ringback_sip::{Network, NetworkError};
    let inside = |network: &str, ip: &str| {
        network.parse::<Network>().expect("a network").contains(ip.parse().expect("an address"))
    };

    assert!(inside("10.1.0.0/16", "10.1.255.255") && !inside("10.1.0.0/16", "10.2.0.0"));
    assert!(inside("0.0.0.0/0", "8.8.8.8") && !inside("0.0.0.0/0", "2001:db8::1"));
    assert!(inside("2001:db8::/32", "2001:db8:ffff::1") && !inside("2001:db8::/32", "2001:db9::1"));
    assert!(inside("192.0.2.7", "::ffff:192.0.2.7") && !inside("192.0.2.7", "192.0.2.8"));
    assert_eq!("10.0.0.0/33".parse::<Network>(), Err(NetworkError::BadPrefix));
    assert_eq!("10.0.0.0/-1".parse::<Network>(), Err(NetworkError::BadPrefix));
    assert_eq!("carrier".parse::<Network>(), Err(NetworkError::BadAddress));
}
