"""What is due, in hand: asked for once, given out as receivers become free."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

import pytest
from tests.unit.webhook.test_feed import due

from ringback.model.ids import CallId
from ringback.store.outbox import DueEvent
from ringback.webhook import backlog as module
from ringback.webhook.backlog import Backlog
from ringback.webhook.feed import Flights
from ringback.webhook.settings import DeliverySettings


class Outbox:
    """The outbox as the backlog sees it; `rows` is what is due."""

    def __init__(self, rows: list[DueEvent]) -> None:
        self.rows = rows
        self.asked = 0

    async def due(
        self, now: datetime, *, without: Collection[str], without_origins: Collection[str], limit: int, **_: Any
    ) -> tuple[DueEvent, ...]:
        assert now.tzinfo is not None
        self.asked += 1
        rows = [row for row in self.rows if row.id not in without and row.origin not in without_origins]
        return tuple(rows[:limit])


def backlog(outbox: Outbox, **settings: Any) -> tuple[Backlog, Flights]:
    limits = DeliverySettings(**settings)
    flights = Flights(limits)
    return Backlog(outbox, flights, limits), flights  # type: ignore[arg-type]  # all that it uses of the outbox


@pytest.fixture
def moment(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The monotonic clock, moved by hand."""
    now = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    return now


async def test_one_question_serves_a_receiver_that_takes_its_share_at_a_time(moment: list[float]) -> None:
    outbox = Outbox([due(number) for number in range(5)])
    known, flights = backlog(outbox, per_endpoint=2)

    assert [event.id for event in await known.take()] == ["evt_0", "evt_1"]
    assert await known.take() == []
    flights.answered("evt_0", worked=True)
    flights.answered("evt_1", worked=True)
    assert [event.id for event in await known.take()] == ["evt_2", "evt_3"]
    assert (outbox.asked, len(known)) == (1, 1)


async def test_what_is_old_is_asked_for_again_and_others_come_past_a_full_receiver(moment: list[float]) -> None:
    outbox = Outbox([due(number) for number in range(9)])
    known, _ = backlog(outbox, per_endpoint=1, at_once=4)
    await known.take()
    outbox.rows.append(due(10, origin="https://b"))

    assert await known.take() == []
    moment[0] += 1.0

    assert [event.id for event in await known.take()] == ["evt_10"]


async def test_what_was_forgotten_is_not_sent(moment: list[float]) -> None:
    outbox = Outbox([due(1), due(2)])
    known, flights = backlog(outbox, per_endpoint=1)
    await known.take()
    outbox.rows.clear()

    known.forget()
    flights.answered("evt_1", worked=True)
    moment[0] += 1.0

    assert await known.take() == []


async def test_nobody_is_asked_while_no_try_may_start(moment: list[float]) -> None:
    outbox = Outbox([due(number, origin=f"https://{number}") for number in range(3)])
    known, _ = backlog(outbox, at_once=1)
    await known.take()
    known.forget()
    moment[0] += 1.0

    assert await known.take() == []
    assert outbox.asked == 1


async def test_event_behind_a_running_one_of_its_call_is_asked_for_again(moment: list[float]) -> None:
    call_id = CallId("call")
    outbox = Outbox([due(2, call_id=call_id), due(1, call_id=call_id)])  # 1 has yielded, and is due after 2
    known, flights = backlog(outbox)
    assert [event.id for event in await known.take()] == ["evt_2"]

    outbox.rows = [due(1, call_id=call_id, refusal="a later event was delivered first")]
    flights.landed("evt_2", worked=True)
    moment[0] += 0.05

    (event,) = await known.take()
    assert event.refusal
