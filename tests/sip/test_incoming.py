"""Incoming calls from SIPp: what the caller meets, and the status it leads to."""

import pytest
from tests.sip.harness import Carrier, ended

from ringback.cli.demo.settings_file import (
    ANONYMOUS_LINE,
    HOUR_LINE,
    INACTIVE_BRIDGE,
    IVR_LINE,
    MISS_CALL_LINE,
    PAUSED_LINE,
    SINGLE_CHANNEL_BRIDGE,
    SLOW_LINE,
)
from ringback.cli.demo.world import World

pytestmark = [pytest.mark.calls, pytest.mark.sipp, pytest.mark.asyncio(loop_scope="session")]

_callers = iter(range(10_000))


def caller() -> str:
    """A calling number that no other test uses: the webhook of the call is found by it."""
    return f"+4930555{next(_callers):05d}"


async def call_in(
    world: World, carrier: Carrier, scenario: str, *, to: str, number: str | None = None, **keys: object
) -> dict[str, object]:
    number = number or caller()
    await carrier.calls(scenario, to=to, caller=number, **keys)
    delivery = await world.receiver.wait_incoming(from_=number, to=to)
    call = await ended(world, delivery.call_id)
    await carrier.satisfied()
    return call


async def test_caller_lands_on_the_flow_and_hangs_up(world: World, carrier: Carrier) -> None:
    call = await call_in(world, carrier, "caller_talks_and_hangs_up", to=IVR_LINE)

    assert (call["status"], call["hangup_by"]) == ("FLOW_ANSWER", "caller")


async def test_flow_hangs_up(world: World, carrier: Carrier) -> None:
    call = await call_in(world, carrier, "caller_waits_for_bye", to=IVR_LINE)

    assert (call["status"], call["hangup_by"]) == ("FLOW_ANSWER", "platform")


async def test_caller_whose_offer_comes_late_lands_on_the_flow(world: World, carrier: Carrier) -> None:
    call = await call_in(world, carrier, "caller_offers_late", to=IVR_LINE)

    assert call["status"] == "FLOW_ANSWER"


async def test_answer_that_is_never_acknowledged(world: World, carrier: Carrier) -> None:
    call = await call_in(world, carrier, "caller_never_acknowledges", to=IVR_LINE)

    assert (call["status"], call["reason"]) == ("INCOMING_DISCONNECTED", "no_ack")


async def test_caller_gives_up_while_the_flow_runs(world: World, carrier: Carrier) -> None:
    call = await call_in(world, carrier, "caller_cancels", to=SLOW_LINE)

    assert (call["status"], call["reason"]) == ("INCOMING_DISCONNECTED", "caller_cancelled")


async def test_miss_call_rings_and_is_not_answered(world: World, carrier: Carrier) -> None:
    assert (await call_in(world, carrier, "caller_gets_480", to=MISS_CALL_LINE))["status"] == "MISS_CALL"


async def test_miss_call_given_up_early_is_a_miss_call(world: World, carrier: Carrier) -> None:
    assert (await call_in(world, carrier, "caller_cancels", to=MISS_CALL_LINE))["status"] == "MISS_CALL"


async def test_flow_without_telephony_widgets(world: World, carrier: Carrier) -> None:
    assert (await call_in(world, carrier, "caller_gets_480", to=HOUR_LINE))["status"] == "FLOW_EXECUTED"


async def test_ring_time_is_up_while_the_flow_runs(world: World, carrier: Carrier) -> None:
    assert (await call_in(world, carrier, "caller_gets_480", to=SLOW_LINE))["status"] == "RING_TIMEOUT"


async def test_paused_flow(world: World, carrier: Carrier) -> None:
    call = await call_in(world, carrier, "caller_gets_480", to=PAUSED_LINE)

    assert (call["status"], call["reason"]) == ("INCOMING_DISCONNECTED", "flow_paused")


async def test_number_without_flow(world: World, carrier: Carrier) -> None:
    call = await call_in(world, carrier, "caller_gets_480", to=SINGLE_CHANNEL_BRIDGE)

    assert (call["status"], call["reason"]) == ("INCOMING_DISCONNECTED", "flow_missing")


async def test_inactive_number(world: World, carrier: Carrier) -> None:
    assert (await call_in(world, carrier, "caller_gets_480", to=INACTIVE_BRIDGE))["status"] == "BRIDGE_UNAVAILABLE"


async def test_number_that_is_not_ours(world: World, carrier: Carrier) -> None:
    assert (await call_in(world, carrier, "caller_gets_404", to="+4930777777"))["status"] == "NOROUTE"


async def test_caller_without_number(world: World, carrier: Carrier) -> None:
    await carrier.calls("caller_without_number", to=ANONYMOUS_LINE)
    delivery = await world.receiver.wait_incoming(from_="", to=ANONYMOUS_LINE)

    assert (await ended(world, delivery.call_id))["status"] == "NO_INCOMING_CLI"
    await carrier.satisfied()


async def test_no_common_codec(world: World, carrier: Carrier) -> None:
    call = await call_in(world, carrier, "caller_offers_no_codec_of_ours", to=IVR_LINE)

    assert (call["status"], call["reason"]) == ("INCOMING_DISCONNECTED", "no_common_codec")


async def test_channels_of_the_number_are_taken(world: World, carrier: Carrier) -> None:
    to = await carrier.answers_with("callee_answers_and_waits")
    holder = await world.outbound(to=to, bridge=SINGLE_CHANNEL_BRIDGE, target=world.flows["ivr"])
    await world.wait_event(holder, "leg_answered")
    number = caller()
    refused = await carrier.calls("caller_gets_486", to=SINGLE_CHANNEL_BRIDGE, caller=number)
    delivery = await world.receiver.wait_incoming(from_=number, to=SINGLE_CHANNEL_BRIDGE)

    assert (await ended(world, delivery.call_id))["status"] == "MAXUSE"
    await refused.finished()
    await world.hangup(holder)
    assert (await ended(world, holder))["status"] == "ANSWER"
