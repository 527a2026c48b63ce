"""Whatever happens in whatever order: every call accepted gets exactly one final status, and keeps every promise."""

import asyncio
import random
from collections.abc import Awaitable, Callable

import pytest
from tests.integration.live_world import ACCOUNT, BRIDGE, CALLEE, SECOND, LiveWorld, flow

from ringback.call.audit import audit_call
from ringback.model.call import FlowTarget, MessageTarget
from ringback.model.ids import CallId

STEPS = 120


class Walk:
    """Does things at random: both ends of every call, the API, the clock, the operator, and now and then a crash."""

    def __init__(self, world: LiveWorld, seed: int, *, crashes: bool) -> None:
        self.world = world
        self.dice = random.Random(seed)
        self.crashes = crashes
        self.placed: list[CallId] = []

    async def go(self) -> None:
        acts: list[Callable[[], Awaitable[None]]] = [
            *[self.place] * 3,
            self.place_pair,
            *[self.call_in] * 2,
            *[self.far_end_acts] * 12,
            self.withdraw,
            *[self.time_passes] * 3,
            self.lose_media,
            self.change_limits,
            *([self.crash] if self.crashes else []),
        ]
        for _ in range(STEPS):
            await self.dice.choice(acts)()
            for _ in range(self.dice.randrange(4)):
                self.world.clock.advance(0)
                self.world.listen()
                await asyncio.sleep(0)

    async def place(self) -> None:
        targets = [FlowTarget(flow_id="flow_mix"), FlowTarget(flow_id="gone"), MessageTarget(text="Hi.")]
        target = self.dice.choice(targets)
        self.placed.append(
            await self.world.place(
                self.dice.choice([CALLEE, SECOND, "+15550100"]),
                target=target,
                queues=self.dice.random() < 0.7,
                queue_ms=self.dice.choice([500, 60_000]),
                ring_ms=self.dice.choice([None, 7_000]),
                retries_left=self.dice.choice([0, 0, 2]),
                not_before=self.world.in_(self.dice.choice([5, 40])) if self.dice.random() < 0.3 else None,
            )
        )

    async def place_pair(self) -> None:
        self.placed.append(await self.world.pair(queues=self.dice.random() < 0.5))

    async def call_in(self) -> None:
        await self.world.call_in(
            self.dice.choice([BRIDGE, BRIDGE, BRIDGE, "+4930999"]), self.dice.choice(["+491704444", None])
        )

    async def far_end_acts(self) -> None:
        """Somebody at the carrier's does what people and switches do, to any of its legs."""
        legs = list(self.world.carrier._legs)
        if not legs:
            return
        leg, carrier = self.dice.choice(legs), self.world.carrier
        act = self.dice.randrange(9)
        if act <= 1:
            carrier.ring(leg)
        elif act <= 4:
            carrier.answer(leg)
        elif act == 5:
            carrier.early_media(leg)
        elif act == 6:
            carrier.send_dtmf(leg, self.dice.choice("12#"))
        elif act == 7:
            carrier.reject(leg, self.dice.choice([404, 480, 486, 500, 503, 603]))
        else:
            carrier.hangup(leg)

    async def withdraw(self) -> None:
        if self.placed:
            await self.world.exchange.calls.hangup(ACCOUNT, self.dice.choice(self.placed))

    async def time_passes(self) -> None:
        self.world.clock.advance(self.dice.choice([0.1, 1, 2, 10, 50]))

    async def lose_media(self) -> None:
        legs = [leg.id for leg in self.world.engine._legs.values() if leg.state == "answered"]
        if legs:
            self.world.engine.lose_media(self.dice.choice(legs))

    async def change_limits(self) -> None:
        await self.world.change_account(channels=self.dice.choice([1, 3, 100]), webhook_url="https://example.com/")
        await self.world.change_trunk(channels=self.dice.choice([None, 2]))

    async def crash(self) -> None:
        if self.dice.random() < 0.3:
            await self.world.crash()
            await self.world.start()

    async def finish(self) -> None:
        """Let the far end hang up everywhere and time pass until no call is left."""
        world = self.world
        await world.change_account(channels=100)
        async with asyncio.timeout(20):
            while await world.database.repositories.calls.open_count() or world.exchange.parts.legs:
                for leg in list(world.carrier._legs):
                    world.carrier.hangup(leg)
                world.clock.advance(1)
                world.listen()
                await asyncio.sleep(0.001)
        await world.written()


MIX = flow(
    hello={"type": "play", "prompt": {"text": "Hello."}, "barge_in": True, "exits": {"next": "key"}},
    key={
        "type": "gather",
        "prompt": {"text": "1 to be connected."},
        "max_digits": 1,
        "exits": {"1": "agent", "no_input": "bye", "invalid": "bye"},
    },
    agent={"type": "connect", "to": [CALLEE, SECOND], "exits": {"failed": "bye", "answered": "bye"}},
    bye={"type": "hangup"},
)


async def _check(world: LiveWorld, walk: Walk) -> None:
    statuses = []
    seen = set()
    async for call in world.database.repositories.audit.calls():
        assert call.record is not None, f"{call.request.id} has no status"
        assert call.channels == 0
        names = [event.event for event in call.events]
        assert audit_call(call.request, call.entries, call.record, names) == [], call.entries
        statuses.append(call.record.verdict.status)
        seen.add(call.request.id)
    assert set(walk.placed) <= seen
    if not walk.crashes:
        counted = world.exchange.parts.counters
        assert sum(counted.ended.values()) == len(statuses) == sum(counted.accepted.values())


@pytest.mark.parametrize("seed", range(6))
async def test_random_calls_keep_every_promise(live: LiveWorld, seed: int) -> None:
    await live.save_flow("flow_mix", MIX)
    await live.change_number(flow_id="flow_mix")
    await live.change_account(webhook_url="https://example.com/")
    walk = Walk(live, seed, crashes=False)

    await walk.go()
    await walk.finish()

    await _check(live, walk)


@pytest.mark.parametrize("seed", range(100, 106))
async def test_random_calls_keep_every_promise_through_crashes(live: LiveWorld, seed: int) -> None:
    await live.save_flow("flow_mix", MIX)
    await live.change_number(flow_id="flow_mix")
    await live.change_account(webhook_url="https://example.com/")
    walk = Walk(live, seed, crashes=True)

    await walk.go()
    await walk.finish()

    await _check(live, walk)
