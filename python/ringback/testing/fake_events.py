"""Events of the fake engine: a queue, an eventfd, a clock."""

import contextlib
import os
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from ringback.live.clock import Clock
from ringback.testing.fake_clock import FakeClock


class FakeEvents:
    """What the fake engine has to say, and what time it is. The test's clock runs prompts and digit time-outs."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._events: deque[Any] = deque()
        self._fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)

    def close(self) -> None:
        """Give the eventfd back; the real engine does it when it is forgotten."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def fileno(self) -> int:
        """Return the eventfd."""
        return self._fd

    def drain(self, max_events: int = 256) -> list[Any]:
        """Return waiting events in order."""
        events = [self._events.popleft() for _ in range(min(max_events, len(self._events)))]
        if not self._events and self._fd >= 0:
            with contextlib.suppress(BlockingIOError):
                os.eventfd_read(self._fd)
        return events

    @property
    def waiting(self) -> int:
        """How many events wait."""
        return len(self._events)

    def now_ns(self) -> int:
        """Return the time for events."""
        return self.clock.now_ns() if isinstance(self.clock, FakeClock) else time.monotonic_ns()

    def emit(self, event: object) -> None:
        """Queue an event and wake whoever waits."""
        self._events.append(event)
        if self._fd >= 0:
            os.eventfd_write(self._fd, 1)

    def later(self, delay_s: float, callback: Callable[[], object]) -> Any:
        """Start a timer of the clock."""
        return self.clock.call_later(delay_s, callback)
