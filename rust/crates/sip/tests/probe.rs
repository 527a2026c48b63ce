//! OPTIONS to gateways, and those that are sent to us (RFC 3261 section 11).
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, clippy::unchecked_time_subtraction)]

mod common;

use std::time::Duration;

use common::*;
use ringback_sip::{Event, Peer, Probe};

const GATEWAY: &str = "192.0.2.9:5060";

fn probe() -> Probe {
    Probe {
        trunk: 3,
        gateway: "gw.example:5060".to_owned(),
        uri: "sip:gw.example:5060".to_owned(),
        interval: Duration::from_secs(10),
        timeout: Duration::from_secs(2),
        up_after: 2,
        down_after: 2,
    }
}

fn watching() -> Script {
    let mut script = Script::new();
    script.ua.set_probes(script.now, vec![probe()]);
    script
}

/// Wait for the next OPTIONS.
fn ping(script: &mut Script) -> String {
    for _ in 0..200 {
        if let Some(at) = script.events.iter().position(|event| kind(event) == "Lookup") {
            let Event::Lookup { what, .. } = script.events.remove(at) else { panic!("a look-up") };
            script.ua.handle_lookup(script.now, what, Some(Peer::udp(addr(GATEWAY))));
            script.drain();
            return script.expect("OPTIONS");
        }
        script.advance(Duration::from_millis(100));
    }
    panic!("no OPTIONS in 20 s");
}

fn answer(script: &mut Script, code: u16, extra: &str) {
    let options = ping(script);
    script.advance(Duration::from_millis(40));
    script.say(&reply(&options, code, "g", extra, ""));
}

fn miss(script: &mut Script) {
    ping(script);
    script.advance(Duration::from_secs(2));
    script.sent.clear();
}

fn states(script: &mut Script) -> Vec<(bool, Option<u16>)> {
    let states = script.events.iter().filter_map(|event| match event {
        Event::TrunkState { trunk: 3, gateway, up, code, .. } if gateway == "gw.example:5060" => Some((*up, *code)),
        _ => None,
    });
    let states = states.collect();
    script.events.retain(|event| kind(event) == "Lookup");
    states
}

#[test]
fn the_first_answer_says_up_and_how_long_it_took() {
    let mut script = watching();
    let options = ping(&mut script);
    assert_eq!(target(&options), "sip:gw.example:5060");
    script.advance(Duration::from_millis(40));

    script.say(&reply(&options, 200, "g", "", ""));

    match &script.take_events()[..] {
        [Event::TrunkState { up: true, code: Some(200), round_trip, .. }] => {
            assert_eq!(*round_trip, Some(Duration::from_millis(40)));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn two_misses_say_down_and_two_answers_up_again() {
    let mut script = watching();
    answer(&mut script, 405, "");
    miss(&mut script);
    assert_eq!(states(&mut script), [(true, Some(405))], "any answer shows life, one miss says nothing");
    miss(&mut script);
    assert_eq!(states(&mut script), [(false, None)]);
    answer(&mut script, 200, "");
    assert_eq!(states(&mut script), []);
    answer(&mut script, 200, "");
    assert_eq!(states(&mut script), [(true, Some(200))]);
    answer(&mut script, 200, "");
    assert_eq!(states(&mut script), [], "only changes are reported");
}

#[test]
fn an_answer_after_the_time_out_does_not_count() {
    let mut script = watching();
    let options = ping(&mut script);
    script.advance(Duration::from_secs(2));
    script.say(&reply(&options, 200, "g", "", ""));

    assert_eq!(states(&mut script), []);
}

#[test]
fn a_503_with_retry_after_is_down_at_once_and_left_alone_for_that_long() {
    let mut script = watching();
    answer(&mut script, 200, "");
    states(&mut script);

    answer(&mut script, 503, "Retry-After: 120\r\n");
    assert_eq!(states(&mut script), [(false, Some(503))]);

    script.advance(Duration::from_secs(119));
    assert!(script.events.is_empty());
    script.advance(Duration::from_secs(1));
    assert_eq!(kinds(&script.events), ["Lookup"]);
}

#[test]
fn a_503_without_a_time_is_a_miss() {
    let mut script = watching();
    answer(&mut script, 503, "");
    assert_eq!(states(&mut script), []);
    answer(&mut script, 503, "");
    assert_eq!(states(&mut script), [(false, Some(503))]);
}

#[test]
fn a_name_that_leads_nowhere_is_a_miss() {
    let mut script = watching();
    for _ in 0..2 {
        while script.events.is_empty() {
            script.advance(Duration::from_millis(100));
        }
        let Some(Event::Lookup { what, .. }) = script.events.pop() else { panic!("a look-up") };
        script.ua.handle_lookup(script.now, what, None);
        script.drain();
    }

    assert_eq!(states(&mut script), [(false, None)]);
}

#[test]
fn gateways_that_stay_keep_their_state_and_those_that_go_are_left_alone() {
    let mut script = watching();
    answer(&mut script, 200, "");
    states(&mut script);
    script.ua.set_probes(script.now, vec![probe()]);
    answer(&mut script, 200, "");
    assert_eq!(states(&mut script), []);

    script.ua.set_probes(script.now, vec![]);
    script.advance(Duration::from_secs(60));

    assert!(script.events.is_empty() && script.sent.is_empty());
    script.assert_clean();
}

#[test]
fn options_of_known_sources_are_answered_at_a_bounded_rate() {
    let mut script = Script::new();
    let ask = |n: usize| {
        let branch = format!("o{n}");
        Ask { method: "OPTIONS", branch: &branch, body: "", ..Ask::default() }.text()
    };
    script.say(&ask(0));
    let ok = script.next();
    assert!(ok.starts_with("SIP/2.0 200") && header(&ok, "Allow").contains("INVITE"), "{ok}");
    assert_eq!(header(&ok, "Accept"), "application/sdp");
    for n in 1..100 {
        script.say(&ask(n));
    }
    script.say_from(addr("198.51.100.1:5060"), &ask(100));

    let counters = script.ua.counters();
    assert_eq!((counters.pings_answered, counters.dropped_ping_rate), (20, 80));
    assert_eq!(counters.dropped_unknown_source, 1);
    assert_eq!(script.sent.len(), 19);
}
