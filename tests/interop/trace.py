"""SIP messages as the other program wrote them into its log."""

from collections.abc import Iterable

from msgspec import Struct

from ringback.simulator.sip_text import CRLF, SipText, parse

_BEGIN, _END = "\x1b[36;1m#", "\x1b[;m"


class Message(Struct, frozen=True, kw_only=True):
    """One message: addresses as `host:port`, transport in capitals."""

    transport: str
    source: str
    target: str
    text: SipText

    @property
    def cseq(self) -> str:
        """Method of the request that it is or answers."""
        return self.text.get("CSeq").split(" ")[-1]


def read_libre(lines: Iterable[str]) -> list[Message]:
    """Take the messages out of what baresip writes with `-s`."""
    found = []
    rest = iter(lines)
    for line in rest:
        if not line.endswith(_BEGIN):
            continue
        transport, source, _, target = next(rest).split(" ")
        text = []
        for part in rest:
            if part.startswith(_END):
                break
            text.append(part)
        parsed = parse(CRLF.join(text).encode())
        found.append(Message(transport=transport, source=source, target=target, text=parsed))
    return found
