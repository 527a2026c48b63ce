"""Calls with telephones over UDP, in and out: what each side heard, the messages, and the final status."""

import pytest
from tests.integration.running import way
from tests.interop.exchange import BYE, Exchange, Kind, play
from tests.interop.peers.baresip import Baresip
from tests.interop.peers.linphone import Linphone
from tests.interop.sound import assert_heard

from ringback.cli.demo.settings_file import BRIDGE, SLOW_LINE

pytestmark = [
    pytest.mark.calls,
    pytest.mark.interop,
    pytest.mark.timeout(60),
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.parametrize("kind", [Baresip, Linphone]),
]


async def test_caller_hears_the_flow_and_the_flow_hears_the_caller(exchange: Exchange, kind: Kind) -> None:
    phone = await exchange.phone(kind)
    sound, said = await exchange.sound(100, 3)
    line = await exchange.line(play(sound), record=True)

    await phone.dial(exchange.uri(line))
    call = await exchange.incoming(from_=phone.user, to=line)

    assert (call["status"], call["hangup_by"]) == ("FLOW_ANSWER", "platform")
    await phone.is_free()
    assert phone.codes("INVITE") == [180, 200]
    assert phone.codes("BYE") == [200]
    assert_heard(phone.heard(), said, other=phone.said, seconds=2.5)
    assert_heard(exchange.recording(call).heard, phone.said, other=said, seconds=2.5)


async def test_caller_hangs_up_while_the_flow_speaks(exchange: Exchange, kind: Kind) -> None:
    phone = await exchange.phone(kind, trunk={"codecs": ["PCMU"]})
    sound, said = await exchange.sound(101, 30)
    line = await exchange.line(play(sound))

    await phone.dial(exchange.uri(line))
    await phone.hears(1.5)
    await phone.hang_up()
    call = await exchange.incoming(from_=phone.user, to=line)

    assert (call["status"], call["hangup_by"]) == ("FLOW_ANSWER", "caller")
    assert_heard(phone.heard(), said)


@pytest.mark.parametrize(("digits", "exit_"), [("1379", "1379"), ("*0", "*0"), ("468", "invalid")])
async def test_digits_of_the_caller_branch_the_flow(exchange: Exchange, kind: Kind, digits: str, exit_: str) -> None:
    phone = await exchange.phone(kind)
    exits = {"1379": "number", "*0": "star", "invalid": "other", "no_input": "other"}
    settings = {"max_digits": 4, "first_timeout_s": 10, "terminator": "#"}
    nodes = {"first": {"type": "gather", **settings, "exits": exits}, "number": BYE, "star": BYE, "other": BYE}
    line = await exchange.line(nodes)

    await phone.dial(exchange.uri(line))
    await phone.talks()
    await phone.press(digits if len(digits) == 4 else digits + "#")
    call = await exchange.incoming(from_=phone.user, to=line)

    assert call["status"] == "FLOW_ANSWER"
    assert way(call) == [("start", "next"), ("first", exit_), (exits[exit_], "hangup")]


async def test_caller_gives_up_before_the_answer(exchange: Exchange, kind: Kind) -> None:
    phone = await exchange.phone(kind)

    await phone.dial(exchange.uri(SLOW_LINE))
    await phone.hears_ringing()
    await phone.hang_up()
    call = await exchange.incoming(from_=phone.user, to=SLOW_LINE)

    assert (call["status"], call["reason"]) == ("INCOMING_DISCONNECTED", "caller_cancelled")
    await phone.is_free()
    assert len(phone.sent("CANCEL")) == 1
    await phone.program.said("SIP/2.0 487 ")


async def test_callee_answers_hears_the_sound_and_is_hung_up_on(exchange: Exchange, kind: Kind) -> None:
    phone = await exchange.phone(kind)
    sound, said = await exchange.sound(102, 3)

    call_id = await exchange.world.outbound(to=phone.user, bridge=BRIDGE, target=sound, record=True)
    await phone.answer()
    call = await exchange.ended(call_id)

    assert (call["status"], call["hangup_by"]) == ("ANSWER", "platform")
    await phone.is_free()
    assert phone.codes("INVITE") == [180, 200]
    assert_heard(phone.heard(), said, other=phone.said, seconds=2.5)
    assert_heard(exchange.recording(call).heard, phone.said, other=said, seconds=2.5)


async def test_callee_hangs_up(exchange: Exchange, kind: Kind) -> None:
    phone = await exchange.phone(kind, trunk={"codecs": ["PCMU"]})
    sound, said = await exchange.sound(103, 30)

    call_id = await exchange.world.outbound(to=phone.user, bridge=BRIDGE, target=sound)
    await phone.answer()
    await phone.hears(1.5)
    await phone.hang_up()
    call = await exchange.ended(call_id)

    assert (call["status"], call["hangup_by"]) == ("ANSWER", "callee")
    assert_heard(phone.heard(), said)


async def test_callee_refuses(exchange: Exchange, kind: Kind) -> None:
    phone = await exchange.phone(kind)

    call_id = await exchange.world.outbound(to=phone.user, bridge=BRIDGE, target=exchange.world.flows["ivr"])
    await phone.rings()
    await phone.hang_up()
    call = await exchange.ended(call_id)

    assert (call["sip_code"], call["status"]) == kind.refusal


async def test_callee_does_not_answer(exchange: Exchange, kind: Kind) -> None:
    phone = await exchange.phone(kind)

    call_id = await exchange.world.outbound(to=phone.user, bridge=BRIDGE, target=exchange.world.flows["ivr"])
    call = await exchange.ended(call_id)

    assert (call["status"], call["reason"]) == ("NOANSWER", "ring_timeout")
    assert len(phone.got("CANCEL")) == 1
    assert phone.codes("INVITE")[-1] == 487


async def test_call_is_withdrawn_while_it_rings(exchange: Exchange, kind: Kind) -> None:
    phone = await exchange.phone(kind)

    call_id = await exchange.world.outbound(to=phone.user, bridge=BRIDGE, target=exchange.world.flows["ivr"])
    await phone.rings()
    await exchange.world.hangup(call_id)
    call = await exchange.ended(call_id)

    assert call["status"] == "CANCEL"
    await phone.is_free()
    assert len(phone.got("CANCEL")) == 1
    assert phone.codes("INVITE")[-1] == 487
