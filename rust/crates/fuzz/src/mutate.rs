//! Breaking messages: bytes for anything, lines and header fields for SIP.

use crate::dice::Dice;

const PIECES: &[&[u8]] = &[
    b"\r\n",
    b"\r",
    b"\n",
    b"\0",
    b"\"",
    b"<",
    b">",
    b";",
    b",",
    b":",
    b"=",
    b" ",
    b"\t",
    b"%",
    b"%00",
    b"%zz",
    b"\\",
    b"sip:",
    b"sips:",
    b"tel:",
    b"[::1",
    b"]",
    b"[2001:db8:::192.0.2.1]",
    b"tag=",
    b";tag=x",
    b";lr",
    b";rport",
    b";received=",
    b";branch=z9hG4bK",
    b";maddr=1.2.3.4",
    b"4294967296",
    b"2147483648",
    b"-1",
    b"99999999999999999999",
    b"0x10",
    b"SIP/2.0",
    b"SIP/7.0",
    b"\xff",
    b"\xc3\x28",
    b"\xef\xbf\xbd",
    b"\r\n ",
    b"\r\n\r\n",
    b"m=audio 0 RTP/AVP 0\r\n",
    b"m=audio 65535/65535 RTP/SAVP 0 8 101 255 300\r\n",
    b"a=inactive\r\n",
    b"a=ptime:0\r\n",
    b"a=rtpmap:101 telephone-event/0\r\n",
    b"c=IN IP6 ::ffff:1.2.3.4/127/3\r\n",
    b"c=IN IP4 x\r\n",
];

const LINES: &[&[u8]] = &[
    b"Content-Length: 5",
    b"Content-Length: -5",
    b"l: 0",
    b"Require: x, 100rel",
    b"Require: timer",
    b"Supported: 100rel, timer, replaces",
    b"Session-Expires: 90;refresher=uac",
    b"Session-Expires: 1",
    b"Min-SE: 4294967295",
    b"RSeq: 1",
    b"RAck: 1 1 INVITE",
    b"Via: x",
    b"Via: SIP/2.0/UDP [::1]:65536;branch=z9hG4bKx;received=[::1]",
    b"v: SIP/2.0/TCP h;rport;branch=",
    b"Record-Route: <sip:192.0.2.51;lr>, <sip:192.0.2.52>",
    b"Route: <sip:192.0.2.51;lr>",
    b"Contact: *",
    b"m: <sip:a@b;lr>;expires=999999999999",
    b"To: <sip:a@b>;tag=\"x",
    b"From: \xff\xfe <sip:a@b>;tag=1",
    b"Reason: Q.850;cause=999;text=\"a",
    b"Retry-After: 99999999999 (x)",
    b"Refer-To: <sip:a@b?Replaces=x%3Bto-tag%3D1%3Bfrom-tag%3D2>",
    b"Replaces: x;to-tag=1;from-tag=2;early-only",
    b"Event: refer;id=1",
    b"Subscription-State: terminated;reason=noresource",
    b"Expires: 0",
    b"Expires: 4294967296",
    b"Privacy: id;critical",
    b"P-Asserted-Identity: \"x\" <sip:a@b>, tel:+1",
    b"Identity: a.b.c;info=<https://x>;alg=ES256",
    b"WWW-Authenticate: Digest realm=\"r\", nonce=\"n\", qop=\"auth,auth-int\", algorithm=SHA-256",
    b"Proxy-Authenticate: Digest realm=r,nonce=,stale=true",
    b"Authorization: Digest username=\"u\", realm=\"r\", nonce=\"n\", uri=\"sip:x\", response=\"0\", nc=zz",
    b"Content-Type: multipart/mixed;boundary=",
    b"Content-Type: application/dtmf-relay",
    b"Content-Encoding: gzip",
    b"Accept: text/plain",
    b"Max-Forwards: 0",
    b"no colon here",
    b": no name",
];

const METHODS: &[&[u8]] = &[
    b"INVITE",
    b"ACK",
    b"BYE",
    b"CANCEL",
    b"OPTIONS",
    b"INFO",
    b"UPDATE",
    b"PRACK",
    b"REFER",
    b"NOTIFY",
    b"REGISTER",
    b"X",
];

/// Longest mutant: what is longer cannot come in a datagram.
const MAX_BYTES: usize = 65_000;

/// Break bytes in one to four places.
pub fn mutate_bytes(dice: &mut Dice, original: &[u8]) -> Vec<u8> {
    let mut bytes = original.to_vec();
    for _ in 0..=dice.roll(4) {
        mutate_once(dice, &mut bytes);
    }
    bytes.truncate(MAX_BYTES);
    bytes
}

fn mutate_once(dice: &mut Dice, bytes: &mut Vec<u8>) {
    let at = dice.roll(bytes.len());
    let length = dice.roll(40).min(bytes.len() - at);
    let random = u8::try_from(dice.roll(256)).unwrap_or_default();
    match dice.roll(8) {
        0 if !bytes.is_empty() => bytes[at] = random,
        1 if !bytes.is_empty() => bytes[at] ^= 1 << (random & 7),
        2 => drop(bytes.drain(at..at + length)),
        3 => {
            let copy = bytes[at..at + length].to_vec();
            bytes.splice(at..at, copy);
        }
        4 if dice.once_in(4) => bytes.truncate(at),
        5 if dice.once_in(8) => {
            let count = dice.roll(9000);
            bytes.splice(at..at, std::iter::repeat_n(random, count));
        }
        _ => {
            let piece = dice.pick(PIECES).to_vec();
            bytes.splice(at..at, piece);
        }
    }
}

/// Break a SIP message: by lines and headers mostly, by bytes sometimes. `other` lends lines.
pub fn mutate_message(dice: &mut Dice, original: &[u8], other: &[u8]) -> Vec<u8> {
    if dice.once_in(3) {
        return mutate_bytes(dice, original);
    }
    let mut lines: Vec<Vec<u8>> = lines_of(original).map(<[u8]>::to_vec).collect();
    for _ in 0..=dice.roll(3) {
        mutate_lines(dice, &mut lines, other);
    }
    let mut bytes = lines.join(b"\r\n".as_slice());
    if dice.once_in(4) {
        mutate_once(dice, &mut bytes);
    }
    bytes.truncate(MAX_BYTES);
    bytes
}

fn lines_of(message: &[u8]) -> impl Iterator<Item = &[u8]> {
    message.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line))
}

fn mutate_lines(dice: &mut Dice, lines: &mut Vec<Vec<u8>>, other: &[u8]) {
    if lines.is_empty() {
        return;
    }
    let (at, to) = (dice.roll(lines.len()), dice.roll(lines.len()));
    match dice.roll(9) {
        0 => drop(lines.remove(at)),
        1 => lines.insert(to, lines[at].clone()),
        2 => lines.swap(at, to),
        3 => lines.insert(at, dice.pick(LINES).to_vec()),
        4 => {
            let lent: Vec<&[u8]> = lines_of(other).collect();
            lines.insert(at, dice.pick(&lent).to_vec());
        }
        5 => change_value(dice, &mut lines[at]),
        6 => change_method(dice, lines),
        7 => lines[at].splice(0..0, b" ".to_vec()).for_each(drop),
        _ => lines[at] = dice.pick(LINES).to_vec(),
    }
}

fn change_value(dice: &mut Dice, line: &mut Vec<u8>) {
    let Some(colon) = line.iter().position(|byte| *byte == b':') else { return };
    match dice.roll(4) {
        0 => line.truncate(colon + 1),
        1 => line.make_ascii_uppercase(),
        2 => {
            let value = line[colon + 1..].to_vec();
            line.push(b',');
            line.extend(value);
        }
        _ => {
            let at = colon + 1 + dice.roll(line.len() - colon);
            let at = at.min(line.len());
            line.splice(at..at, dice.pick(PIECES).to_vec()).for_each(drop);
        }
    }
}

/// Make it another method, in the start line and mostly in CSeq too.
fn change_method(dice: &mut Dice, lines: &mut [Vec<u8>]) {
    let method = dice.pick(METHODS).to_vec();
    let space = lines[0].iter().position(|byte| *byte == b' ');
    if let Some(end) = space.filter(|_| !lines[0].starts_with(b"SIP/")) {
        lines[0].splice(0..end, method.clone()).for_each(drop);
    }
    if dice.once_in(5) {
        return;
    }
    for line in lines.iter_mut().filter(|line| line.to_ascii_lowercase().starts_with(b"cseq")) {
        if let Some(space) = line.iter().rposition(|byte| *byte == b' ') {
            line.truncate(space + 1);
            line.extend_from_slice(&method);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_mutants_and_others_differ() {
        let original = b"INVITE sip:a@b SIP/2.0\r\nCSeq: 1 INVITE\r\n\r\nv=0\r\n";
        let mutants = |seed| {
            let mut dice = Dice::new(seed);
            (0..100).map(|_| mutate_message(&mut dice, original, b"X: y\r\n")).collect::<Vec<_>>()
        };

        assert_eq!(mutants(1), mutants(1));
        assert_ne!(mutants(1), mutants(2));
        assert!(mutants(1).iter().filter(|mutant| mutant.as_slice() != original).count() > 80);
    }

    #[test]
    fn nothing_at_all_can_be_mutated() {
        let mut dice = Dice::new(1);
        for _ in 0..200 {
            mutate_bytes(&mut dice, b"");
            mutate_message(&mut dice, b"", b"");
        }
    }
}
