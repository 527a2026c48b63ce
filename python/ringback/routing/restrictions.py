"""When and whom an account may not call, whatever its routes allow."""

from datetime import datetime
from zoneinfo import ZoneInfo

from ringback.model.account import CallingHours
from ringback.model.check import Check


def restriction(
    *,
    at: datetime,
    calling_hours: CallingHours | None = None,
    on_do_not_disturb: bool = False,
    is_blocked: bool = False,
) -> Check | None:
    """Return what forbids the call now, None when nothing does.

    For a click-to-call say it of both numbers: if either may not be called, the call may not be placed.
    """
    if on_do_not_disturb:
        return Check.DO_NOT_DISTURB
    if is_blocked:
        return Check.BLOCKED
    if calling_hours is not None and not within_calling_hours(calling_hours, at):
        return Check.OUTSIDE_CALLING_HOURS
    return None


def within_calling_hours(hours: CallingHours, at: datetime) -> bool:
    """Say whether `at` (aware) falls into the account's calling hours.

    A span whose end is not after its start goes over midnight and belongs to the day on which it begins.

    Raises:
        zoneinfo.ZoneInfoNotFoundError: the time zone is unknown.
    """
    local = at.astimezone(ZoneInfo(hours.time_zone))
    minute = local.hour * 60 + local.minute
    today = local.weekday() in hours.weekdays
    if hours.start_minute < hours.end_minute:
        return today and hours.start_minute <= minute < hours.end_minute
    yesterday = (local.weekday() - 1) % 7 in hours.weekdays
    return (today and minute >= hours.start_minute) or (yesterday and minute < hours.end_minute)
