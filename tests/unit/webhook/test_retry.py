"""What follows a try."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringback.webhook.retry import LONGEST_WAIT, Next, Try, after_try, next_try

NOW = datetime(2026, 1, 1, tzinfo=UTC)
GIVE_UP_AT = NOW + timedelta(hours=72)


def a_try(code: int | None, *, is_final: bool = True, attempt: int = 1, **more: object) -> Try:
    return Try(event_id="evt_1", attempt=attempt, is_final=is_final, give_up_at=GIVE_UP_AT, status_code=code, **more)


@pytest.mark.parametrize(
    ("code", "is_final", "outcome"),
    [
        (200, True, Next.DELIVERED),
        (204, False, Next.DELIVERED),
        (299, False, Next.DELIVERED),
        (302, False, Next.WAITING),
        (400, False, Next.DEAD),
        (401, False, Next.DEAD),
        (404, False, Next.DEAD),
        (404, True, Next.WAITING),
        (408, False, Next.WAITING),
        (410, False, Next.GONE),
        (410, True, Next.GONE),
        (425, False, Next.WAITING),
        (429, False, Next.WAITING),
        (500, False, Next.WAITING),
        (503, True, Next.WAITING),
        (None, False, Next.WAITING),
        (None, True, Next.WAITING),
    ],
)
def test_answer_decides_what_follows(code: int | None, is_final: bool, outcome: Next) -> None:
    decision = after_try(a_try(code, is_final=is_final, error="" if code else "no answer"), NOW)

    assert decision.next is outcome
    assert (decision.next_at is not None) == (outcome is Next.WAITING)
    assert bool(decision.error) == (outcome is not Next.DELIVERED)


def test_waits_grow_to_six_hours_and_end_after_three_days() -> None:
    at, attempt, waits = NOW, 1, []
    while True:
        decision = after_try(a_try(500, attempt=attempt), at)
        if decision.next_at is None:
            break
        waits.append(decision.next_at - at)
        at, attempt = decision.next_at, attempt + 1

    assert decision.next is Next.DEAD
    assert waits == sorted(waits)
    assert timedelta(seconds=3) <= waits[0] <= timedelta(seconds=5)
    assert GIVE_UP_AT - LONGEST_WAIT <= at <= GIVE_UP_AT
    assert 15 <= attempt <= 30


@given(st.integers(1, 10_000), st.text())
def test_wait_is_bounded_and_the_same_each_time(attempt: int, seed: str) -> None:
    wait = next_try(attempt, NOW, seed) - NOW

    assert timedelta(seconds=3) <= wait <= LONGEST_WAIT
    assert next_try(attempt, NOW, seed) - NOW == wait


@pytest.mark.parametrize(("wish_s", "least"), [(1, 3), (600, 600), (999_999_999, 3600)])
def test_wish_of_the_receiver_is_honored_up_to_an_hour(wish_s: int, least: int) -> None:
    decision = after_try(a_try(429, retry_after_s=wish_s), NOW)

    assert decision.next_at is not None
    assert timedelta(seconds=least) <= decision.next_at - NOW <= timedelta(hours=1)
