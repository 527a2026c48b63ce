"""Incoming calls through the whole running side."""

import pytest
from tests.integration.live_world import ACCOUNT, BRIDGE, CALLER, LiveWorld, flow

from ringback import _engine as en
from ringback.live.incoming import OPERATOR
from ringback.model.journal import EntryKind
from ringback.model.number import NumberStatus
from ringback.model.sound import BlockedNumber
from ringback.model.status import Status


async def _call(live: LiveWorld, to: str = BRIDGE, from_: str | None = CALLER) -> tuple[int, str]:
    leg = await live.call_in(to, from_)
    await live.until(lambda: live.exchange.parts.calls)
    return leg, live.only_call()


async def _refused(live: LiveWorld, to: str = BRIDGE, from_: str | None = CALLER) -> tuple[int, str, Status]:
    """Call in and return the SIP code, the reason and the status."""
    leg, call_id = await _call(live, to, from_)
    ended = await live.hears(en.Ended, leg=leg)
    record = await live.ended(call_id)
    return ended.code, record.verdict.reason, record.verdict.status


async def test_caller_lands_on_the_flow(live: LiveWorld) -> None:
    leg, call_id = await _call(live)
    await live.hears(en.Answered, leg=leg)
    await live.until(lambda: live.state_of(call_id) == "talking")

    live.carrier.hangup(leg)
    record = await live.ended(call_id)

    assert (record.verdict.status, record.from_, record.to) == (Status.FLOW_ANSWER, CALLER, BRIDGE)
    kinds = await live.kinds(call_id)
    order = [EntryKind.ACCEPTED, EntryKind.RINGING, EntryKind.ANSWERING, EntryKind.ANSWER_CONFIRMED, EntryKind.FINAL]
    assert [kind for kind in kinds if kind in order] == order


async def test_answer_is_committed_before_our_200_and_ringing_is_not_held_up(live: LiveWorld) -> None:
    held = HeldJournal(live.database.writer)
    await live.stop()
    await live.start(journal=held)
    held.hold()

    leg, call_id = await _call(live)
    await live.hears(en.Progress, leg=leg, code=180)
    await live.until(lambda: held.waiting)
    assert not [event for event in live.heard if type(event) is en.Answered]
    held.release()
    await live.hears(en.Answered, leg=leg)

    assert EntryKind.ANSWERING in await live.kinds(call_id)
    live.carrier.hangup(leg)
    assert await live.status(call_id) is Status.FLOW_ANSWER


async def test_cancel_while_the_answer_is_being_committed(live: LiveWorld) -> None:
    held = HeldJournal(live.database.writer)
    await live.stop()
    await live.start(journal=held)
    held.hold()
    leg, call_id = await _call(live)
    await live.until(lambda: held.waiting)

    live.carrier.hangup(leg)
    await live.until(lambda: not live.exchange.parts.legs)  # the engine has reported it; the call waits for its commit
    held.release()
    record = await live.ended(call_id)

    assert (record.verdict.status, record.verdict.reason) == (Status.INCOMING_DISCONNECTED, "caller_cancelled")


@pytest.mark.parametrize(
    ("to", "from_", "code", "status"),
    [
        ("+4930999", CALLER, 404, Status.NOROUTE),
        ("nobody", CALLER, 484, Status.NO_INCOMING_CLI),
        (BRIDGE, None, 433, Status.NO_INCOMING_CLI),
    ],
)
async def test_who_cannot_be_placed_is_refused(
    live: LiveWorld, to: str, from_: str | None, code: int, status: Status
) -> None:
    leg = await live.call_in(to, from_)
    ended = await live.hears(en.Ended, leg=leg)
    await live.until(lambda: live.exchange.parts.counters.ended == {("incoming", status): 1})

    assert ended.code == code


async def test_number_of_nobody_is_recorded_under_the_operator(live: LiveWorld) -> None:
    leg, call_id = await _call(live, "+4930999")
    await live.hears(en.Ended, leg=leg)
    await live.until(lambda: not live.exchange.parts.calls)

    row = await live.database.repositories.calls.get(OPERATOR.sid, call_id)

    assert row.record.verdict.status is Status.NOROUTE


async def test_accounts_own_trunk_leads_to_its_own_numbers_only(live: LiveWorld) -> None:
    await live.change_trunk(account="AC2")

    leg, call_id = await _call(live)

    assert (await live.hears(en.Ended, leg=leg)).code == 404
    await live.until(lambda: call_id not in live.exchange.parts.calls)
    assert live.exchange.parts.counters.ended == {("incoming", Status.NOROUTE): 1}


async def test_inactive_number(live: LiveWorld) -> None:
    await live.change_number(number_status=NumberStatus.INACTIVE)

    assert await _refused(live) == (480, "bridge_inactive", Status.BRIDGE_UNAVAILABLE)


async def test_blocked_caller(live: LiveWorld) -> None:
    blocked = BlockedNumber(account=ACCOUNT, number=CALLER, created_at=live.clock.now())
    await live.database.repositories.blocked.save(blocked)
    await live.exchange.directory.refresh()

    assert await _refused(live) == (603, "blocked", Status.INCOMING_DISCONNECTED)


async def test_number_without_a_flow(live: LiveWorld) -> None:
    await live.change_number(flow_id=None)

    assert await _refused(live) == (480, "flow_missing", Status.INCOMING_DISCONNECTED)


@pytest.mark.parametrize("full", ["account", "number", "trunk"])
async def test_full_lines_are_busy(live: LiveWorld, full: str) -> None:
    await {"account": live.change_account, "number": live.change_number, "trunk": live.change_trunk}[full](channels=1)
    first, first_id = await _call(live)
    await live.hears(en.Answered, leg=first)

    second = await live.call_in(from_="+491705555")
    ended = await live.hears(en.Ended, leg=second)
    await live.until(lambda: live.exchange.parts.counters.ended == {("incoming", Status.MAXUSE): 1})
    live.carrier.hangup(first)

    assert ended.code == 486
    assert await live.status(first_id) is Status.FLOW_ANSWER


async def test_miss_call_rings_and_never_answers(live: LiveWorld) -> None:
    await live.use_flow(flow(start={"type": "start", "miss_call_s": 5, "exits": {}}))
    leg, call_id = await _call(live)
    await live.hears(en.Progress, leg=leg, code=180)

    live.clock.advance(5)

    assert await live.status(call_id) is Status.MISS_CALL
    assert (await live.hears(en.Ended, leg=leg)).code == 480


async def test_flow_without_telephony_is_executed(live: LiveWorld) -> None:
    await live.use_flow(flow(note={"type": "log", "message": "called", "exits": {}}))

    code, _, status = await _refused(live)

    assert (code, status) == (480, Status.FLOW_EXECUTED)


async def test_answer_that_is_never_acknowledged(live: LiveWorld) -> None:
    leg = await live.call_in()
    live.carrier.lose_ack(leg)
    await live.until(lambda: live.exchange.parts.calls)

    record = await live.ended(live.only_call())

    assert (record.verdict.status, record.verdict.reason) == (Status.INCOMING_DISCONNECTED, "no_ack")


async def test_api_hangup_before_and_after_the_answer(live: LiveWorld) -> None:
    await live.use_flow(flow(start={"type": "start", "miss_call_s": 60, "exits": {}}))
    _, ringing = await _call(live)
    await live.exchange.calls.hangup(ACCOUNT, ringing)
    before = await live.ended(ringing)
    await live.change_number(flow_id="flow_menu")
    leg, talking = await _call(live)
    await live.until(lambda: live.state_of(talking) == "talking")
    await live.exchange.calls.hangup(ACCOUNT, talking)
    after = await live.ended(talking)

    assert (before.verdict.status, before.verdict.reason) == (Status.INCOMING_DISCONNECTED, "api_hangup")
    assert (after.verdict.status, after.verdict.hangup_by) == (Status.FLOW_ANSWER, "api")
    assert (await live.hears(en.Ended, leg=leg)).cause == "bye"


async def test_invites_get_503_while_nothing_can_be_written(live: LiveWorld) -> None:
    held = HeldJournal(live.database.writer)
    await live.stop()
    await live.start(journal=held)
    held.is_broken = True

    leg = await live.call_in()
    ended = await live.hears(en.Ended, leg=leg)

    assert ended.code == 503
    assert live.exchange.parts.counters.turned_away == {"store_unavailable": 1}
    assert not live.exchange.parts.calls
    await live.until(lambda: not live.exchange.parts.legs)


async def test_trunk_deleted_a_moment_ago_is_no_call(live: LiveWorld) -> None:
    live.engine.set_access([en.AccessRule(network="127.0.0.1", trunk=99)])

    leg = await live.call_in()

    assert (await live.hears(en.Ended, leg=leg)).code == 503
    assert live.exchange.parts.counters.turned_away == {"unknown_trunk": 1}


class HeldJournal:
    """The journal writer behind a gate: durable writes wait while it is closed."""

    def __init__(self, writer: object) -> None:
        import asyncio

        self._writer = writer
        self._open = asyncio.Event()
        self._open.set()
        self.waiting = 0
        self.is_broken = False

    def hold(self) -> None:
        self._open.clear()

    def release(self) -> None:
        self._open.set()

    def submit(self, write: object) -> None:
        self._writer.submit(write)

    async def durable(self, write: object) -> object:
        self.waiting += not self._open.is_set()
        await self._open.wait()
        return await self._writer.durable(write)

    def health(self) -> object:
        health = self._writer.health()
        if not self.is_broken:
            return health
        return type(health)(is_ready=False, problem="The disk is full.", waiting=0, committed=0, refused=0, groups=0)
