"""SIP messages as the other program wrote them into its log."""

import re
from collections.abc import Iterable, Iterator

from msgspec import Struct

from ringback.simulator.sip_text import CRLF, SipText, parse


class Message(Struct, frozen=True, kw_only=True):
    """One message. `peer` is `host:port` of the other side, `transport` in capitals."""

    is_sent: bool
    transport: str
    peer: str
    text: SipText

    @property
    def cseq(self) -> str:
        """Method of the request that it is or answers."""
        return self.text.get("CSeq").split(" ")[-1]


_LIBRE_BEGIN, _LIBRE_END = "\x1b[36;1m#", "\x1b[;m"


def read_libre(lines: Iterable[str], *, address: str) -> list[Message]:
    """Take the messages out of what baresip writes with `-s`; `address` is its own."""
    found = []
    rest = iter(lines)
    for line in rest:
        if not line.endswith(_LIBRE_BEGIN):
            continue
        transport, source, _, target = next(rest).split(" ")
        is_sent = source.startswith(f"{address}:")
        text = parse(CRLF.join(_until(rest, _LIBRE_END)).encode())
        found.append(Message(is_sent=is_sent, transport=transport, peer=target if is_sent else source, text=text))
    return found


def _until(rest: Iterator[str], end: str) -> Iterator[str]:
    for line in rest:
        if line.startswith(end):
            return
        yield line


_BELLE_BEGIN = re.compile(r"(message sent to|new bytes from) \[(\w+)://([^\]]+)\]")
_BELLE_LOG = re.compile(r"^(linphonec> )?\d{4}-\d\d-\d\d ")


def read_belle(lines: Iterable[str]) -> list[Message]:
    """Take the messages out of what linphone writes with `-d 5`."""
    found = []
    begin: re.Match[str] | None = None
    text: list[str] = []
    for line in [*lines, "2000-01-01 "]:
        if not _BELLE_LOG.match(line):
            text.append(line)
            continue
        if begin is not None and text and text[0]:
            is_sent = begin[1] == "message sent to"
            parsed = parse(CRLF.join(text).encode())
            found.append(Message(is_sent=is_sent, transport=begin[2], peer=begin[3], text=parsed))
        begin, text = _BELLE_BEGIN.search(line), []
    return found
