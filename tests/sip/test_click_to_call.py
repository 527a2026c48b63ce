"""Click-to-call against two SIPp: what each party does, and which of the two the status names."""

import pytest
from tests.sip.harness import Carrier, ended

from ringback.cli.demo.settings_file import BRIDGE
from ringback.cli.demo.world import World

pytestmark = [pytest.mark.calls, pytest.mark.sipp, pytest.mark.asyncio(loop_scope="session")]

ANSWERS = "callee_answers_and_waits"
REFUSALS = [
    (486, "Busy Here", "BUSY"),
    (600, "Busy Everywhere", "BUSY"),
    (480, "Temporarily Unavailable", "NOANSWER"),
    (404, "Not Found", "FAILED"),
    (500, "Server Error", "FAILED"),
]


async def join(world: World, from_: str, to: str, **fields: object) -> str:
    return await world.click_to_call(from_=from_, to=to, bridge=BRIDGE, **fields)


@pytest.mark.parametrize(("code", "phrase", "status"), REFUSALS)
async def test_first_party_refuses(world: World, carrier: Carrier, code: int, phrase: str, status: str) -> None:
    first = await carrier.answers_with("callee_refuses", number="1", code=code, phrase=phrase, extra="X-None: 1")
    second = f"{carrier.prefix}1559"

    call = await ended(world, await join(world, first, second))

    assert call["status"] == f"{status}_CHANNEL1"
    assert len([leg for leg in call["legs"] if leg["sip_call_id"]]) == 1
    await carrier.satisfied()


@pytest.mark.parametrize(("code", "phrase", "status"), REFUSALS)
async def test_second_party_refuses(world: World, carrier: Carrier, code: int, phrase: str, status: str) -> None:
    first = await carrier.answers_with(ANSWERS, number="1")
    second = await carrier.answers_with("callee_refuses", number="2", code=code, phrase=phrase, extra="X-None: 1")

    call = await ended(world, await join(world, first, second))

    assert call["status"] == f"{status}_CHANNEL2"
    assert call["legs"][0]["answered_at"]
    await carrier.satisfied()


@pytest.mark.parametrize("party", [1, 2])
async def test_either_party_declines(world: World, carrier: Carrier, party: int) -> None:
    decline = ("callee_refuses", {"code": 603, "phrase": "Decline", "extra": "X-None: 1"})
    scenarios = [decline] if party == 1 else [(ANSWERS, {}), decline]
    numbers = [
        await carrier.answers_with(scenario, number=str(index), **keys)
        for index, (scenario, keys) in enumerate(scenarios, start=1)
    ]
    numbers.append(f"{carrier.prefix}1559")

    call = await ended(world, await join(world, numbers[0], numbers[1]))

    assert call["status"] == "REJECTED"
    await carrier.satisfied()


@pytest.mark.parametrize("party", [1, 2])
async def test_ring_time_is_up(world: World, carrier: Carrier, party: int) -> None:
    rings = "callee_rings_until_cancel"
    first = await carrier.answers_with(rings if party == 1 else ANSWERS, number="1")
    second = await carrier.answers_with(rings, number="2") if party == 2 else f"{carrier.prefix}1559"

    call = await ended(world, await join(world, first, second, timeout=5))

    assert call["status"] == f"NOANSWER_CHANNEL{party}"
    await carrier.satisfied()


async def test_both_answer_and_the_second_hangs_up(world: World, carrier: Carrier) -> None:
    first = await carrier.answers_with(ANSWERS, number="1")
    second = await carrier.answers_with("callee_answers_and_hangs_up", number="2")

    call = await ended(world, await join(world, first, second))

    assert (call["status"], call["hangup_by"]) == ("ANSWER", "callee")
    await carrier.satisfied()


async def test_first_party_leaves_while_the_second_rings(world: World, carrier: Carrier) -> None:
    first = await carrier.answers_with("callee_answers_and_hangs_up", number="1")
    second = await carrier.answers_with("callee_rings_until_cancel", number="2")

    call = await ended(world, await join(world, first, second))

    assert (call["status"], call["hangup_by"]) == ("CANCEL", "caller")
    await carrier.satisfied()


async def test_withdrawn_over_the_api_while_the_second_rings(world: World, carrier: Carrier) -> None:
    first = await carrier.answers_with(ANSWERS, number="1")
    second = await carrier.answers_with("callee_rings_until_cancel", number="2")
    call_id = await join(world, first, second)
    await world.wait_event(call_id, "leg_answered")

    await world.hangup(call_id)

    assert (await ended(world, call_id))["status"] == "CANCEL"


async def test_no_route_for_the_first_party(world: World, carrier: Carrier) -> None:
    second = await carrier.answers_with(ANSWERS, number="1")

    call = await ended(world, await join(world, "+491701234567", second))

    assert (call["status"], call["reason"]) == ("FAILED_CHANNEL1", "no_route")


async def test_no_route_for_the_second_party_sends_no_invite(world: World, carrier: Carrier) -> None:
    first = await carrier.answers_with(ANSWERS, number="1")

    call = await ended(world, await join(world, first, "+491701234567"))

    assert call["status"] == "NOROUTE"
    assert not [leg for leg in call["legs"] if leg["sip_call_id"]]
