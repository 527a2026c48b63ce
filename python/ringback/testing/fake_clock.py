"""A clock that stands still until a test moves it."""

import heapq
import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
"""Where a fake clock begins: a Monday."""


class FakeTimer:
    """A timer of a fake clock."""

    __slots__ = ("callback", "due_at", "is_cancelled")

    def __init__(self, due_at: datetime, callback: Callable[[], object]) -> None:
        self.due_at = due_at
        self.callback = callback
        self.is_cancelled = False

    def cancel(self) -> None:
        """Stop it; no effect once it fired."""
        self.is_cancelled = True


class FakeClock:
    """`ringback.live.clock.Clock` without time of its own: timers fire in `advance`, in order, each at its moment.

    A timer of 0 s waits for the next `advance` too, also for `advance(0)`. Engine times (`at_ns`) count from `START`.
    """

    def __init__(self, at: datetime = START) -> None:
        self._at = at
        self._timers: list[tuple[datetime, int, FakeTimer]] = []
        self._order = itertools.count()

    def now(self) -> datetime:
        """Return the moment it stands at."""
        return self._at

    def now_ns(self) -> int:
        """Return the moment as an engine would: nanoseconds."""
        return round((self._at - START) / timedelta(microseconds=1)) * 1000

    def moment(self, at_ns: int) -> datetime:
        """Return the moment of an engine event."""
        return START + timedelta(microseconds=at_ns // 1000)

    def call_later(self, delay_s: float, callback: Callable[[], object]) -> FakeTimer:
        """Call back once the clock was moved so far."""
        timer = FakeTimer(self._at + timedelta(seconds=max(0.0, delay_s)), callback)
        heapq.heappush(self._timers, (timer.due_at, next(self._order), timer))
        return timer

    def advance(self, seconds: float) -> int:
        """Move the clock, let every timer that is due on the way fire, and return how many did.

        Timers started by those that fire count too, if they are due by then.
        """
        until = self._at + timedelta(seconds=seconds)
        fired = 0
        while self._timers and self._timers[0][0] <= until:
            due_at, _, timer = heapq.heappop(self._timers)
            if timer.is_cancelled:
                continue
            self._at = max(self._at, due_at)
            timer.callback()
            fired += 1
        self._at = until
        return fired

    @property
    def waiting(self) -> int:
        """How many timers are running."""
        return sum(not timer.is_cancelled for _, _, timer in self._timers)
