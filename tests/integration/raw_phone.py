"""A telephone made by hand: it does exactly what a test says, and shows every answer it gets."""

import asyncio
import contextlib
import itertools
import re
import secrets
import struct
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import cast

from ringback.cli.demo.world import World
from ringback.simulator.sip_text import SipText, parse, render, response, sdp

Address = tuple[str, int]
_WAIT_S = 10
_EVENTS = 101
"""RTP payload type of telephone events in `_OFFER_TAIL`."""
_OFFER_TAIL = "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=sendrecv\r\n"


@dataclass(frozen=True, kw_only=True)
class Talk:
    """A call of the phone: what its further requests must say. `to` gets its tag with the answer."""

    number: str
    call_id: str
    branch: str
    from_: str
    to: str
    media: Address = ("", 0)

    @property
    def our_tag(self) -> str:
        return self.from_.rpartition("tag=")[2]

    @property
    def their_tag(self) -> str:
        return self.to.rpartition("tag=")[2]


class _Socket(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.transport: asyncio.DatagramTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)

    @property
    def address(self) -> Address:
        host, port = self.transport.get_extra_info("sockname")[:2]
        return host, port


class RawPhone(_Socket):
    """One SIP and one RTP socket. Answers BYE with 200; everything else is the test's."""

    def __init__(self, target: Address) -> None:
        super().__init__()
        self.target = target
        self.rtp = _Socket()
        self.seen: list[SipText] = []
        self._changed = asyncio.Event()
        self._cseq = itertools.count(1)
        self._sequence = itertools.count(1000)

    def datagram_received(self, data: bytes, addr: Address) -> None:
        message = parse(data)
        self.seen.append(message)
        self._changed.set()
        if message.method == "BYE":
            self.transport.sendto(render(response(message, 200)), addr)

    async def got(self, code: int | None, method: str, *, call_id: str) -> SipText:
        """Wait for a response to `method`, or (code None) for a request."""
        async with asyncio.timeout(_WAIT_S):
            while True:
                for message in self.seen:
                    names_it = message.method == method if code is None else message.get("CSeq").endswith(method)
                    if message.code == code and names_it and message.get("Call-ID") == call_id:
                        return message
                self._changed.clear()
                await self._changed.wait()

    async def got_all(self, count: int) -> list[SipText]:
        """Wait until so many messages came, and return them."""
        async with asyncio.timeout(_WAIT_S):
            while len(self.seen) < count:
                self._changed.clear()
                await self._changed.wait()
        return self.seen

    def finals(self, call_id: str) -> list[int]:
        """Return the final codes of an INVITE seen so far."""
        codes = [message.code for message in self.seen if message.get("Call-ID") == call_id]
        return [code for code in codes if code is not None and code >= 200]

    def send(self, method: str, talk: Talk, *, body: str = "", branch: str = "", cseq: int | None = None) -> None:
        """Send a request of a call, whatever the call looks like."""
        host, port = self.address
        headers = [
            ("Via", f"SIP/2.0/UDP {host}:{port};branch={branch or 'z9hG4bK' + secrets.token_hex(8)};rport"),
            ("Max-Forwards", "70"),
            ("From", talk.from_),
            ("To", talk.to),
            ("Call-ID", talk.call_id),
            ("CSeq", f"{next(self._cseq) if cseq is None else cseq} {method}"),
            ("Contact", f"<sip:phone@{host}:{port}>"),
        ]
        if body:
            headers.append(("Content-Type", "application/sdp"))
        start = f"{method} sip:{talk.number}@{self.target[0]}:{self.target[1]} SIP/2.0"
        self.transport.sendto(render(SipText(start=start, headers=tuple(headers), body=body)), self.target)

    def offer(self) -> str:
        """Return SDP that names the phone's own RTP socket."""
        host, port = self.rtp.address
        return sdp(host, port, formats=f"8 {_EVENTS}") + _OFFER_TAIL

    def invite(self, number: str, *, from_: str) -> Talk:
        """Send an INVITE and return the call it begins."""
        host, _ = self.address
        talk = Talk(
            number=number,
            call_id=f"raw-{secrets.token_hex(8)}",
            branch=f"z9hG4bK{secrets.token_hex(8)}",
            from_=f"<sip:{from_}@{host}>;tag={secrets.token_hex(4)}",
            to=f"<sip:{number}@{self.target[0]}>",
        )
        self._cseq = itertools.count(2)
        self.send("INVITE", talk, body=self.offer(), branch=talk.branch, cseq=1)
        return talk

    async def answered(self, talk: Talk) -> Talk:
        """Wait for the answer, acknowledge it and return the call as it is now."""
        answer = await self.got(200, "INVITE", call_id=talk.call_id)
        found = re.search(r"c=IN IP4 (\S+)[\s\S]*m=audio (\d+) ", answer.body)
        assert found, answer.body
        talk = Talk(
            number=talk.number,
            call_id=talk.call_id,
            branch=talk.branch,
            from_=talk.from_,
            to=answer.get("To"),
            media=(found[1], int(found[2])),
        )
        self.send("ACK", talk, cseq=1)
        return talk

    def press(self, talk: Talk, digit: int) -> None:
        """Send one digit as RFC 4733 has it: six packets, the last three with the end bit."""
        for packet in range(6):
            is_end = packet >= 3
            duration = min(packet + 1, 4) * 160
            payload = struct.pack("!BBH", digit, (0x80 if is_end else 0) | 10, duration)
            self.speak(talk, payload, kind=_EVENTS, marker=packet == 0, timestamp=16_000)

    def speak(self, talk: Talk, payload: bytes, *, kind: int = 8, marker: bool = False, timestamp: int = 0) -> None:
        """Send one RTP packet."""
        header = rtp_header(kind, next(self._sequence), timestamp, ssrc=0x5241_5721, marker=marker)
        self.rtp.transport.sendto(header + payload, talk.media)


def rtp_header(kind: int, sequence: int, timestamp: int, *, ssrc: int, marker: bool = False) -> bytes:
    """Write the fixed header of RFC 3550."""
    return struct.pack("!BBHII", 0x80, (0x80 if marker else 0) | kind, sequence & 0xFFFF, timestamp, ssrc)


@contextlib.asynccontextmanager
async def a_raw_phone(world: World, *, host: str = "127.0.0.1", trusted: bool = True) -> AsyncIterator[RawPhone]:
    """Open a phone's sockets; a trusted one is a trunk of its own."""
    server, port = world.sip.rsplit(":", 1)
    loop = asyncio.get_running_loop()
    phone = RawPhone((server, int(port)))
    await loop.create_datagram_endpoint(lambda: phone, local_addr=(host, 0))
    await loop.create_datagram_endpoint(lambda: phone.rtp, local_addr=(host, 0))
    if trusted:
        own, at = phone.address
        await world.client.post("/trunks", {"name": "Raw phone", "sources": [f"{own}:{at}"]})
    try:
        yield phone
    finally:
        phone.transport.close()
        phone.rtp.transport.close()
