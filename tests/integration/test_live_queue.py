"""Capacity, the queue, the schedule and retries, with a clock that stands still."""

import pytest
from tests.integration.live_world import BRIDGE, CALLEE, SECOND, LiveWorld

from ringback.live.capacity import Pool
from ringback.model.ids import NumberId
from ringback.model.journal import EntryKind
from ringback.model.number import Number
from ringback.model.status import Status


async def _busy_line(live: LiveWorld) -> tuple[str, int]:
    """Occupy the account's only channel; return the call and the carrier's leg."""
    await live.change_account(channels=1)
    call_id = await live.place()
    invite = await live.invite()
    await live.answers(invite)
    return call_id, invite.leg


async def test_without_a_channel_and_without_queueing_it_is_maxuse(live: LiveWorld) -> None:
    _, leg = await _busy_line(live)

    refused = await live.place(queues=False)

    assert await live.status(refused) is Status.MAXUSE
    live.carrier.hangup(leg)


async def test_waiting_calls_leave_first_come_first_served(live: LiveWorld) -> None:
    first, leg = await _busy_line(live)
    waiting = [await live.place() for _ in range(3)]
    await live.until(lambda: [live.state_of(call_id) for call_id in waiting] == ["queued"] * 3)

    served = []
    live.carrier.hangup(leg)
    for number in range(2, 5):
        invite = await live.invite(number)
        served.append(invite.call_id)
        live.carrier.reject(invite.leg, 486)

    for call_id in (first, *waiting):
        await live.ended(call_id)
    entries = [entry for call_id in waiting for entry in await live.entries(call_id)]
    dialed = {entry.data["call_id"]: entry.call_id for entry in entries if entry.kind is EntryKind.DIALING}
    assert [dialed[sip_call_id] for sip_call_id in served] == waiting


async def test_nobody_overtakes_those_who_wait(live: LiveWorld) -> None:
    _, leg = await _busy_line(live)
    waiting = await live.place()
    await live.change_account(channels=2)  # frees a channel: the one who waits gets it, not the next to come
    late = await live.place()

    invite = await live.invite(2)
    assert [live.state_of(waiting), live.state_of(late)] == ["dialing", "queued"]

    live.carrier.reject(invite.leg, 486)
    live.carrier.reject((await live.invite(3)).leg, 486)
    live.carrier.hangup(leg)
    assert await live.status(late) is Status.BUSY


async def test_queue_time_is_up(live: LiveWorld) -> None:
    _, leg = await _busy_line(live)
    waiting = await live.place(queue_ms=2_000)
    await live.until(lambda: live.state_of(waiting) == "queued")

    live.clock.advance(2)
    record = await live.ended(waiting)

    assert (record.verdict.status, record.verdict.reason) == (Status.QUEUE_TIMEOUT, "waited")
    assert len(live.invites) == 1
    live.carrier.hangup(leg)


async def test_full_queue_is_maxuse(live: LiveWorld) -> None:
    from ringback.model.account import CallDefaults

    _, leg = await _busy_line(live)
    await live.change_account(defaults=CallDefaults(queue_length=1))
    waiting = await live.place()

    refused = await live.ended(await live.place())

    assert (refused.verdict.status, refused.verdict.reason) == (Status.MAXUSE, "queue_full")
    await live.exchange.calls.hangup("AC1", waiting)
    live.carrier.hangup(leg)
    assert await live.status(waiting) is Status.CANCEL


async def test_checks_run_again_on_leaving_the_queue(live: LiveWorld) -> None:
    _, leg = await _busy_line(live)
    waiting = await live.place()
    await live.until(lambda: live.state_of(waiting) == "queued")
    await live.change_number(voice_out=False)

    live.carrier.hangup(leg)

    assert await live.status(waiting) is Status.OUTGOING_RESTRICTED


async def test_busy_number_lets_calls_over_another_number_pass(live: LiveWorld) -> None:
    other = "+4930112"
    stored = live.database.repositories.numbers
    await stored.save(Number(id=NumberId("n2"), account="AC1", number=other))
    await live.change_number(channels=1)
    await live.place()
    leg = (await live.invite()).leg
    waiting = await live.place()
    await live.until(lambda: live.state_of(waiting) == "queued")

    passing = await live.place(bridge=other, from_=other)
    invite = await live.invite(2)

    assert [live.state_of(waiting), live.state_of(passing)] == ["queued", "dialing"]
    live.carrier.reject(invite.leg, 486)
    live.carrier.reject(leg, 486)
    live.carrier.reject((await live.invite(3)).leg, 486)
    assert await live.status(waiting) is Status.BUSY


async def test_click_to_call_needs_two_channels_at_once(live: LiveWorld) -> None:
    await live.change_account(channels=1)

    call_id = await live.pair(queues=False)

    assert await live.status(call_id) is Status.MAXUSE
    assert live.exchange.parts.capacity.total(Pool.ACCOUNT) == 0


async def test_slot_of_a_trunk_is_taken_until_the_dialog_is_over(live: LiveWorld) -> None:
    await live.change_trunk(channels=1)
    first = await live.place()
    invite = await live.invite()
    live.carrier.ring(invite.leg)
    await live.exchange.calls.hangup("AC1", first)  # final as soon as the leg is gone: the far end answers the CANCEL

    second = await live.place()
    live.carrier.reject((await live.invite(2)).leg, 486)

    assert [await live.status(first), await live.status(second)] == [Status.CANCEL, Status.BUSY]
    assert live.exchange.parts.capacity.total(Pool.TRUNK) == 0


async def test_vanished_far_end_keeps_the_slot_beyond_the_final_record(live: LiveWorld) -> None:
    await live.change_trunk(channels=1)
    first = await live.place()
    invite = await live.invite()
    (leg,) = live.exchange.parts.legs
    live.engine.leg(leg).peer = None  # the CANCEL meets nobody
    live.engine.hangup = lambda *_, **__: None  # and stays unanswered
    await live.exchange.calls.hangup("AC1", first)
    live.clock.advance(2)  # wind_down
    await live.ended(first)

    refused = await live.place(queues=False)

    assert await live.status(refused) is Status.MAXUSE
    del live.engine.hangup
    live.engine.hangup(leg)
    await live.until(lambda: not live.exchange.parts.legs)
    await live.written()
    assert EntryKind.AFTER_FINAL in await live.kinds(first)
    live.carrier.hangup(invite.leg)


async def test_scheduled_call_waits_for_its_time(live: LiveWorld) -> None:
    call_id = await live.place(not_before=live.in_(3600))

    assert live.state_of(call_id) == "final"  # nobody has it in hand: it is a row
    live.clock.advance(3599)
    await live.until(lambda: len(live.exchange.parts.supervisor) == 0)
    assert live.invites == []

    live.clock.advance(1)
    live.carrier.reject((await live.invite()).leg, 486)

    assert await live.status(call_id) is Status.BUSY


async def test_scheduled_calls_start_in_the_order_of_their_times(live: LiveWorld) -> None:
    late = await live.place(CALLEE, not_before=live.in_(20))
    early = await live.place(SECOND, not_before=live.in_(10))

    live.clock.advance(10)
    first = await live.invite(1)
    await live.until(lambda: not live.engine.stats()["events_waiting"])  # its 100, or 10 s would be too long for it
    live.clock.advance(10)
    second = await live.invite(2)

    assert [SECOND in first.to_uri, CALLEE in second.to_uri] == [True, True]
    for invite in (first, second):
        live.carrier.reject(invite.leg, 486)
    assert [await live.status(early), await live.status(late)] == [Status.BUSY, Status.BUSY]


async def test_scheduled_call_can_be_withdrawn(live: LiveWorld) -> None:
    call_id = await live.place(not_before=live.in_(60))

    row = await live.exchange.calls.hangup("AC1", call_id)
    live.clock.advance(60)
    await live.until(lambda: len(live.exchange.parts.supervisor) == 0)

    assert row is not None
    assert row.record is not None
    assert row.record.verdict.status is Status.CANCEL
    assert live.invites == []


@pytest.mark.parametrize(("late_s", "status"), [(899, Status.BUSY), (901, Status.QUEUE_TIMEOUT)])
async def test_schedule_missed_by_more_than_a_quarter_of_an_hour(
    live: LiveWorld, late_s: float, status: Status
) -> None:
    call_id = await live.place(not_before=live.in_(60))
    await live.stop()
    live.clock.advance(60 + late_s)
    await live.start()

    if status is Status.BUSY:
        live.carrier.reject((await live.invite()).leg, 486)
    await live.until(lambda: live.exchange.parts.counters.ended)

    record = await live.record(call_id)
    assert record.verdict.status is status
    assert status is Status.BUSY or record.verdict.reason == "missed_schedule"


async def test_retry_is_a_call_of_its_own(live: LiveWorld) -> None:
    call_id = await live.place(retries_left=1, interval_s=60)
    live.carrier.reject((await live.invite(1)).leg, 486)
    first = await live.ended(call_id)

    live.clock.advance(60)
    live.carrier.reject((await live.invite(2)).leg, 486)
    await live.until(lambda: live.exchange.parts.counters.ended == {("outbound", "BUSY"): 2})

    attempts = await live.database.repositories.calls.attempts("AC1", call_id)
    assert first.retries_left == 1
    assert first.next_attempt_at == first.ended_at.replace(minute=first.ended_at.minute + 1)
    assert [(row.request.attempt, row.request.parent_id) for row in attempts] == [(1, None), (2, call_id)]


async def test_withdrawing_the_first_attempt_withdraws_the_one_that_waits(live: LiveWorld) -> None:
    call_id = await live.place(retries_left=3)
    live.carrier.reject((await live.invite()).leg, 486)
    await live.ended(call_id)

    row = await live.exchange.calls.hangup("AC1", call_id)
    live.clock.advance(3600)
    await live.until(lambda: len(live.exchange.parts.supervisor) == 0)

    attempts = await live.database.repositories.calls.attempts("AC1", call_id)
    assert row is not None
    assert [item.record.verdict.status for item in attempts] == [Status.BUSY, Status.CANCEL]
    assert len(live.invites) == 1


async def test_hundreds_at_once_all_get_their_status(live: LiveWorld) -> None:
    await live.change_account(channels=50)
    requests = [live.request() for _ in range(300)]

    await live.exchange.calls.place(requests)
    answered = 0

    def refuse_all() -> bool:
        nonlocal answered
        for invite in live.invites[answered:]:
            live.carrier.reject(invite.leg, 486)
            answered += 1
        assert live.exchange.parts.capacity.taken(Pool.ACCOUNT, "AC1") <= 50
        return not live.exchange.parts.calls

    await live.until(refuse_all)

    assert live.exchange.parts.counters.ended == {("outbound", "BUSY"): 300}
    assert await live.database.repositories.calls.open_count() == 0


async def test_bridge_is_the_caller_that_the_callee_sees(live: LiveWorld) -> None:
    call_id = await live.place()
    invite = await live.invite()
    live.carrier.reject(invite.leg, 486)
    await live.ended(call_id)

    assert invite.from_uri.startswith(f"sip:{BRIDGE}@")
