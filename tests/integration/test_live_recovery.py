"""After a crash: every call that had a leg or an INVITE is final and never dialed again; the others go on."""

import time

from tests.integration.live_world import ACCOUNT, LiveWorld, flow

from ringback import _engine as en
from ringback.live.capacity import Pool
from ringback.model.journal import EntryKind
from ringback.model.status import Status


async def _restart(live: LiveWorld) -> int:
    await live.crash()
    await live.database.close()
    await live.open_database()
    return await live.start()


async def test_call_that_was_ringing_failed_and_its_invite_is_withdrawn(live: LiveWorld) -> None:
    call_id = await live.place()
    invite = await live.invite()
    live.carrier.ring(invite.leg)

    recovered = await _restart(live)
    record = await live.record(call_id)

    assert recovered == 1
    assert (record.verdict.status, record.verdict.reason) == (Status.FAILED, "recovered_after_crash")
    assert (await live.hears(en.Ended, leg=invite.leg)).cause == "cancelled"
    assert len(live.invites) == 1


async def test_answered_call_was_answered_and_is_hung_up(live: LiveWorld) -> None:
    call_id = await live.place()
    invite = await live.invite()
    await live.answers(invite)
    await live.until(lambda: live.state_of(call_id) == "talking")
    await live.written()

    await _restart(live)
    record = await live.record(call_id)

    assert (record.verdict.status, record.verdict.reason) == (Status.ANSWER, "recovered_after_crash")
    assert (await live.hears(en.Ended, leg=invite.leg)).cause == "bye"


async def test_fact_that_was_journalled_decides(live: LiveWorld) -> None:
    call_id = await live.place()
    invite = await live.invite()
    live.carrier.ring(invite.leg)
    live.engine.hangup = lambda *_, **__: None  # the crash comes before the CANCEL leaves
    await live.exchange.calls.hangup(ACCOUNT, call_id)
    assert live.state_of(call_id) == "ending"

    await _restart(live)

    assert (await live.record(call_id)).verdict.status is Status.CANCEL
    assert (await live.hears(en.Ended, leg=invite.leg)).cause == "cancelled"


async def test_incoming_caller_who_was_answered_landed_on_the_flow(live: LiveWorld) -> None:
    leg = await live.call_in()
    await live.until(lambda: live.exchange.parts.calls)
    call_id = live.only_call()
    await live.until(lambda: live.state_of(call_id) == "talking")
    await live.written()

    await _restart(live)

    assert (await live.record(call_id)).verdict.status is Status.FLOW_ANSWER
    assert (await live.hears(en.Ended, leg=leg)).cause == "bye"


async def test_miss_call_stays_a_miss_call(live: LiveWorld) -> None:
    await live.use_flow(flow(start={"type": "start", "miss_call_s": 5, "exits": {}}))
    leg = await live.call_in()
    await live.until(lambda: live.exchange.parts.calls)
    call_id = live.only_call()
    await live.written()

    await _restart(live)

    assert (await live.record(call_id)).verdict.status is Status.MISS_CALL
    live.carrier.hangup(leg)


async def test_scheduled_and_queued_calls_go_on(live: LiveWorld) -> None:
    await live.change_account(channels=1)
    running = await live.place()
    await live.invite()
    waiting = [await live.place() for _ in range(2)]
    scheduled = await live.place(not_before=live.in_(600))
    await live.written()

    await _restart(live)
    assert [live.state_of(call_id) for call_id in waiting] == ["queued", "queued"]
    assert await live.status(running) is Status.FAILED
    for number in (2, 3):
        live.carrier.reject((await live.invite(number)).leg, 486)
    assert [await live.status(call_id) for call_id in waiting] == [Status.BUSY, Status.BUSY]
    live.clock.advance(600)
    live.carrier.reject((await live.invite(4)).leg, 486)

    assert await live.status(scheduled) is Status.BUSY
    dialed = [entry for entry in await live.entries(waiting[0]) if entry.kind is EntryKind.DIALING]
    assert len(dialed) == 1


async def test_queue_time_goes_on_counting_while_we_were_down(live: LiveWorld) -> None:
    await live.change_account(channels=1)
    await live.place()
    await live.invite()
    waiting = await live.place(queue_ms=60_000)
    await live.until(lambda: live.state_of(waiting) == "queued")
    await live.written()
    await live.change_account(channels=0)

    live.clock.advance(59)
    await _restart(live)
    assert live.state_of(waiting) == "queued"
    live.clock.advance(1)

    assert await live.status(waiting) is Status.QUEUE_TIMEOUT


async def test_accepted_call_that_nobody_had_taken_in_hand_is_dialed_once(live: LiveWorld) -> None:
    request = live.request()
    from ringback.live.call_parts.journal import accepted_entry
    from ringback.store.writes import AcceptCalls

    await live.database.writer.durable(AcceptCalls(requests=(request,), entries=(accepted_entry(request),)))

    await _restart(live)
    live.carrier.reject((await live.invite()).leg, 486)

    assert await live.status(request.id) is Status.BUSY
    assert len(live.invites) == 1


async def test_restart_of_a_restart_changes_nothing(live: LiveWorld) -> None:
    call_id = await live.place()
    await live.invite()
    await _restart(live)
    first = await live.record(call_id)

    recovered = await _restart(live)

    assert recovered == 0
    assert await live.record(call_id) == first


async def test_hundreds_of_open_calls_are_final_within_five_seconds(live: LiveWorld) -> None:
    await live.change_account(channels=1000)
    requests = [live.request() for _ in range(300)]
    await live.exchange.calls.place(requests)
    await live.until(lambda: len(live.invites) == 300)
    await live.written()
    await live.crash()
    await live.database.close()
    await live.open_database()

    began = time.monotonic()
    recovered = await live.start()
    took = time.monotonic() - began

    assert recovered == 300
    assert took < 5
    assert await live.database.repositories.calls.open_count() == 0
    assert len({invite.call_id for invite in live.invites}) == 300
    assert live.exchange.parts.capacity.total(Pool.ACCOUNT) == 0


async def test_call_end_is_announced_after_the_crash_as_the_last_event(live: LiveWorld) -> None:
    await live.change_account(webhook_url="https://example.com/hook")
    call_id = await live.place()
    await live.invite()
    await live.written()

    await _restart(live)

    deliveries = await live.database.repositories.outbox.list(ACCOUNT, call_id=call_id)
    told = sorted((item.event.sequence, item.event.event) for item in deliveries)
    assert [event for _, event in told] == ["call_start", "call_end"]
