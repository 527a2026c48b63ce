"""What a trunk's dialog policy asks of telephones: an offer that comes late, reliable ringing, a session timer."""

import pytest
from tests.interop.exchange import Exchange, Kind
from tests.interop.peers.baresip import Baresip
from tests.interop.peers.linphone import Linphone
from tests.interop.sound import assert_heard

from ringback.cli.demo.settings_file import BRIDGE

pytestmark = [
    pytest.mark.calls,
    pytest.mark.interop,
    pytest.mark.timeout(60),
    pytest.mark.asyncio(loop_scope="session"),
]


@pytest.mark.parametrize("kind", [Baresip, Linphone])
async def test_callee_offers_in_its_answer(exchange: Exchange, kind: Kind) -> None:
    phone = await exchange.phone(kind, trunk={"dialog": {"delayed_offer": True}})
    sound, said = await exchange.sound(230, 2)

    call_id = await exchange.world.outbound(to=phone.user, bridge=BRIDGE, target=sound, record=True)
    await phone.answer()
    call = await exchange.ended(call_id)

    assert call["status"] == "ANSWER"
    assert phone.got("INVITE")[0].text.body == ""
    assert "m=audio" in phone.got("ACK")[0].text.body
    assert_heard(phone.heard(), said, other=phone.said)
    assert_heard(exchange.recording(call).heard, phone.said, other=said)


async def test_callee_rings_reliably(exchange: Exchange) -> None:
    phone = await exchange.linphone(
        trunk={"dialog": {"reliable": "required"}},
        settings="[sip]\n100rel_support_level=1\n",
    )
    sound, said = await exchange.sound(231, 2)

    call_id = await exchange.world.outbound(to=phone.user, bridge=BRIDGE, target=sound)
    await phone.rings()
    await phone.program.said("^PRACK ")
    await phone.accept()
    call = await exchange.ended(call_id)

    assert call["status"] == "ANSWER"
    assert "100rel" in phone.got("INVITE")[0].text.get("Require")
    assert phone.codes("PRACK") == [200]
    assert_heard(phone.heard(), said, other=phone.said)


async def test_callee_that_cannot_ring_reliably(exchange: Exchange) -> None:
    phone = await exchange.baresip(trunk={"dialog": {"reliable": "required"}})

    call_id = await exchange.world.outbound(to=phone.user, bridge=BRIDGE, target=exchange.world.flows["ivr"])
    call = await exchange.ended(call_id)

    assert (call["status"], call["sip_code"]) == ("FAILED", 420)


async def test_session_timer_is_agreed_with_a_caller_who_has_one(exchange: Exchange) -> None:
    timer = "[sip]\nsession_expires_enabled=1\nsession_expires_value=120\nsession_expires_min_value=90\n"
    phone = await exchange.linphone(settings=timer)
    sound, said = await exchange.sound(232, 2)
    line = await exchange.line({"first": {"type": "play", "prompt": {"sound": sound}}})

    await phone.dial(exchange.uri(line))
    call = await exchange.incoming(from_=phone.user, to=line)

    assert call["status"] == "FLOW_ANSWER"
    assert phone.sent("INVITE")[0].text.get("Session-Expires").startswith("120")
    assert phone.answers("INVITE")[-1].text.get("Session-Expires").startswith("120;refresher=")
    assert_heard(phone.heard(), said)


@pytest.mark.parametrize("kind", [Baresip, Linphone])
async def test_session_timer_is_asked_of_a_callee(exchange: Exchange, kind: Kind) -> None:
    phone = await exchange.phone(kind, trunk={"dialog": {"session_expires_s": 90}})
    sound, said = await exchange.sound(233, 2)

    call_id = await exchange.world.outbound(to=phone.user, bridge=BRIDGE, target=sound)
    await phone.answer()
    call = await exchange.ended(call_id)

    assert call["status"] == "ANSWER"
    assert phone.got("INVITE")[0].text.get("Session-Expires").startswith("90")
    assert_heard(phone.heard(), said)
