"""Who may be tried now."""

from datetime import UTC, datetime
from typing import Any

from ringback.model.ids import AccountSid, CallId
from ringback.store.outbox import DueEvent
from ringback.webhook.feed import FAILURES_BEFORE_PROBING, Flights
from ringback.webhook.settings import DeliverySettings


def due(number: int, **changes: Any) -> DueEvent:
    facts: dict[str, Any] = {
        "id": f"evt_{number}",
        "call_id": CallId(f"call_{number}"),
        "account": AccountSid("acc"),
        "sequence": 1,
        "event": "call_end",
        "endpoint": "https://a/x",
        "origin": "https://a",
        "method": "POST",
        "url": "https://a/x",
        "payload": "{}",
        "attempts": 0,
        "give_up_at": datetime(2026, 1, 1, tzinfo=UTC),
    }
    return DueEvent(**facts | changes)


def flights(**settings: Any) -> Flights:
    return Flights(DeliverySettings(**settings))


def test_receiver_gets_so_many_at_once_and_is_then_full() -> None:
    running = flights(per_endpoint=2)

    chosen = running.choose([due(number) for number in range(5)] + [due(9, origin="https://b")])

    assert [event.id for event in chosen] == ["evt_0", "evt_1", "evt_9"]
    assert running.full().origins == {"https://a"}
    running.landed("evt_0", worked=True)
    assert running.full().origins == frozenset()


def test_account_gets_so_many_at_once() -> None:
    running = flights(per_account=2)

    chosen = running.choose([due(number, origin=f"https://{number}") for number in range(4)])

    assert len(chosen) == 2
    assert running.full().accounts == {"acc"}
    assert running.choose([due(8, account=AccountSid("other"))])


def test_all_together_are_bounded() -> None:
    running = flights(at_once=3)

    chosen = running.choose([due(n, origin=f"https://{n}", account=AccountSid(f"a{n}")) for n in range(9)])

    assert (len(chosen), running.free, len(running)) == (3, 0, 3)


def test_one_call_and_endpoint_has_one_try_at_a_time() -> None:
    running = flights()
    first, second = due(1, call_id=CallId("call")), due(2, call_id=CallId("call"))

    assert running.choose([first, second]) == [first]
    assert running.choose([first, second]) == []
    assert running.landed(first.id, worked=True) == first
    assert running.choose([second]) == [second]


def test_failing_receiver_is_probed_one_at_a_time_until_it_works() -> None:
    running = flights(per_endpoint=8)
    for number in range(FAILURES_BEFORE_PROBING):
        running.choose([due(number)])
        assert not running.is_failing("https://a")
        running.landed(f"evt_{number}", worked=False)

    assert running.is_failing("https://a")
    assert len(running.choose([due(20), due(21)])) == 1
    running.landed("evt_20", worked=True)
    assert len(running.choose([due(21), due(22)])) == 2


def test_unknown_result_changes_nothing_and_a_dead_process_frees_everything() -> None:
    running = flights(per_endpoint=1)
    running.choose([due(1)])

    assert running.landed("evt_unknown", worked=False) is None
    assert running.get("evt_1") is not None
    running.forget_all()

    assert len(running) == 0
    assert running.choose([due(1)]) == [due(1)]


def test_body_ends_with_the_events_missed() -> None:
    assert due(1, payload='{"a":1}', missed=((1, "call_start"),)).body() == (
        '{"a":1,"missed":[{"sequence":1,"event":"call_start"}]}'
    )


def test_answered_try_frees_the_receiver_but_stays_known_until_it_is_written_down() -> None:
    running = flights(per_endpoint=1)
    running.choose([due(1)])

    running.answered("evt_1", worked=True)
    running.answered("evt_1", worked=True)

    assert running.ids == {"evt_1"}
    assert running.choose([due(1)]) == []
    assert running.choose([due(2), due(3)]) == [due(2)]
    assert running.landed("evt_1", worked=True) == due(1)
    assert running.full().origins == {"https://a"}


def test_try_that_was_not_made_frees_everything_and_says_nothing_about_the_receiver() -> None:
    running = flights(per_endpoint=1, per_account=1)
    for number in range(FAILURES_BEFORE_PROBING):
        running.choose([due(number)])
        running.landed(f"evt_{number}", worked=False)
    running.choose([due(20)])

    running.never_left("evt_20")
    running.never_left("evt_20")

    assert (len(running), running.is_failing("https://a"), running.is_busy(due(20).lane)) == (0, True, False)
    assert running.choose([due(20)]) == [due(20)]
    running.answered("evt_20", worked=True)
    running.never_left("evt_20")
    assert running.full().origins == frozenset()
    assert running.choose([due(21)]) == [due(21)]
