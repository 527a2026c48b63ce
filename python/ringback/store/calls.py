"""Calls: rows that follow from their journals. Written by the journal writer only; here they are read."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import ColumnElement, Row, func, literal, or_, select, tuple_

from ringback.model.call import CallRequest
from ringback.model.final import FinalRecord
from ringback.model.ids import AccountSid, CallId
from ringback.model.journal import Entry, EntryKind
from ringback.model.status import Kind, Status
from ringback.store.backend.access import Access
from ringback.store.backend.columns import UtcTime, from_micros, to_micros
from ringback.store.tables import call, journal
from ringback.store.writes import QUEUED, SCHEDULED

_AT_ONCE = 200
_NEWEST_FIRST = (call.c.accepted_at.desc(), call.c.id.desc())
_IS_SCHEDULED = call.c.state == SCHEDULED
_requests = msgspec.json.Decoder(CallRequest)
_records = msgspec.json.Decoder(FinalRecord)


class CallRow(Struct, frozen=True, kw_only=True):
    """A call as its row shows it. `record` is None until it is final; `channels` are the ones it occupies now."""

    request: CallRequest
    state: str
    channels: int
    due_at: datetime | None
    record: FinalRecord | None


class OpenCall(Struct, frozen=True, kw_only=True):
    """A call that was not final when the process stopped, with its whole journal."""

    request: CallRequest
    state: str
    entries: tuple[Entry, ...]


class CallFilter(Struct, frozen=True, kw_only=True):
    """Which calls to list; None everywhere means all. `since` to `until` (excluded) bounds the moment of acceptance."""

    kind: Kind | None = None
    status: Status | None = None
    state: str | None = None
    reason: str | None = None
    number: str | None = None  # either party
    bridge: str | None = None
    parent_id: CallId | None = None
    since: datetime | None = None
    until: datetime | None = None


class CallPage(Struct, frozen=True, kw_only=True):
    """A page of calls, newest first. `cursor` asks for the next page, None after the last one."""

    calls: tuple[CallRow, ...]
    cursor: str | None


class StatusCount(Struct, frozen=True, kw_only=True):
    """How many calls of a kind ended with a status and reason."""

    kind: Kind
    status: Status
    reason: str
    count: int


class CallRepository:
    """Calls of accounts."""

    def __init__(self, access: Access) -> None:
        self._access = access

    async def get(self, account: AccountSid, call_id: CallId) -> CallRow | None:
        """Return one call of the account."""
        row = await self._access.row(select(call).where(call.c.id == call_id, call.c.account == account))
        return None if row is None else read_call(row)

    async def entries(self, account: AccountSid, call_id: CallId) -> tuple[Entry, ...]:
        """Return the journal of a call in order; empty if the account has no such call."""
        query = select(journal).join(call, call.c.id == journal.c.call_id)
        query = query.where(journal.c.call_id == call_id, call.c.account == account).order_by(journal.c.seq)
        return tuple([read_entry(row) for row in await self._access.rows(query)])

    async def attempts(self, account: AccountSid, call_id: CallId) -> tuple[CallRow, ...]:
        """Return the attempts of a call in order, given the id of attempt 1."""
        is_one = or_(call.c.id == call_id, call.c.parent_id == call_id)
        query = select(call).where(call.c.account == account, is_one).order_by(call.c.attempt)
        return tuple([read_call(row) for row in await self._access.rows(query)])

    async def page(
        self, account: AccountSid, filters: CallFilter, *, cursor: str | None = None, limit: int = 50
    ) -> CallPage:
        """List calls of the account, newest first.

        Raises:
            ValueError: The cursor is not one of ours.
        """
        query = select(call).where(*_conditions(account, filters))
        if cursor is not None:
            micros, call_id = _parse_cursor(cursor)
            query = query.where(
                tuple_(call.c.accepted_at, call.c.id) < tuple_(literal(from_micros(micros), UtcTime), literal(call_id))
            )
        rows = await self._access.rows(query.order_by(*_NEWEST_FIRST).limit(limit + 1))
        calls = tuple([read_call(row) for row in rows[:limit]])
        more = len(rows) > limit
        return CallPage(calls=calls, cursor=_cursor(calls[-1].request) if more else None)

    async def offset_page(
        self, account: AccountSid, filters: CallFilter, *, offset: int, limit: int
    ) -> tuple[tuple[CallRow, ...], int]:
        """List calls by offset, newest first, with the number of all that match: for the compatible call logs only."""
        conditions = _conditions(account, filters)
        total = await self._access.count(select(func.count()).select_from(call).where(*conditions))
        query = select(call).where(*conditions).order_by(*_NEWEST_FIRST).offset(offset).limit(limit)
        return tuple([read_call(row) for row in await self._access.rows(query)]), total

    async def counts(
        self, account: AccountSid, *, since: datetime | None = None, until: datetime | None = None
    ) -> tuple[StatusCount, ...]:
        """Count final calls by kind, status and reason, by the moment of acceptance."""
        filters = CallFilter(since=since, until=until)
        query = select(call.c.kind, call.c.status, call.c.reason, func.count().label("calls"))
        query = query.where(*_conditions(account, filters), call.c.status.is_not(None))
        rows = await self._access.rows(query.group_by(call.c.kind, call.c.status, call.c.reason))
        return tuple(
            [
                StatusCount(kind=Kind(row.kind), status=Status(row.status), reason=row.reason, count=row.calls)
                for row in rows
            ]
        )

    async def due(self, now: datetime, limit: int) -> tuple[CallRequest, ...]:
        """Return scheduled calls whose time has come, earliest first."""
        query = select(call.c.request).where(_IS_SCHEDULED, call.c.due_at <= now).order_by(call.c.due_at, call.c.id)
        return tuple([_requests.decode(row.request) for row in await self._access.rows(query.limit(limit))])

    async def next_due_at(self) -> datetime | None:
        """Return when the next scheduled call is due, None without one."""
        row = await self._access.row(
            select(func.min(call.c.due_at, type_=UtcTime).label("due_at")).where(_IS_SCHEDULED)
        )
        return None if row is None else row.due_at

    async def queued(self, *, after: CallId | None = None, limit: int = 1000) -> tuple[CallRow, ...]:
        """Return calls that wait for a channel, in order of their ids (that is of acceptance)."""
        query = select(call).where(call.c.state == QUEUED, call.c.status.is_(None)).order_by(call.c.id).limit(limit)
        if after is not None:
            query = query.where(call.c.id > after)
        return tuple([read_call(row) for row in await self._access.rows(query)])

    async def open_count(self) -> int:
        """Count the calls that have no status yet, waiting ones included."""
        return await self._access.count(select(func.count()).select_from(call).where(call.c.status.is_(None)))

    async def open_with_journal(self) -> AsyncIterator[OpenCall]:
        """Yield every call that is neither final nor merely scheduled or queued, with its journal, for recovery."""
        last = ""
        query = (
            select(call).where(call.c.status.is_(None), call.c.state.not_in((SCHEDULED, QUEUED))).order_by(call.c.id)
        )
        while rows := await self._access.rows(query.where(call.c.id > last).limit(_AT_ONCE)):
            last = rows[-1].id
            journals = await journals_of(self._access, [row.id for row in rows])
            for row in rows:
                request = _requests.decode(row.request)
                yield OpenCall(request=request, state=row.state, entries=journals.get(row.id, ()))


def read_call(row: Row[Any]) -> CallRow:
    """Return the call of a whole row."""
    return CallRow(
        request=_requests.decode(row.request),
        state=row.state,
        channels=row.channels,
        due_at=row.due_at,
        record=None if row.record is None else _records.decode(row.record),
    )


def read_entry(row: Row[Any]) -> Entry:
    """Return the journal entry of a row."""
    data = msgspec.json.decode(row.data)
    return Entry(call_id=row.call_id, seq=row.seq, at=row.at, kind=EntryKind(row.kind), data=data)


async def journals_of(access: Access, call_ids: Sequence[str]) -> dict[str, tuple[Entry, ...]]:
    """Return the whole journals of some calls, by call."""
    query = select(journal).where(journal.c.call_id.in_(call_ids)).order_by(journal.c.call_id, journal.c.seq)
    entries = [read_entry(row) for row in await access.rows(query)]
    return {call_id: tuple(of_call) for call_id, of_call in groupby(entries, key=attrgetter("call_id"))}


def _conditions(account: AccountSid, filters: CallFilter) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = [call.c.account == account]
    exact = (
        (call.c.kind, filters.kind),
        (call.c.status, filters.status),
        (call.c.state, filters.state),
        (call.c.reason, filters.reason),
        (call.c.bridge, filters.bridge),
        (call.c.parent_id, filters.parent_id),
    )
    found += [column == str(value) for column, value in exact if value is not None]
    if filters.number is not None:
        found.append(or_(call.c.from_number == filters.number, call.c.to_number == filters.number))
    if filters.since is not None:
        found.append(call.c.accepted_at >= filters.since)
    if filters.until is not None:
        found.append(call.c.accepted_at < filters.until)
    return found


def _cursor(request: CallRequest) -> str:
    return f"{to_micros(request.accepted_at)}.{request.id}"


def _parse_cursor(cursor: str) -> tuple[int, str]:
    micros, _, call_id = cursor.partition(".")
    if not (micros.isascii() and micros.isdigit() and len(micros) < 20 and call_id):  # noqa: PLR2004  digits of 64 bits
        raise ValueError("The cursor is not one of ours: use the one of the page before, unchanged.")
    return int(micros), call_id
