"""Calls that wait for their time: rows in the database, one timer for the next of them."""

from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from ringback.live.clock import Clock, Timer
from ringback.live.supervisor import Supervisor
from ringback.model.call import CallRequest
from ringback.model.ids import CallId
from ringback.store.calls import CallRepository

_log = structlog.get_logger(__name__)

_AT_ONCE = 500
"""Rows read together."""

_AGAIN_S = 0.25
"""Pause before due rows that belong to running calls, or an unanswered database, are looked at again."""


class Schedule:
    """Starts calls when they are due.

    Args:
        is_running: Says whether a call is in hand: its row says `scheduled` until its next write is committed.
        start: Takes over a due call.
    """

    def __init__(
        self,
        calls: CallRepository,
        clock: Clock,
        supervisor: Supervisor,
        *,
        is_running: Callable[[CallId], bool],
        start: Callable[[CallRequest], None],
    ) -> None:
        self._calls = calls
        self._clock = clock
        self._supervisor = supervisor
        self._is_running = is_running
        self._start = start
        self._timer: Timer | None = None
        self._next_at: datetime | None = None
        self._is_reading = False
        self._is_due_again = False
        self._is_stopped = False
        self._ended: set[CallId] = set()  # became final while rows were being read: what was read of them is old

    def begin(self) -> None:
        """Look into the database for the first time."""
        self._arm(self._clock.now())

    def tell(self, due_at: datetime) -> None:
        """A call was scheduled for this moment."""
        if self._next_at is None or due_at < self._next_at:
            self._arm(due_at)

    def ended(self, call_id: CallId) -> None:
        """A call in hand is final."""
        if self._is_reading:
            self._ended.add(call_id)

    def stop(self) -> None:
        """Start nothing any more."""
        self._is_stopped = True
        if self._timer is not None:
            self._timer.cancel()

    def _arm(self, at: datetime) -> None:
        if self._is_stopped:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._next_at = at
        self._timer = self._clock.call_later(max(0.0, (at - self._clock.now()).total_seconds()), self._due)

    def _due(self) -> None:
        self._timer = None
        self._next_at = None
        if self._is_reading:
            self._is_due_again = True
        else:
            self._is_reading = True
            self._supervisor.start(self._read(), name="schedule", failed=self._failed)

    def _failed(self, error: Exception) -> None:
        del error  # logged by the supervisor
        self._is_reading = False
        self._arm(self._clock.now() + timedelta(seconds=_AGAIN_S))

    async def _read(self) -> None:
        self._ended.clear()
        asked_at = self._clock.now()
        started = 0
        for request in await self._calls.due(asked_at, _AT_ONCE):
            if not self._is_stopped and request.id not in self._ended and not self._is_running(request.id):
                self._start(request)
                started += 1
        next_at = await self._calls.next_due_at()
        self._is_reading = False
        if self._is_due_again:
            self._is_due_again = False
            self.tell(asked_at)
        if next_at is None:
            return
        if next_at <= asked_at and not started:
            # Due rows and none to start: they are of calls in hand, and say `scheduled` until their next write.
            next_at = asked_at + timedelta(seconds=_AGAIN_S)
        self.tell(next_at)
