"""Looking for calls: pages, filters, what is due, what must be recovered, what is audited; and whose they are."""

from datetime import timedelta

import pytest
from tests.integration.store_world import (
    NOW,
    OURS,
    THEIRS,
    a_record,
    a_request,
    accept,
    an_account,
    an_entry,
    events,
    finish,
)

from ringback.model.journal import EntryKind
from ringback.model.status import Kind, Status
from ringback.store.calls import CallFilter, StatusCount
from ringback.store.database import Database
from ringback.store.outbox import DueEvent
from ringback.store.writes import QUEUED, Append, DeliveryOutcome, StopEndpoint


async def test_foreign_account_sees_nothing_of_a_call(database: Database) -> None:
    call = a_request()
    told = events("call_end", call, an_account(webhook_url="https://example.com/x"), record=a_record(call))
    await database.writer.durable(accept(call))
    await database.writer.durable(finish(call, announcements=told))
    calls, outbox = database.repositories.calls, database.repositories.outbox

    assert await calls.get(THEIRS, call.id) is None
    assert await calls.entries(THEIRS, call.id) == ()
    assert await calls.attempts(THEIRS, call.id) == ()
    assert (await calls.page(THEIRS, CallFilter())).calls == ()
    assert await calls.offset_page(THEIRS, CallFilter(), offset=0, limit=10) == ((), 0)
    assert await calls.counts(THEIRS) == ()
    assert await outbox.list(THEIRS) == ()
    assert await outbox.get(THEIRS, told[0].id) is None
    assert await outbox.attempts(THEIRS, told[0].id) == ()
    assert not await outbox.replay(THEIRS, told[0].id)
    assert await outbox.replay_dead(THEIRS) == 0
    assert [audited async for audited in database.repositories.audit.calls(THEIRS)] == []
    assert (await calls.get(OURS, call.id)) is not None


async def test_pages_show_every_call_once_newest_first(database: Database) -> None:
    accepted = [a_request(accepted_at=NOW + timedelta(seconds=at // 3)) for at in range(25)]
    await database.writer.durable(accept(*accepted))
    calls = database.repositories.calls

    seen, cursor = [], None
    while True:
        page = await calls.page(OURS, CallFilter(), cursor=cursor, limit=10)
        seen += [row.request.id for row in page.calls]
        cursor = page.cursor
        if cursor is None:
            break

    assert seen == [call.id for call in reversed(accepted)]
    by_offset, total = await calls.offset_page(OURS, CallFilter(), offset=20, limit=10)
    assert [row.request.id for row in by_offset] == seen[20:]
    assert total == 25


@pytest.mark.parametrize("cursor", ["", "x", "12", "12.", "-1.call_x", "1e3.call", "٣.call", "9" * 20 + ".call"])
async def test_foreign_cursor_is_refused(database: Database, cursor: str) -> None:
    with pytest.raises(ValueError, match="cursor"):
        await database.repositories.calls.page(OURS, CallFilter(), cursor=cursor)


async def test_filters_narrow_the_list(database: Database) -> None:
    busy, answered, incoming = (
        a_request(to="+491", bridge="+4930"),
        a_request(to="+492", accepted_at=NOW + timedelta(hours=1)),
        a_request(kind=Kind.INCOMING, from_="+491", to="+4930"),
    )
    await database.writer.durable(accept(busy, answered))
    await database.writer.durable(accept(incoming, state="ringing", channels=1))
    await database.writer.durable(finish(busy, Status.BUSY))
    await database.writer.durable(finish(answered, Status.ANSWER))

    async def found(**changes: object) -> set[str]:
        page = await database.repositories.calls.page(OURS, CallFilter(**changes))
        return {row.request.id for row in page.calls}

    assert await found(status=Status.BUSY) == {busy.id}
    assert await found(kind=Kind.INCOMING) == {incoming.id}
    assert await found(state="ringing") == {incoming.id}
    assert await found(number="+491") == {busy.id, incoming.id}
    assert await found(bridge="+4930") == {busy.id}
    assert await found(reason="answered") == {busy.id, answered.id}
    assert await found(since=NOW + timedelta(hours=1)) == {answered.id}
    assert await found(until=NOW + timedelta(hours=1)) == {busy.id, incoming.id}
    counts = await database.repositories.calls.counts(OURS, until=NOW + timedelta(minutes=1))
    assert counts == (StatusCount(kind=Kind.OUTBOUND, status=Status.BUSY, reason="answered", count=1),)
    assert await database.repositories.calls.open_count() == 1


async def test_attempts_of_a_call_come_in_order(database: Database) -> None:
    first = a_request()
    others = [a_request(attempt=at, parent_id=first.id) for at in (3, 2)]
    await database.writer.durable(accept(first, *others))

    attempts = await database.repositories.calls.attempts(OURS, first.id)

    assert [row.request.attempt for row in attempts] == [1, 2, 3]


async def test_schedule_gives_what_is_due_earliest_first(database: Database) -> None:
    late, soon, now = (a_request(not_before=NOW + timedelta(seconds=s)) for s in (30, 10, 0))
    taken = a_request()
    await database.writer.durable(accept(late, soon, now, taken))
    await database.writer.durable(Append(call_id=taken.id, state="dialing"))
    await database.writer.durable(Append(call_id=now.id, due_at=NOW + timedelta(seconds=20)))
    calls = database.repositories.calls

    assert await calls.due(NOW + timedelta(seconds=20), 10) == (soon, now)
    assert await calls.due(NOW + timedelta(seconds=20), 1) == (soon,)
    assert await calls.next_due_at() == NOW + timedelta(seconds=10)
    for call in (late, soon, now):
        await database.writer.durable(finish(call, Status.CANCEL))
    assert await calls.next_due_at() is None


async def test_queue_and_recovery_each_see_their_own_calls(database: Database) -> None:
    scheduled, queued, dialing, final = (a_request() for _ in range(4))
    await database.writer.durable(accept(scheduled, queued, dialing, final))
    await database.writer.durable(Append(call_id=queued.id, state=QUEUED))
    entry = an_entry(dialing, 2, EntryKind.DIALING, leg=1)
    await database.writer.durable(Append(call_id=dialing.id, state="dialing", entries=(entry,)))
    await database.writer.durable(finish(final))
    calls = database.repositories.calls

    assert [row.request for row in await calls.queued()] == [queued]
    assert await calls.queued(after=queued.id) == ()
    recovered = [found async for found in calls.open_with_journal()]
    assert [(found.request, found.state) for found in recovered] == [(dialing, "dialing")]
    assert [one.kind for one in recovered[0].entries] == [EntryKind.ACCEPTED, EntryKind.DIALING]
    assert recovered[0].entries[1] == entry


async def test_recovery_and_audit_walk_through_more_than_one_page(database: Database) -> None:
    made = [a_request() for _ in range(450)]
    await database.writer.durable(accept(*made, state="dialing", channels=1))

    recovered = [found.request.id async for found in database.repositories.calls.open_with_journal()]
    audited = [found async for found in database.repositories.audit.calls()]

    assert recovered == [call.id for call in made]
    assert [found.request for found in audited] == made
    assert all(len(found.entries) == 1 and found.channels == 1 for found in audited)


async def test_audit_shows_all_that_was_written_about_a_call(database: Database) -> None:
    call = a_request()
    account = an_account(webhook_url="https://example.com/x")
    start = events("call_start", call, account, 1)
    end = events("call_end", call, account, 2, record=a_record(call))
    await database.writer.durable(accept(call, state="dialing"))
    await database.writer.durable(Append(call_id=call.id, announcements=start))
    await database.writer.durable(finish(call, announcements=end))

    (audited,) = [found async for found in database.repositories.audit.calls(OURS)]

    assert (audited.request, audited.record, audited.state, audited.channels) == (call, a_record(call), "final", 0)
    assert audited.events == start + end
    assert [entry.seq for entry in audited.entries] == [1, 2]


async def due_now(database: Database, **more: object) -> list[DueEvent]:
    arguments = {"yield_before": NOW - timedelta(seconds=60), "limit": 100} | more
    return list(await database.outbox_queue.due(NOW, **arguments))


async def test_due_webhooks_keep_order_within_call_and_endpoint(database: Database) -> None:
    account = an_account(webhook_url="https://a.example.com/x")
    one, other = a_request(), a_request()
    await database.writer.durable(accept(one, other, state="dialing"))
    told = [events("call_start", one, account, 1)[0], events("call_end", one, account, 2)[0]]
    told.append(events("call_end", other, account, 1)[0])
    await database.writer.durable(Append(call_id=one.id, announcements=tuple(told)))

    assert {event.id for event in await due_now(database)} == {told[0].id, told[2].id}
    later = await due_now(database, yield_before=NOW)
    assert {event.id for event in later} == {event.id for event in told}
    assert next(event for event in later if event.id == told[1].id).missed == ((1, "call_start"),)
    assert await due_now(database, without_origins={"https://a.example.com"}) == []
    assert await due_now(database, without_accounts={OURS}) == []
    assert [event.id for event in await due_now(database, without={told[0].id})] == [told[2].id]

    outcome = DeliveryOutcome(id=told[0].id, at=NOW, attempt=1, state="delivered", next_at=None, status_code=200)
    await database.writer.durable(outcome)
    assert {event.id for event in await due_now(database)} == {told[1].id, told[2].id}


async def test_due_webhook_says_why_it_must_not_be_sent(database: Database) -> None:
    account = an_account(webhook_url="https://a.example.com/x")
    call = a_request()
    await database.writer.durable(accept(call, state="dialing"))
    start, end = events("call_start", call, account, 1)[0], events("call_end", call, account, 2)[0]
    await database.writer.durable(Append(call_id=call.id, announcements=(start, end)))
    failed = DeliveryOutcome(id=start.id, at=NOW, attempt=1, state="waiting", next_at=NOW, error="x")
    delivered = DeliveryOutcome(id=end.id, at=NOW, attempt=1, state="delivered", next_at=None)
    await database.writer.durable(failed)
    await database.writer.durable(delivered)

    (missed,) = await due_now(database)
    assert "later event" in missed.refusal
    await database.writer.durable(StopEndpoint(account=OURS, endpoint="https://a.example.com/x", at=NOW))
    (stopped,) = await due_now(database)
    assert "410" in stopped.refusal


async def test_postponed_backlog_rests_and_old_webhooks_are_purged(database: Database) -> None:
    account = an_account(webhook_url="https://a.example.com/x")
    call = a_request()
    await database.writer.durable(accept(call, state="dialing"))
    told = events("call_start", call, account, 1)
    await database.writer.durable(Append(call_id=call.id, announcements=told))

    assert await database.outbox_queue.postpone("https://b.example.com", NOW, NOW + timedelta(seconds=30)) == 0
    assert await database.outbox_queue.postpone("https://a.example.com", NOW, NOW + timedelta(seconds=30)) == 1
    assert await due_now(database) == []
    assert await database.outbox_queue.purge(NOW + timedelta(days=1)) == 0  # it still waits
    outcome = DeliveryOutcome(id=told[0].id, at=NOW, attempt=1, state="dead", next_at=None, error="no")
    await database.writer.durable(outcome)
    assert await database.repositories.outbox.replay_dead(OURS, "https://other.example.com") == 0
    assert await database.repositories.outbox.replay_dead(OURS) == 1
    assert await database.repositories.outbox.backlog() == 1
    await database.writer.durable(outcome)
    assert await database.outbox_queue.purge(NOW + timedelta(days=1)) == 1
    assert await database.repositories.outbox.attempts(OURS, told[0].id) == ()
