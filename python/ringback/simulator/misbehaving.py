"""A carrier that breaks the protocol: each way is one function, over raw UDP.

It also makes the calls that a proper stack would not: one whose answer is never acknowledged, for instance.
"""

import asyncio
import secrets
import socket
from collections.abc import Callable
from typing import cast

from msgspec.structs import replace

from ringback.simulator.odd_replies import ODD_REPLIES
from ringback.simulator.opcodes import Misbehave, Misbehavior, NotATestNumberError, behavior_of
from ringback.simulator.sip_text import SipText, parse, render, response, sdp

Address = tuple[str, int]
_STORM = 20


class MisbehavingCarrier(asyncio.DatagramProtocol):
    """Answers INVITEs to `+9998..` numbers wrongly, and places calls that it then neglects.

    State is one small dict for each Call-ID, bounded to the newest 10,000.
    """

    def __init__(self, report: Callable[[dict[str, object]], None]) -> None:
        self._report = report
        self._transport: asyncio.DatagramTransport | None = None
        self._calls: dict[str, Misbehavior] = {}
        self._invites: dict[str, SipText] = {}
        self._neglected: dict[str, str] = {}

    @property
    def address(self) -> Address:
        """Where it listens."""
        if self._transport is None:
            raise RuntimeError("the carrier is not listening yet")
        host, port = self._transport.get_extra_info("sockname")[:2]
        return host, port

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the socket."""
        self._transport = cast(asyncio.DatagramTransport, transport)  # asyncio's own class does not derive from it

    def close(self) -> None:
        """Stop listening."""
        if self._transport is not None:
            self._transport.close()

    def datagram_received(self, data: bytes, addr: Address) -> None:
        """Treat one message as its call's misbehavior says."""
        try:
            message = parse(data)
        except ValueError:
            return
        if message.code is not None:
            self._on_response(message, addr)
        elif message.method == "INVITE":
            self._on_invite(message, addr)
        else:
            self._on_other(message, addr)

    # --- calls to us -------------------------------------------------------------------------------------------

    def _on_invite(self, invite: SipText, addr: Address) -> None:
        call_id = invite.get("Call-ID")
        repeated = call_id in self._calls
        try:
            number = invite.start.split("sip:", 1)[1].split("@", 1)[0]
            behavior = behavior_of(number)
        except (NotATestNumberError, IndexError):
            self._send(response(invite, 404, to_tag="x"), addr)
            return
        if not isinstance(behavior, Misbehave):
            self._send(response(invite, 404, to_tag="x"), addr)
            return
        self._remember(call_id, behavior.how, invite)
        if not repeated:
            self._misbehave(behavior.how, invite, addr)

    def _misbehave(self, how: Misbehavior, invite: SipText, addr: Address) -> None:
        odd = ODD_REPLIES.get(how)
        replies = self._replies(how, invite) if odd is None else odd(invite, self._contact())
        if how is Misbehavior.OTHER_ADDRESS:
            self._send_from_elsewhere(replies, addr)
            return
        for reply in replies:
            self._send(reply, addr)

    def _replies(self, how: Misbehavior, invite: SipText) -> list[SipText]:
        """Return what is sent at once as reply to an INVITE."""
        stranger = replace(
            invite,
            headers=tuple((k, "<sip:no@invalid>;tag=not-yours" if k == "From" else v) for k, v in invite.headers),
        )
        replies: dict[Misbehavior, list[SipText]] = {
            Misbehavior.SILENT: [],
            Misbehavior.TRYING_ONLY: [response(invite, 100)],
            Misbehavior.LATE_200: [response(invite, 180, to_tag="late", contact=self._contact())],
            Misbehavior.DEAF_TO_BYE: [self._ok(invite, "deaf")],
            Misbehavior.FORKED_200: [self._ok(invite, "fork1"), self._ok(invite, "fork2")],
            Misbehavior.CHANNEL_LIMIT: [response(invite, 503, to_tag="limit", phrase="Channel limit exceeded")],
            Misbehavior.NO_COMMON_CODEC: [self._ok(invite, "codec", formats="18")],
            Misbehavior.STORM: [response(invite, 180, to_tag="storm")] * _STORM
            + [response(invite, 486, to_tag="storm")] * _STORM,
            Misbehavior.WRONG_TAG: [self._ok(stranger, "wrong"), response(invite, 486, to_tag="wrong")],
        }
        return replies[how]

    def _on_other(self, request: SipText, addr: Address) -> None:
        how = self._calls.get(request.get("Call-ID"))
        if request.method == "ACK" or how is Misbehavior.SILENT:
            return
        if request.method == "BYE":
            self._report({"event": "bye", "call_id": request.get("Call-ID"), "to": request.get("To")})
            if how is not Misbehavior.DEAF_TO_BYE:
                self._send(response(request, 200), addr)
            return
        self._send(response(request, 200, to_tag="x"), addr)
        invite = self._invites.get(request.get("Call-ID"))
        if request.method == "CANCEL" and invite is not None:
            late = how is Misbehavior.LATE_200
            self._send(self._ok(invite, "late") if late else response(invite, 487, to_tag="x"), addr)

    # --- calls from us -----------------------------------------------------------------------------------------

    def call_without_ack(self, target: Address, *, to: str, from_: str) -> str:
        """Call and never acknowledge the answer. Returns the Call-ID."""
        host, port = self.address
        call_id = f"neglect-{secrets.token_hex(8)}"
        headers = (
            ("Via", f"SIP/2.0/UDP {host}:{port};branch=z9hG4bK{secrets.token_hex(8)};rport"),
            ("Max-Forwards", "70"),
            ("From", f"<sip:{from_}@{host}>;tag={secrets.token_hex(4)}"),
            ("To", f"<sip:{to}@{target[0]}:{target[1]}>"),
            ("Call-ID", call_id),
            ("CSeq", "1 INVITE"),
            ("Contact", f"<{self._contact()}>"),
            ("Content-Type", "application/sdp"),
        )
        start = f"INVITE sip:{to}@{target[0]}:{target[1]} SIP/2.0"
        self._neglected[call_id] = "calling"
        self._send(SipText(start=start, headers=headers, body=sdp(host, 9)), target)
        return call_id

    def _on_response(self, message: SipText, _addr: Address) -> None:
        call_id = message.get("Call-ID")
        code = message.code or 0
        is_final = code >= 200  # noqa: PLR2004  (RFC 3261 section 7.2)
        if is_final and self._neglected.pop(call_id, None) is not None:
            self._report({"event": "neglected", "call_id": call_id, "code": code})

    # --- helpers -----------------------------------------------------------------------------------------------

    def _ok(self, invite: SipText, tag: str, *, formats: str = "8 0") -> SipText:
        host, _ = self.address
        return response(invite, 200, to_tag=tag, contact=self._contact(), body=sdp(host, 9, formats=formats))

    def _contact(self) -> str:
        host, port = self.address
        return f"sip:carrier@{host}:{port}"

    def _remember(self, call_id: str, how: Misbehavior, invite: SipText) -> None:
        self._calls[call_id] = how
        self._invites[call_id] = invite
        while len(self._calls) > 10_000:  # noqa: PLR2004  (the docstring's bound)
            oldest = next(iter(self._calls))
            del self._calls[oldest]
            self._invites.pop(oldest, None)

    def _send_from_elsewhere(self, messages: list[SipText], addr: Address) -> None:
        with socket.socket(type=socket.SOCK_DGRAM) as other:
            other.bind((self.address[0], 0))
            for message in messages:
                other.sendto(render(message), addr)

    def _send(self, message: SipText, addr: Address) -> None:
        if self._transport is not None:
            self._transport.sendto(render(message), addr)
