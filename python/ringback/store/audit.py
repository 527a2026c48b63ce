"""Feeds `ringback verify`: every call with all that was written about it."""

from collections.abc import AsyncIterator

from msgspec import Struct

from ringback.model.call import CallRequest
from ringback.model.final import FinalRecord
from ringback.model.ids import AccountSid
from ringback.model.journal import Entry
from ringback.store.backend.access import Access
from ringback.store.writes import OutboxEvent


class AuditedCall(Struct, frozen=True, kw_only=True):
    """Everything about one call, in the shape `ringback.call.audit.audit_call` takes. `events` in order of `sequence`."""

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

    def calls(self, account: AccountSid | None = None) -> AsyncIterator[AuditedCall]:
        """Yield every call (of one account) in order of its id."""
        raise NotImplementedError
