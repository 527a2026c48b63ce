"""Calls that wait for a channel: one line for each account, first come, first served."""

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from ringback.call.events import QueueTimedOut
from ringback.live.capacity import Pool, Want
from ringback.live.clock import Clock, Timer
from ringback.model.ids import AccountSid, CallId

if TYPE_CHECKING:
    from ringback.live.task import CallTask

_TRIES_AT_ONCE = 32
"""Calls of one account looked at when something became free: the first in line, and those behind it whose number or
trunk may be another."""


class Queue:
    """The waiting calls. `admit` runs the checks again and reserves: it returns what is full, None if a call left."""

    def __init__(self, clock: Clock, admit: "Callable[[CallTask], Want | None]") -> None:
        self._clock = clock
        self._admit = admit
        self._lines: dict[AccountSid, dict[CallId, CallTask]] = {}
        self._timers: dict[CallId, Timer] = {}
        self._look_soon: Timer | None = None
        self._is_stopped = False

    def join(self, task: "CallTask", until: datetime) -> None:
        """Stand at the end of the account's line, at latest until `until`."""
        call_id = task.request.id
        self._lines.setdefault(task.request.account, {})[call_id] = task

        def timed_out() -> None:
            self.leave(task)
            task.deliver(QueueTimedOut(at=self._clock.now()))

        self._timers[call_id] = self._clock.call_later((until - self._clock.now()).total_seconds(), timed_out)

    def leave(self, task: "CallTask") -> None:
        """Step out of the line: admitted, refused, withdrawn or out of time. No effect on a call that is in none."""
        line = self._lines.get(task.request.account)
        if line is None or line.pop(task.request.id, None) is None:
            return
        if not line:
            del self._lines[task.request.account]
        timer = self._timers.pop(task.request.id)
        timer.cancel()

    def waiting(self, account: AccountSid) -> int:
        """Return how many calls of the account wait."""
        return len(self._lines.get(account, ()))

    def __len__(self) -> int:
        return len(self._timers)

    def look(self) -> None:
        """Something became free or changed: look at the lines soon; many reasons make one look."""
        if self._look_soon is None and self._lines and not self._is_stopped:
            self._look_soon = self._clock.call_later(0, self._look)

    def stop(self) -> None:
        """Admit nobody any more; those who wait stay rows and go on at the next start."""
        self._is_stopped = True
        if self._look_soon is not None:
            self._look_soon.cancel()
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        self._lines.clear()

    def _look(self) -> None:
        self._look_soon = None
        for account in tuple(self._lines):
            self._look_at(account)

    def _look_at(self, account: AccountSid) -> None:
        """Admit from the front. A call whose number or trunk is full lets others pass; a full account stops all."""
        full: set[tuple[Pool, str]] = set()
        tried = 0
        for task in tuple(self._lines.get(account, {}).values()):
            if (Pool.NUMBER, task.request.bridge) in full:
                continue
            if tried >= _TRIES_AT_ONCE:
                return
            tried += 1
            want = self._admit(task)
            if want is None:
                self.leave(task)
            elif want.pool is Pool.ACCOUNT:
                return
            else:
                full.add((want.pool, want.key))
