//! Broken messages by the thousand: nothing panics, what is sent stays well-formed, nothing stays behind.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, clippy::unchecked_time_subtraction)]

mod common;

use common::*;
use ringback_sip::{Command, Credentials, Output};

/// A small generator (SplitMix64): the same mutations every time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((z ^ (z >> 31)) % below.max(1) as u64).expect("small")
    }
}

const PIECES: &[&str] = &[
    "\r\n",
    "\r",
    "\n",
    "\0",
    "\"",
    "<",
    ">",
    ";",
    ",",
    ":",
    "=",
    " ",
    "\t",
    "%",
    "%zz",
    "\\",
    "sip:",
    "[::1",
    "]",
    "tag=",
    ";tag=x",
    ";lr",
    "4294967296",
    "-1",
    "99999999999999999999",
    "SIP/2.0",
    "INVITE",
    "\u{fffd}",
    "\r\n ",
    "Content-Length: 5\r\n",
    "Require: x\r\n",
    "Via: x\r\n",
    "m=audio 0 RTP/AVP 0\r\n",
    "a=inactive\r\n",
    "c=IN IP4 x\r\n",
];

fn mutate(dice: &mut Dice, original: &[u8]) -> Vec<u8> {
    let mut bytes = original.to_vec();
    for _ in 0..=dice.roll(4) {
        let at = dice.roll(bytes.len());
        let length = dice.roll(40).min(bytes.len() - at);
        match dice.roll(6) {
            0 if !bytes.is_empty() => bytes[at] = u8::try_from(dice.roll(256)).expect("a byte"),
            1 => drop(bytes.drain(at..at + length)),
            2 => {
                let copy = bytes[at..at + length].to_vec();
                bytes.splice(at..at, copy);
            }
            3 => bytes.truncate(at),
            _ => {
                let piece = PIECES[dice.roll(PIECES.len())].as_bytes().to_vec();
                bytes.splice(at..at, piece);
            }
        }
    }
    bytes
}

/// Check a message of ours: lines end properly, the length is right.
fn check(bytes: &[u8]) {
    let end = bytes.windows(4).position(|part| part == b"\r\n\r\n").expect("the end of the headers");
    let head = &bytes[..end];
    for (at, byte) in head.iter().enumerate() {
        assert!(*byte != 0, "NUL sent");
        assert!(*byte != b'\r' || head.get(at + 1) == Some(&b'\n'), "bare CR sent");
        assert!(*byte != b'\n' || at > 0 && head[at - 1] == b'\r', "bare LF sent");
    }
    let text = String::from_utf8_lossy(bytes);
    let length = headers(&text, "Content-Length");
    assert_eq!(length, [(bytes.len() - end - 4).to_string()], "{text}");
}

struct Target {
    script: Script,
    /// Valid messages for the state it is in.
    messages: Vec<String>,
}

/// A user agent with a call in each state, and messages that fit them.
fn target() -> Target {
    let mut script = Script::new();
    let mut order = dial(1, "192.0.2.9:5060");
    if let Command::Dial { credentials, allow_redirects, .. } = &mut order {
        *credentials = Some(Credentials { username: "u".to_owned(), password: "p".to_owned(), realm: None });
        *allow_redirects = true;
    }
    script.tell(order);
    let invite = script.expect("INVITE");
    let record_route = "Record-Route: <sip:192.0.2.51;lr>, <sip:192.0.2.52>\r\nContact: <sip:u@192.0.2.60>\r\n";
    let challenge = "WWW-Authenticate: Digest realm=\"r\", nonce=\"n\", qop=\"auth,auth-int\", algorithm=SHA-256\r\n";
    let mut messages = vec![
        reply(&invite, 183, "t", record_route, OFFER),
        reply(&invite, 200, "t", record_route, OFFER),
        reply(&invite, 401, "t", challenge, ""),
        reply(&invite, 302, "t", "Contact: <sip:x@192.0.2.9:5060>\r\n", ""),
        reply(&invite, 486, "t", "Reason: Q.850;cause=17;text=\"busy\"\r\nRetry-After: 5 (x)\r\n", ""),
    ];
    script.say(&Ask::default().text());
    script.tell(Command::Answer { leg: incoming(0), media: media("192.0.2.1:20000") });
    let ok = script.sent.iter().find(|(_, text)| short(text) == "200 INVITE").expect("200").1.clone();
    let to_tag = tag(&header(&ok, "To"));
    let inside = |method, branch, cseq, extra, body| {
        Ask { method, branch, to_tag: &to_tag, cseq, extra, body, ..Ask::default() }.text()
    };
    let dtmf = "Content-Type: application/dtmf-relay\r\n";
    messages.extend([
        inside("ACK", "a", 1, "", ""),
        inside("INVITE", "r", 2, "", OFFER),
        inside("UPDATE", "u", 3, "", OFFER),
        inside("INFO", "i", 4, dtmf, "Signal=5\r\nDuration=160\r\n"),
        inside("BYE", "y", 9, "Reason: Q.850;cause=16\r\n", ""),
        Ask { branch: "n", from_tag: "n", extra: record_route, ..Ask::default() }.text(),
        Ask { method: "CANCEL", branch: "n", from_tag: "n", body: "", ..Ask::default() }.text(),
        Ask { method: "OPTIONS", branch: "o", body: "", ..Ask::default() }.text(),
    ]);
    script.sent.clear();
    Target { script, messages }
}

fn feed(dice: &mut Dice, rounds: usize) {
    let Target { mut script, messages } = target();
    for round in 0..rounds {
        let original = &messages[dice.roll(messages.len())];
        let bytes = mutate(dice, original.as_bytes());
        script.ua.handle_message(script.now, ringback_sip::Peer::udp(script.peer), &bytes);
        while let Some(output) = script.ua.poll_output() {
            if let Output::Transmit { bytes, .. } = output {
                check(&bytes);
            }
        }
        if round % 50 == 0 {
            script.advance(T1);
        }
    }
    script.tell(Command::StopAll);
    script.advance(TIMEOUT * 3);
    script.assert_clean();
}

#[test]
fn mutated_messages_do_no_harm() {
    let mut dice = Dice(4475);
    for _ in 0..200 {
        feed(&mut dice, 400);
    }
}
