"""Replies to an INVITE that are odd in themselves: broken bodies, storms, false numbers, huge headers. Pure."""

from collections.abc import Callable

from msgspec.structs import replace

from ringback.simulator.opcodes import Misbehavior
from ringback.simulator.sip_text import SipText, response

_FORKS, _RINGS = 50, 300
_MANY, _TOO_MANY, _LONG = 150, 400, 8_000


def _sdp_garbage(invite: SipText, contact: str) -> list[SipText]:
    body = "v=0\r\nm=audio nowhere RTP/AVP eight\r\n\x00\x01c=IN IP4 999.1.1.1\r\n"
    return [response(invite, 200, to_tag="garbage", contact=contact, body=body)]


def _ringing_storm(invite: SipText, contact: str) -> list[SipText]:
    del contact
    rings = [response(invite, 180 if ring % 2 else 183, to_tag=f"fork{ring % _FORKS}") for ring in range(_RINGS)]
    return [*rings, response(invite, 486, to_tag="fork0")]


def _two_words(invite: SipText, contact: str) -> list[SipText]:
    del contact
    return [response(invite, 180, to_tag="elsewhere"), response(invite, 486, to_tag="elsewhere")]


def _wrong_cseq(invite: SipText, contact: str) -> list[SipText]:
    other = replace(invite, headers=tuple((k, "4711 INVITE" if k == "CSeq" else v) for k, v in invite.headers))
    false = [response(other, 200, to_tag="never", contact=contact), response(other, 486, to_tag="never")]
    method = replace(invite, headers=tuple((k, "1 OPTIONS" if k == "CSeq" else v) for k, v in invite.headers))
    return [*false, response(method, 200, to_tag="never"), response(invite, 486, to_tag="right")]


def _huge_headers(invite: SipText, contact: str) -> list[SipText]:
    del contact
    ringing = response(invite, 180, to_tag="huge")
    many = tuple((f"X-Number-{number}", "x" * 20) for number in range(_MANY))
    long = (("X-Long", "y" * _LONG), ("X-Longer", ", ".join(["<sip:a@b>"] * (_LONG // 20))))
    too_many = tuple(("X-Again", str(number)) for number in range(_TOO_MANY))
    shapes = (many, long, too_many)
    rings = [replace(ringing, headers=(*ringing.headers, *more)) for more in shapes]
    return [*rings, response(invite, 486, to_tag="huge")]


ODD_REPLIES: dict[Misbehavior, Callable[[SipText, str], list[SipText]]] = {
    Misbehavior.SDP_GARBAGE: _sdp_garbage,
    Misbehavior.RINGING_STORM: _ringing_storm,
    Misbehavior.OTHER_ADDRESS: _two_words,
    Misbehavior.WRONG_CSEQ: _wrong_cseq,
    Misbehavior.HUGE_HEADERS: _huge_headers,
}
"""What is sent at once, by misbehavior; the second argument is our Contact."""
