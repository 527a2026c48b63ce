"""Media that take another way than the signaling: through rtpengine, from a relay that changes, from behind a NAT."""

import pytest
from tests.integration.listening import RATE_HZ
from tests.interop.exchange import Exchange, Kind, play
from tests.interop.peers.baresip import Baresip
from tests.interop.peers.kamailio import Kamailio, Plan
from tests.interop.peers.linphone import Linphone
from tests.interop.peers.phone import Phone
from tests.interop.peers.program import own_address
from tests.interop.sound import assert_heard

from ringback.cli.demo.settings_file import BRIDGE

pytestmark = [
    pytest.mark.calls,
    pytest.mark.interop,
    pytest.mark.timeout(60),
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.parametrize("kind", [Baresip, Linphone]),
]


async def behind(exchange: Exchange, kind: Kind, *relays: str, lie: str = "") -> tuple[Phone, Kamailio]:
    """Start a telephone behind a proxy that changes what its SDP says."""
    phone = await exchange.phone_behind(kind)
    proxy = await exchange.kamailio(Plan(inner=exchange.world.sip, outer=phone.gateway, relays=relays, lie=lie))
    await exchange.trunk(proxy.gateway, prefix=phone.user)
    return phone, proxy


async def test_call_in_through_a_relay(exchange: Exchange, kind: Kind) -> None:
    relay = await exchange.rtpengine()
    phone, proxy = await behind(exchange, kind, relay.control)
    sound, said = await exchange.sound(210, 2)
    line = await exchange.line(play(sound), record=True)

    await phone.dial(exchange.uri(line, at=proxy.address))
    call = await exchange.incoming(from_=phone.user, to=line)

    assert (call["status"], call["hangup_by"]) == ("FLOW_ANSWER", "platform")
    await phone.is_free()
    assert f"c=IN IP4 {relay.address}" in phone.answers("INVITE")[-1].text.body
    assert_heard(phone.heard(), said, other=phone.said)
    assert_heard(exchange.recording(call).heard, phone.said, other=said)


async def test_call_out_through_a_relay(exchange: Exchange, kind: Kind) -> None:
    relay = await exchange.rtpengine()
    phone, _ = await behind(exchange, kind, relay.control)
    sound, said = await exchange.sound(211, 2)

    call_id = await exchange.world.outbound(to=phone.user, bridge=BRIDGE, target=sound, record=True)
    await phone.answer()
    call = await exchange.ended(call_id)

    assert (call["status"], call["hangup_by"]) == ("ANSWER", "platform")
    assert f"c=IN IP4 {relay.address}" in phone.got("INVITE")[0].text.body
    assert_heard(phone.heard(), said, other=phone.said)
    assert_heard(exchange.recording(call).heard, phone.said, other=said)


async def test_media_follow_to_another_relay_after_a_reinvite(exchange: Exchange, kind: Kind) -> None:
    first, second = await exchange.rtpengine(), await exchange.rtpengine()
    phone, proxy = await behind(exchange, kind, first.control, second.control)
    sound, said = await exchange.sound(212, 30)
    line = await exchange.line(play(sound), record=True)

    await phone.dial(exchange.uri(line, at=proxy.address))
    await phone.talks()
    await phone.hears(0.5)
    await phone.hold()
    await phone.resume()
    await phone.hears(1.5)
    await phone.hang_up()
    call = await exchange.incoming(from_=phone.user, to=line)

    assert (call["status"], call["hangup_by"]) == ("FLOW_ANSWER", "caller")
    answers = [message.text.body for message in phone.answers("INVITE") if message.text.code == 200]
    assert f"c=IN IP4 {first.address}" in answers[0]
    assert f"c=IN IP4 {second.address}" in answers[-1]
    if kind is Linphone:
        assert_heard(phone.heard()[-RATE_HZ:], said, seconds=0.9)
    assert_heard(exchange.recording(call).heard[-RATE_HZ:], phone.said, seconds=0.9)


async def test_media_from_elsewhere_than_sdp_says_are_found(exchange: Exchange, kind: Kind) -> None:
    """A telephone behind a NAT names its private address; nothing ever comes from there."""
    nowhere = own_address()
    phone, proxy = await behind(exchange, kind, lie=nowhere)
    sound, said = await exchange.sound(213, 3)
    line = await exchange.line(play(sound), record=True)

    await phone.dial(exchange.uri(line, at=proxy.address))
    call = await exchange.incoming(from_=phone.user, to=line)

    assert (call["status"], call["hangup_by"]) == ("FLOW_ANSWER", "platform")
    assert_heard(phone.heard(), said, other=phone.said, seconds=2)
    assert_heard(exchange.recording(call).heard, phone.said, other=said, seconds=2)
