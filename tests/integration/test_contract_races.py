"""Moments in which two parts could take the same call in hand, or one that is over: there is never a second task."""

import asyncio
import contextlib
from typing import Any

from aiohttp import web
from tests.integration.live_world import ACCOUNT, LiveWorld, menu

from ringback._engine import EngineError
from ringback.api.verification import verify
from ringback.live.capacity import Pool
from ringback.model.call import FlowTarget
from ringback.model.journal import EntryKind
from ringback.model.status import Status
from ringback.store.writes import AcceptCalls


class SlowAnswers:
    """The journal writer, but whoever accepts calls hears of the commit only when `told` is set."""

    def __init__(self, writer: Any) -> None:
        self._writer = writer
        self.committed = asyncio.Event()
        self.told = asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._writer, name)

    async def durable(self, write: Any) -> Any:
        written = await self._writer.durable(write)
        if isinstance(write, AcceptCalls):
            self.committed.set()
            await self.told.wait()
        return written


async def _slow(live: LiveWorld) -> SlowAnswers:
    journal = SlowAnswers(live.database.writer)
    await live.stop()
    await live.start(journal=journal)
    live.clock.advance(0)
    await live.until(lambda: len(live.exchange.parts.supervisor) == 0)  # the schedule has looked, and found nothing
    return journal


async def test_call_withdrawn_twice_at_once_gets_one_task(live: LiveWorld) -> None:
    call_id = await live.place(not_before=live.in_(60))
    is_over, read, go_on = live.exchange.is_over, asyncio.Event(), asyncio.Event()

    async def slow_is_over(request: Any) -> bool:
        answer = await is_over(request)
        read.set()
        await go_on.wait()
        return answer

    live.exchange.is_over = slow_is_over  # the first request has read a row that is old when it goes on
    first = asyncio.create_task(live.exchange.calls.hangup(ACCOUNT, call_id))
    await read.wait()
    live.exchange.is_over = is_over
    second = await live.exchange.calls.hangup(ACCOUNT, call_id)
    go_on.set()

    assert (await first) == second
    assert second.record.verdict.status is Status.CANCEL
    assert (await live.kinds(call_id)).count(EntryKind.FINAL) == 1


async def test_schedule_does_not_begin_a_call_that_is_being_placed(live: LiveWorld) -> None:
    journal = await _slow(live)
    placing = asyncio.create_task(live.place())
    await journal.committed.wait()

    live.exchange.schedule.tell(live.clock.now())
    live.clock.advance(0)
    await live.until(lambda: len(live.exchange.parts.supervisor) == 0)
    assert live.exchange.parts.calls == {}
    journal.told.set()
    call_id = await placing
    live.carrier.reject((await live.invite()).leg, 486)

    assert await live.status(call_id) is Status.BUSY
    assert len(live.invites) == 1


async def test_call_withdrawn_while_it_is_being_placed_is_not_dialed(live: LiveWorld) -> None:
    journal = await _slow(live)
    request = live.request()
    placing = asyncio.create_task(live.exchange.calls.place((request,)))
    await journal.committed.wait()

    row = await live.exchange.calls.hangup(ACCOUNT, request.id)
    journal.told.set()
    await placing
    live.clock.advance(5)

    assert row.record.verdict.status is Status.CANCEL
    assert live.exchange.parts.calls == {}
    assert (await live.kinds(request.id)).count(EntryKind.FINAL) == 1
    assert live.exchange.parts.counters.accepted["outbound"] == 1


async def test_call_whose_placing_was_interrupted_is_found_by_the_schedule(live: LiveWorld) -> None:
    journal = await _slow(live)
    request = live.request()
    placing = asyncio.create_task(live.exchange.calls.place((request,)))
    await journal.committed.wait()
    placing.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await placing

    live.clock.advance(1)
    live.carrier.reject((await live.invite()).leg, 486)

    assert await live.status(request.id) is Status.BUSY


async def test_call_whose_remote_flow_comes_after_the_stop_goes_on_at_the_next_start(live: LiveWorld) -> None:
    asked, released = asyncio.Event(), asyncio.Event()

    async def handler(_: web.Request) -> web.Response:
        asked.set()
        await released.wait()
        return web.json_response(menu())

    app = web.Application()
    app.router.add_route("*", "/", handler)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
    try:
        call_id = await live.place(target=FlowTarget(url=url))
        await asked.wait()
        await live.exchange.stop(0)
        released.set()
        await live.until(lambda: len(live.exchange.parts.supervisor) == 0)
        assert live.invites == []
        row = await live.database.repositories.calls.get(ACCOUNT, call_id)
        assert (row.state, row.record) == ("scheduled", None)
        await live.stop()
        await live.start()
        live.carrier.reject((await live.invite()).leg, 486)
        assert await live.status(call_id) is Status.BUSY
    finally:
        await runner.cleanup()


async def test_legs_of_a_call_ended_by_its_journal_report_after_the_final_record(live: LiveWorld) -> None:
    """The engine refuses a command within the fault rule itself: what its legs still say changes and breaks nothing."""
    call_id = await live.place()
    invite = await live.invite()
    await live.answers(invite)
    await live.until(lambda: live.state_of(call_id) == "talking")
    hangup, task = live.engine.hangup, live.exchange.parts.calls[call_id]

    def broken(leg: int, *, q850: int | None = 16) -> None:
        raise EngineError("out of order")

    live.engine.hangup = broken
    with task.guarded():
        raise RuntimeError("a bug of ours")
    record = await live.ended(call_id)
    live.engine.hangup = hangup
    live.carrier.hangup(invite.leg)
    await live.until(lambda: not live.exchange.parts.legs)
    await live.written()

    assert (record.verdict.status, record.verdict.reason) == (Status.ANSWER, "internal_error")
    assert await live.record(call_id) == record
    kinds = await live.kinds(call_id)
    assert kinds.count(EntryKind.FINAL) == 1
    assert set(kinds[kinds.index(EntryKind.FINAL) + 1 :]) == {EntryKind.AFTER_FINAL}
    assert (await verify(live.database.repositories)).violations == ()
    assert live.exchange.parts.capacity.total(Pool.ACCOUNT) == 0
    assert live.exchange.parts.counters.faults == 1
    live.exchange.parts.counters.faults = 0  # the one that was wanted
