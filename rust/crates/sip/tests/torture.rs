//! Every message of RFC 4475 and RFC 5118, byte for byte, with what their text expects of a user agent.
//!
//! They come from a known source here. What counts is what the user agent makes of them, not how they parse. The
//! files and where they are from: `tests/data/README.md`.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, clippy::unchecked_time_subtraction)]

mod common;

use std::collections::BTreeSet;
use std::path::PathBuf;

use common::*;
use ringback_sip::{Command, Counters, Event};

/// What must come of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expected {
    /// A call that rings: 100 and an event.
    Call,
    /// A call without a codec of ours: 100, and the event says so.
    CallWithoutCodec,
    /// One response with this code and nothing else.
    Answer(u16),
    /// No SIP, or a response that nobody could use: dropped and counted.
    Garbage,
    /// A well-formed response to nothing we asked: dropped and counted.
    Stray,
}
use Expected::{Answer, Call, CallWithoutCodec, Garbage, Stray};

/// RFC 4475: section, file, what must come of it.
const TORTURE: &[(&str, &str, Expected)] = &[
    // It has a To tag, so it claims to be inside a dialog that nobody knows.
    ("3.1.1.1 a short tortuous INVITE", "wsinv", Answer(481)),
    ("3.1.1.2 wide range of valid characters", "intmeth", Answer(501)),
    ("3.1.1.3 valid use of the % escaping mechanism", "esc01", Call),
    ("3.1.1.4 escaped NULs in URIs", "escnull", Answer(405)),
    ("3.1.1.5 % when it is not an escape", "esc02", Answer(501)),
    ("3.1.1.6 no LWS between display name and <", "lwsdisp", Answer(200)),
    ("3.1.1.7 long values in header fields", "longreq", Call),
    ("3.1.1.8 extra trailing octets in a datagram", "dblreq", Answer(405)),
    ("3.1.1.9 semicolons in the user part", "semiuri", Answer(200)),
    ("3.1.1.10 unknown transports", "transports", Answer(200)),
    ("3.1.1.11 multipart MIME", "mpart01", Answer(405)),
    ("3.1.1.12 unusual reason phrase", "unreason", Stray),
    ("3.1.1.13 empty reason phrase", "noreason", Stray),
    ("3.1.2.1 extraneous separators", "badinv01", Answer(400)),
    ("3.1.2.2 Content-Length larger than the message", "clerr", Answer(400)),
    ("3.1.2.3 negative Content-Length", "ncl", Answer(400)),
    ("3.1.2.4 request scalars overlarge", "scalar02", Answer(400)),
    ("3.1.2.5 response scalars overlarge", "scalarlg", Garbage),
    ("3.1.2.6 unterminated quoted string", "quotbal", Answer(400)),
    ("3.1.2.7 <> around the Request-URI", "ltgtruri", Answer(400)),
    ("3.1.2.8 space inside the Request-URI", "lwsruri", Answer(400)),
    ("3.1.2.9 several spaces in the start line", "lwsstart", Answer(400)),
    ("3.1.2.10 spaces at the end of the start line", "trws", Answer(400)),
    // "An element could choose to be liberal in what it accepts and ignore the escaped headers."
    ("3.1.2.11 escaped headers in the Request-URI", "escruri", Call),
    // "An element shouldn't [reject] unless the contents of the Date header field were important to its processing."
    ("3.1.2.12 invalid time zone in Date", "baddate", Call),
    ("3.1.2.13 name-addr without <>", "regbadct", Answer(405)),
    // "Elements attempting to be liberal may ignore the spaces."
    ("3.1.2.14 spaces within addr-spec", "badaspec", Answer(200)),
    ("3.1.2.15 non-token characters in a display name", "baddn", Answer(400)),
    ("3.1.2.16 unknown protocol version", "badvers", Answer(505)),
    ("3.1.2.17 start line and CSeq differ", "mismatch01", Answer(400)),
    ("3.1.2.18 unknown method, CSeq differs", "mismatch02", Answer(501)),
    ("3.1.2.19 overlarge response code", "bigcode", Garbage),
    // "Or it could fall back to the RFC 2543-style transaction identifier."
    ("3.2.1 missing transaction identifier", "badbranch", Answer(200)),
    ("3.3.1 missing required header fields", "insuf", Answer(400)),
    ("3.3.2 Request-URI with unknown scheme", "unkscm", Answer(416)),
    ("3.3.3 Request-URI with known but atypical scheme", "novelsc", Answer(416)),
    ("3.3.4 unknown URI schemes in header fields", "unksm2", Answer(405)),
    ("3.3.5 Proxy-Require and Require", "bext01", Answer(420)),
    ("3.3.6 unknown Content-Type", "invut", Answer(415)),
    ("3.3.7 unknown Authorization scheme", "regaut01", Answer(405)),
    ("3.3.8 several values where one is allowed", "multi01", Answer(400)),
    ("3.3.9 several Content-Length values", "mcl01", Answer(400)),
    ("3.3.10 200 with a broadcast Via", "bcast", Stray),
    ("3.3.11 Max-Forwards of zero", "zeromf", Answer(200)),
    ("3.3.12 REGISTER with a contact parameter", "cparam01", Answer(405)),
    ("3.3.13 REGISTER with a URI parameter", "cparam02", Answer(405)),
    ("3.3.14 REGISTER with an escaped header", "regescrt", Answer(405)),
    ("3.3.15 unacceptable Accept", "sdp01", Answer(406)),
    ("3.4.1 INVITE with RFC 2543 syntax", "inv2543", Call),
    // In the archive, not in the text: no Via and no CSeq.
    ("a leftover of the archive", "test", Garbage),
];

/// RFC 5118: section, file, what must come of it.
const IPV6: &[(&str, &str, Expected)] = &[
    ("4.1 an IPv6 reference", "ipv6-good", Answer(405)),
    ("4.2 without brackets", "ipv6-bad", Answer(400)),
    ("4.3 port ambiguous", "port-ambiguous", Answer(405)),
    ("4.4 port unambiguous", "port-unambiguous", Answer(405)),
    ("4.5 received with brackets", "via-received-param-with-delim", Answer(481)),
    ("4.5 received without brackets", "via-received-param-no-delim", Answer(200)),
    // The archive's Content-Length is 17 too large: see `a_content_length_that_fits_makes_the_ipv6_offer_a_call`.
    ("4.6 IPv6 in SDP", "ipv6-in-sdp", Answer(400)),
    ("4.7 several addresses in headers", "mult-ip-in-header", Answer(481)),
    ("4.8 several addresses in SDP", "mult-ip-in-sdp", Call),
    ("4.9 IPv4-mapped addresses", "ipv4-mapped-ipv6", CallWithoutCodec),
    ("4.10 three colons", "ipv6-bug-abnf-3-colons", Answer(200)),
    ("4.10 two colons", "ipv6-correct-abnf-2-colons", Answer(200)),
];

fn folder(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "data", name].iter().collect()
}

fn torture(name: &str) -> Vec<u8> {
    std::fs::read(folder("rfc4475").join(format!("{name}.dat"))).expect("a message")
}

/// The archive of RFC 5118 ends lines with LF, and two files before the empty line: make it what the text means.
fn ipv6(name: &str) -> Vec<u8> {
    let text = std::fs::read_to_string(folder("rfc5118").join(format!("{name}.dat"))).expect("a message");
    let text = if text.contains("\n\n") { text } else { text + "\n" };
    text.replace('\n', "\r\n").into_bytes()
}

/// What came of a message, and the one response sent, empty if none.
fn outcome(bytes: &[u8]) -> (Result<Expected, Counters>, String) {
    let mut script = Script::new();
    script.ua.set_access(vec![rule("0.0.0.0/0"), rule("::/0")]);
    script.say_bytes(script.peer, bytes);
    let answers: Vec<String> = script.sent.drain(..).map(|(_, message)| message).collect();
    assert!(answers.len() <= 1, "{answers:?}");
    let answer = answers.first().cloned().unwrap_or_default();
    let counters = script.ua.counters();
    let codec_ok = script.take_events().into_iter().find_map(|event| match event {
        Event::Incoming { leg, codec_ok, .. } => Some((leg, codec_ok)),
        _ => None,
    });
    let code = answer.get(8..11).and_then(|code| code.parse().ok());
    let result = match (code, codec_ok) {
        (Some(100), Some((_, true))) => Ok(Call),
        (Some(100), Some((_, false))) => Ok(CallWithoutCodec),
        (Some(code), None) => Ok(Answer(code)),
        (None, None) if counters.dropped_garbage == 1 => Ok(Garbage),
        (None, None) if counters.dropped_stray_responses == 1 => Ok(Stray),
        _ => Err(counters),
    };
    if let Some((leg, _)) = codec_ok {
        script.tell(Command::Reject { leg, code: 480, reason: None });
    }
    script.assert_clean();
    (result, answer)
}

#[test]
fn every_message_of_rfc_4475_is_handled_as_its_text_says() {
    for (section, file, expected) in TORTURE {
        assert_eq!(outcome(&torture(file)).0, Ok(*expected), "{section} ({file})");
    }
}

#[test]
fn every_message_of_rfc_5118_is_handled_as_its_text_says() {
    for (section, file, expected) in IPV6 {
        assert_eq!(outcome(&ipv6(file)).0, Ok(*expected), "{section} ({file})");
    }
}

#[test]
fn no_message_of_the_archives_is_left_out() {
    for (name, table) in [("rfc4475", TORTURE), ("rfc5118", IPV6)] {
        let files: BTreeSet<String> = std::fs::read_dir(folder(name))
            .expect("a folder")
            .map(|entry| entry.expect("an entry").path().file_stem().expect("a name").to_string_lossy().into_owned())
            .collect();
        let rows: BTreeSet<String> = table.iter().map(|(_, file, _)| (*file).to_owned()).collect();

        assert_eq!(files, rows);
    }
}

#[test]
fn a_content_length_that_fits_makes_the_ipv6_offer_a_call() {
    let text = String::from_utf8(ipv6("ipv6-in-sdp")).expect("text");
    let length = body(&text).len().to_string();

    // G.726 is not offered by us.
    assert_eq!(outcome(text.replace(": 268", &format!(": {length}")).as_bytes()).0, Ok(CallWithoutCodec));
}

#[test]
fn refusals_say_what_would_be_taken() {
    for (file, name, value) in [
        ("intmeth", "Allow", "INVITE"),
        ("mismatch02", "Allow", "INVITE"),
        ("bext01", "Unsupported", "nothingSupportsThis, nothingSupportsThisEither"),
        ("invut", "Accept", "application/sdp"),
        ("sdp01", "Accept", "application/sdp"),
    ] {
        let (_, answer) = outcome(&torture(file));
        assert!(header(&answer, name).contains(value), "{file}: {answer}");
    }
}

#[test]
fn what_is_copied_into_an_answer_survives_unchanged() {
    let (_, answer) = outcome(&torture("transports"));
    let vias = headers(&answer, "Via");
    assert_eq!(vias.len(), 5, "{answer}");
    assert_eq!(vias[0], "SIP/2.0/UDP t1.example.com;branch=z9hG4bKkdjuw;received=192.0.2.9");
    assert_eq!(vias[3], "SIP/2.0/UNKNOWN t4.example.com;branch=z9hG4bKasd0f3en");

    let (_, answer) = outcome(&torture("intmeth"));
    assert_eq!(header(&answer, "Call-ID"), "intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{");
    assert_eq!(header(&answer, "CSeq"), "139122385 !interesting-Method0123456789_*+`.%indeed'~");
    assert!(header(&answer, "From").contains("\"работающий\""), "{answer}");

    // 34 hops came in, all go back.
    let (_, answer) = outcome(&torture("longreq"));
    assert_eq!(headers(&answer, "Via").len(), 34, "{answer}");
}

#[test]
fn the_missing_headers_of_a_refusal_are_left_out() {
    let (_, answer) = outcome(&torture("insuf"));

    assert_eq!(header(&answer, "CSeq"), "193942 INVITE");
    assert_eq!((headers(&answer, "From"), headers(&answer, "To")), (vec![], vec![]), "{answer}");
}

#[test]
fn from_a_stranger_no_message_gets_more_than_a_refusal() {
    let files = TORTURE.iter().map(|(_, file, _)| torture(file)).chain(IPV6.iter().map(|(_, file, _)| ipv6(file)));
    for bytes in files {
        let mut script = Script::new();
        script.say_bytes(addr("203.0.113.7:5060"), &bytes);

        assert!(script.take_events().is_empty());
        let sent = script.take_sent();
        assert!(sent.is_empty() || sent == ["403 INVITE"], "{sent:?}");
        script.assert_clean();
    }
}
