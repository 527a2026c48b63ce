"""How long final statuses take, counted once a call, from the leg whose end was the call's."""

from tests.integration.live_world import BRIDGE, CALLER, LiveWorld

from ringback import _engine as en
from ringback.model.status import Status


async def test_answered_call_counts_from_its_bye(live: LiveWorld) -> None:
    leg = await live.call_in(BRIDGE, CALLER)
    await live.until(lambda: live.exchange.parts.calls)
    call_id = live.only_call()
    await live.hears(en.Answered, leg=leg)
    counters = live.exchange.parts.counters
    assert sum(counters.finals) == 0

    live.carrier.hangup(leg)

    assert await live.status(call_id) is Status.FLOW_ANSWER
    await live.until(lambda: sum(counters.finals))
    assert sum(counters.finals) == 1


async def test_refused_call_counts_from_the_end_of_its_leg(live: LiveWorld) -> None:
    await live.call_in("+4930999", CALLER)
    await live.until(lambda: sum(live.exchange.parts.counters.finals))

    assert sum(live.exchange.parts.counters.finals) == 1
