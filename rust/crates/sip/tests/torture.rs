//! After RFC 4475 and RFC 5118: messages written to break parsers, each named by its section.
//!
//! They come from a known source here. What counts is what the user agent makes of them, not how they parse.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, clippy::unchecked_time_subtraction)]

mod common;

use common::*;
use ringback_sip::Event;

/// What came of a message: the answer's start line, or what was counted.
fn outcome(message: &str) -> String {
    let mut script = Script::new();
    script.ua.set_access(vec![rule("0.0.0.0/0"), rule("::/0")]);
    script.say(message);
    let result = match script.sent.pop_front() {
        Some((_, answer)) => short(&answer),
        None if script.ua.counters().dropped_garbage == 1 => "garbage".to_owned(),
        None if script.ua.counters().dropped_stray_responses == 1 => "stray".to_owned(),
        None => format!("{:?}", script.ua.counters()),
    };
    for event in script.take_events() {
        if let Event::Incoming { leg, .. } = event {
            script.tell(ringback_sip::Command::Reject { leg, code: 480, reason: None });
        }
    }
    script.assert_clean();
    result
}

/// The usual headers with this start line and these changes.
fn message(start: &str, changes: &[(&str, &str)]) -> String {
    let method = start.split(' ').next().unwrap_or_default();
    let mut headers = vec![
        ("Via", "SIP/2.0/UDP 192.0.2.15;branch=z9hG4bKtorture".to_owned()),
        ("Max-Forwards", "70".to_owned()),
        ("To", "sip:j.user@example.com".to_owned()),
        ("From", "sip:caller@example.net;tag=134161461246".to_owned()),
        ("Call-ID", "torture.0ha0isndaksdjasdf3234nas".to_owned()),
        ("CSeq", format!("8 {method}")),
        ("Contact", "<sip:caller@192.0.2.15>".to_owned()),
        ("Content-Length", "0".to_owned()),
    ];
    for (name, value) in changes {
        match headers.iter_mut().find(|(known, _)| known == name) {
            Some(slot) => (*value).clone_into(&mut slot.1),
            None => headers.push((name, (*value).to_owned())),
        }
    }
    let mut text = format!("{start}\n");
    for (name, value) in headers.iter().filter(|(_, value)| value != "-") {
        text.push_str(name);
        text.push_str(": ");
        text.push_str(value);
        text.push('\n');
    }
    text + "\n"
}

const INVITE: &str = "INVITE sip:j.user@example.com SIP/2.0";

#[test]
fn rfc_4475_3_1_1_1_a_short_tortuous_invite() {
    let text = "INVITE sip:vivekg@chair-dnrc.example.com;unknownparam SIP/2.0\n\
        TO :\n sip:vivekg@chair-dnrc.example.com ;   tag    = 1918181833n\n\
        from   : \"J Rosenberg \\\\\\\"\"       <sip:jdrosen@example.com>\n  ;\n  tag = 98asjd8\n\
        MaX-fOrWaRdS: 0068\n\
        Call-ID: wsinv.ndaksdj@192.0.2.1\n\
        Content-Length   : 150\n\
        cseq: 0009\n  INVITE\n\
        Via  : SIP  /   2.0\n /UDP\n    192.0.2.2;branch=390skdjuw\n\
        s :\n\
        NewFangledHeader:   newfangled value\n continued newfangled value\n\
        UnknownHeaderWithUnusualValue: ;;,,;;,;\n\
        Content-Type: application/sdp\n\
        Route:\n <sip:services.example.com;lr;unknownwith=value;unknown-no-value>\n\
        v:  SIP  / 2.0  / TCP     spindle.example.com   ;\n  branch  =   z9hG4bK9ikj8  ,\n SIP  /    2.0   / UDP  192.168.255.111   ; branch=\n z9hG4bK30239\n\
        m:\"Quoted string \\\"\\\"\" <sip:jdrosen@example.com> ; newparam =\n      newvalue ;\n  secondparam ; q = 0.33\n\n\
        v=0\no=mhandley 29739 7272939 IN IP4 192.0.2.3\ns=-\nc=IN IP4 192.0.2.4\nt=0 0\nm=audio 49217 RTP/AVP 0 12\nm=video 3227 RTP/AVP 31\na=rtpmap:31 LPC\n";

    // It has a To tag, so it claims to be inside a dialog that nobody knows.
    assert_eq!(outcome(text), "481 INVITE");
}

#[test]
fn valid_ones_are_taken() {
    let odd_method = "!interesting-Method0123456789_*+`.%indeed'~ sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1,weird!*pas$wo~d_too.(doesn't-it)@example.com SIP/2.0";
    for (name, text, expected) in [
        ("3.1.1.2 odd method", message(odd_method, &[]), "501 !interesting-Method0123456789_*+`.%indeed'~"),
        (
            "3.1.1.3 escapes",
            message("INVITE sip:sips%3Auser%40example.com@example.net SIP/2.0", &[("To", "sip:%75se%72@example.com")]),
            "100 INVITE",
        ),
        (
            "3.1.1.4 escaped NUL",
            message("OPTIONS sip:null-%00-null@example.com SIP/2.0", &[("Contact", "<sip:%00@host5.example.com>")]),
            "200 OPTIONS",
        ),
        ("3.1.1.5 percent in a method", message("RE%47IST%45R sip:registrar.example.com SIP/2.0", &[]), "501 RE%47IST%45R"),
        ("3.1.1.6 no space before a bracket", message(INVITE, &[("From", "caller<sip:caller@example.com>;tag=323")]), "100 INVITE"),
        ("3.1.1.9 semicolons in the user", message("OPTIONS sip:user;par=u%40example.net@example.com SIP/2.0", &[]), "200 OPTIONS"),
        (
            "3.1.1.10 unknown transports",
            message(
                "OPTIONS sip:user@example.com SIP/2.0",
                &[("Via", "SIP/2.0/UDP t1.example.com;branch=z9hG4bKkdjuw, SIP/2.0/UNKNOWN t2.example.com;branch=z9hG4bK2")],
            ),
            "200 OPTIONS",
        ),
        ("3.1.1.12 odd words in a reason", "SIP/2.0 200 = 2**3 * 5**2 \u{43d}\u{43e}\nVia: SIP/2.0/UDP 192.0.2.198;branch=z9hG4bK1324923\nCall-ID: x\nCSeq: 35 INVITE\nFrom: sip:a@b;tag=1\nTo: sip:a@b;tag=2\n\n".to_owned(), "stray"),
        ("3.1.1.13 empty reason", "SIP/2.0 100 \nVia: SIP/2.0/UDP 192.0.2.105;branch=z9hG4bK2398ndaoe\nCall-ID: x\nCSeq: 35 INVITE\nFrom: sip:a@b;tag=1\nTo: sip:a@b;tag=2\n\n".to_owned(), "stray"),
        ("3.1.2.1 empty parameters are harmless", message(INVITE, &[("Via", "SIP/2.0/UDP 192.0.2.15;;,;,,")]), "100 INVITE"),
        ("3.3.3 unknown scheme", message("OPTIONS nobodyKnowsThisScheme:totallyopaquecontent SIP/2.0", &[]), "200 OPTIONS"),
        ("3.3.3 unknown scheme of a call", message("INVITE nobodyKnowsThisScheme:totallyopaque SIP/2.0", &[]), "416 INVITE"),
        ("3.3.15 required extensions", message(INVITE, &[("Require", "nothingSupportsThis, nothingSupportsThisEither")]), "420 INVITE"),
        ("5118 4.1 IPv6 request", message("INVITE sip:user@[2001:db8::10] SIP/2.0", &[("Via", "SIP/2.0/UDP [2001:db8::9:1];branch=z9hG4bKas3-111")]), "100 INVITE"),
        ("5118 4.4 port inside brackets is part of the address", message("OPTIONS sip:user@[2001:db8::10:5070] SIP/2.0", &[]), "200 OPTIONS"),
        ("5118 4.5 received with brackets", message("OPTIONS sip:u@[2001:db8::10] SIP/2.0", &[("Via", "SIP/2.0/UDP [2001:db8::9:1];received=[2001:db8::9:255];branch=z9hG4bKas3-111")]), "200 OPTIONS"),
    ] {
        assert_eq!(outcome(&text), expected, "{name}");
    }
}

#[test]
fn invalid_ones_are_refused_or_dropped() {
    let overflow = "99999999999999999999999999999999";
    for (name, text, expected) in [
        ("3.1.2.2 Content-Length too large", message(INVITE, &[("Content-Length", "9999")]), "400 INVITE"),
        ("3.1.2.3 negative Content-Length", message(INVITE, &[("Content-Length", "-999")]), "400 INVITE"),
        ("3.1.2.4 scalars that overflow", message("REGISTER sip:example.com SIP/2.0", &[("CSeq", "36893488147419103232 REGISTER")]), "400 REGISTER"),
        ("3.1.2.6 open quotes", message(INVITE, &[("To", "\"Mr. J. User <sip:j.user@example.com>")]), "400 INVITE"),
        ("3.1.2.7 brackets around the Request-URI", message("INVITE <sip:user@example.com> SIP/2.0", &[]), "400 INVITE"),
        ("3.1.2.8 space inside the Request-URI", message("INVITE sip:user@example.com; lr SIP/2.0", &[]), "400 INVITE"),
        ("3.1.2.9 two spaces in the start line", message("INVITE  sip:user@example.com  SIP/2.0", &[("CSeq", "8 INVITE")]), "400 INVITE"),
        ("3.1.2.10 space at the end of the start line", message("OPTIONS sip:remote-target@example.com SIP/2.0  ", &[]), "400 OPTIONS"),
        ("3.1.2.16 version 7", message("OPTIONS sip:t.watson@example.org SIP/7.0", &[]), "505 OPTIONS"),
        ("3.1.2.17 methods that differ", message("OPTIONS sip:user@example.com SIP/2.0", &[("CSeq", "8 INVITE")]), "400 INVITE"),
        ("3.1.2.18 methods that differ, one unknown", message("NEWMETHOD sip:user@example.com SIP/2.0", &[("CSeq", "8 INVITE")]), "400 INVITE"),
        ("3.1.2.19 a status code too large", format!("SIP/2.0 4294967301 better not break the receiver\nCSeq: {overflow} X\n\n"), "garbage"),
        ("3.3.1 missing headers", "INVITE sip:user@example.com SIP/2.0\nCSeq: 193942 INVITE\nVia: SIP/2.0/UDP 192.0.2.95;branch=z9hG4bKkdj.insuf\n\n".to_owned(), "garbage"),
        ("3.3.8 headers that must be single", message(INVITE, &[]).replace("Call-ID:", "Call-ID: another\nCall-ID:"), "400 INVITE"),
        ("3.3.9 two Content-Lengths", message(INVITE, &[]).replace("Content-Length: 0", "Content-Length: 0\nContent-Length: 5"), "400 INVITE"),
        ("5118 4.2 IPv6 without brackets", message("REGISTER sip:2001:db8::10 SIP/2.0", &[]), "400 REGISTER"),
    ] {
        assert_eq!(outcome(&text), expected, "{name}");
    }
}
