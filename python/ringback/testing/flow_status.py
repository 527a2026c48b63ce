"""The journal of a scripted call as far as it decides the status, so that tests see what a real call would end with."""

from datetime import datetime
from typing import Any

from ringback.call.status import decide
from ringback.flow.effects import End, Fail, HangUp
from ringback.model.ids import CallId
from ringback.model.journal import Entry, EntryKind
from ringback.model.status import Kind, Status


class FlowJournal:
    """Entries of one call."""

    def __init__(self, kind: Kind, *, at: datetime) -> None:
        self._kind = kind
        self._entries: list[Entry] = []
        self.entry(EntryKind.ACCEPTED, at)
        self.entry(EntryKind.ADMITTED, at)
        if kind is Kind.INCOMING:
            self.entry(EntryKind.RINGING, at)
        else:
            self.entry(EntryKind.LEG_RESULT, at, leg=1, result="answered", reason="answered")
        self.entry(EntryKind.FLOW_STARTED, at)

    def entry(self, kind: EntryKind, at: datetime, **data: Any) -> None:
        """Add an entry."""
        number = len(self._entries) + 1
        self._entries.append(Entry(call_id=CallId("call_TEST"), seq=number, at=at, kind=kind, data=data))

    def flow_over(self, effect: End | HangUp | Fail, at: datetime) -> None:
        """Note how the flow ended."""
        if isinstance(effect, Fail):
            self.entry(EntryKind.FLOW_FAILED, at, error=effect.error, node=effect.node)
        else:
            self.entry(EntryKind.FLOW_ENDED, at, how="end" if isinstance(effect, End) else "hangup")

    def left(self, at: datetime) -> None:
        """Note that the caller hung up."""
        self.entry(EntryKind.CALLER_LEFT, at, how="cancelled" if not self._is_answered() else "bye")

    def status(self) -> Status:
        """Return the final status."""
        return decide(self._kind, self._entries).status

    def _is_answered(self) -> bool:
        return any(entry.kind is EntryKind.ANSWER_CONFIRMED for entry in self._entries)
