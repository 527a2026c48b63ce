"""Decides what follows a try to deliver a webhook. Pure."""

from datetime import datetime, timedelta
from enum import StrEnum

from msgspec import Struct

FIRST_WAIT = timedelta(seconds=5)
LONGEST_WAIT = timedelta(hours=6)
LONGEST_WISH = timedelta(hours=1)
"""The longest `Retry-After` that is honored."""

_SPREAD = 5
"""Waits differ by up to a fifth, so that the receivers of one outage do not all come back in the same second."""


class Next(StrEnum):
    """What becomes of a webhook after a try."""

    DELIVERED = "delivered"
    WAITING = "waiting"
    DEAD = "dead"
    GONE = "gone"  # 410: dead, and the endpoint gets nothing more


class Try(Struct, frozen=True, kw_only=True):
    """One try as it went. `status_code` None: there was no answer, and `error` says why."""

    event_id: str
    attempt: int
    is_final: bool
    give_up_at: datetime
    status_code: int | None
    error: str = ""
    retry_after_s: int | None = None


class Decision(Struct, frozen=True, kw_only=True):
    """What follows, and when. `error` is for the delivery log, "" after success."""

    next: Next
    next_at: datetime | None = None
    error: str = ""


def next_try(attempt: int, now: datetime, seed: str = "") -> datetime:
    """Return when to try again after the `attempt`th try (from 1): 5 s, 20 s, 80 s, 320 s ... at most every 6 hours.

    `seed` (the event's id) spreads the waits, always in the same way.
    """
    wait = LONGEST_WAIT if attempt > 8 else min(FIRST_WAIT * 4 ** (attempt - 1), LONGEST_WAIT)  # noqa: PLR2004  5 s times 4 to the 8th is more than 6 h
    share = sum(seed.encode()) % 100 / 100
    return now + wait - wait * share / _SPREAD


def after_try(done: Try, now: datetime) -> Decision:
    """Decide what follows a try.

    2xx is delivered. 410 ends the endpoint. Another 4xx except 408, 425 and 429 is permanent for an event before the
    last one (its place is taken by the list of missed events); `call_end` is tried on, because a wrong deployment
    often answers 404 for an hour.
    """
    code = done.status_code
    if code is not None and 200 <= code < 300:  # noqa: PLR2004  HTTP
        return Decision(next=Next.DELIVERED)
    error = done.error or f"answered {code}"
    if code == 410:  # noqa: PLR2004  HTTP
        return Decision(next=Next.GONE, error="answered 410: nothing more is sent to this endpoint")
    if code is not None and _is_permanent(code) and not done.is_final:
        return Decision(next=Next.DEAD, error=error)
    next_at = next_try(done.attempt, now, done.event_id)
    if done.retry_after_s is not None:
        next_at = max(next_at, now + min(timedelta(seconds=done.retry_after_s), LONGEST_WISH))
    if next_at > done.give_up_at:
        return Decision(next=Next.DEAD, error=f"given up: {error}")
    return Decision(next=Next.WAITING, next_at=next_at, error=error)


def _is_permanent(code: int) -> bool:
    return 400 <= code < 500 and code not in {408, 425, 429}  # noqa: PLR2004  HTTP
