"""date_time: working hours, dates, holidays, zones."""

import json

import pytest

from ringback.flow.check import check
from ringback.flow.document import parse
from ringback.flow.nodes.date_time import _calendar
from ringback.testing.flows import FlowCall

WEEKDAYS = ["mon", "tue", "wed", "thu", "fri"]


def exit_at(at, **settings):
    node = {"type": "date_time", "time_zone": "Europe/Berlin", **settings}
    return FlowCall({"name": "x", "start": "d", "nodes": {"d": node}}, at=at).trail[0].removeprefix("d:")


@pytest.mark.parametrize(
    ("at", "exit_"),
    [
        ("2026-01-05T09:00:00+01:00", "match"),
        ("2026-01-05T08:59:59+01:00", "no_match"),
        ("2026-01-05T16:59:59+01:00", "match"),
        ("2026-01-05T17:00:00+01:00", "no_match"),
        ("2026-01-04T12:00:00+01:00", "no_match"),  # Sunday
        ("2026-01-05T08:30:00+00:00", "match"),  # 09:30 in Berlin
        ("2026-07-06T07:30:00+00:00", "match"),  # 09:30 in Berlin, summer time
        ("2026-07-06T06:30:00+00:00", "no_match"),
    ],
)
def test_working_hours_are_in_the_nodes_zone(at, exit_):
    assert exit_at(at, hours=[{"days": WEEKDAYS, "from": "09:00", "to": "17:00"}]) == exit_


@pytest.mark.parametrize(
    ("at", "exit_"),
    [
        ("2026-01-09T22:30:00+01:00", "match"),  # Friday night
        ("2026-01-10T05:59:00+01:00", "match"),  # Saturday morning: Friday's span
        ("2026-01-10T06:00:00+01:00", "no_match"),
        ("2026-01-10T22:30:00+01:00", "no_match"),  # Saturday night
        ("2026-01-05T03:00:00+01:00", "no_match"),  # Monday morning: Sunday's span does not exist
    ],
)
def test_a_span_over_midnight_belongs_to_the_day_it_begins(at, exit_):
    assert exit_at(at, hours=[{"days": WEEKDAYS, "from": "22:00", "to": "06:00"}]) == exit_


def test_one_of_several_spans_is_enough():
    hours = [{"from": "09:00", "to": "12:00"}, {"from": "13:00", "to": "24:00"}]

    assert exit_at("2026-01-05T23:59:00+01:00", hours=hours) == "match"
    assert exit_at("2026-01-05T12:30:00+01:00", hours=hours) == "no_match"


@pytest.mark.parametrize(
    ("at", "exit_"),
    [
        ("2026-12-23T23:59:00+01:00", "no_match"),
        ("2026-12-24T00:00:00+01:00", "match"),
        ("2027-01-01T23:59:00+01:00", "match"),
        ("2027-01-02T00:00:00+01:00", "no_match"),
        ("2026-06-06T12:00:00+02:00", "match"),
        ("2026-06-07T12:00:00+02:00", "no_match"),
    ],
)
def test_dates_include_both_ends(at, exit_):
    assert exit_at(at, dates=[{"from": "2026-12-24", "to": "2027-01-01"}, {"from": "2026-06-06"}]) == exit_


@pytest.mark.parametrize(
    ("day", "holidays", "exit_"),
    [
        ("2026-10-03", {"country": "DE"}, "no_match"),
        ("2026-10-02", {"country": "DE"}, "match"),
        ("2026-10-03", {"country": "DE", "meaning": "only"}, "match"),
        ("2026-10-02", {"country": "DE", "meaning": "only"}, "no_match"),
        ("2026-11-01", {"country": "DE", "subdivision": "BY"}, "no_match"),
        ("2026-11-01", {"country": "DE", "subdivision": "BE"}, "match"),
        ("2026-05-05", {"dates": ["2026-05-05"]}, "no_match"),
    ],
)
def test_holidays(day, holidays, exit_):
    assert exit_at(f"{day}T12:00:00+02:00", holidays=holidays) == exit_


def test_hours_and_holidays_must_both_fit():
    settings = {"hours": [{"days": WEEKDAYS, "from": "09:00", "to": "17:00"}], "holidays": {"country": "DE"}}

    assert exit_at("2026-05-01T12:00:00+02:00", **settings) == "no_match"  # a Friday, Labour Day
    assert exit_at("2026-05-08T12:00:00+02:00", **settings) == "match"


def test_the_trail_says_what_time_it_was_and_which_holiday():
    node = {"type": "date_time", "time_zone": "Europe/Berlin", "holidays": {"country": "DE"}}
    call = FlowCall({"name": "x", "start": "d", "nodes": {"d": node}}, at="2026-10-03T10:00:00+00:00")

    assert call.notes[0].startswith("Sat 2026-10-03 12:00, ")
    assert call._state.results["d"]["holiday"]


@pytest.mark.parametrize("read", ["check", "parse"])
def test_calendars_are_loaded_when_a_flow_is_read_and_not_during_a_call(read):
    node = {"type": "date_time", "time_zone": "UTC", "holidays": {"country": "NO"}}
    source = json.dumps({"name": "x", "start": "d", "nodes": {"d": node}}).encode()
    _calendar.cache_clear()

    {"check": check, "parse": parse}[read](source)

    assert _calendar.cache_info().currsize == 1
