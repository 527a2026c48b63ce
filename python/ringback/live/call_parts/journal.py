"""What one call has to write, until it is handed to the journal writer."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from msgspec import to_builtins

from ringback.call.effects import Announce, Record
from ringback.model.account import Account
from ringback.model.call import CallRequest
from ringback.model.final import FinalRecord
from ringback.model.journal import Entry, EntryKind
from ringback.store.writes import Append, Finish, OutboxEvent, SaveSipTrace, TraceMessage
from ringback.webhook.events import announcement

RECOVERED_SEQUENCE = 100
"""Webhook sequence of a call whose earlier events are not remembered: at most seven come before `call_end`."""

_TRACES_AT_ONCE = 64
"""SIP messages kept back until they are written together."""


class CallJournal:
    """The journal of a call in memory: all of its entries, and those not written yet.

    Attributes:
        must_commit: Something waits that has to be committed before any further effect.
        channels: Channels for the call's row, None when they did not change.
    """

    __slots__ = (
        "_announcements",
        "_entries",
        "_request",
        "_row_state",
        "_sequence",
        "_to_write",
        "_traces",
        "channels",
        "must_commit",
    )

    def __init__(self, request: CallRequest, entries: Sequence[Entry], *, row_state: str, sequence: int = 0) -> None:
        """Go on with a journal whose `entries` are written, and a row that says `row_state`."""
        self.must_commit = False
        self.channels: int | None = None
        self._request = request
        self._entries = list(entries)
        self._to_write: list[Entry] = []
        self._announcements: list[OutboxEvent] = []
        self._traces: list[TraceMessage] = []
        self._row_state = row_state
        self._sequence = sequence

    @property
    def entries(self) -> Sequence[Entry]:
        """The whole journal, in order."""
        return self._entries

    @property
    def next_seq(self) -> int:
        """The number of the next entry."""
        return self._entries[-1].seq + 1

    def record(self, at: datetime, effect: Record) -> None:
        """Add what the call machine wants written."""
        entry = Entry(call_id=self._request.id, seq=effect.seq, at=at, kind=effect.kind, data=effect.data)
        self._entries.append(entry)
        self._to_write.append(entry)
        if effect.durable:
            self.must_commit = True

    def add(self, entries: Sequence[Entry]) -> None:
        """Add finished entries (crash rule)."""
        self._entries += entries
        self._to_write += entries

    def announce(self, at: datetime, effect: Announce, account: Account) -> None:
        """Add a webhook event for every endpoint that wants it."""
        self._sequence += 1
        self._announcements += announcement(
            effect.event,
            request=self._request,
            account=account,
            sequence=self._sequence,
            at=at,
            data=effect.data or None,
        )

    def take_append(self, state: str | None) -> Append | None:
        """Return what waits to be written, None if nothing does. `state`: for the call's row, None once it is final."""
        if not (self._to_write or self._announcements or self.channels is not None):
            return None
        is_new_state = state is not None and state != self._row_state
        if is_new_state and state is not None:
            self._row_state = state
        append = Append(
            call_id=self._request.id,
            entries=tuple(self._to_write),
            state=state if is_new_state else None,
            channels=self.channels,
            announcements=tuple(self._announcements),
        )
        self._taken()
        return append

    def take_finish(self, at: datetime, record: FinalRecord, account: Account, retry: CallRequest | None) -> Finish:
        """Return the final transaction: what waits, the record, `call_end`, the next attempt."""
        self._sequence += 1
        ends = announcement(
            "call_end", request=self._request, account=account, sequence=self._sequence, at=at, record=record
        )
        finish = Finish(
            record=record,
            entries=tuple(self._to_write),
            announcements=(*self._announcements, *ends),
            retry=retry,
        )
        self._taken()
        return finish

    def keep_trace(self, message: TraceMessage) -> bool:
        """Keep a SIP message; return whether so many are kept that they should be written."""
        self._traces.append(message)
        return len(self._traces) >= _TRACES_AT_ONCE

    def take_traces(self) -> SaveSipTrace | None:
        """Return the SIP messages that wait to be written, None if none do."""
        if not self._traces:
            return None
        messages, self._traces = tuple(self._traces), []
        return SaveSipTrace(call_id=self._request.id, account=self._request.account, messages=messages)

    def _taken(self) -> None:
        self._to_write = []
        self._announcements = []
        self.channels = None
        self.must_commit = False


def accepted_entry(request: CallRequest, **data: Any) -> Entry:
    """Return the first entry of a call's journal."""
    return Entry(
        call_id=request.id,
        seq=1,
        at=request.accepted_at,
        kind=EntryKind.ACCEPTED,
        data={"request": to_builtins(request), **data},
    )
