"""The Reason header (RFC 3326): why a leg ended, in the words of each protocol. Read in one pass, bounded."""

from collections.abc import Iterator
from itertools import islice

from msgspec import Struct

ELSEWHERE = 'SIP;cause=200;text="Call completed elsewhere"'
"""For the parties that were called at once with one that answered: their phones show no missed call (RFC 3326 2)."""

_MOST = 5  # a message has one value for each protocol
_LONGEST_TEXT = 200
_HIGHEST_CAUSE = 999


class Reason(Struct, frozen=True, kw_only=True):
    """One value. `protocol` in capitals: `Q.850`, `SIP` or another; `cause` is None where it is no number to 999."""

    protocol: str
    cause: int | None = None
    text: str | None = None


def parse_reasons(header: str) -> tuple[Reason, ...]:
    """Read the values of a Reason header, at most five."""
    found = (_reason(value) for value in islice(_split(header, ","), _MOST))
    return tuple(reason for reason in found if reason.protocol)


def _reason(value: str) -> Reason:
    protocol, *params = *_split(value, ";"), ""
    pairs = {key.strip().lower(): text.strip() for key, _, text in (param.partition("=") for param in params)}
    cause = pairs.get("cause", "")
    is_number = cause.isascii() and cause.isdigit() and int(cause[:4]) <= _HIGHEST_CAUSE
    return Reason(
        protocol=protocol[:40].upper(),
        cause=int(cause[:4]) if is_number else None,
        text=_unquoted(pairs["text"])[:_LONGEST_TEXT] if pairs.get("text") else None,
    )


def _unquoted(text: str) -> str:
    if len(text) > 1 and text.startswith('"') and text.endswith('"'):
        return text[1:-1].replace('\\"', '"').replace("\\\\", "\\")
    return text


def _split(value: str, separator: str) -> Iterator[str]:
    is_quoted = is_escaped = False
    start = 0
    for at, char in enumerate(f"{value}{separator}"):
        if is_escaped:
            is_escaped = False
        elif is_quoted and at < len(value):
            is_escaped, is_quoted = char == "\\", char != '"'
        elif char == '"':
            is_quoted = True
        elif char == separator:
            if item := value[start:at].strip():
                yield item
            start = at + 1
