//! Messages of the kind that carriers and scanners really send.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, clippy::unchecked_time_subtraction)]

mod common;

use common::*;
use ringback_sip::{Command, Event};

#[test]
fn a_byte_that_is_no_utf_8_costs_nothing() {
    let mut script = Script::new();
    let text = Ask { extra: "X-Name: J@rg\r\nX-Last: there\r\n", ..Ask::default() }.text();
    let at = text.find("J@rg").expect("the name") + 1;
    let mut bytes = text.into_bytes();
    bytes[at] = 0xF6;

    script.say_bytes(script.peer, &bytes);

    let Event::Incoming { headers, codec_ok, .. } = &script.events[0] else { panic!("no call") };
    assert!(*codec_ok);
    assert!(headers.iter().any(|(name, value)| name == "X-Name" && value == "J\u{fffd}rg"));
    assert!(headers.iter().any(|(name, _)| name == "X-Last"));
}

#[test]
fn a_latin_1_display_name_comes_back_byte_for_byte() {
    let mut script = Script::new();
    let text = Ask::default().text().replace("From: <sip:+4930200", "From: \"J@rg\" <sip:+4930200");
    let mut bytes = text.into_bytes();
    let at = bytes.windows(4).position(|part| part == b"J@rg").expect("the name") + 1;
    bytes[at] = 0xF6;

    script.ua.handle_message(script.now, ringback_sip::Peer::udp(script.peer), &bytes);

    let trying = std::iter::from_fn(|| script.ua.poll_output()).find_map(|output| match output {
        ringback_sip::Output::Transmit { bytes, .. } => Some(bytes),
        ringback_sip::Output::Event(_) => None,
    });
    assert!(trying.expect("100").windows(4).any(|part| part == b"J\xF6rg"));
}

#[test]
fn without_content_length_the_body_runs_to_the_end() {
    let mut script = Script::new();
    let text = Ask::default().text();
    let line = format!("Content-Length: {}\r\n", OFFER.len());
    assert!(text.contains(&line));

    script.say(&text.replace(&line, ""));
    script.tell(Command::Answer { leg: incoming(0), media: media("192.0.2.1:20000") });

    assert_eq!(kinds(&script.events), ["Incoming", "MediaAgreed"]);
}

#[test]
fn compact_names_odd_spacing_and_folded_lines_are_read() {
    let mut script = Script::new();
    let text = format!(
        "INVITE sip:+15550100;npdi;rn=+15550199@192.0.2.1;user=phone SIP/2.0\r\n\
         v : SIP / 2.0 / UDP   192.0.2.9 : 5060 ;branch = z9hG4bKodd\r\n\
         f:   \"A <b>; \\\"c\\\"\"\r\n  <sip:100%23@192.0.2.9>  ; tag = odd\r\n\
         t: sip:+4930100@192.0.2.1\r\n\
         i: folded-1\r\n\
         cseq: 0009\r\n\tINVITE\r\n\
         m: <sip:a%40b@192.0.2.9>\r\n\
         mAx-fOrWaRdS: 70\r\n\
         c: Application/SDP ; charset=x\r\n\
         l:{}\r\n\r\n{OFFER}",
        OFFER.len()
    );

    script.say_bytes(script.peer, text.as_bytes());

    let Event::Incoming { request_uri, from_uri, to_uri, codec_ok, .. } = &script.events[0] else { panic!("no call") };
    assert_eq!(request_uri, "sip:+15550100;npdi;rn=+15550199@192.0.2.1;user=phone");
    assert_eq!((from_uri.as_str(), to_uri.as_str()), ("sip:100%23@192.0.2.9", "sip:+4930100@192.0.2.1"));
    assert!(*codec_ok);
    script.tell(Command::Answer { leg: incoming(0), media: media("192.0.2.1:20000") });
    script.expect("100 INVITE");
    let to_tag = tag(&header(&script.expect("200 INVITE"), "To"));
    let ack = Ask { method: "ACK", branch: "a", from_tag: "odd", to_tag: &to_tag, cseq: 9, body: "", ..Ask::default() };
    script.say(&ack.text().replace("script-1", "folded-1"));
    script.tell(Command::Hangup { leg: incoming(0), q850: None });
    assert_eq!(target(&script.expect("BYE")), "sip:a%40b@192.0.2.9");
}

#[test]
fn sdp_inside_multipart_is_found() {
    let mut script = Script::new();
    let body = format!(
        "--unique\r\nContent-Type: application/isup;version=x\r\n\r\n\u{1}\u{2}\r\n--unique\r\nContent-Type: application/sdp\r\n\r\n{OFFER}\r\n--unique--\r\n"
    );
    let extra = "Content-Type: multipart/mixed;boundary=\"unique\"\r\n";

    script.say_bytes(script.peer, Ask { extra, body: &body, ..Ask::default() }.text().as_bytes());
    script.tell(Command::Answer { leg: incoming(0), media: media("192.0.2.1:20000") });

    assert_eq!(kinds(&script.events), ["Incoming", "MediaAgreed"]);
}

#[test]
fn keepalives_and_garbage_are_counted_and_not_answered() {
    let mut script = Script::new();
    let peer = script.peer;
    for keepalive in [b"".as_slice(), b"\r\n\r\n", b"\0"] {
        script.say_bytes(peer, keepalive);
    }
    for garbage in [
        b"hello".as_slice(),
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x80\x60\x00\x01rtp-like",
        b"SIP/2.0 99 Low\r\n\r\n",
        b"SIP/2.0 200 OK\r\nVia: x\r\n\r\n",
        b"INVITE sip:a@b SIP/2.0\r\n\r\n",
    ] {
        script.say_bytes(peer, garbage);
    }

    assert!(script.sent.is_empty());
    assert_eq!((script.ua.counters().keepalives, script.ua.counters().dropped_garbage), (3, 6));
}

#[test]
fn broken_requests_that_can_be_answered_get_400_or_505() {
    let text = Ask::default().text();
    let broken = [
        (text.replace("CSeq: 1 INVITE", "CSeq: 4294967296 INVITE"), "400"),
        (text.replace("CSeq: 1 INVITE", "CSeq: 2147483648 INVITE"), "400"),
        (text.replace("CSeq: 1 INVITE", "CSeq: 1 OPTIONS"), "400"),
        (text.replace("CSeq: 1 INVITE", "CSeq: 1 XINVITE"), "400"),
        (text.replace("From: <", "From: \"open <"), "400"),
        (text.replace("Content-Length: ", "Content-Length: 9"), "400"),
        (text.replace("Max-Forwards: 70", "no colon here"), "400"),
        (text.replace("Call-ID: script-1", "Call-ID: script-1\r\nCall-ID: script-2"), "400"),
        (text.replace("INVITE sip:+4930100@192.0.2.1 SIP/2.0", "INVITE  sip:+4930100@192.0.2.1 SIP/2.0"), "400"),
        (text.replace("v=0\r\n", "v=9\r\n"), "400"),
        (text.replace("192.0.2.1 SIP/2.0", "192.0.2.1 SIP/7.0"), "505"),
    ];
    for (message, code) in broken {
        let mut script = Script::new();
        script.say(&message);
        let answer = script.next();
        assert!(answer.starts_with(&format!("SIP/2.0 {code}")), "{message}\n{answer}");
        assert!(header(&answer, "Via").contains("received=192.0.2.9"));
        assert_eq!(script.events, [], "{message}");
        assert_eq!(script.ua.counters().refused_malformed, 1, "{message}");
        script.assert_clean();
    }
}

#[test]
fn what_cannot_be_understood_is_refused_by_name() {
    let isup = "Content-Type: application/isup\r\n";
    let zipped = "Content-Type: application/sdp\r\nContent-Encoding: gzip\r\n";
    for (ask, code, name, value) in [
        (Ask { extra: "Require: foo\r\n", ..Ask::default() }, "420", "Unsupported", "foo"),
        (Ask { extra: isup, ..Ask::default() }, "415", "Accept", "application/sdp"),
        (Ask { extra: zipped, ..Ask::default() }, "415", "Accept-Encoding", "identity"),
    ] {
        let mut script = Script::new();
        script.say(&ask.text());
        let answer = script.expect(&format!("{code} INVITE"));
        assert_eq!(header(&answer, name), value);
        assert_eq!(script.events, []);
    }
    let mut script = Script::new();
    script.say(&Ask::default().text().replace("INVITE sip:+4930100@192.0.2.1", "INVITE mailto:a@192.0.2.1"));
    script.expect("416 INVITE");
}

#[test]
fn a_body_that_may_be_ignored_is_ignored() {
    let mut script = Script::new();
    let extra = "Content-Type: application/x-odd\r\nContent-Disposition: render;handling=optional\r\n";

    script.say(&Ask { extra, body: "odd", ..Ask::default() }.text());

    assert_eq!(kinds(&script.events), ["Incoming"]);
}

#[test]
fn a_copy_that_came_another_way_gets_482() {
    let mut script = Script::new();
    script.say(&Ask::default().text());

    script.say(&Ask { branch: "b2", ..Ask::default() }.text());

    assert_eq!(script.take_sent(), ["100 INVITE", "482 INVITE"]);
    assert_eq!(kinds(&script.events), ["Incoming"]);
    script.tell(Command::Reject { leg: incoming(0), code: 603, reason: None });
    script.assert_clean();
    script.say(&Ask { branch: "b3", ..Ask::default() }.text());
    assert_eq!(script.ua.counters().legs, 1, "long after, it is a call again");
}

#[test]
fn a_peer_from_before_rfc_3261_is_served() {
    let mut script = Script::new();
    let old = |ask: Ask<'_>| ask.text().replace(";branch=z9hG4bKold", "").replace(";tag=caller", "");
    let invite = old(Ask { branch: "old", ..Ask::default() });

    script.say(&invite);
    script.say(&invite);
    script.tell(Command::Answer { leg: incoming(0), media: media("192.0.2.1:20000") });
    let sent: Vec<String> = script.sent.iter().map(|(_, text)| text.clone()).collect();
    assert_eq!(sent.iter().map(|text| short(text)).collect::<Vec<_>>(), ["100 INVITE", "100 INVITE", "200 INVITE"]);
    let to_tag = tag(&header(&sent[2], "To"));
    script.say(&old(Ask { method: "ACK", branch: "old", to_tag: &to_tag, body: "", ..Ask::default() }));
    script.say(&old(Ask { method: "BYE", branch: "old", to_tag: &to_tag, cseq: 2, body: "", ..Ask::default() }));

    assert_eq!(kinds(&script.events), ["Incoming", "MediaAgreed", "AnswerConfirmed", "Ended"]);
    script.assert_clean();
}

#[test]
fn a_refusal_is_repeated_until_its_ack() {
    let mut script = Script::new();
    script.say(&Ask::default().text());
    script.tell(Command::Reject { leg: incoming(0), code: 404, reason: None });
    script.take_sent();

    script.advance(T1 * 3);
    let refused = script.expect("404 INVITE");
    assert_eq!(script.take_sent(), ["404 INVITE"]);
    let to_tag = tag(&header(&refused, "To"));
    script.say(&Ask { method: "ACK", to_tag: &to_tag, body: "", ..Ask::default() }.text());
    script.advance(TIMEOUT);

    assert!(script.sent.is_empty());
    script.assert_clean();
}

#[test]
fn ipv6_is_spoken_throughout() {
    let mut ua = UserAgentV6::new();
    ua.call();
}

/// A call over IPv6, told by the messages only.
struct UserAgentV6(Script);

impl UserAgentV6 {
    fn new() -> Self {
        let mut config = config("[2001:db8::1]:5060");
        "[2001:db8::1]:5060".clone_into(&mut config.listeners[0].contact_host);
        let mut ua = ringback_sip::UserAgent::new(config);
        ua.set_access(vec![rule("2001:db8::/32")]);
        let mut script = Script::with(ua);
        script.peer = addr("[2001:db8::9]:5060");
        Self(script)
    }

    fn call(&mut self) {
        let script = &mut self.0;
        let v6 = |text: String| text.replace("192.0.2.9", "[2001:db8::9]").replace("192.0.2.1", "[2001:db8::1]");
        let offer = OFFER.replace("IP4 192.0.2.9", "IP6 2001:db8::9");
        let text = v6(Ask { body: "", ..Ask::default() }.text());
        let text = text
            .replace("Content-Length: 0", &format!("Content-Type: application/sdp\r\nContent-Length: {}", offer.len()));
        script.say(&format!("{text}{offer}"));
        script.tell(Command::Answer { leg: incoming(0), media: media("[2001:db8::1]:20000") });
        let trying = script.expect("100 INVITE");
        assert!(header(&trying, "Via").contains(";received=2001:db8::9"), "{trying}");
        let ok = script.expect("200 INVITE");
        assert!(body(&ok).contains("c=IN IP6 2001:db8::1\r\n"), "{ok}");
        assert_eq!(media_of(&script.events[1]).expect("media").remote, addr("[2001:db8::9]:40000"));
    }
}

#[test]
fn line_ends_in_front_of_a_message_are_skipped() {
    let mut script = Script::new();

    script.say(&format!("\r\n\r\n{}", Ask::default().text()));

    assert_eq!(kinds(&script.events), ["Incoming"]);
}
