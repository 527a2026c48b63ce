"""Broken SIP in bulk: mutations of sound messages, always the same for the same seed."""

import random
from collections.abc import Callable, Iterator

_HOST = "127.0.0.1:5098"

_SDP = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    "m=audio 9 RTP/AVP 8 0 101\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\n"
)


def sound_messages(number: str, serial: int, chance: random.Random) -> list[bytes]:
    """Return one message of each kind, with names that no other serial has; INVITEs call `number`."""
    name = f"{serial}-{chance.getrandbits(32):08x}"

    def message(start: str, method: str, *, to_tag: str = "", body: str = "") -> bytes:
        kind = "Content-Type: application/sdp\r\n" if body else ""
        return (
            f"{start}\r\nVia: SIP/2.0/UDP {_HOST};branch=z9hG4bK{method}{name};rport\r\nMax-Forwards: 70\r\n"
            f'From: "Somebody" <sip:+4930703@{_HOST}>;tag=f{name}\r\nTo: <sip:{number}@127.0.0.1>{to_tag}\r\n'
            f"Call-ID: mutant-{name}\r\nCSeq: 7 {method}\r\nContact: <sip:me@{_HOST}>\r\nUser-Agent: Mutant\r\n"
            f"Allow: INVITE, ACK, BYE, CANCEL\r\nSupported: replaces, timer\r\n{kind}"
            f"Content-Length: {len(body)}\r\n\r\n{body}"
        ).encode()

    tag = f";tag=t{name}"
    uri = f"sip:{number}@127.0.0.1"
    requests = [
        message(f"INVITE {uri} SIP/2.0", "INVITE", body=_SDP),
        message(f"INVITE {uri} SIP/2.0", "INVITE", to_tag=tag, body=_SDP),
        *(message(f"{method} {uri} SIP/2.0", method, to_tag=tag) for method in ("BYE", "ACK", "INFO", "UPDATE")),
        *(message(f"{method} {uri} SIP/2.0", method) for method in ("CANCEL", "OPTIONS", "REGISTER", "SUBSCRIBE")),
    ]
    answers = [
        message("SIP/2.0 200 OK", "INVITE", to_tag=tag, body=_SDP),
        message("SIP/2.0 180 Ringing", "INVITE", to_tag=tag),
        message("SIP/2.0 200 OK", "BYE", to_tag=tag),
    ]
    return requests + answers


def _flip_bytes(message: bytes, chance: random.Random) -> bytes:
    changed = bytearray(message)
    for _ in range(chance.randint(1, 8)):
        changed[chance.randrange(len(changed))] = chance.randrange(256)
    return bytes(changed)


def _cut_out(message: bytes, chance: random.Random) -> bytes:
    start = chance.randrange(len(message))
    return message[:start] + message[start + chance.randint(1, 80) :]


def _truncated(message: bytes, chance: random.Random) -> bytes:
    return message[: chance.randrange(1, len(message))]


def _doubled_lines(message: bytes, chance: random.Random) -> bytes:
    lines = message.split(b"\r\n")
    lines.insert(chance.randrange(1, len(lines)), chance.choice(lines))
    return b"\r\n".join(lines)


def _shuffled_lines(message: bytes, chance: random.Random) -> bytes:
    start, *lines = message.split(b"\r\n")
    chance.shuffle(lines)
    return b"\r\n".join([start, *lines])


def _without_a_line(message: bytes, chance: random.Random) -> bytes:
    lines = message.split(b"\r\n")
    del lines[chance.randrange(len(lines))]
    return b"\r\n".join(lines)


def _nul_bytes(message: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(message))
    return message[:at] + bytes(chance.randint(1, 20)) + message[at:]


def _latin1(message: bytes, chance: random.Random) -> bytes:
    return message.replace(b"Somebody", "Jürgen Groß ¿qué?".encode("latin-1")).replace(b"Mutant", b"\xff\xfe\x80")


def _wrong_length(message: bytes, chance: random.Random) -> bytes:
    wrong = chance.choice([b"1", b"-1", b"99999", b"18446744073709551616", b"abc", b"", b"4294967295"])
    head, _, rest = message.partition(b"Content-Length: ")
    return head + b"Content-Length: " + wrong + rest[rest.index(b"\r\n") :]


def _huge_header(message: bytes, chance: random.Random) -> bytes:
    name = chance.choice([b"X-Huge", b"Via", b"Record-Route", b"Route", b"Subject", b"Authorization", b"Contact"])
    value = chance.choice([b"a", b"<", b"(", b'"', b"\\", b",", b";=", b"%41", b"sip:a@b,"])
    return message.replace(
        b"\r\n", b"\r\n" + name + b": " + (value * 20_000)[: chance.randint(3_000, 20_000)] + b"\r\n", 1
    )


def _many_headers(message: bytes, chance: random.Random) -> bytes:
    line = chance.choice(
        [b"X: y\r\n", b"Via: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKx\r\n", b"Route: <sip:10.0.0.1;lr>\r\n"]
    )
    return message.replace(b"\r\n", b"\r\n" + line * chance.randint(100, 1_000), 1)


def _oversize(message: bytes, chance: random.Random) -> bytes:
    return message + bytes([chance.randrange(256)]) * (65_000 - len(message))


def _odd_numbers(message: bytes, chance: random.Random) -> bytes:
    odd = chance.choice([b"4294967296", b"-7", b"0", b"99999999999999999999", b"7 7", b"0x7"])
    what = chance.choice([(b"CSeq: 7", b"CSeq: " + odd), (b"Max-Forwards: 70", b"Max-Forwards: " + odd)])
    return message.replace(*what)


def _odd_addresses(message: bytes, chance: random.Random) -> bytes:
    odd = chance.choice([b"sip:", b"sip:@", b"tel:1", b"<<>>", b"sip:%00@[::", b"sips:x@y;maddr=127.0.0.1", b"*"])
    return message.replace(b"sip:+4930703@" + _HOST.encode(), odd)


def _odd_sdp(message: bytes, chance: random.Random) -> bytes:
    odd = chance.choice(
        [
            (b"m=audio 9 ", b"m=audio 99999 "),
            (b"m=audio 9 ", b"m=audio 9/65535 "),
            (b"RTP/AVP 8 0 101", b"RTP/AVP" + b" 8" * 3_000),
            (b"IN IP4 127.0.0.1", b"IN IP6 ::zz"),
            (b"c=IN", b"c=" + b"x" * 500),
            (b"a=rtpmap:101", b"a=rtpmap:999999999999"),
            (b"v=0", b"\x00"),
        ]
    )
    changed = message.replace(*odd)
    head, _, body = changed.partition(b"\r\n\r\n")
    return head[: head.rindex(b" ") + 1] + str(len(body)).encode() + b"\r\n\r\n" + body


def _random_bytes(_message: bytes, chance: random.Random) -> bytes:
    return chance.randbytes(chance.randint(1, 1_500))


def _keep_alive(_message: bytes, chance: random.Random) -> bytes:
    return chance.choice([b"", b"\r\n", b"\r\n\r\n", b"\0", b"\0\0\0\0"])


def _unchanged(message: bytes, _chance: random.Random) -> bytes:
    return message


MUTATIONS: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    _flip_bytes,
    _flip_bytes,
    _flip_bytes,
    _cut_out,
    _cut_out,
    _truncated,
    _truncated,
    _doubled_lines,
    _shuffled_lines,
    _without_a_line,
    _without_a_line,
    _nul_bytes,
    _latin1,
    _wrong_length,
    _huge_header,
    _many_headers,
    _odd_numbers,
    _odd_addresses,
    _odd_sdp,
    _random_bytes,
    _keep_alive,
    _unchanged,
)
"""Each message gets one of them by chance; now and then one is blown up to the largest datagram."""

_OVERSIZE_EVERY = 200


def mutants(count: int, *, number: str, seed: int) -> Iterator[bytes]:
    """Make so many datagrams."""
    chance = random.Random(seed)
    for serial in range(count):
        message = chance.choice(sound_messages(number, serial, chance))
        yield _oversize(message, chance) if serial % _OVERSIZE_EVERY == 0 else chance.choice(MUTATIONS)(message, chance)
