"""Forgets what has been kept long enough: SIP messages, delivered webhooks, remembered answers. Never calls."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import structlog

from ringback.service.setting_types import KeepSettings
from ringback.store.database import Database

_EVERY_S = 3600.0
_FIRST_AFTER_S = 60.0
"""Not while a server that was just started ends the calls of the one before it."""

_AT_ONCE = 500
"""Rows of one transaction: calls commit between two of them."""

_PAUSE_S = 0.05

_log = structlog.get_logger(__name__)


class Housekeeping:
    """Deletes old rows in small helpings, once an hour.

    Args:
        database: Where the rows are.
        keep: For how long what is kept.
    """

    def __init__(self, database: Database, keep: KeepSettings) -> None:
        self._database = database
        self._keep = keep

    async def run(self) -> None:
        """Go on until cancelled. A failure is logged; the next hour tries again."""
        await asyncio.sleep(_FIRST_AFTER_S)
        while True:
            try:
                await self.clean(datetime.now(UTC))
            except Exception as error:  # noqa: BLE001  a supervisor: housekeeping must not end the server, nor itself
                _log.warning("housekeeping_failed", error=str(error))
            await asyncio.sleep(_EVERY_S)

    async def clean(self, now: datetime) -> dict[str, int]:
        """Forget everything that is too old at `now`; return how many rows of each kind went."""
        repositories, keep = self._database.repositories, self._keep
        gone = {
            "sip_messages": await _helpings(
                lambda: repositories.traces.purge(now - timedelta(days=keep.sip_messages_days), limit=_AT_ONCE)
            ),
            "webhooks": await _helpings(
                lambda: self._database.outbox_queue.purge(now - timedelta(days=keep.webhooks_days), limit=_AT_ONCE)
            ),
            "answers": await repositories.idempotency.purge(now),
        }
        if any(gone.values()):
            _log.info("housekeeping", **gone)
        return gone


async def _helpings(purge: Callable[[], Awaitable[int]]) -> int:
    total = 0
    while gone := await purge():
        total += gone
        await asyncio.sleep(_PAUSE_S)
    return total
