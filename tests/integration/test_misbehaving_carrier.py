"""A carrier that breaks the protocol: each call still gets the status that the product promises, and leaves nothing."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from tests.integration.running import WAIT_S, ended, figures, reported, settled

from ringback.cli.demo.settings_file import BRIDGE, IVR_LINE
from ringback.cli.demo.world import World
from ringback.simulator.opcodes import Misbehavior

pytestmark = [
    pytest.mark.calls,
    pytest.mark.slow,
    pytest.mark.timeout(60),
    pytest.mark.asyncio(loop_scope="session"),
]

OUTBOUND = {
    Misbehavior.SILENT: ("FAILED", "no_response"),
    Misbehavior.LATE_200: ("NOANSWER", "ring_timeout"),
    Misbehavior.DEAF_TO_BYE: ("ANSWER", "flow_ended"),
    Misbehavior.FORKED_200: ("ANSWER", "flow_ended"),
    Misbehavior.CHANNEL_LIMIT: ("MAXUSE", "carrier_limit"),
    Misbehavior.NO_COMMON_CODEC: ("FAILED", "no_common_codec"),
    Misbehavior.TRYING_ONLY: ("NOANSWER", "ring_timeout"),
    Misbehavior.STORM: ("BUSY", "busy"),
    Misbehavior.WRONG_TAG: ("BUSY", "busy"),
    Misbehavior.SDP_GARBAGE: ("FAILED", "no_common_codec"),
    Misbehavior.RINGING_STORM: ("BUSY", "busy"),
    Misbehavior.OTHER_ADDRESS: ("BUSY", "busy"),
    Misbehavior.WRONG_CSEQ: ("BUSY", "busy"),
    Misbehavior.HUGE_HEADERS: ("BUSY", "busy"),
}
"""Status and reason by what the callee's carrier does."""

PARTY = {
    Misbehavior.SILENT: "FAILED_CHANNEL",
    Misbehavior.LATE_200: "NOANSWER_CHANNEL",
    Misbehavior.DEAF_TO_BYE: "ANSWER",
    Misbehavior.FORKED_200: "ANSWER",
    Misbehavior.CHANNEL_LIMIT: "FAILED_CHANNEL",
    Misbehavior.NO_COMMON_CODEC: "FAILED_CHANNEL",
    Misbehavior.TRYING_ONLY: "NOANSWER_CHANNEL",
    Misbehavior.STORM: "BUSY_CHANNEL",
    Misbehavior.WRONG_TAG: "BUSY_CHANNEL",
    Misbehavior.SDP_GARBAGE: "FAILED_CHANNEL",
    Misbehavior.RINGING_STORM: "BUSY_CHANNEL",
    Misbehavior.OTHER_ADDRESS: "BUSY_CHANNEL",
    Misbehavior.WRONG_CSEQ: "BUSY_CHANNEL",
    Misbehavior.HUGE_HEADERS: "BUSY_CHANNEL",
}
"""Status of a click-to-call by what one party's carrier does; the party's number is appended."""

TALKS_TWO_SECONDS = "+99910202"
TALKS_EIGHT_SECONDS = "+99910208"


def number_of(how: Misbehavior) -> str:
    return f"+9998{how.value}"


async def each(place: Callable[[Misbehavior], Awaitable[str]], world: World) -> dict[Misbehavior, dict[str, Any]]:
    """Place a call for each misbehavior at the same time, and return how each ended."""

    async def one(how: Misbehavior) -> dict[str, Any]:
        return await ended(world, await place(how))

    return dict(zip(Misbehavior, await asyncio.gather(*(one(how) for how in Misbehavior)), strict=True))


async def byes(world: World, call: dict[str, Any], tags: set[str]) -> int:
    """Wait until each of these To tags got a BYE in a call; return how many BYEs came in all."""
    (call_id,) = {leg["sip_call_id"] for leg in call["legs"]}
    async with asyncio.timeout(WAIT_S):
        while True:
            found = [
                report["to"] for report in world.reports if (report["event"], report.get("call_id")) == ("bye", call_id)
            ]
            if {to.rpartition("tag=")[2] for to in found} == tags:
                return len(found)
            await asyncio.sleep(0.02)  # looks again; nothing is judged by this time


async def test_outbound_calls_to_a_broken_carrier(running: World) -> None:
    before = await settled(running)

    in_progress = await running.outbound(to=TALKS_TWO_SECONDS, bridge=BRIDGE, target=running.flows["ivr"])
    calls = await each(
        lambda how: running.outbound(to=number_of(how), bridge=BRIDGE, target=running.flows["ivr"]), running
    )

    assert (await ended(running, in_progress))["status"] == "ANSWER"
    assert {how: (call["status"], call["reason"]) for how, call in calls.items()} == OUTBOUND
    assert await byes(running, calls[Misbehavior.LATE_200], {"late"}) == 1
    late = calls[Misbehavior.LATE_200]
    events = (await running.client.get(f"/calls/{late['id']}/events"))["events"]
    assert "late_answer" in [event["kind"] for event in events]
    assert await byes(running, calls[Misbehavior.FORKED_200], {"fork1", "fork2"}) == 2
    assert await byes(running, calls[Misbehavior.NO_COMMON_CODEC], {"codec"}) == 1
    assert await byes(running, calls[Misbehavior.SDP_GARBAGE], {"garbage"}) == 1
    after = await settled(running)
    assert after["engine:forked_answers"] == before["engine:forked_answers"] + 1
    assert after["engine:dropped_stray_responses"] > before["engine:dropped_stray_responses"]  # STORM and WRONG_TAG


@pytest.mark.parametrize("party", [1, 2])
async def test_click_to_calls_with_a_broken_carrier(running: World, party: int) -> None:
    async def place(how: Misbehavior) -> str:
        if party == 1:
            return await running.click_to_call(from_=number_of(how), to=TALKS_TWO_SECONDS, bridge=BRIDGE)
        return await running.click_to_call(from_=TALKS_EIGHT_SECONDS, to=number_of(how), bridge=BRIDGE)

    calls = await each(place, running)

    expected = {how: f"{status}{party}" if status.endswith("_CHANNEL") else status for how, status in PARTY.items()}
    assert {how: call["status"] for how, call in calls.items()} == expected
    await settled(running)


async def test_withdrawn_call_stays_withdrawn_when_the_answer_comes_late(running: World) -> None:
    call_id = await running.outbound(to=number_of(Misbehavior.LATE_200), bridge=BRIDGE, target=running.flows["ivr"])
    await running.wait_event(call_id, "progress")

    await running.hangup(call_id)

    call = await ended(running, call_id)
    assert (call["status"], call["hangup_by"]) == ("CANCEL", "api")
    assert await byes(running, call, {"late"}) == 1
    await settled(running)
    assert (await running.call(call_id))["status"] == "CANCEL"


async def test_carrier_that_is_deaf_to_bye_gets_it_again_and_delays_nobody(running: World) -> None:
    call_id = await running.outbound(to=number_of(Misbehavior.DEAF_TO_BYE), bridge=BRIDGE, target=running.flows["ivr"])
    await running.wait_event(call_id, "leg_answered")

    await running.hangup(call_id)

    call = await ended(running, call_id)  # the dialog is still open: BYE is repeated for 64 times T1
    assert (call["status"], call["hangup_by"]) == ("ANSWER", "api")
    assert (await figures(running))["engine:dialogs"] == 1
    await settled(running)
    assert await byes(running, call, {"deaf"}) >= 4


async def test_caller_that_never_acknowledges_our_answer(running: World) -> None:
    number = "+4930702000001"

    await running.simulator.tell({"do": "call_without_ack", "to": IVR_LINE, "from_": number})

    async with asyncio.timeout(WAIT_S):
        delivery = await running.receiver.wait_incoming(from_=number, to=IVR_LINE)
    call = await ended(running, delivery.call_id)
    assert (call["status"], call["reason"]) == ("INCOMING_DISCONNECTED", "no_ack")
    neglected = await reported(running, event="neglected")
    assert neglected["code"] == 200
    await settled(running)
