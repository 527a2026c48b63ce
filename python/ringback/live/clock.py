"""What time it is, and timers: the seam that lets tests hold time still (`ringback.testing.FakeClock`)."""

from collections.abc import Callable
from datetime import datetime
from typing import Protocol


class Timer(Protocol):
    """A timer that was started."""

    def cancel(self) -> None:
        """Stop it; no effect once it fired."""


class Clock(Protocol):
    """The wall clock and the loop's timers."""

    def now(self) -> datetime:
        """Return the present moment, aware, UTC."""

    def moment(self, at_ns: int) -> datetime:
        """Return the moment of an engine event (`CLOCK_MONOTONIC`, nanoseconds), aware, UTC."""

    def call_later(self, delay_s: float, callback: Callable[[], object]) -> Timer:
        """Call back in the loop after so many seconds; at once for 0 and below, but never before this returns."""
