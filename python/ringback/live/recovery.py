"""After a crash: calls that had a leg or an INVITE get their final record and are never dialed again; others go on."""

import asyncio
from datetime import datetime
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

import msgspec
import structlog

from ringback.call import crash
from ringback.live.call_parts.journal import RECOVERED_SEQUENCE
from ringback.live.engine_tables import resolve
from ringback.live.task import CallTask
from ringback.model.journal import EntryKind
from ringback.store.calls import CallRow, OpenCall

if TYPE_CHECKING:
    from ringback.live.exchange import Exchange

_log = structlog.get_logger(__name__)

_PAGE = 1000
_READ_AT_ONCE = 16


async def recover(exchange: "Exchange") -> int:
    """Bring the calls of an earlier run to their end, or back into the queue; return how many were ended."""
    ended: list[CallTask] = []
    dialogs: list[str] = []
    async for call in exchange.repositories.calls.open_with_journal():
        task = _recovered(exchange, call)
        if task is not None:
            ended.append(task)
            dialogs += crash.open_dialogs(call.entries)
    for task in ended:
        await task.settled()
    await _queue_again(exchange)
    await _end_dialogs(exchange, dialogs)
    exchange.parts.counters.recovered += len(ended)
    if ended:
        _log.warning("recovered_after_crash", calls=len(ended), dialogs=len(dialogs))
    return len(ended)


def _recovered(exchange: "Exchange", call: OpenCall) -> CallTask | None:
    """Commit the end of a call; None if it never had an INVITE and simply goes on."""
    at = exchange.parts.clock.now()
    recovery = crash.recover(call.request, call.entries, why=crash.RECOVERED, at=at)
    task = exchange.adopt(call.request, call.entries, row_state=call.state, sequence=RECOVERED_SEQUENCE)
    if recovery is None:
        exchange.outbound.begin(task)
        return None
    task.end_recovered(recovery, at)
    return task


async def _queue_again(exchange: "Exchange") -> None:
    """Put the waiting calls back into their lines, in their order, with the time they have left."""
    after = None
    while rows := await exchange.repositories.calls.queued(after=after, limit=_PAGE):
        after = rows[-1].request.id
        limit = asyncio.Semaphore(_READ_AT_ONCE)

        async def wait_again(row: CallRow, limit: asyncio.Semaphore = limit) -> tuple[CallTask, float]:
            async with limit:
                entries = await exchange.repositories.calls.entries(row.request.account, row.request.id)
            task = exchange.adopt(row.request, entries, row_state=row.state)
            until = [entry.data["until"] for entry in entries if entry.kind is EntryKind.QUEUED]
            at = exchange.parts.clock.now()
            left = (datetime.fromisoformat(until[-1]) - at).total_seconds() if until else 0.0
            return task, max(0.0, left * 1000)

        for task, left_ms in await asyncio.gather(*(wait_again(row) for row in rows)):
            exchange.outbound.wait(task, wait_ms=left_ms)
        if len(rows) < _PAGE:
            return


async def _end_dialogs(exchange: "Exchange", dialogs: list[str]) -> None:
    for dialog in dialogs:
        try:
            exchange.parts.engine.end_dialog(await _with_address(dialog))
        except Exception as error:  # noqa: BLE001  a dialog that cannot be ended here ends by its own timers
            _log.warning("dialog_not_ended", error=str(error))


async def _with_address(dialog: str) -> str:
    """Return the dialog with its peer as `ip:port`: an INVITE's gateway may have been journalled by name."""
    data: dict[str, Any] = msgspec.json.decode(dialog)
    peer = data.get("peer")
    if not isinstance(peer, str):
        return dialog
    if ":" not in peer:
        peer = f"{peer}:{5061 if data.get('transport') == 'tls' else 5060}"
    host, _, port = peer.rpartition(":")
    try:
        ip_address(host.strip("[]"))
    except ValueError:
        data["peer"] = f"{(await resolve(host))[0]}:{port}"
        return msgspec.json.encode(data).decode()
    return dialog
