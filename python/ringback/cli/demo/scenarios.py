"""The 28 scenarios of the demo: what is done so that each status happens by a real call.

Nothing here asks for a status: calls are placed over the public HTTP API or come in over SIP, and the far end is the
carrier simulator, which does what the dialed digits say. The expected status stands beside each only so that the demo
can say when it did not come.
"""

from collections.abc import Awaitable, Callable

from msgspec import Struct

from ringback.cli.demo.settings_file import (
    ANONYMOUS_LINE,
    BRIDGE,
    HOUR_LINE,
    INACTIVE_BRIDGE,
    INCOMING_ONLY_BRIDGE,
    IVR_LINE,
    MISS_CALL_LINE,
    SINGLE_CHANNEL_BRIDGE,
    SLOW_LINE,
)
from ringback.cli.demo.world import World
from ringback.model.status import Kind, Status

ANSWERS = "+99910301"  # rings 0.3 s, answers, hangs up after 1 s
ANSWERS_AND_STAYS = "+999102"
TALKS_SIX_SECONDS = "+99910106"
RINGS_FOREVER = "+9992"
BUSY = "+999048604"
DECLINES = "+999060303"
NOT_FOUND = "+9990404"
SERVER_ERROR = "+9990500"
UNAVAILABLE = "+999048005"
MOBILE = "+491701234567"


class Scenario(Struct, frozen=True):
    """One row of the demo. `play` does it and returns the id of the call to look at."""

    expected: Status
    kind: Kind
    what: str
    play: Callable[[World], Awaitable[str]]


def _out(to: str, *, bridge: str = BRIDGE, flow: str = "ivr", **fields: object) -> Callable[[World], Awaitable[str]]:
    async def play(world: World) -> str:
        return await world.outbound(to=to, bridge=bridge, target=world.flows.get(flow, flow), **fields)

    return play


def _pair(from_: str, to: str) -> Callable[[World], Awaitable[str]]:
    async def play(world: World) -> str:
        return await world.click_to_call(from_=from_, to=to, bridge=BRIDGE)

    return play


def _in(to: str, *, from_: str | None, **script: object) -> Callable[[World], Awaitable[str]]:
    async def play(world: World) -> str:
        return await world.incoming(to=to, from_=from_, **script)

    return play


async def _cancel(world: World) -> str:
    call_id = await world.outbound(to=RINGS_FOREVER, bridge=BRIDGE, target=world.flows["ivr"])
    await world.wait_event(call_id, "progress")
    await world.hangup(call_id)
    return call_id


def _while_busy(*, queue: bool) -> Callable[[World], Awaitable[str]]:
    async def play(world: World) -> str:
        await world.occupy_single_channel(TALKS_SIX_SECONDS)
        return await world.outbound(to=ANSWERS, bridge=SINGLE_CHANNEL_BRIDGE, target=world.flows["ivr"], queue=queue)

    return play


SCENARIOS: tuple[Scenario, ...] = (
    Scenario(Status.ANSWER, Kind.OUTBOUND, "callee answers, a flow speaks", _out(ANSWERS)),
    Scenario(Status.BUSY, Kind.OUTBOUND, "callee is on another call", _out(BUSY)),
    Scenario(Status.NOANSWER, Kind.OUTBOUND, "callee lets it ring; our ring time is up", _out(RINGS_FOREVER)),
    Scenario(Status.REJECTED, Kind.OUTBOUND, "callee declines", _out(DECLINES)),
    Scenario(Status.FAILED, Kind.OUTBOUND, "carrier does not know the number", _out(NOT_FOUND)),
    Scenario(
        Status.OBD_TIMEOUT, Kind.OUTBOUND, "rings longer than the request's timeout", _out(RINGS_FOREVER, timeout=5)
    ),
    Scenario(Status.CANCEL, Kind.OUTBOUND, "withdrawn over the API while it rings", _cancel),
    Scenario(Status.NOROUTE, Kind.OUTBOUND, "no route leads to the number", _out(MOBILE)),
    Scenario(Status.MAXUSE, Kind.OUTBOUND, "the bridge's only channel is taken, no queueing", _while_busy(queue=False)),
    Scenario(Status.QUEUE_TIMEOUT, Kind.OUTBOUND, "queued; no channel came free in time", _while_busy(queue=True)),
    Scenario(Status.FLOW_UNREACHABLE, Kind.OUTBOUND, "target flow does not exist", _out(ANSWERS, flow="flow_unknown")),
    Scenario(Status.FLOW_NOT_PUBLISHED, Kind.OUTBOUND, "target flow is a draft", _out(ANSWERS, flow="draft")),
    Scenario(Status.FLOW_PAUSED, Kind.OUTBOUND, "target flow is paused", _out(ANSWERS, flow="paused")),
    Scenario(Status.FLOW_UNASSIGNED, Kind.OUTBOUND, "target flow has no number", _out(ANSWERS, flow="unassigned")),
    Scenario(Status.BRIDGE_UNAVAILABLE, Kind.OUTBOUND, "the bridge is inactive", _out(ANSWERS, bridge=INACTIVE_BRIDGE)),
    Scenario(
        Status.OUTGOING_RESTRICTED,
        Kind.OUTBOUND,
        "the bridge may not call out",
        _out(ANSWERS, bridge=INCOMING_ONLY_BRIDGE),
    ),
    Scenario(Status.BUSY_CHANNEL1, Kind.CLICK_TO_CALL, "first party busy", _pair(BUSY, ANSWERS)),
    Scenario(Status.BUSY_CHANNEL2, Kind.CLICK_TO_CALL, "second party busy", _pair(ANSWERS_AND_STAYS, BUSY)),
    Scenario(Status.NOANSWER_CHANNEL1, Kind.CLICK_TO_CALL, "first party unavailable", _pair(UNAVAILABLE, ANSWERS)),
    Scenario(
        Status.NOANSWER_CHANNEL2,
        Kind.CLICK_TO_CALL,
        "second party unavailable",
        _pair(ANSWERS_AND_STAYS, UNAVAILABLE),
    ),
    Scenario(Status.FAILED_CHANNEL1, Kind.CLICK_TO_CALL, "first number unknown", _pair(NOT_FOUND, ANSWERS)),
    Scenario(
        Status.FAILED_CHANNEL2,
        Kind.CLICK_TO_CALL,
        "carrier fails on the second number",
        _pair(ANSWERS_AND_STAYS, SERVER_ERROR),
    ),
    Scenario(
        Status.FLOW_ANSWER,
        Kind.INCOMING,
        "caller lands on the flow and presses 1",
        _in(IVR_LINE, from_="+491711110001", digits="1", talk_ms=1500),
    ),
    Scenario(
        Status.FLOW_EXECUTED,
        Kind.INCOMING,
        "flow ends without answering",
        _in(HOUR_LINE, from_="+491711110002"),
    ),
    Scenario(
        Status.RING_TIMEOUT,
        Kind.INCOMING,
        "flow waits for a slow API until the ring time is up",
        _in(SLOW_LINE, from_="+491711110003"),
    ),
    Scenario(
        Status.MISS_CALL,
        Kind.INCOMING,
        "number takes missed calls",
        _in(MISS_CALL_LINE, from_="+491711110004"),
    ),
    Scenario(
        Status.NO_INCOMING_CLI,
        Kind.INCOMING,
        "caller withholds the number",
        _in(ANONYMOUS_LINE, from_=None),
    ),
    Scenario(
        Status.INCOMING_DISCONNECTED,
        Kind.INCOMING,
        "caller gives up while the flow waits",
        _in(SLOW_LINE, from_="+491711110005", cancel_after_ms=700),
    ),
)
