"""What the outbox said is due, in the hand of the delivery until it is sent or too old to be believed."""

import asyncio
import time
from collections import deque
from datetime import UTC, datetime

from ringback.store.outbox import DueEvent, OutboxQueue
from ringback.webhook.feed import Flights
from ringback.webhook.settings import DeliverySettings

ASK_EVERY_S = 0.02
"""Pause between questions to the database: an answer serves what came meanwhile, instead of each event its own."""

_BELIEVED_S = 0.2
"""After that, what is left is asked for again: endpoints are stopped meanwhile, and others may be waiting behind."""

_LOOKED_AT = 32
"""Events that may not go now, looked at before giving up: those behind them are mostly of the same full receiver."""


class Backlog:
    """Due webhooks, in order."""

    def __init__(self, queue: OutboxQueue, flights: Flights, settings: DeliverySettings) -> None:
        self._queue = queue
        self._flights = flights
        self._settings = settings
        self._known: deque[DueEvent] = deque()
        self._asked_at = 0.0

    def __len__(self) -> int:
        return len(self._known)

    def forget(self) -> None:
        """Believe nothing of what is known: a receiver said something that concerns others, too."""
        self._known.clear()

    async def take(self) -> list[DueEvent]:
        """Return what may go now, counted as running; ask the database if nothing fresh is at hand.

        Raises:
            StoreUnavailableError: The database cannot be read.
        """
        taken = self._take_known()
        is_believed = self._known and time.monotonic() - self._asked_at < _BELIEVED_S
        if taken or is_believed or self._flights.free <= 0:
            return taken
        await self._ask()
        return self._take_known()

    def _take_known(self) -> list[DueEvent]:
        taken: list[DueEvent] = []
        passed: list[DueEvent] = []
        while self._known and self._flights.free > 0 and len(passed) < _LOOKED_AT:
            event = self._known.popleft()
            if self._flights.is_busy(event.lane):
                continue  # what was said of it need not hold any more when the other one of its call is over
            (taken if self._flights.choose((event,)) else passed).append(event)
        self._known.extendleft(reversed(passed))
        return taken

    async def _ask(self) -> None:
        await asyncio.sleep(max(0.0, self._asked_at + ASK_EVERY_S - time.monotonic()))
        self._asked_at = time.monotonic()
        now, full = datetime.now(UTC), self._flights.full()
        due = await self._queue.due(
            now,
            yield_before=now - self._settings.yield_after,
            without=self._flights.ids,
            without_origins=full.origins,
            without_accounts=full.accounts,
            limit=2 * self._settings.at_once,
        )
        self._known = deque(due)
