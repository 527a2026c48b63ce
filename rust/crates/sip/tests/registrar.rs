//! The registrar (RFC 3261 section 10, RFC 3327, RFC 5626).
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, clippy::unchecked_time_subtraction)]

mod common;

use std::time::Duration;

use common::phone::*;
use common::*;
use ringback_sip::{Event, Gone, RegistrarLimits};

const DESK: &str = "192.0.2.50:5060";

fn gone(events: &[Event]) -> Vec<(u64, Gone)> {
    events
        .iter()
        .filter_map(|event| match event {
            Event::PhoneGone { phone, why, .. } => Some((*phone, *why)),
            _ => None,
        })
        .collect()
}

#[test]
fn a_phone_is_challenged_and_then_registered() {
    let mut script = registrar(&[(1, "alice")]);
    let mut desk = Device::new("alice", DESK);
    script.say_bytes(
        desk.source,
        desk.request("REGISTER", "sip:ringback.example", "Contact: <sip:alice@192.0.2.50:5060>\r\n", "").as_bytes(),
    );
    let refused = script.next();
    assert_eq!(code(&refused), 401);
    let challenges = headers(&refused, "WWW-Authenticate");
    assert!(challenges[0].contains("algorithm=SHA-256") && challenges[1].contains("algorithm=MD5"), "{challenges:?}");
    desk.challenged(&refused);

    let ok = desk.register(&mut script, "600");

    assert_eq!(code(&ok), 200);
    assert_eq!(bound(&ok), [("sip:alice@192.0.2.50:5060".to_owned(), 600)]);
    match &script.take_events()[..] {
        [Event::PhoneRegistered { phone: 1, contact, expires_s: 600, source, user_agent }] => {
            assert_eq!(contact, "sip:alice@192.0.2.50:5060");
            assert_eq!(source.address, addr(DESK));
            assert_eq!(user_agent.as_deref(), Some("Desk 1.0"));
        }
        other => panic!("{other:?}"),
    }
    let contacts = script.ua.contacts(script.now, 1);
    assert_eq!(contacts[0].peer.address, addr(DESK));
    assert_eq!(script.ua.counters().phone_contacts, 1);
}

#[test]
fn a_wrong_password_and_an_unknown_user_look_the_same_and_are_reported() {
    let mut script = registrar(&[(1, "alice")]);
    let mut wrong = Device::new("alice", DESK);
    "guess".clone_into(&mut wrong.password);
    let mut nobody = Device::new("mallory", DESK);

    let first = wrong.register(&mut script, "600");
    let second = nobody.register(&mut script, "600");

    assert_eq!((code(&first), code(&second)), (403, 403));
    assert_eq!(kinds(&script.events), ["AuthenticationFailed", "AuthenticationFailed"]);
    assert_eq!(script.ua.counters().failed_authentications, 2);
    assert_eq!(script.ua.counters().phone_contacts, 0);
}

#[test]
fn nobody_registers_somebody_else() {
    let mut script = registrar(&[(1, "alice"), (2, "bob")]);
    let mut desk = Device::new("alice", DESK);
    desk.register(&mut script, "600");

    let theirs = desk
        .request("REGISTER", "sip:ringback.example", "Contact: <sip:x@192.0.2.50>\r\n", "")
        .replace("To: <sip:alice@", "To: <sip:bob@");
    script.say_bytes(desk.source, theirs.as_bytes());

    assert_eq!(code(&script.next()), 403);
    assert!(script.ua.contacts(script.now, 2).is_empty());
}

#[test]
fn a_seen_request_cannot_be_played_again() {
    let mut script = registrar(&[(1, "alice")]);
    let mut desk = Device::new("alice", DESK);
    desk.register(&mut script, "600");
    let request = desk.request("REGISTER", "sip:ringback.example", "Contact: <sip:alice@192.0.2.50>\r\n", "");
    script.say_bytes(desk.source, request.as_bytes());
    assert_eq!(code(&script.next()), 200);

    let replayed = request.replace("branch=z9hG4bK", "branch=z9hG4bKagain").replace("192.0.2.50>", "192.0.2.66>");
    script.say_bytes(desk.source, replayed.as_bytes());
    let answer = script.next();
    script.say_bytes(addr("192.0.2.66:5060"), replayed.replace("bKagain", "bKmore").as_bytes());
    let from_elsewhere = script.next();

    assert_eq!(code(&answer), 401);
    assert!(header(&answer, "WWW-Authenticate").contains("stale=true"));
    assert_eq!(code(&from_elsewhere), 401);
    assert!(!script.ua.contacts(script.now, 1).iter().any(|contact| contact.uri.contains("192.0.2.66")));
}

#[test]
fn a_copy_of_a_register_gets_the_same_answer_and_changes_nothing() {
    let mut script = registrar(&[(1, "alice")]);
    let mut desk = Device::new("alice", DESK);
    desk.register(&mut script, "600");
    let request = desk.request("REGISTER", "sip:ringback.example", "Contact: <sip:alice@192.0.2.50:5060>\r\n", "");
    script.say_bytes(desk.source, request.as_bytes());
    let ok = script.next();
    script.take_events();

    script.say_bytes(desk.source, request.as_bytes());

    assert_eq!(script.next(), ok);
    assert_eq!(script.take_events(), []);
}

#[test]
fn too_brief_is_refused_with_the_least_and_too_long_is_shortened() {
    let mut script = registrar(&[(1, "alice")]);
    let mut desk = Device::new("alice", DESK);

    let brief = desk.register(&mut script, "30");
    let long = desk.register(&mut script, "999999");

    assert_eq!(code(&brief), 423);
    assert!(has(&brief, "Min-Expires", "60"));
    assert_eq!(bound(&long)[0].1, 3600);
}

#[test]
fn zero_removes_one_and_the_asterisk_all() {
    let mut script = registrar(&[(1, "alice")]);
    let mut desk = Device::new("alice", DESK);
    let mut soft = Device::new("alice", "192.0.2.51:5060");
    desk.register(&mut script, "600");
    assert_eq!(bound(&soft.register(&mut script, "600")).len(), 2);
    script.take_events();

    let left = desk.register(&mut script, "0");
    assert_eq!(bound(&left), [("sip:alice@192.0.2.51:5060".to_owned(), 600)]);
    desk.register(&mut script, "600");
    let none = soft.register_with(&mut script, "Contact: *\r\nExpires: 0\r\n");

    assert_eq!(bound(&none), []);
    assert_eq!(gone(&script.events), [(1, Gone::Removed); 3]);
    assert_eq!(script.ua.counters().phone_contacts, 0);
}

#[test]
fn an_older_register_does_not_undo_a_newer_one() {
    let mut script = registrar(&[(1, "alice")]);
    let mut desk = Device::new("alice", DESK);
    desk.register(&mut script, "600");
    desk.cseq = 0;

    let late = desk.register(&mut script, "0");

    assert_eq!(code(&late), 500);
    assert_eq!(script.ua.counters().phone_contacts, 1);

    "after-a-restart".clone_into(&mut desk.call_id);
    assert_eq!(code(&desk.register(&mut script, "600")), 200);
    assert_eq!(script.ua.counters().phone_contacts, 1);
}

#[test]
fn a_binding_ends_at_its_time_and_a_refresh_prolongs_it() {
    let mut script = registrar(&[(1, "alice")]);
    let mut desk = Device::new("alice", DESK);
    desk.register(&mut script, "100");
    script.advance(Duration::from_secs(90));
    desk.register(&mut script, "100");
    script.take_events();

    script.advance(Duration::from_secs(99));
    assert_eq!(script.ua.contacts(script.now, 1).len(), 1);
    script.advance(Duration::from_secs(1));

    assert_eq!(gone(&script.events), [(1, Gone::Expired)]);
    assert!(script.ua.contacts(script.now, 1).is_empty());
}

#[test]
fn one_contact_too_many_replaces_the_one_heard_longest_ago() {
    let mut script = registrar(&[(1, "alice")]);
    for port in 1..=4 {
        script.advance(Duration::from_secs(1));
        Device::new("alice", &format!("192.0.2.50:{}", 5060 + port)).register(&mut script, "600");
    }

    let contacts = script.ua.contacts(script.now, 1);

    assert_eq!(contacts.len(), 3);
    assert!(contacts[0].uri.ends_with(":5064"), "the one heard last first: {contacts:?}");
    assert_eq!(gone(&script.events), [(1, Gone::Replaced)]);
}

#[test]
fn contacts_are_ordered_by_q() {
    let mut script = registrar(&[(1, "alice")]);
    for (port, q) in [(5061, "0.2"), (5062, "0.9"), (5063, "0.5")] {
        let mut device = Device::new("alice", &format!("192.0.2.50:{port}"));
        device.contact = format!("{};q={q}", device.contact);
        device.register(&mut script, "600");
    }

    let order: Vec<u16> = script.ua.contacts(script.now, 1).iter().map(|contact| contact.q).collect();

    assert_eq!(order, [900, 500, 200]);
}

#[test]
fn a_phone_behind_nat_is_reached_where_it_sent_from() {
    let mut script = registrar(&[(1, "alice")]);
    let mut desk = Device::new("alice", "203.0.113.7:40001");
    "<sip:alice@10.0.0.5:5060>".clone_into(&mut desk.contact);
    desk.register(&mut script, "3600");

    let contact = script.ua.contacts(script.now, 1).remove(0);

    assert_eq!(contact.peer.address, addr("203.0.113.7:40001"));
    assert_eq!(contact.uri, "sip:alice@10.0.0.5:5060");
}

#[test]
fn a_phone_that_listens_on_another_port_is_reached_there() {
    let mut script = registrar(&[(1, "alice")]);
    let mut desk = Device::new("alice", "192.0.2.50:5060");
    "<sip:alice@192.0.2.50:5080>".clone_into(&mut desk.contact);
    desk.register(&mut script, "3600");

    assert_eq!(script.ua.contacts(script.now, 1)[0].peer.address, addr("192.0.2.50:5080"));
}

fn behind_nat(script: &mut Script) -> Device {
    let mut desk = Device::new("alice", "203.0.113.7:40001");
    "<sip:alice@10.0.0.5:5060>".clone_into(&mut desk.contact);
    desk.register(script, "3600");
    script.take_events();
    desk
}

#[test]
fn a_contact_behind_nat_is_kept_alive_by_options() {
    let mut script = registrar(&[(1, "alice")]);
    let desk = behind_nat(&mut script);

    script.advance(Duration::from_secs(30));
    let (to, options) = script.sent.pop_front().expect("OPTIONS");
    assert_eq!(to, desk.source);
    assert_eq!(target(&options), "sip:alice@10.0.0.5:5060");
    script.say_from(desk.source, &reply(&options, 404, "t", "", ""));
    script.advance(Duration::from_secs(30));

    assert_eq!(script.take_sent(), ["OPTIONS"]);
    assert_eq!(script.ua.counters().phone_contacts, 1);
}

#[test]
fn a_contact_that_answers_no_options_three_times_is_gone() {
    let mut script = registrar(&[(1, "alice")]);
    behind_nat(&mut script);

    script.advance((Duration::from_secs(30) + TIMEOUT) * 2 + Duration::from_secs(30));
    assert_eq!(gone(&script.events), []);
    script.advance(TIMEOUT);

    assert_eq!(gone(&script.events), [(1, Gone::Unreachable)]);
    script.assert_clean();
}

#[test]
fn a_device_that_names_itself_keeps_one_binding_whatever_its_contact() {
    let mut script = registrar(&[(1, "alice")]);
    let mut browser = Device::new("alice", "203.0.113.7:40001");
    "Supported: path, outbound\r\n".clone_into(&mut browser.extra);
    "<sip:x@a1.invalid>;reg-id=1;+sip.instance=\"<urn:uuid:7>\"".clone_into(&mut browser.contact);
    let ok = browser.register(&mut script, "600");
    assert!(has(&ok, "Require", "outbound"), "{ok}");
    assert!(header(&ok, "Contact").contains(";+sip.instance=\"<urn:uuid:7>\";reg-id=1"), "{ok}");

    let mut again = Device::new("alice", "203.0.113.7:40002");
    "<sip:x@b2.invalid>;reg-id=1;+sip.instance=\"<urn:uuid:7>\"".clone_into(&mut again.contact);
    let ok = again.register(&mut script, "600");

    assert_eq!(bound(&ok), [("sip:x@b2.invalid".to_owned(), 600)]);
    assert_eq!(script.ua.contacts(script.now, 1)[0].peer.address, addr("203.0.113.7:40002"));
}

#[test]
fn a_closed_connection_takes_its_bindings_along() {
    let mut script = registrar(&[(1, "alice")]);
    let mut browser = Device::new("alice", "203.0.113.7:40001");
    "<sip:x@a1.invalid;transport=ws>".clone_into(&mut browser.contact);
    let flow = ringback_sip::Peer {
        transport: ringback_sip::Transport::Tcp,
        listener: 0,
        address: browser.source,
        connection: 9,
    };
    for _ in 0..2 {
        let lines = format!("Contact: {}\r\n", browser.contact);
        let request = browser.request("REGISTER", "sip:ringback.example", &lines, "");
        script.ua.handle_message(script.now, flow, request.as_bytes());
        script.drain();
        let answer = script.next();
        if code(&answer) == 401 {
            browser.challenged(&answer);
        }
    }
    assert_eq!(script.ua.contacts(script.now, 1)[0].peer, flow);

    script.ua.handle_transport_error(script.now, flow);
    script.drain();

    assert_eq!(gone(&script.events), [(1, Gone::Disconnected)]);
}

#[test]
fn the_path_is_kept_for_calls_and_given_back() {
    let mut script = registrar(&[(1, "alice")]);
    let mut desk = Device::new("alice", DESK);
    "Path: <sip:edge1.example;lr>, <sip:edge2.example;lr>\r\nSupported: path\r\n".clone_into(&mut desk.extra);
    let ok = desk.register(&mut script, "600");

    assert_eq!(headers(&ok, "Path").join(", "), "<sip:edge1.example;lr>, <sip:edge2.example;lr>");
    assert_eq!(script.ua.contacts(script.now, 1)[0].routes, ["<sip:edge1.example;lr>", "<sip:edge2.example;lr>"]);
}

#[test]
fn unknown_requirements_and_nonsense_are_refused() {
    let mut script = registrar(&[(1, "alice")]);
    let mut desk = Device::new("alice", DESK);
    let gruu = desk.register_with(&mut script, "Require: path, gruu\r\nContact: <sip:a@h>\r\n");
    let half = desk.register_with(&mut script, "Contact: *\r\n");

    assert_eq!(code(&gruu), 420);
    assert!(has(&gruu, "Unsupported", "gruu"));
    assert_eq!(code(&half), 400);
}

#[test]
fn contacts_are_bounded_per_source_and_in_total() {
    let names = ["a", "b", "c", "d"];
    let mut script = registrar(&[]);
    let phones = names.iter().zip(1..).map(|(name, id)| phone(id, name)).collect();
    let limits = RegistrarLimits { max_contacts: 3, max_contacts_per_source: 2, ..RegistrarLimits::default() };
    script.ua.set_phones(phones, limits);
    let mut answers = Vec::new();
    for (name, source) in names.iter().zip(["192.0.2.50:1", "192.0.2.50:2", "192.0.2.50:3", "192.0.2.51:4"]) {
        answers.push(code(&Device::new(name, source).register(&mut script, "600")));
    }
    answers.push(code(&Device::new("c", "192.0.2.52:5").register(&mut script, "600")));

    assert_eq!(answers, [200, 200, 503, 200, 503]);
    assert_eq!(script.ua.counters().phone_contacts, 3);
}

#[test]
fn a_flood_of_registers_is_bounded_per_source_and_keeps_nothing() {
    let mut script = registrar(&[(1, "alice")]);
    let mut flood = Device::new("alice", "198.51.100.1:5060");

    for _ in 0..1000 {
        let request = flood.request("REGISTER", "sip:ringback.example", "", "");
        script.say_bytes(flood.source, request.as_bytes());
    }

    let counters = script.ua.counters();
    assert_eq!((counters.challenges_sent, counters.dropped_register_rate), (100, 900));
    assert_eq!(counters.transactions, 0);
    script.sent.clear();
    assert_eq!(code(&Device::new("alice", DESK).register(&mut script, "600")), 200, "others are not hindered");
}

#[test]
fn thousands_of_phones_register_and_are_found() {
    let names: Vec<String> = (0..5000).map(|n| format!("p{n}")).collect();
    let mut script = registrar(&[]);
    let phones = names.iter().zip(1..).map(|(name, id)| phone(id, name)).collect();
    let limits = RegistrarLimits { max_contacts_per_source: 5000, max_per_s: 100_000, ..RegistrarLimits::default() };
    script.ua.set_phones(phones, limits);

    for (n, name) in names.iter().enumerate() {
        let port = 10_000 + n;
        assert_eq!(code(&Device::new(name, &format!("192.0.2.50:{port}")).register(&mut script, "600")), 200);
    }

    assert_eq!(script.ua.counters().phone_contacts, 5000);
    assert!(script.ua.contacts(script.now, 4321)[0].uri.starts_with("sip:p4320@"));
    script.advance(Duration::from_secs(600));
    assert_eq!(script.ua.counters().phone_contacts, 0);
    assert_eq!(gone(&script.events).len(), 5000);
    script.assert_clean();
}

#[test]
fn without_phones_strangers_hear_nothing() {
    let mut script = registrar(&[]);
    let mut desk = Device::new("alice", "198.51.100.1:5060");
    let request = desk.request("REGISTER", "sip:ringback.example", "", "");

    script.say_bytes(desk.source, request.as_bytes());

    assert!(script.sent.is_empty());
    assert_eq!(script.ua.counters().dropped_unknown_source, 1);
}

#[test]
fn a_phone_that_left_the_table_or_got_a_new_password_must_register_again() {
    let mut script = registrar(&[(1, "alice"), (2, "bob"), (3, "carol")]);
    for (name, source) in [("alice", "192.0.2.50:1"), ("bob", "192.0.2.50:2"), ("carol", "192.0.2.50:3")] {
        Device::new(name, source).register(&mut script, "600");
    }
    script.take_events();
    let mut changed = phone(2, "bob");
    changed.secrets.md5 = None;

    script.ua.set_phones(vec![phone(1, "alice"), changed], RegistrarLimits::default());
    script.drain();

    assert_eq!(gone(&script.events), [(2, Gone::Revoked), (3, Gone::Revoked)]);
    assert_eq!(script.ua.contacts(script.now, 1).len(), 1);
}

#[test]
fn an_invite_of_a_registered_phone_is_challenged_and_then_a_call_of_the_phone() {
    let mut script = registrar(&[(1, "alice")]);
    let mut desk = Device::new("alice", DESK);
    desk.register(&mut script, "600");
    script.take_events();
    "call-1".clone_into(&mut desk.call_id);
    let lines = "Contact: <sip:alice@192.0.2.50:5060>\r\nContent-Type: application/sdp\r\n";

    let anonymous = desk.request("INVITE", "sip:+4930100@ringback.example", lines, OFFER);
    script.say_bytes(
        desk.source,
        anonymous
            .split("Authorization")
            .next()
            .map(|head| format!("{head}Content-Length: {}\r\n\r\n{OFFER}", OFFER.len()))
            .expect("head")
            .as_bytes(),
    );
    let refused = script.next();
    assert_eq!(code(&refused), 401);
    desk.challenged(&refused);
    let invite = desk.request("INVITE", "sip:+4930100@ringback.example", lines, OFFER);
    script.say_bytes(desk.source, invite.as_bytes());

    assert_eq!(script.take_sent(), ["100 INVITE"]);
    match &script.take_events()[..] {
        [Event::Incoming { phone: Some(1), trunk: 0, codec_ok: true, request_uri, .. }] => {
            assert_eq!(request_uri, "sip:+4930100@ringback.example");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_stranger_calling_is_refused_without_being_asked_for_a_password() {
    let mut script = registrar(&[(1, "alice")]);
    Device::new("alice", DESK).register(&mut script, "600");
    let mut scanner = Device::new("alice", "198.51.100.9:5060");
    let lines = "Contact: <sip:s@198.51.100.9>\r\n";

    script.say_bytes(scanner.source, scanner.request("INVITE", "sip:00442@192.0.2.1", lines, "").as_bytes());

    assert_eq!(code(&script.next()), 403);
    assert_eq!(script.ua.counters().refused_unknown_source, 1);
}

#[test]
fn a_phone_with_a_wrong_password_does_not_call_and_is_reported() {
    let mut script = registrar(&[(1, "alice")]);
    let mut desk = Device::new("alice", DESK);
    desk.register(&mut script, "600");
    script.take_events();
    "guess".clone_into(&mut desk.password);

    script.say_bytes(desk.source, desk.request("INVITE", "sip:00442@192.0.2.1", "", "").as_bytes());

    assert_eq!(code(&script.next()), 403);
    assert_eq!(kinds(&script.events), ["AuthenticationFailed"]);
}
