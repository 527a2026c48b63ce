"""The real clock: the system's wall clock, and the loop's timers."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from ringback.live.counters import Counters


class SystemClock:
    """`ringback.live.clock.Clock` over the running loop. Counts how late timers fire, into `counters`."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.counters: Counters | None = None

    def now(self) -> datetime:
        """Return the present moment, aware, UTC."""
        return datetime.now(UTC)

    def moment(self, at_ns: int) -> datetime:
        """Return the moment of an engine event (`CLOCK_MONOTONIC`, nanoseconds), aware, UTC."""
        return datetime.now(UTC) - timedelta(microseconds=(time.monotonic_ns() - at_ns) // 1000)

    def call_later(self, delay_s: float, callback: Callable[[], object]) -> asyncio.TimerHandle:
        """Call back after so many seconds."""
        loop = self._loop
        if self.counters is None or delay_s <= 0:
            return loop.call_later(max(0.0, delay_s), callback)
        counters, due = self.counters, loop.time() + delay_s

        def fired() -> None:
            counters.timers += 1
            counters.late_s += max(0.0, loop.time() - due)
            callback()

        return loop.call_later(delay_s, fired)
