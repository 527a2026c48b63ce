"""Faults of our own end one call alone; a stop ends what the grace time did not."""

import asyncio

from msgspec.structs import replace
from tests.integration.live_world import ACCOUNT, LiveWorld

from ringback import _engine as en
from ringback.call.events import FlowNeededAnswer, TryAnswered
from ringback.call.states import State
from ringback.model.account import CallingHours
from ringback.model.journal import EntryKind
from ringback.model.status import Status
from ringback.testing.fake_engine import FakeEngine


class FaultyEngine(FakeEngine):
    """Breaks when it is to play to the leg that was dialed first."""

    def play(self, leg: int, files: list[str], **settings: object) -> int:
        if leg == 1:
            raise RuntimeError("a bug of ours")
        return super().play(leg, files, **settings)


async def test_fault_ends_that_call_alone(live: LiveWorld) -> None:
    await live.stop()
    engine = FaultyEngine(en.EngineConfig(listen="127.0.0.1:5060"), network=live.network, clock=live.clock)
    await live.start(engine=engine)
    broken, sound = await live.place(), await live.place()
    invites = [await live.invite(1), await live.invite(2)]
    for invite in invites:
        live.carrier.answer(invite.leg)

    record = await live.ended(broken)
    await live.until(lambda: live.state_of(sound) == "talking" and engine.stats()["ops"])

    assert (record.verdict.status, record.verdict.reason) == (Status.ANSWER, "internal_error")
    assert EntryKind.CRASH_RULE in await live.kinds(broken)
    assert live.exchange.parts.counters.faults == 1
    live.exchange.parts.counters.faults = 0  # it was wanted
    for invite in live.invites:
        live.carrier.hangup(invite.leg)
    assert (await live.ended(sound)).verdict.reason == "callee_hung_up"


async def test_machine_that_cannot_step_leaves_the_decision_to_the_journal(live: LiveWorld) -> None:
    call_id = await live.place()
    invite = await live.invite()
    task = live.exchange.parts.calls[call_id]
    task.state = replace(task.state, state=State.RINGING)  # no outbound call ever rings: nothing can be stepped

    live.carrier.reject(invite.leg, 486)
    record = await live.ended(call_id)

    assert (record.verdict.status, record.verdict.reason) == (Status.FAILED, "internal_error")
    live.exchange.parts.counters.faults = 0
    await live.until(lambda: not live.exchange.parts.legs)


async def test_unexpected_event_is_journalled_and_changes_nothing(live: LiveWorld) -> None:
    call_id = await live.place()
    invite = await live.invite()
    task = live.exchange.parts.calls[call_id]

    task.deliver(FlowNeededAnswer(at=live.clock.now(), node="x"))
    task.deliver(TryAnswered(at=live.clock.now(), leg=9, try_=1, code=200))
    live.carrier.reject(invite.leg, 486)

    assert await live.status(call_id) is Status.BUSY
    refused = [entry.data["event"] for entry in await live.entries(call_id) if entry.kind is EntryKind.MACHINE_REFUSED]
    assert len(refused) == 2
    assert live.exchange.parts.counters.machine_refused == 2
    live.exchange.parts.counters.machine_refused = 0


async def test_call_that_another_process_went_on_with_is_not_dialed(live: LiveWorld) -> None:
    """Two processes on one database must not both place a call: the second is refused before its INVITE."""
    await live.change_account(channels=1)
    await live.place()
    first = await live.invite()
    waiting = await live.place()
    await live.until(lambda: live.state_of(waiting) == "queued")
    await live.written()
    task = live.exchange.parts.calls[waiting]
    task.state = replace(task.state, next_seq=2)  # as if the other process had written entry 2 a moment ago

    live.carrier.reject(first.leg, 486)
    await live.until(lambda: live.state_of(waiting) == "ending")
    live.clock.advance(2)  # wind_down: nothing was dialed, so nothing ends

    assert (await live.ended(waiting)).verdict.reason == "internal_error"
    assert len(live.invites) == 1
    live.exchange.parts.counters.faults = 0


async def test_engine_event_that_cannot_be_handled_does_not_stop_the_others(live: LiveWorld) -> None:
    call_id = await live.place()
    invite = await live.invite()

    live.engine.emit(object())
    live.carrier.reject(invite.leg, 486)

    assert await live.status(call_id) is Status.BUSY
    assert live.exchange.parts.counters.pump_faults == 1
    live.exchange.parts.counters.pump_faults = 0


async def test_stop_lets_calls_end_and_refuses_new_ones(live: LiveWorld) -> None:
    call_id = await live.place()
    invite = await live.invite()
    await live.answers(invite)
    await live.until(lambda: live.state_of(call_id) == "talking")

    stopping = asyncio.create_task(live.exchange.stop(20))
    await live.until(lambda: live.exchange.is_stopping)
    refused = await live.call_in()
    assert (await live.hears(en.Ended, leg=refused)).code == 503
    assert not stopping.done()
    live.carrier.hangup(invite.leg)
    record = await live.ended(call_id)
    await stopping

    assert (record.verdict.status, record.verdict.reason) == (Status.ANSWER, "callee_hung_up")


async def test_stop_ends_by_the_crash_rule_what_the_grace_time_did_not(live: LiveWorld) -> None:
    talking, ringing = await live.place(), await live.place()
    invites = [await live.invite(1), await live.invite(2)]
    await live.answers(invites[0])
    await live.until(lambda: live.state_of(talking) == "talking")

    await live.exchange.stop(0)

    assert (await live.record(talking)).verdict.status is Status.ANSWER
    assert (await live.record(ringing)).verdict.status is Status.FAILED
    assert {(await live.record(call_id)).verdict.reason for call_id in (talking, ringing)} == {"shutdown"}
    assert [(await live.hears(en.Ended, leg=invite.leg)).cause for invite in invites] == ["bye", "cancelled"]


async def test_stop_leaves_scheduled_and_queued_calls_for_the_next_start(live: LiveWorld) -> None:
    await live.change_account(channels=1)
    await live.place()
    await live.invite()
    waiting = await live.place()
    await live.until(lambda: live.state_of(waiting) == "queued")
    scheduled = await live.place(not_before=live.in_(60))

    await live.stop()
    rows = [await live.database.repositories.calls.get(ACCOUNT, call_id) for call_id in (waiting, scheduled)]
    await live.start()

    assert [row.state for row in rows] == ["queued", "scheduled"]
    live.carrier.reject((await live.invite(2)).leg, 486)
    assert await live.status(waiting) is Status.BUSY
    await live.exchange.calls.hangup(ACCOUNT, scheduled)


async def test_fault_in_the_checks_ends_that_call_alone(live: LiveWorld) -> None:
    hours = CallingHours(time_zone="No/Where", weekdays=frozenset(range(7)), start_minute=0, end_minute=1440)
    await live.change_account(calling_hours=hours)
    broken = await live.ended(await live.place())
    await live.change_account(calling_hours=None)
    sound = await live.place()
    live.carrier.reject((await live.invite()).leg, 486)

    assert (broken.verdict.status, broken.verdict.reason) == (Status.FAILED, "internal_error")
    assert await live.status(sound) is Status.BUSY
    assert live.exchange.parts.counters.faults == 1
    live.exchange.parts.counters.faults = 0


async def test_second_wish_to_stop_ends_the_grace_time(live: LiveWorld) -> None:
    call_id = await live.place()
    await live.answers(await live.invite())
    await live.until(lambda: live.state_of(call_id) == "talking")
    hurry = asyncio.Event()

    stopping = asyncio.create_task(live.exchange.stop(3600, hurry=hurry))
    await live.until(lambda: live.exchange.is_stopping)
    assert live.state_of(call_id) == "talking"
    hurry.set()
    await stopping

    assert (await live.record(call_id)).verdict.reason == "shutdown"
