"""Whole calls under random happenings: callees, callers, the API, the clock and the configuration, all crossing.

The stored result is audited like any other installation's: invariants 1 to 6 of docs/statuses.md by `verify`, 9 by the
world itself when it closes.
"""

import asyncio
import random
from typing import Any

import pytest
from msgspec.structs import replace
from tests.integration.live_world import ACCOUNT, CALLEE, CALLER, SECOND, LiveWorld

from ringback.api.verification import verify
from ringback.model.call import FlowTarget
from ringback.model.flow import FlowState
from ringback.model.ids import CallId, RouteId, TrunkId
from ringback.model.number import NumberStatus
from ringback.model.status import Kind
from ringback.model.trunk import Route, Trunk
from ringback.store.calls import CallFilter

STEPS = 250
CODES = (404, 408, 480, 486, 487, 500, 503, 603)


class Chaos:
    """Throws the dice; `placed` are the calls it placed."""

    def __init__(self, live: LiveWorld, seed: int) -> None:
        self.live = live
        self.dice = random.Random(seed)
        self.placed: list[CallId] = []
        self.callers: list[int] = []
        self.requests: set[asyncio.Task[Any]] = set()

    async def step(self) -> None:
        acts = (
            *[self.place] * 4, *[self.call_in] * 2, *[self.callee_acts] * 8, *[self.caller_leaves],
            *[self.hang_up] * 2, *[self.time_passes] * 3, self.configuration_changes,
        )  # fmt: skip
        await self.dice.choice(acts)()
        for _ in range(self.dice.randrange(3)):
            self.live.clock.advance(0)
            self.live.listen()
            await asyncio.sleep(self.dice.choice((0, 0, 0.002)))

    async def place(self) -> None:
        dice, live = self.dice, self.live
        fields: dict[str, Any] = {
            "retries_left": dice.choice((0, 0, 2)),
            "interval_s": 5,
            "ring_ms": dice.choice((None, 10_000)),
            "queue_ms": 40_000,
            "queues": dice.random() < 0.6,
            "not_before": dice.choice((None, None, live.in_(dice.randrange(60)))),
        }
        if dice.random() < 0.4:
            request = live.request(SECOND, kind=Kind.CLICK_TO_CALL, from_=CALLEE, target=None, **fields)
        else:
            request = live.request(
                dice.choice((CALLEE, CALLEE, "+5511")), target=FlowTarget(flow_id="flow_menu"), **fields
            )
        await live.exchange.calls.place((request,))
        self.placed.append(request.id)

    async def call_in(self) -> None:
        self.callers.append(await self.live.call_in(from_=self.dice.choice((CALLER, CALLER, None))))

    async def callee_acts(self) -> None:
        carrier, live = self.live.carrier, self.live
        live.listen()
        legs = [invite.leg for invite in live.invites if carrier.leg(invite.leg) is not None]
        if not legs:
            return
        leg = self.dice.choice(legs)
        match self.dice.randrange(6):
            case 0:
                carrier.ring(leg)
            case 1:
                carrier.early_media(leg)
            case 2 | 3:
                carrier.answer(leg)
            case 4:
                carrier.reject(leg, self.dice.choice(CODES), reason=self.dice.choice((None, "Q.850;cause=17")))
            case _:
                carrier.hangup(leg)

    async def caller_leaves(self) -> None:
        legs = [leg for leg in self.callers if self.live.carrier.leg(leg) is not None]
        if legs:
            self.live.carrier.hangup(self.dice.choice(legs))

    async def hang_up(self) -> None:
        if not self.placed:
            return
        call_id = self.dice.choice(self.placed[-12:])
        task = asyncio.create_task(self.live.exchange.calls.hangup(ACCOUNT, call_id))
        self.requests.add(task)

    async def time_passes(self) -> None:
        self.live.clock.advance(self.dice.choice((0.1, 1, 3, 10, 30)))

    async def configuration_changes(self) -> None:
        dice, live = self.dice, self.live
        match dice.randrange(5):
            case 0:
                await live.change_number(number_status=NumberStatus.INACTIVE)
                await self.place()
                await live.change_number(number_status=NumberStatus.ACTIVE)
            case 1:
                await live.change_account(channels=dice.choice((1, 2, 3, 20)))
            case 2:
                await live.change_number(channels=dice.choice((None, None, 2)))
            case 3:
                await live.change_number(flow_id=dice.choice(("flow_menu", "flow_menu", None)))
            case _:
                flows = live.database.repositories.flows
                flow = await flows.get(ACCOUNT, "flow_menu")
                assert flow is not None
                state = dice.choice((FlowState.PUBLISHED, FlowState.PUBLISHED, FlowState.PAUSED))
                await flows.save(replace(flow, flow_state=state))
                await live.exchange.directory.refresh()

    async def calm_down(self) -> None:
        """Let everything come to its end: callees refuse, queues and rings time out, retries are made and refused."""
        live = self.live
        async with asyncio.timeout(25):
            while True:
                live.listen()
                for invite in live.invites:
                    if live.carrier.leg(invite.leg) is not None:
                        live.carrier.reject(invite.leg, 486)
                        live.carrier.hangup(invite.leg)
                for leg in self.callers:
                    live.carrier.hangup(leg)
                live.clock.advance(2)
                await asyncio.sleep(0.001)
                if not live.exchange.parts.legs and not live.exchange.parts.calls:
                    await live.written()
                    if await live.database.repositories.calls.open_count() == 0:
                        break
        for task in self.requests:
            await task


@pytest.mark.parametrize("seed", range(6))
async def test_whatever_happens_every_call_keeps_its_promises(live: LiveWorld, seed: int) -> None:
    stored = live.database.repositories
    await stored.trunks.save(
        Trunk(id=TrunkId("t2"), engine_id=2, name="Second", gateways=("127.0.0.1:5071", "127.0.0.1:5070"), channels=4)
    )
    await stored.routes.save(Route(id=RouteId("r2"), prefix="+491703", trunks=(TrunkId("t2"), TrunkId("t1"))))
    await live.change_account(webhook_url="https://example.com/hook")
    chaos = Chaos(live, seed)

    for _ in range(STEPS):
        await chaos.step()
    await chaos.calm_down()

    audited = await verify(stored)
    assert audited.violations == ()
    assert audited.open == 0
    accepted = sum(live.exchange.parts.counters.accepted.values())
    assert accepted == audited.final == len((await stored.calls.page(ACCOUNT, CallFilter(), limit=10_000)).calls)
    assert len(audited.by_status) > 5
