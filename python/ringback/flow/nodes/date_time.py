"""date_time: branch on working hours, dates and holidays. Looks only at the time that came in with the input."""

import functools
import importlib
import re
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from msgspec import Meta, Struct, field

from ringback.flow import limits
from ringback.flow.settings import Exits, Label, Position
from ringback.flow.step import Leave, Turn
from ringback.flow.uses import IsWrong, Use

_DAY_MINUTES = 24 * 60
_ANY_YEAR = 2026

Clock = Annotated[str, Meta(pattern=r"^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$(?!\n)")]
"""Local time of day, `09:00`; `24:00` is the end of the day."""


class Weekday(StrEnum):
    """Days of the week."""

    MON = "mon"
    TUE = "tue"
    WED = "wed"
    THU = "thu"
    FRI = "fri"
    SAT = "sat"
    SUN = "sun"


_WEEK = tuple(Weekday)


class HolidayMeaning(StrEnum):
    """What a holiday does: it is outside of the hours, or it is the only time that matches."""

    EXCLUDE = "exclude"
    ONLY = "only"


class Hours(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, rename={"from_": "from"}
):
    """A span of local time on some weekdays. If `to` is not later than `from`, it ends on the next day.

    Attributes:
        days: `mon` to `sun`; the day on which the span begins.
        from_: First minute.
        to: First minute after.
    """

    days: Annotated[list[Weekday], Meta(min_length=1, max_length=7)] = field(default_factory=lambda: list(Weekday))
    from_: Clock = "00:00"
    to: Clock = "24:00"


class Dates(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, rename={"from_": "from"}
):
    """A span of local dates, both included. Without `to` one day."""

    from_: date
    to: date | None = None


class Holidays(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Public holidays of a country, and dates of your own.

    Attributes:
        country: ISO 3166 code, such as `DE`.
        subdivision: ISO 3166-2 code without the country, such as `BY`.
        dates: Further days off.
        meaning: `exclude`: a holiday does not match, whatever the hours. `only`: only holidays match (within hours
            and dates if given).
    """

    country: Annotated[str, Meta(min_length=2, max_length=3)] | None = None
    subdivision: Annotated[str, Meta(min_length=1, max_length=10)] | None = None
    dates: Annotated[list[date], Meta(max_length=limits.ROWS * 5)] = field(default_factory=list)
    meaning: HolidayMeaning = HolidayMeaning.EXCLUDE


class DateTime(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, tag_field="type", tag="date_time"
):
    """Take `match` if the moment lies in all that is given of `hours`, `dates` and `holidays`, else `no_match`.

    Attributes:
        time_zone: IANA name, such as `Europe/Berlin`.
        hours: Spans of which one must hold.
        dates: Spans of which one must hold.
    """

    time_zone: str
    hours: Annotated[list[Hours], Meta(max_length=limits.ROWS)] = field(default_factory=list)
    dates: Annotated[list[Dates], Meta(max_length=limits.ROWS)] = field(default_factory=list)
    holidays: Holidays | None = None
    exits: Exits = field(default_factory=dict)
    label: Label = ""
    at: Position | None = None


def uses(node: DateTime) -> Iterator[Use]:
    """List what is wrong with the settings."""
    if not is_zone(node.time_zone):
        yield IsWrong("time_zone", f"`{node.time_zone}` is not a time zone; write it like Europe/Berlin")
    if not (node.hours or node.dates or node.holidays):
        yield IsWrong("", "it always matches: give `hours`, `dates` or `holidays`")
    for index, span in enumerate(node.dates):
        if span.to is not None and span.to < span.from_:
            yield IsWrong(f"dates[{index}].to", "it is before `from`")
    if node.holidays is not None:
        problems = list(_holiday_uses(node.holidays))
        yield from problems
        if not problems:
            prepare(node)


def _holiday_uses(off: Holidays) -> Iterator[Use]:
    if off.country is None and not off.dates:
        yield IsWrong("holidays", "give `country` or `dates`")
    if off.subdivision is not None and off.country is None:
        yield IsWrong("holidays.subdivision", "it needs `country`")
    if off.country is None:
        return
    known = _supported()
    if off.country not in known:
        yield IsWrong("holidays.country", f"there is no calendar for `{off.country}`; write an ISO 3166 code like DE")
    elif off.subdivision is not None and off.subdivision not in known[off.country]:
        some = ", ".join(known[off.country][:20]) or "none"
        yield IsWrong(
            "holidays.subdivision", f"`{off.subdivision}` is not a subdivision of {off.country}; there are: {some}"
        )


def enter(node: DateTime, turn: Turn) -> Leave:
    """Look at the local time of the input."""
    local = turn.at.astimezone(ZoneInfo(node.time_zone))
    in_hours = not node.hours or any(_in_hours(span, local) for span in node.hours)
    in_dates = not node.dates or any(span.from_ <= local.date() <= (span.to or span.from_) for span in node.dates)
    name = _holiday(node.holidays, local.date()) if node.holidays else None
    off_fits = node.holidays is None or (name is not None) is (node.holidays.meaning is HolidayMeaning.ONLY)
    note = f"{local:%a %Y-%m-%d %H:%M}" + (f", {name}" if name else "")
    return Leave(
        exit="match" if in_hours and in_dates and off_fits else "no_match", result={"holiday": name}, note=note
    )


def _in_hours(span: Hours, local: datetime) -> bool:
    minute = local.hour * 60 + local.minute
    start, end = _minutes(span.from_), _minutes(span.to)
    today, yesterday = _WEEK[local.weekday()], _WEEK[(local - timedelta(days=1)).weekday()]
    if end > start:
        return today in span.days and start <= minute < end
    return (today in span.days and minute >= start) or (yesterday in span.days and minute < end)


def _minutes(clock: str) -> int:
    hours, minutes = clock.split(":")
    return min(int(hours) * 60 + int(minutes), _DAY_MINUTES)


def _holiday(off: Holidays, day: date) -> str | None:
    """Name the holiday of a day, None if it is none."""
    if day in off.dates:
        return "day off"
    if off.country is None:
        return None
    return _calendar(off.country, off.subdivision, day.year).get(day)


@functools.lru_cache(maxsize=256)
def _calendar(country: str, subdivision: str | None, year: int) -> dict[date, str]:
    """Return the public holidays of a year by day. Source: the `holidays` package."""
    return dict(_library().country_holidays(country, subdiv=subdivision, years=year).items())


@functools.cache
def _supported() -> dict[str, list[str]]:
    return dict(_library().list_supported_countries(include_aliases=True))


@functools.cache
def _library() -> Any:
    """Load the `holidays` package: about a second together with the first calendar, so not before it is needed."""
    return importlib.import_module("holidays")


def prepare(node: DateTime) -> None:
    """Load what the node will need, so that no call waits for it."""
    if node.holidays is not None and node.holidays.country is not None:
        _calendar(node.holidays.country, node.holidays.subdivision, _ANY_YEAR)


@functools.lru_cache(maxsize=1024)
def is_zone(name: str) -> bool:
    """Say whether a name is an IANA time zone."""
    if not re.fullmatch(r"[A-Za-z0-9_+/-]{1,64}", name) or name.startswith("/"):
        return False
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return True
