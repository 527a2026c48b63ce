"""The journal writer: what it promises about calls, on both databases."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError
from tests.integration.store_world import (
    NOW,
    OURS,
    a_record,
    a_request,
    accept,
    an_account,
    an_entry,
    events,
    finish,
)

from ringback.model.journal import EntryKind
from ringback.model.status import Status
from ringback.store import tables
from ringback.store.calls import CallFilter
from ringback.store.database import Database
from ringback.store.errors import StoreClosedError, WriteRefusedError
from ringback.store.writes import FINAL, Append, Finish, IdempotencyRecord, SaveTables, Write


async def test_accepted_call_can_be_read_with_its_journal(database: Database) -> None:
    call = a_request(custom="größe", variables={"a": [1, 2.5, None]})

    await database.writer.durable(accept(call))

    row = await database.repositories.calls.get(OURS, call.id)
    assert row is not None
    assert (row.request, row.state, row.channels, row.due_at, row.record) == (call, "scheduled", 0, NOW, None)
    (entry,) = await database.repositories.calls.entries(OURS, call.id)
    assert (entry.seq, entry.kind, entry.at) == (1, EntryKind.ACCEPTED, NOW + timedelta(microseconds=1))
    assert entry.data["request"]["custom"] == "größe"


async def test_finish_writes_status_channels_retry_and_webhooks_together(database: Database) -> None:
    call, again = a_request(), a_request(attempt=2, not_before=NOW + timedelta(minutes=1))
    told = events("call_end", call, an_account(webhook_url="https://example.com/hook"), record=a_record(call))
    await database.writer.durable(accept(call, state="dialing", channels=1))

    await database.writer.durable(finish(call, Status.BUSY, announcements=told, retry=again))

    row = await database.repositories.calls.get(OURS, call.id)
    assert row is not None
    assert row.record == a_record(call, Status.BUSY)
    assert (row.state, row.channels, row.due_at) == (FINAL, 0, None)
    assert await database.repositories.calls.due(NOW + timedelta(minutes=1), 10) == (again,)
    assert [entry.kind for entry in await database.repositories.calls.entries(OURS, again.id)] == [EntryKind.ACCEPTED]
    (delivery,) = await database.repositories.outbox.list(OURS)
    assert (delivery.event, delivery.state) == (told[0], "waiting")


async def test_refused_finish_leaves_nothing_behind(database: Database) -> None:
    call, again = a_request(), a_request(attempt=2)
    told = events("call_end", call, an_account(webhook_url="https://example.com/hook"))
    await database.writer.durable(accept(call))
    await database.writer.durable(finish(call, Status.BUSY))
    second = Finish(record=a_record(call, Status.ANSWER), announcements=told, retry=again)

    with pytest.raises(WriteRefusedError):
        await database.writer.durable(second)

    row = await database.repositories.calls.get(OURS, call.id)
    assert row is not None
    assert row.record == a_record(call, Status.BUSY)
    assert await database.repositories.calls.get(OURS, again.id) is None
    assert await database.repositories.outbox.list(OURS) == ()


@pytest.mark.parametrize("at_once", [2, 40])
async def test_of_many_finishes_at_once_one_wins(database: Database, at_once: int) -> None:
    call = a_request()
    await database.writer.durable(accept(call))
    statuses = [Status.ANSWER, Status.BUSY, Status.NOANSWER, Status.CANCEL]
    ends = [Finish(record=a_record(call, statuses[number % 4])) for number in range(at_once)]

    outcomes = await asyncio.gather(*map(database.writer.durable, ends), return_exceptions=True)

    refused = [outcome for outcome in outcomes if isinstance(outcome, WriteRefusedError)]
    assert len(refused) == at_once - 1
    row = await database.repositories.calls.get(OURS, call.id)
    assert row is not None
    assert row.record == ends[0].record


async def test_database_itself_refuses_to_change_a_final_call(database: Database) -> None:
    call = a_request()
    await database.writer.durable(accept(call))
    await database.writer.durable(finish(call))
    changes = [{"status": "BUSY"}, {"state": "dialing"}, {"channels": 1}, {"record": "{}"}, {"status": None}]

    for change in changes:
        statement = update(tables.call).where(tables.call.c.id == call.id).values(**change)
        with pytest.raises(IntegrityError, match="the call is final"):
            await database.writer.run(lambda connection, statement=statement: connection.execute(statement))


async def test_database_itself_refuses_a_29th_status_and_changed_entries(database: Database) -> None:
    call = a_request()
    await database.writer.durable(accept(call))
    wrong = update(tables.call).values(status="MAYBE", state=FINAL, record="{}")
    rewritten = update(tables.journal).values(data="{}")

    with pytest.raises(IntegrityError, match="one_of_28"):
        await database.writer.run(lambda connection: connection.execute(wrong))
    with pytest.raises(IntegrityError, match="append-only"):
        await database.writer.run(lambda connection: connection.execute(rewritten))


async def test_one_refused_write_harms_no_other_of_its_group(database: Database) -> None:
    calls = [a_request() for _ in range(20)]
    await database.writer.durable(accept(*calls))
    writes: list[Write] = [Append(call_id=call.id, entries=(an_entry(call, 2),), state="dialing") for call in calls]
    writes[7] = Append(call_id=calls[7].id, entries=(an_entry(calls[7], 1),), state="dialing")  # seq 1 is taken
    writes[11] = Append(call_id=a_request().id, state="dialing")  # no such call

    outcomes = await asyncio.gather(*map(database.writer.durable, writes), return_exceptions=True)

    assert [at for at, outcome in enumerate(outcomes) if isinstance(outcome, Exception)] == [7, 11]
    for at, call in enumerate(calls):
        row = await database.repositories.calls.get(OURS, call.id)
        assert row is not None
        assert row.state == ("scheduled" if at in {7, 11} else "dialing")
        assert len(await database.repositories.calls.entries(OURS, call.id)) == (1 if at in {7, 11} else 2)


async def test_later_progress_in_one_group_wins_value_by_value(database: Database) -> None:
    call = a_request()
    await database.writer.durable(accept(call))

    database.writer.submit(Append(call_id=call.id, state="dialing", channels=2))
    database.writer.submit(Append(call_id=call.id, state="ringing"))
    await database.writer.durable(Append(call_id=call.id, channels=1))

    row = await database.repositories.calls.get(OURS, call.id)
    assert row is not None
    assert (row.state, row.channels) == ("ringing", 1)


async def test_durable_write_commits_everything_submitted_before_it(database: Database) -> None:
    call = a_request()
    await database.writer.durable(accept(call))

    for seq in range(2, 1500):
        database.writer.submit(Append(call_id=call.id, entries=(an_entry(call, seq, EntryKind.FLOW_STEP, n=seq),)))
    await database.writer.durable(Append(call_id=call.id, entries=(an_entry(call, 1500),)))

    entries = await database.repositories.calls.entries(OURS, call.id)
    assert [entry.seq for entry in entries] == list(range(1, 1501))
    assert entries[700].data == {"n": 701}
    assert database.writer.health().waiting == 0


async def test_refused_write_nobody_waits_for_is_told_and_counted(database: Database) -> None:
    refused: list[tuple[Write, Exception]] = []
    told = asyncio.Event()
    database.writer.on_refused(lambda write, error: (refused.append((write, error)), told.set()))
    lost = Append(call_id=a_request().id, state="dialing")

    database.writer.submit(lost)
    await asyncio.wait_for(told.wait(), 5)

    assert refused[0][0] == lost
    assert isinstance(refused[0][1], WriteRefusedError)
    assert database.writer.health().refused == 1


async def test_same_idempotency_key_in_parallel_makes_calls_once(database: Database) -> None:
    def attempt(number: int) -> tuple[IdempotencyRecord, Write]:
        call = a_request()
        record = IdempotencyRecord(
            account=OURS, key="key-1", body_hash="h", answer=f'{{"id":"{call.id}","n":{number}}}', created_at=NOW
        )
        return record, accept(call, idempotency=record)

    attempts = [attempt(number) for number in range(30)]
    outcomes = await asyncio.gather(*(database.writer.durable(write) for _, write in attempts))

    (winner,) = [at for at, outcome in enumerate(outcomes) if outcome.existing is None]
    assert {outcome.existing for outcome in outcomes if outcome.existing} == {attempts[winner][0]}
    assert (await database.repositories.calls.page(OURS, CallFilter())).calls[0].request.id in attempts[winner][
        0
    ].answer
    assert await database.repositories.calls.open_count() == 1


async def test_idempotency_key_is_free_again_after_24_hours_and_in_other_accounts(database: Database) -> None:
    def write(account: str, hours: float) -> Write:
        record = IdempotencyRecord(
            account=account, key="k", body_hash="h", answer="{}", created_at=NOW + timedelta(hours=hours)
        )
        return accept(a_request(account=account), idempotency=record)

    first = await database.writer.durable(write("acc_a", 0))
    other = await database.writer.durable(write("acc_b", 1))
    repeat = await database.writer.durable(write("acc_a", 23.9))
    late = await database.writer.durable(write("acc_a", 24.1))

    assert [written.existing is None for written in (first, other, repeat, late)] == [True, True, False, True]


async def test_thousand_calls_are_accepted_all_or_none(database: Database) -> None:
    calls = [a_request() for _ in range(1000)]
    clash = [*(a_request() for _ in range(600)), calls[3]]

    await database.writer.durable(accept(*calls))
    with pytest.raises(WriteRefusedError):
        await database.writer.durable(accept(*clash))

    assert await database.repositories.calls.open_count() == 1000


async def test_data_that_is_no_json_is_refused_where_it_was_made(database: Database) -> None:
    call = a_request()

    with pytest.raises(TypeError, match="object"):
        database.writer.submit(Append(call_id=call.id, entries=(an_entry(call, 2, thing=object()),)))

    assert database.writer.health().waiting == 0


async def test_decision_tables_are_kept_once(database: Database) -> None:
    await database.writer.durable(SaveTables(hash="abc", tables='{"rows":[]}', at=NOW))
    await database.writer.durable(SaveTables(hash="abc", tables='{"rows":[]}', at=NOW))

    assert await database.repositories.decision_tables.get("abc") == '{"rows":[]}'
    assert await database.repositories.decision_tables.get("other") is None


async def test_listener_hears_of_webhooks_after_their_commit(database: Database) -> None:
    call = a_request()
    told = events("call_start", call, an_account(webhook_url="https://example.com/hook"))
    heard: list[int] = []
    database.writer.on_outbox(lambda: heard.append(1))

    await database.writer.durable(accept(call))
    assert heard == []
    await database.writer.durable(Append(call_id=call.id, announcements=told))

    assert heard == [1]


async def test_work_that_raises_is_undone_and_does_no_harm(database: Database) -> None:
    call = a_request()

    def work(connection: object) -> None:
        connection.execute(tables.stopped_endpoint.insert().values(account="a", endpoint="e", stopped_at=NOW))
        raise LookupError("no")

    outcomes = await asyncio.gather(
        database.writer.run(work), database.writer.durable(accept(call)), return_exceptions=True
    )

    assert isinstance(outcomes[0], LookupError)
    assert not isinstance(outcomes[1], Exception)
    count = select(func.count()).select_from(tables.stopped_endpoint)
    assert await database.writer.run(lambda connection: connection.execute(count).scalar_one()) == 0


async def test_cancelled_wait_does_not_withdraw_the_write(database: Database) -> None:
    call = a_request()
    waiting = asyncio.ensure_future(database.writer.durable(accept(call)))
    await asyncio.sleep(0)
    waiting.cancel()

    await database.writer.durable(accept(a_request()))

    assert waiting.cancelled()
    assert await database.repositories.calls.get(OURS, call.id) is not None


async def test_everything_is_there_after_close_and_open(database_url: str, tmp_path: Path) -> None:
    calls = [a_request() for _ in range(50)]
    first = await Database.open(database_url, key_file=tmp_path / "key")
    for call in calls:
        first.writer.submit(accept(call))
    await first.close()

    with pytest.raises(StoreClosedError):
        first.writer.submit(accept(a_request()))
    second = await Database.open(database_url, key_file=tmp_path / "key")
    assert await second.repositories.calls.open_count() == 50
    await second.close()
