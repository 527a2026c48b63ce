"""Feeds `ringback verify`: every call with all that was written about it."""

from collections.abc import AsyncIterator, Sequence
from itertools import groupby
from operator import attrgetter

from msgspec import Struct
from sqlalchemy import select

from ringback.model.call import CallRequest
from ringback.model.final import FinalRecord
from ringback.model.ids import AccountSid
from ringback.model.journal import Entry
from ringback.store.backend.access import Access
from ringback.store.calls import journals_of, read_call
from ringback.store.outbox import read_event
from ringback.store.tables import call, outbox
from ringback.store.writes import OutboxEvent

_AT_ONCE = 200


class AuditedCall(Struct, frozen=True, kw_only=True):
    """Everything about one call, as `ringback.call.audit.audit_call` takes it; `events` in order of `sequence`."""

    request: CallRequest
    state: str
    channels: int
    entries: tuple[Entry, ...]
    record: FinalRecord | None
    events: tuple[OutboxEvent, ...]


class AuditReader:
    """Reads calls for verification, a page at a time, so that memory does not grow with their number."""

    def __init__(self, access: Access) -> None:
        self._access = access

    async def calls(self, account: AccountSid | None = None) -> AsyncIterator[AuditedCall]:
        """Yield every call (of one account) in order of its id."""
        last = ""
        query = select(call).order_by(call.c.id)
        if account is not None:
            query = query.where(call.c.account == account)
        while rows := await self._access.rows(query.where(call.c.id > last).limit(_AT_ONCE)):
            last = rows[-1].id
            ids = [row.id for row in rows]
            journals, events = await journals_of(self._access, ids), await self._events_of(ids)
            for row in rows:
                read = read_call(row)
                yield AuditedCall(
                    request=read.request,
                    state=read.state,
                    channels=read.channels,
                    entries=journals.get(row.id, ()),
                    record=read.record,
                    events=events.get(row.id, ()),
                )

    async def _events_of(self, call_ids: Sequence[str]) -> dict[str, tuple[OutboxEvent, ...]]:
        query = select(outbox).where(outbox.c.call_id.in_(call_ids))
        rows = await self._access.rows(query.order_by(outbox.c.call_id, outbox.c.sequence, outbox.c.id))
        events = [read_event(row) for row in rows]
        return {call_id: tuple(of_call) for call_id, of_call in groupby(events, key=attrgetter("call_id"))}
