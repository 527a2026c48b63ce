"""A Kamailio that speaks UDP with telephones and TLS with us: two Record-Routes, one for each transport."""

import pytest
from tests.interop.exchange import Exchange, Kind, Listeners, play
from tests.interop.peers.authority import Authority
from tests.interop.peers.baresip import Baresip
from tests.interop.peers.kamailio import Kamailio, Plan
from tests.interop.peers.linphone import Linphone
from tests.interop.peers.phone import Phone
from tests.interop.peers.program import SIP_PORT, own_address
from tests.interop.sound import assert_heard

from ringback.cli.demo.settings_file import BRIDGE

pytestmark = [
    pytest.mark.calls,
    pytest.mark.interop,
    pytest.mark.timeout(60),
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.parametrize("kind", [Baresip, Linphone]),
]


async def behind(exchange: Exchange, kind: Kind, listeners: Listeners, authority: Authority) -> tuple[Phone, Kamailio]:
    """Start a telephone and the proxy, with a trunk that calls the proxy over TLS."""
    phone = await exchange.phone_behind(kind)
    inner_address = own_address()
    certificate = authority.certify(f"proxy-{inner_address}", inner_address)
    plan = Plan(inner=listeners.tls, outer=phone.gateway, two_sockets=True, tls=(certificate, authority))
    proxy = await exchange.kamailio(plan, inner_address=inner_address)
    await exchange.trunk(f"{inner_address}:{SIP_PORT + 1}", prefix=phone.user, transport="tls")
    return phone, proxy


async def test_call_in(exchange: Exchange, kind: Kind, listeners: Listeners, authority: Authority) -> None:
    phone, proxy = await behind(exchange, kind, listeners, authority)
    sound, said = await exchange.sound(250, 2)
    line = await exchange.line(play(sound), record=True)

    await phone.dial(exchange.uri(line, at=proxy.address))
    call = await exchange.incoming(from_=phone.user, to=line)

    assert (call["status"], call["hangup_by"]) == ("FLOW_ANSWER", "platform")
    await phone.is_free()
    recorded = ",".join(phone.answers("INVITE")[-1].text.all("Record-Route"))
    assert (recorded.count("r2=on"), recorded.count("transport=tls")) == (2, 1)
    assert len(proxy.notes("BYE from 127.0.0.1:")) == 1
    assert " tls " in proxy.notes("BYE from 127.0.0.1:")[0]
    assert_heard(phone.heard(), said, other=phone.said)
    assert_heard(exchange.recording(call).heard, phone.said, other=said)


async def test_call_out(exchange: Exchange, kind: Kind, listeners: Listeners, authority: Authority) -> None:
    phone, proxy = await behind(exchange, kind, listeners, authority)
    sound, said = await exchange.sound(251, 30)

    call_id = await exchange.world.outbound(to=phone.user, bridge=BRIDGE, target=sound, record=True)
    await phone.answer()
    await phone.hears(1.5)
    await phone.hang_up()
    call = await exchange.ended(call_id)

    assert (call["status"], call["hangup_by"]) == ("ANSWER", "callee")
    assert " tls " in proxy.notes("INVITE from 127.0.0.1:")[0]
    assert len(set(proxy.notes("loose ACK"))) == 1
    assert_heard(phone.heard(), said, other=phone.said)
    assert_heard(exchange.recording(call).heard, phone.said, other=said)
