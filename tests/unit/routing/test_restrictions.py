"""Calling hours and lists."""

from datetime import UTC, datetime

import pytest

from ringback.model.account import CallingHours
from ringback.model.check import Check
from ringback.routing.restrictions import restriction, within_calling_hours

WEEKDAYS = frozenset(range(5))
OFFICE = CallingHours(time_zone="Europe/Berlin", weekdays=WEEKDAYS, start_minute=540, end_minute=1080)
NIGHT = CallingHours(time_zone="UTC", weekdays=frozenset({4}), start_minute=1320, end_minute=360)


@pytest.mark.parametrize(
    ("moment", "allowed"),
    [
        ("2026-03-02T08:00", True),  # Monday 9:00 in Berlin, winter time
        ("2026-03-02T07:59", False),
        ("2026-03-02T16:59", True),
        ("2026-03-02T17:00", False),
        ("2026-07-06T07:00", True),  # summer time: 9:00
        ("2026-03-07T10:00", False),  # Saturday
        ("2026-03-08T23:30", False),  # Monday in Berlin, but at night
    ],
)
def test_office_hours(moment: str, allowed: bool) -> None:
    assert within_calling_hours(OFFICE, datetime.fromisoformat(moment).replace(tzinfo=UTC)) is allowed


@pytest.mark.parametrize(
    ("moment", "allowed"),
    [
        ("2026-03-06T22:00", True),  # Friday night
        ("2026-03-07T05:59", True),  # belongs to Friday
        ("2026-03-07T06:00", False),
        ("2026-03-07T22:00", False),
        ("2026-03-06T05:00", False),  # belongs to Thursday
    ],
)
def test_span_over_midnight_belongs_to_its_first_day(moment: str, allowed: bool) -> None:
    assert within_calling_hours(NIGHT, datetime.fromisoformat(moment).replace(tzinfo=UTC)) is allowed


def test_lists_come_before_hours() -> None:
    at = datetime(2026, 3, 7, 10, tzinfo=UTC)

    assert restriction(at=at) is None
    assert restriction(at=at, calling_hours=OFFICE) is Check.OUTSIDE_CALLING_HOURS
    assert restriction(at=at, calling_hours=OFFICE, is_blocked=True) is Check.BLOCKED
    assert restriction(at=at, is_blocked=True, on_do_not_disturb=True) is Check.DO_NOT_DISTURB
