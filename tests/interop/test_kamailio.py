"""Two Kamailios in front of us, both in the route set, the inner one twice: calls in and out, and all that follows."""

from dataclasses import dataclass

import pytest
from tests.integration.listening import RATE_HZ
from tests.interop.exchange import Exchange, Kind, play
from tests.interop.peers.baresip import Baresip
from tests.interop.peers.kamailio import Kamailio, Plan
from tests.interop.peers.linphone import Linphone
from tests.interop.peers.phone import Phone
from tests.interop.peers.program import SIP_PORT, own_address
from tests.interop.sound import assert_heard

from ringback.cli.demo.settings_file import BRIDGE, SLOW_LINE

pytestmark = [
    pytest.mark.calls,
    pytest.mark.interop,
    pytest.mark.timeout(60),
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.parametrize("kind", [Baresip, Linphone]),
]


@dataclass(frozen=True)
class Chain:
    """A telephone behind `edge`, which stands before `core`, which stands before us."""

    phone: Phone
    edge: Kamailio
    core: Kamailio

    def followed(self, method: str) -> list[int]:
        """Return how many such requests each proxy forwarded along the route set, copies not counted."""
        return [len(set(proxy.notes(f"loose {method} "))) for proxy in (self.edge, self.core)]


async def chain(exchange: Exchange, kind: Kind) -> Chain:
    """Start the three, with a trunk to the inner proxy."""
    phone = await exchange.phone_behind(kind)
    edge_address = own_address()
    core = await exchange.kamailio(
        Plan(inner=exchange.world.sip, outer=f"{edge_address}:{SIP_PORT}", inside=("127.0.0.1",), two_sockets=True)
    )
    edge = await exchange.kamailio(Plan(inner=f"{core.address}:{SIP_PORT}", outer=phone.gateway), address=edge_address)
    await exchange.trunk(core.gateway, prefix=phone.user)
    return Chain(phone, edge, core)


async def test_call_in_and_our_bye_follow_the_route_set(exchange: Exchange, kind: Kind) -> None:
    way = await chain(exchange, kind)
    sound, said = await exchange.sound(200, 2)
    line = await exchange.line(play(sound), record=True)

    await way.phone.dial(exchange.uri(line, at=way.edge.address))
    call = await exchange.incoming(from_=way.phone.user, to=line)

    assert (call["status"], call["hangup_by"]) == ("FLOW_ANSWER", "platform")
    await way.phone.is_free()
    recorded = ",".join(way.phone.answers("INVITE")[-1].text.all("Record-Route"))
    assert recorded.count("<sip:") == 3
    assert recorded.count("r2=on") == 2
    assert way.followed("ACK") == [1, 1]
    assert way.followed("BYE") == [1, 1]
    assert_heard(way.phone.heard(), said, other=way.phone.said)
    assert_heard(exchange.recording(call).heard, way.phone.said, other=said)


async def test_call_out_our_ack_and_their_bye_follow_the_route_set(exchange: Exchange, kind: Kind) -> None:
    way = await chain(exchange, kind)
    sound, said = await exchange.sound(201, 30)

    call_id = await exchange.world.outbound(to=way.phone.user, bridge=BRIDGE, target=sound, record=True)
    await way.phone.answer()
    await way.phone.hears(1.5)
    await way.phone.hang_up()
    call = await exchange.ended(call_id)

    assert (call["status"], call["hangup_by"]) == ("ANSWER", "callee")
    assert way.followed("ACK") == [1, 1]
    assert way.followed("BYE") == [1, 1]
    assert_heard(way.phone.heard(), said, other=way.phone.said)
    assert_heard(exchange.recording(call).heard, way.phone.said, other=said)


async def test_hold_and_resume_follow_the_route_set(exchange: Exchange, kind: Kind) -> None:
    way = await chain(exchange, kind)
    sound, said = await exchange.sound(202, 30)
    line = await exchange.line(play(sound))

    await way.phone.dial(exchange.uri(line, at=way.edge.address))
    await way.phone.talks()
    await way.phone.hears(0.5)
    await way.phone.hold()
    await way.phone.resume()
    await way.phone.hears(1.2)
    await way.phone.hang_up()
    call = await exchange.incoming(from_=way.phone.user, to=line)

    assert (call["status"], call["hangup_by"]) == ("FLOW_ANSWER", "caller")
    assert way.followed("INVITE") == [2, 2]
    assert way.followed("ACK") == [3, 3]
    if kind is Linphone:
        assert_heard(way.phone.heard()[-RATE_HZ:], said, seconds=0.9)


async def test_refusal_comes_through(exchange: Exchange, kind: Kind) -> None:
    way = await chain(exchange, kind)

    call_id = await exchange.world.outbound(to=way.phone.user, bridge=BRIDGE, target=exchange.world.flows["ivr"])
    await way.phone.rings()
    await way.phone.hang_up()
    call = await exchange.ended(call_id)

    assert (call["sip_code"], call["status"]) == kind.refusal


async def test_our_cancel_comes_through(exchange: Exchange, kind: Kind) -> None:
    way = await chain(exchange, kind)

    call_id = await exchange.world.outbound(to=way.phone.user, bridge=BRIDGE, target=exchange.world.flows["ivr"])
    await way.phone.rings()
    await exchange.world.hangup(call_id)
    call = await exchange.ended(call_id)

    assert call["status"] == "CANCEL"
    await way.phone.is_free()
    assert {message.cseq for message in way.phone.got("CANCEL")} == {"CANCEL"}  # a busy machine may repeat it
    assert way.phone.codes("INVITE")[-1] == 487


async def test_their_cancel_comes_through(exchange: Exchange, kind: Kind) -> None:
    way = await chain(exchange, kind)

    await way.phone.dial(exchange.uri(SLOW_LINE, at=way.edge.address))
    await way.phone.hears_ringing()
    await way.phone.hang_up()
    call = await exchange.incoming(from_=way.phone.user, to=SLOW_LINE)

    assert (call["status"], call["reason"]) == ("INCOMING_DISCONNECTED", "caller_cancelled")
    await way.phone.is_free()
    assert way.core.notes("CANCEL")
