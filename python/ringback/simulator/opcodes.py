"""Test numbers: `+999` and digits that tell the far end what to do. Pure; the product itself never interprets them.

Layout after `+999` (each letter one digit):

| digits | what the far end does |
| --- | --- |
| `0 CCC RR QQQ` | rings RR tenths of a second, refuses with SIP code CCC; QQQ: Q.850 cause |
| `1 RR TT D...` | rings RR tenths, answers, sends digits D, talks TT seconds, hangs up (TT 00: waits) |
| `2` | rings and never answers |
| `3 RR TT` | early media for RR tenths, then answers and talks TT seconds |
| `4 RR CCC` | early media for RR tenths, then refuses with CCC |
| `8 OO` | misbehaves, see `Misbehavior` |

RR, QQQ, TT and D may be left out from the right and count as zero.
"""

from enum import StrEnum

from msgspec import Struct

PREFIX = "+999"
_LONGEST = 12


class Misbehavior(StrEnum):
    """What a broken carrier does; the two digits after `8`."""

    SILENT = "01"  # no answer to anything
    LATE_200 = "02"  # 180, then 200 as reply to CANCEL
    DEAF_TO_BYE = "03"  # answers the call, never the BYE
    FORKED_200 = "04"  # answers twice with two tags
    CHANNEL_LIMIT = "05"  # 503 whose text names a limit
    NO_COMMON_CODEC = "06"  # 200 whose SDP has no codec of ours
    TRYING_ONLY = "07"  # 100, then nothing
    STORM = "08"  # every response twenty times, then 486
    WRONG_TAG = "09"  # 200 for a From tag that is not ours, then 486
    SDP_GARBAGE = "10"  # 200 whose SDP is none
    RINGING_STORM = "11"  # hundreds of provisionals of many forks, then 486
    OTHER_ADDRESS = "12"  # 180 and 486 from another port than was called
    WRONG_CSEQ = "13"  # 200 and 486 for a request that was never sent, then 486
    HUGE_HEADERS = "14"  # 180 with a great many and very long headers, then 486


class Refuse(Struct, frozen=True, kw_only=True):
    """Ring, then a final response."""

    code: int
    ring_ms: int
    q850: int | None = None
    early_media: bool = False


class AnswerAndTalk(Struct, frozen=True, kw_only=True):
    """Ring, answer, send digits, talk, hang up; `talk_ms` None waits for the other side."""

    ring_ms: int
    talk_ms: int | None = None
    digits: str = ""
    early_media: bool = False


class RingForever(Struct, frozen=True, kw_only=True):
    """180 and nothing more."""


class Misbehave(Struct, frozen=True, kw_only=True):
    """Break the protocol in one way; carried out by the raw user agent."""

    how: Misbehavior


Behavior = Refuse | AnswerAndTalk | RingForever | Misbehave


class NotATestNumberError(ValueError):
    """The number is none of the table; the far end answers 404."""


def behavior_of(number: str) -> Behavior:
    """Read a test number.

    Raises:
        NotATestNumberError: it does not begin with +999, is too long, or has no row in the table.
    """
    if not number.startswith(PREFIX) or not number[1:].isdigit() or len(number) > len(PREFIX) + _LONGEST:
        raise NotATestNumberError(f"{number!r} is not +999 and up to {_LONGEST} digits")
    action, rest = number[len(PREFIX) : len(PREFIX) + 1], number[len(PREFIX) + 1 :]
    match action:
        case "0":
            return Refuse(code=_code(rest[:3]), ring_ms=_tenths(rest[3:5]), q850=_number(rest[5:8]) or None)
        case "1":
            return AnswerAndTalk(ring_ms=_tenths(rest[:2]), talk_ms=_seconds(rest[2:4]), digits=rest[4:])
        case "2":
            return RingForever()
        case "3":
            return AnswerAndTalk(ring_ms=_tenths(rest[:2]), talk_ms=_seconds(rest[2:4]), early_media=True)
        case "4":
            return Refuse(code=_code(rest[2:5]), ring_ms=_tenths(rest[:2]), early_media=True)
        case "8" if rest[:2] in {item.value for item in Misbehavior}:
            return Misbehave(how=Misbehavior(rest[:2]))
        case _:
            raise NotATestNumberError(f"{number!r}: no row of the table of test numbers begins with {action!r}")


def _number(digits: str) -> int:
    return int(digits) if digits else 0


def _tenths(digits: str) -> int:
    return _number(digits) * 100


def _seconds(digits: str) -> int | None:
    return _number(digits) * 1000 or None


def _code(digits: str) -> int:
    code = _number(digits)
    if not 300 <= code <= 699:  # noqa: PLR2004  (final responses that are no answer, RFC 3261 section 7.2)
        raise NotATestNumberError(f"SIP code {digits!r}: a refusal needs a code from 300 to 699")
    return code
