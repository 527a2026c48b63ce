"""Signaling over TCP and TLS with baresip, which speaks UDP in the other tests."""

import pytest
from tests.interop.exchange import Exchange, Listeners, play
from tests.interop.peers.authority import Authority
from tests.interop.peers.baresip import Baresip
from tests.interop.peers.program import SIP_PORT, own_address
from tests.interop.sound import assert_heard

from ringback.cli.demo.settings_file import BRIDGE

pytestmark = [
    pytest.mark.calls,
    pytest.mark.interop,
    pytest.mark.timeout(60),
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.parametrize("transport", ["tcp", "tls"]),
]


async def phone_over(exchange: Exchange, transport: str, authority: Authority) -> Baresip:
    """Start a telephone with a certificate, and a trunk that calls it over this transport."""
    address = own_address()
    certificate = authority.certify(f"phone-{address}", address)
    phone = await exchange.phone_behind(
        Baresip,
        address=address,
        transport=transport,
        settings=f"sip_certificate {certificate.both}\nsip_cafile {authority.file}\n",
    )
    port = SIP_PORT + 1 if transport == "tls" else SIP_PORT
    await exchange.trunk(f"{address}:{port}", prefix=phone.user, transport=transport)
    return phone


async def test_call_in(exchange: Exchange, transport: str, listeners: Listeners, authority: Authority) -> None:
    phone = await phone_over(exchange, transport, authority)
    sound, said = await exchange.sound(240, 2)
    line = await exchange.line(play(sound), record=True)

    await phone.dial(exchange.uri(line, at=listeners.of(transport)))
    call = await exchange.incoming(from_=phone.user, to=line)

    assert (call["status"], call["hangup_by"]) == ("FLOW_ANSWER", "platform")
    await phone.is_free()
    assert {message.transport for message in phone.messages()} == {transport.upper()}
    assert phone.codes("BYE") == [200]
    assert_heard(phone.heard(), said, other=phone.said)
    assert_heard(exchange.recording(call).heard, phone.said, other=said)


async def test_call_out(exchange: Exchange, transport: str, listeners: Listeners, authority: Authority) -> None:
    phone = await phone_over(exchange, transport, authority)
    sound, said = await exchange.sound(241, 30)

    call_id = await exchange.world.outbound(to=phone.user, bridge=BRIDGE, target=sound, record=True)
    await phone.answer()
    await phone.hears(1.5)
    await phone.hang_up()
    call = await exchange.ended(call_id)

    assert (call["status"], call["hangup_by"]) == ("ANSWER", "callee")
    assert {message.transport for message in phone.messages()} == {transport.upper()}
    assert_heard(phone.heard(), said, other=phone.said)
    assert_heard(exchange.recording(call).heard, phone.said, other=said)


async def test_refusal(exchange: Exchange, transport: str, listeners: Listeners, authority: Authority) -> None:
    phone = await phone_over(exchange, transport, authority)

    call_id = await exchange.world.outbound(to=phone.user, bridge=BRIDGE, target=exchange.world.flows["ivr"])
    await phone.rings()
    await phone.hang_up()
    call = await exchange.ended(call_id)

    assert (call["sip_code"], call["status"]) == Baresip.refusal


async def test_hold_and_resume(exchange: Exchange, transport: str, listeners: Listeners, authority: Authority) -> None:
    phone = await phone_over(exchange, transport, authority)
    line = await exchange.line(play((await exchange.sound(242, 30))[0]))

    await phone.dial(exchange.uri(line, at=listeners.of(transport)))
    await phone.talks()
    await phone.hold()
    await phone.resume()
    await phone.hears(0.5)
    await phone.hang_up()
    call = await exchange.incoming(from_=phone.user, to=line)

    assert (call["status"], call["hangup_by"]) == ("FLOW_ANSWER", "caller")
    assert phone.codes("INVITE").count(200) == 3
