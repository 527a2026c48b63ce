"""What has been kept long enough goes, in helpings; what belongs together goes together."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.integration.store_world import NOW, OURS, a_request, accept, an_account, events

from ringback.service.housekeeping import Housekeeping
from ringback.service.setting_types import KeepSettings
from ringback.store.database import Database
from ringback.store.writes import Append, DeliveryOutcome, IdempotencyRecord, SaveSipTrace, TraceMessage

DAY = timedelta(days=1)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    """An open, empty database."""
    opened = await Database.open(f"sqlite:///{tmp_path}/ringback.db", key_file=tmp_path / "key")
    yield opened
    await opened.close()


async def test_old_sip_messages_webhooks_and_answers_go_and_young_ones_stay(database: Database) -> None:
    call = a_request()
    await database.writer.durable(accept(call))
    messages = tuple(
        TraceMessage(at=NOW + age, leg=1, outgoing=True, peer="a:5060", text="INVITE")
        for age in (timedelta(0),) * 1_200 + (2 * DAY,)
    )
    await database.writer.durable(SaveSipTrace(call_id=call.id, account=OURS, messages=messages))
    keys = database.repositories.idempotency
    await keys.claim(IdempotencyRecord(account=OURS, key="k", body_hash="h", answer="{}", created_at=NOW))

    keep = KeepSettings(sip_messages_days=1, webhooks_days=1)
    gone = await Housekeeping(database, keep).clean(NOW + 2 * DAY)

    assert gone == {"sip_messages": 1_200, "webhooks": 0, "answers": 1}
    assert len(await database.repositories.traces.messages(OURS, call.id)) == 1


async def test_webhooks_of_a_call_stay_together_until_the_last_one_is_old(database: Database) -> None:
    call, account = a_request(), an_account(webhook_url="https://a.example.com/x")
    await database.writer.durable(accept(call, state="dialing"))
    told = (
        *(replace(event, created_at=NOW) for event in events("call_start", call, account, 1)),
        *(replace(event, created_at=NOW + DAY) for event in events("call_answer", call, account, 2)),
    )
    await database.writer.durable(Append(call_id=call.id, announcements=told))
    house = Housekeeping(database, KeepSettings(sip_messages_days=1, webhooks_days=1))
    ages = []

    for event in told:
        done = DeliveryOutcome(
            id=event.id, at=NOW, attempt=1, state="delivered", next_at=None, status_code=200, error="", duration_ms=1
        )
        ages.append((await house.clean(NOW + 3 * DAY))["webhooks"])  # one still waits
        await database.writer.durable(done)
    ages.append((await house.clean(NOW + DAY * 1.5))["webhooks"])  # all are done, one is young
    ages.append((await house.clean(NOW + 3 * DAY))["webhooks"])

    assert ages == [0, 0, 0, 2]
