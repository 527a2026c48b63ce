//! Who calls: From and its name, and a signed Identity token (RFC 8224) that has to arrive byte for byte.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::time::Instant;

use common::*;
use ringback_sip::{Command, Event, Listener, Output, Peer, Transport, UserAgent};

fn with_headers(mut command: Command, name: Option<&str>, own: &[(&str, &str)]) -> Command {
    if let Command::Dial { from, display_name, headers, .. } = &mut command {
        "sip:anonymous@anonymous.invalid".clone_into(from);
        *display_name = name.map(str::to_owned);
        *headers = own.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    }
    command
}

fn headers_of(event: &Event) -> &[(String, String)] {
    match event {
        Event::Incoming { headers, .. } => headers,
        other => panic!("no INVITE but {other:?}"),
    }
}

fn token() -> String {
    let tail = "..c2lnbmF0dXJl;info=<https://cert.example/a.pem>;alg=ES256;ppt=shaken";
    format!("{}{tail}", "eyJhbGci_-".repeat(820)).split_off(80)
}

#[test]
fn an_anonymous_caller_is_written_as_rfc_3323_has_it() {
    let mut script = Script::new();
    let privacy = [("Privacy", "id"), ("P-Asserted-Identity", "<sip:+4930200@ringback.example>")];

    script.tell(with_headers(dial(1, "192.0.2.9:5060"), Some("Anonymous"), &privacy));

    let invite = script.expect("INVITE");
    assert_eq!(header(&invite, "From"), r#""Anonymous" <sip:anonymous@anonymous.invalid>;tag=tag-1"#);
    assert_eq!(header(&invite, "Privacy"), "id");
    assert_eq!(header(&invite, "P-Asserted-Identity"), "<sip:+4930200@ringback.example>");
}

#[test]
fn an_identity_of_8_kilobytes_arrives_unchanged_and_unfolded() {
    let token = token();
    assert!(token.len() > 8_000 && token.len() <= 8_192);
    let mut pair = Pair::new();

    pair.tell_a(with_headers(dial(1, B), None, &[("Identity", &token)]));

    assert!(pair.wire[0].1.contains(&format!("\r\nIdentity: {token}\r\n")));
    let received: Vec<_> = headers_of(&pair.b_events[0]).iter().filter(|(name, _)| name == "Identity").collect();
    assert_eq!(received, [&("Identity".to_owned(), token)]);
}

#[test]
fn an_invite_that_an_identity_makes_too_long_for_a_packet_goes_by_tcp_where_the_trunk_allows() {
    for allows in [true, false] {
        let mut config = config(A);
        config.listeners.push(Listener::new(Transport::Tcp, addr(A)));
        let mut ua = UserAgent::new(config);
        let token = token();
        let mut command = with_headers(dial(1, "192.0.2.9:5060"), None, &[("Identity", &token)]);
        if let Command::Dial { peer, reach, .. } = &mut command {
            *peer = Peer::new(Transport::Udp, addr("192.0.2.9:5060"));
            reach.mtu_to_tcp = allows;
        }

        ua.handle_command(Instant::now(), command);

        let Some(Output::Transmit { to, bytes, .. }) = ua.poll_output() else { panic!("no INVITE") };
        assert_eq!(to.transport, if allows { Transport::Tcp } else { Transport::Udp });
        let text = String::from_utf8_lossy(&bytes);
        assert!(text.contains(&format!("\r\nIdentity: {token}\r\n")));
    }
}
