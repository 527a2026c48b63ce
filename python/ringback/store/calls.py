"""Calls: rows that follow from their journals. Written by the journal writer only; here they are read."""

from collections.abc import AsyncIterator
from datetime import datetime

from msgspec import Struct

from ringback.model.call import CallRequest
from ringback.model.final import FinalRecord
from ringback.model.ids import AccountSid, CallId
from ringback.model.journal import Entry
from ringback.model.status import Kind, Status
from ringback.store.backend.access import Access


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
    """Which calls to list; None everywhere means all. `since` and `until` bound the moment of acceptance (`until` excluded)."""

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
        raise NotImplementedError

    async def entries(self, account: AccountSid, call_id: CallId) -> tuple[Entry, ...]:
        """Return the journal of a call in order; empty if the account has no such call."""
        raise NotImplementedError

    async def attempts(self, account: AccountSid, call_id: CallId) -> tuple[CallRow, ...]:
        """Return the attempts of a call in order, given the id of attempt 1."""
        raise NotImplementedError

    async def page(
        self, account: AccountSid, filters: CallFilter, *, cursor: str | None = None, limit: int = 50
    ) -> CallPage:
        """List calls of the account, newest first.

        Raises:
            ValueError: The cursor is not one of ours.
        """
        raise NotImplementedError

    async def offset_page(
        self, account: AccountSid, filters: CallFilter, *, offset: int, limit: int
    ) -> tuple[tuple[CallRow, ...], int]:
        """List calls by offset, newest first, with the number of all that match: for the compatible call logs only."""
        raise NotImplementedError

    async def counts(
        self, account: AccountSid, *, since: datetime | None = None, until: datetime | None = None
    ) -> tuple[StatusCount, ...]:
        """Count final calls by kind, status and reason, by the moment of acceptance."""
        raise NotImplementedError

    async def due(self, now: datetime, limit: int) -> tuple[CallRequest, ...]:
        """Return scheduled calls whose time has come, earliest first."""
        raise NotImplementedError

    async def next_due_at(self) -> datetime | None:
        """Return when the next scheduled call is due, None without one."""
        raise NotImplementedError

    async def queued(self, *, after: CallId | None = None, limit: int = 1000) -> tuple[CallRow, ...]:
        """Return calls that wait for a channel, in order of their ids (that is of acceptance)."""
        raise NotImplementedError

    async def open_count(self) -> int:
        """Count the calls that have no status yet, waiting ones included."""
        raise NotImplementedError

    def open_with_journal(self) -> AsyncIterator[OpenCall]:
        """Yield every call that is neither final nor merely scheduled or queued, with its journal, for recovery."""
        raise NotImplementedError
