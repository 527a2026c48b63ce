//! Route sets and targets (RFC 3261 sections 12.1, 12.2.1.1, 13.2.2.4).
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, clippy::unchecked_time_subtraction)]

mod common;

use common::*;
use ringback_sip::Command;

const LOOSE: &str = "Record-Route: <sip:192.0.2.51;lr>\r\nRecord-Route: <sip:192.0.2.52;lr>, <sip:192.0.2.53;lr>\r\n";

/// A call of ours answered with these headers; the ACK and where it went, then the BYE and where it went.
fn answered_with(headers: &str) -> [(std::net::SocketAddr, String); 2] {
    let mut script = Script::new();
    script.tell(dial(1, "192.0.2.9:5060"));
    let invite = script.expect("INVITE");
    script.say(&reply(&invite, 200, "t", headers, OFFER));
    script.tell(Command::Hangup { leg: 1, q850: None });
    let ack = script.sent.pop_front().expect("ACK");
    let bye = script.sent.pop_front().expect("BYE");
    assert_eq!((short(&ack.1).as_str(), short(&bye.1).as_str()), ("ACK", "BYE"));
    [ack, bye]
}

#[test]
fn the_calling_side_reverses_the_route_set_comma_joined_lines_included() {
    for (to, request) in answered_with(&format!("{LOOSE}Contact: <sip:u@192.0.2.60:5070>\r\n")) {
        assert_eq!(target(&request), "sip:u@192.0.2.60:5070");
        assert_eq!(headers(&request, "Route"), ["<sip:192.0.2.53;lr>", "<sip:192.0.2.52;lr>", "<sip:192.0.2.51;lr>"]);
        assert_eq!(to, addr("192.0.2.53:5060"));
    }
}

#[test]
fn a_strict_router_becomes_the_request_uri_of_ack_and_bye() {
    let strict = "Record-Route: <sip:192.0.2.51;lr>\r\nRecord-Route: <sip:192.0.2.52:5065>\r\n";
    for (to, request) in answered_with(&format!("{strict}Contact: <sip:u@192.0.2.60>\r\n")) {
        assert_eq!(target(&request), "sip:192.0.2.52:5065");
        assert_eq!(headers(&request, "Route"), ["<sip:192.0.2.51;lr>", "<sip:u@192.0.2.60>"]);
        assert_eq!(to, addr("192.0.2.52:5065"));
    }
}

#[test]
fn without_routes_requests_go_to_the_contact() {
    for (to, request) in answered_with("Contact: \"x\" <sip:a%23b@192.0.2.60:5070;ob>;q=1\r\n") {
        assert_eq!(target(&request), "sip:a%23b@192.0.2.60:5070;ob", "escapes survive");
        assert_eq!(to, addr("192.0.2.60:5070"));
        assert_eq!(headers(&request, "Route"), Vec::<String>::new());
    }
}

#[test]
fn a_contact_by_name_or_none_at_all_leads_back_to_the_peer() {
    for (headers, uri) in [
        ("Contact: <sip:u@gw.example;transport=udp>\r\n", "sip:u@gw.example;transport=udp"),
        ("", "sip:+4930100@192.0.2.9:5060"),
    ] {
        for (to, request) in answered_with(headers) {
            assert_eq!(target(&request), uri);
            assert_eq!(to, addr("192.0.2.9:5060"));
        }
    }
}

#[test]
fn ported_numbers_trunk_groups_and_escapes_in_a_contact_survive() {
    for uri in [
        "sip:+15550100;npdi;rn=+15550199@192.0.2.60;user=phone",
        "sip:+15550100;tgrp=TG-1;trunk-context=carrier.example@192.0.2.60",
        "sip:100%23@192.0.2.60",
        "sip:a%40b%3Bc@192.0.2.60",
    ] {
        let [(to, ack), (_, bye)] = answered_with(&format!("Contact: <{uri}>\r\n"));

        assert_eq!((target(&ack), target(&bye)), (uri.to_owned(), uri.to_owned()));
        assert_eq!(to, addr("192.0.2.60:5060"));
    }
}

#[test]
fn the_called_side_keeps_the_order_and_copies_record_route() {
    let mut script = Script::new();
    script.say(&Ask { extra: LOOSE, ..Ask::default() }.text());
    script.tell(Command::Ring { leg: incoming(0) });
    script.tell(Command::Answer { leg: incoming(0), media: media("192.0.2.1:20000") });
    script.expect("100 INVITE");
    let ringing = script.expect("180 INVITE");
    let ok = script.expect("200 INVITE");
    let to_tag = tag(&header(&ok, "To"));
    script.say(&Ask { method: "ACK", branch: "a", to_tag: &to_tag, body: "", ..Ask::default() }.text());
    script.tell(Command::Hangup { leg: incoming(0), q850: None });

    let record_route = ["<sip:192.0.2.51;lr>", "<sip:192.0.2.52;lr>, <sip:192.0.2.53;lr>"];
    assert_eq!(headers(&ringing, "Record-Route"), record_route);
    assert_eq!(headers(&ok, "Record-Route"), record_route);
    let (to, bye) = script.sent.pop_front().expect("BYE");
    assert_eq!(headers(&bye, "Route"), ["<sip:192.0.2.51;lr>", "<sip:192.0.2.52;lr>", "<sip:192.0.2.53;lr>"]);
    assert_eq!(target(&bye), "sip:peer@192.0.2.9:5060");
    assert_eq!(to, addr("192.0.2.51:5060"));
}

#[test]
fn responses_go_where_the_request_came_from() {
    let mut script = Script::new();
    let invite = Ask::default().text();

    script.say_from(addr("192.0.2.77:6000"), &invite.replace(";branch", ";rport=1;received=203.0.113.66;branch"));

    let (to, trying) = script.sent.pop_front().expect("100");
    assert_eq!(to, addr("192.0.2.77:6000"));
    assert!(header(&trying, "Via").contains(";received=192.0.2.77;rport=6000"), "{trying}");
    assert!(!trying.contains("203.0.113.66"), "{trying}");
}

#[test]
fn without_rport_the_port_of_via_counts_and_the_address_we_saw() {
    let mut script = Script::new();
    let invite = Ask::default().text().replace("UDP 192.0.2.9:5060", "UDP 203.0.113.5:5080");

    script.say_from(addr("192.0.2.77:6000"), &invite);

    assert_eq!(script.sent[0].0, addr("192.0.2.77:5080"));
}

#[test]
fn what_we_advertise_is_in_via_and_contact() {
    let mut config = config(A);
    "203.0.113.10:5099".clone_into(&mut config.listeners[0].contact_host);
    let mut script = Script::with(ringback_sip::UserAgent::new(config));

    script.tell(dial(1, "192.0.2.9:5060"));

    let invite = script.expect("INVITE");
    assert!(header(&invite, "Via").starts_with("SIP/2.0/UDP 203.0.113.10:5099;rport;branch=z9hG4bK"));
    assert_eq!(header(&invite, "Contact"), "<sip:203.0.113.10:5099>");
}
