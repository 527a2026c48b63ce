//! Registering trunks at carriers (RFC 3261 section 10.2, RFC 3608, RFC 5626 section 4.5).
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, clippy::unchecked_time_subtraction)]

mod common;

use std::time::Duration;

use common::*;
use ringback_sip::{Codec, Command, Credentials, Event, LookedUp, Peer, Policy, Registration, RegistrationState};

const CARRIER: &str = "192.0.2.9:5060";

fn wanted() -> Registration {
    Registration {
        trunk: 3,
        registrar: "sip:carrier.example".to_owned(),
        aor: "sip:4930@carrier.example".to_owned(),
        credentials: Some(Credentials { username: "u".to_owned(), password: "secret".to_owned(), realm: None }),
        expires_s: 600,
        from_anywhere: false,
        codecs: vec![Codec::Pcma],
        policy: Policy::default(),
    }
}

/// Set the table and answer look-ups.
fn set(script: &mut Script, table: Vec<Registration>) {
    script.ua.set_registrations(script.now, table);
    script.drain();
    look_up(script, Some(Peer::udp(addr(CARRIER))));
}

fn look_up(script: &mut Script, peer: Option<Peer>) {
    let lookups: Vec<LookedUp> = script
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Lookup { what, trunk: 3, uri } if uri == "sip:carrier.example" => Some(*what),
            _ => None,
        })
        .collect();
    script.events.retain(|event| !matches!(event, Event::Lookup { .. }));
    for what in lookups {
        script.ua.handle_lookup(script.now, what, peer);
    }
    script.drain();
}

/// Let time go by, answering look-ups.
fn pass(script: &mut Script, by: Duration) {
    let until = script.now + by;
    while let Some(next) = script.ua.next_deadline().filter(|next| *next <= until) {
        let step = next.saturating_duration_since(script.now);
        script.advance(step);
        look_up(script, Some(Peer::udp(addr(CARRIER))));
    }
    script.now = until;
}

fn registrations(script: &mut Script) -> Vec<(RegistrationState, Option<u16>, u32)> {
    script
        .take_events()
        .into_iter()
        .filter_map(|event| match event {
            Event::Registration { trunk: 3, state, code, expires_s, .. } => Some((state, code, expires_s)),
            _ => None,
        })
        .collect()
}

fn contact_uri(register: &str) -> String {
    header(register, "Contact").split(['<', '>']).nth(1).expect("a URI").to_owned()
}

fn granted(register: &str, seconds: u32) -> String {
    let contact =
        format!("Contact: <{}>;expires={seconds}, <sip:other@192.0.2.77>;expires=7\r\n", contact_uri(register));
    reply(register, 200, "c", &contact, "")
}

/// Registered for `seconds`; returns the REGISTER that did it.
fn registered(script: &mut Script, table: Vec<Registration>, seconds: u32) -> String {
    set(script, table);
    let register = script.expect("REGISTER");
    script.say(&granted(&register, seconds));
    assert_eq!(registrations(script), [(RegistrationState::Registered, Some(200), seconds)]);
    register
}

const CHALLENGE: &str = "WWW-Authenticate: Digest realm=\"carrier.example\", nonce=\"n1\", qop=\"auth\"\r\n";

#[test]
fn a_trunk_registers_and_answers_the_challenge() {
    let mut script = Script::new();
    set(&mut script, vec![wanted()]);
    let register = script.expect("REGISTER");
    assert_eq!(target(&register), "sip:carrier.example");
    assert_eq!(header(&register, "To"), "<sip:4930@carrier.example>");
    assert!(header(&register, "From").starts_with("<sip:4930@carrier.example>;tag="));
    assert!(header(&register, "Contact").ends_with(&format!("@{A}>;expires=600")), "{register}");
    assert_eq!(header(&register, "Authorization"), "");

    script.say(&reply(&register, 401, "c", CHALLENGE, ""));
    let again = script.expect("REGISTER");
    assert_eq!(header(&again, "Call-ID"), header(&register, "Call-ID"));
    assert_eq!((header(&register, "CSeq"), header(&again, "CSeq")), ("1 REGISTER".into(), "2 REGISTER".into()));
    assert_eq!(contact_uri(&again), contact_uri(&register));
    assert!(header(&again, "Authorization").contains("uri=\"sip:carrier.example\""));
    script.say(&granted(&again, 300));

    assert_eq!(registrations(&mut script), [(RegistrationState::Registered, Some(200), 300)]);
    assert_eq!(script.ua.counters().registrations, 1);
}

#[test]
fn it_refreshes_between_80_and_90_percent_with_the_known_challenge() {
    let mut script = Script::new();
    set(&mut script, vec![wanted()]);
    let first = script.expect("REGISTER");
    script.say(&reply(&first, 401, "c", CHALLENGE, ""));
    let first = script.expect("REGISTER");
    script.say(&granted(&first, 300));

    pass(&mut script, Duration::from_secs(239));
    assert!(script.sent.is_empty());
    pass(&mut script, Duration::from_secs(31));

    let refresh = script.expect("REGISTER");
    assert_eq!(header(&refresh, "CSeq"), "3 REGISTER");
    assert!(header(&refresh, "Authorization").contains("nc=00000002"));
    assert_eq!(contact_uri(&refresh), contact_uri(&first));
}

#[test]
fn the_next_nonce_is_used_when_one_is_given() {
    let mut script = Script::new();
    set(&mut script, vec![wanted()]);
    let first = script.expect("REGISTER");
    script.say(&reply(&first, 401, "c", CHALLENGE, ""));
    let first = script.expect("REGISTER");
    script.say(&reply(&first, 200, "c", "Authentication-Info: nextnonce=\"n2\"\r\nExpires: 100\r\n", ""));

    pass(&mut script, Duration::from_secs(90));

    let refresh = header(&script.expect("REGISTER"), "Authorization");
    assert!(refresh.contains("nonce=\"n2\"") && refresh.contains("nc=00000001"), "{refresh}");
}

#[test]
fn a_wrong_password_is_refused_once_and_tried_again_later() {
    let mut script = Script::new();
    set(&mut script, vec![wanted()]);
    let first = script.expect("REGISTER");
    script.say(&reply(&first, 401, "c", CHALLENGE, ""));
    let second = script.expect("REGISTER");
    script.say(&reply(&second, 401, "c", &CHALLENGE.replace("n1", "n2"), ""));

    assert_eq!(registrations(&mut script), [(RegistrationState::Refused, Some(401), 0)]);
    assert!(script.sent.is_empty());
    pass(&mut script, Duration::from_secs(30));
    script.expect("REGISTER");
}

#[test]
fn new_credentials_are_tried_at_once() {
    let mut script = Script::new();
    set(&mut script, vec![wanted()]);
    let first = script.expect("REGISTER");
    script.say(&reply(&first, 403, "c", "", ""));
    let mut changed = wanted();
    changed.credentials = Some(Credentials { username: "v".to_owned(), password: "s".to_owned(), realm: None });

    set(&mut script, vec![changed]);

    let register = script.expect("REGISTER");
    script.say(&reply(&register, 401, "c", CHALLENGE, ""));
    assert!(header(&script.expect("REGISTER"), "Authorization").contains("username=\"v\""));
}

#[test]
fn too_brief_asks_for_the_least_and_gives_up_on_one_that_always_wants_more() {
    let mut script = Script::new();
    set(&mut script, vec![wanted()]);
    let brief = script.expect("REGISTER");
    script.say(&reply(&brief, 423, "c", "Min-Expires: 1800\r\n", ""));
    let longer = script.expect("REGISTER");
    assert_eq!(header(&longer, "Expires"), "1800");
    script.say(&reply(&longer, 423, "c", "Min-Expires: 3600\r\n", ""));
    let longest = script.expect("REGISTER");
    script.say(&reply(&longest, 423, "c", "Min-Expires: 7200\r\n", ""));

    assert_eq!(registrations(&mut script), [(RegistrationState::Refused, Some(423), 0)]);
    assert!(script.sent.is_empty());
}

#[test]
fn failures_back_off_up_to_half_an_hour() {
    let mut script = Script::new();
    set(&mut script, vec![wanted()]);
    let mut waits = Vec::new();
    for _ in 0..9 {
        let register = script.expect("REGISTER");
        script.say(&reply(&register, 500, "c", "", ""));
        let failed = script.now;
        while script.sent.is_empty() {
            // Shorter than T1: one REGISTER at a time.
            pass(&mut script, Duration::from_millis(400));
        }
        waits.push(script.now.duration_since(failed).as_secs());
    }

    for (n, wait) in waits.iter().enumerate() {
        let longest = (30u64 << n).min(1800);
        assert!((longest / 2..=longest + 1).contains(wait), "{n}: {waits:?}");
    }
    assert!(registrations(&mut script).iter().all(|at| *at == (RegistrationState::Failed, Some(500), 0)));
}

#[test]
fn retry_after_is_waited_for() {
    let mut script = Script::new();
    set(&mut script, vec![wanted()]);
    let register = script.expect("REGISTER");
    script.say(&reply(&register, 503, "c", "Retry-After: 900 (maintenance)\r\n", ""));

    pass(&mut script, Duration::from_secs(899));
    assert!(script.sent.is_empty());
    pass(&mut script, Duration::from_secs(1));
    script.expect("REGISTER");
}

#[test]
fn a_redirect_is_refused() {
    let mut script = Script::new();
    set(&mut script, vec![wanted()]);
    let register = script.expect("REGISTER");

    script.say(&reply(&register, 302, "c", "Contact: <sip:evil.example>\r\n", ""));

    assert_eq!(registrations(&mut script), [(RegistrationState::Refused, Some(302), 0)]);
    assert!(script.sent.is_empty());
}

#[test]
fn silence_and_names_that_lead_nowhere_are_failures() {
    let mut script = Script::new();
    script.ua.set_registrations(script.now, vec![wanted()]);
    script.drain();
    look_up(&mut script, None);
    assert_eq!(registrations(&mut script), [(RegistrationState::Failed, None, 0)]);

    pass(&mut script, Duration::from_secs(30));
    pass(&mut script, TIMEOUT);
    assert_eq!(registrations(&mut script), [(RegistrationState::Failed, None, 0)]);
}

#[test]
fn a_trunk_that_is_removed_is_taken_back() {
    let mut script = Script::new();
    let register = registered(&mut script, vec![wanted()], 600);

    set(&mut script, vec![]);

    let back = script.expect("REGISTER");
    assert_eq!(header(&back, "Expires"), "0");
    assert_eq!(header(&back, "Contact"), format!("<{}>;expires=0", contact_uri(&register)));
    assert_eq!(script.ua.counters().unregistering, 1);
    script.say(&reply(&back, 401, "c", CHALLENGE, ""));
    let back = script.expect("REGISTER");
    script.say(&reply(&back, 200, "c", "", ""));
    assert_eq!(registrations(&mut script), [(RegistrationState::Unregistered, Some(200), 0)]);
    assert_eq!((script.ua.counters().registrations, script.ua.counters().unregistering), (0, 0));
    script.assert_clean();
}

#[test]
fn one_removed_while_it_asks_is_taken_back_when_it_was_granted() {
    let mut script = Script::new();
    set(&mut script, vec![wanted()]);
    let register = script.expect("REGISTER");
    set(&mut script, vec![]);
    assert!(script.sent.is_empty());

    script.say(&granted(&register, 600));

    assert_eq!(header(&script.expect("REGISTER"), "Expires"), "0");
}

#[test]
fn stopping_takes_every_registration_back() {
    let mut script = Script::new();
    registered(&mut script, vec![wanted()], 600);

    script.tell(Command::StopAll);

    let back = script.expect("REGISTER");
    assert_eq!(header(&back, "Expires"), "0");
    pass(&mut script, TIMEOUT);
    assert_eq!(registrations(&mut script), [(RegistrationState::Unregistered, None, 0)]);
    script.assert_clean();
}

#[test]
fn the_service_route_is_kept() {
    let mut script = Script::new();
    set(&mut script, vec![wanted()]);
    let register = script.expect("REGISTER");
    script.say(&reply(&register, 200, "c", "Service-Route: <sip:p1;lr>, <sip:p2;lr>\r\n", ""));

    assert_eq!(script.ua.service_route(3), ["<sip:p1;lr>", "<sip:p2;lr>"]);
    assert_eq!(registrations(&mut script), [(RegistrationState::Registered, Some(200), 600)]);
}

fn invite_to(uri: &str) -> String {
    Ask::default().text().replacen("sip:+4930100@192.0.2.1", uri, 1)
}

#[test]
fn a_call_to_the_registered_contact_belongs_to_the_trunk() {
    let mut script = Script::new();
    let register = registered(&mut script, vec![wanted()], 600);

    script.say(&invite_to(&contact_uri(&register)));

    match &script.take_events()[..] {
        [Event::Incoming { trunk: 3, phone: None, .. }] => {}
        other => panic!("{other:?}"),
    }
}

#[test]
fn from_an_unknown_address_only_where_the_trunk_allows() {
    for from_anywhere in [false, true] {
        let mut script = Script::new();
        let register = registered(&mut script, vec![Registration { from_anywhere, ..wanted() }], 600);
        let stranger = addr("198.51.100.20:5060");

        script.say_from(stranger, &invite_to(&contact_uri(&register)));
        script.say_from(stranger, &invite_to("sip:+4930100@192.0.2.1").replace("z9hG4bKb1", "z9hG4bKb2"));

        let calls = script.take_events().iter().filter(|event| kind(event) == "Incoming").count();
        assert_eq!(calls, usize::from(from_anywhere));
    }
}
