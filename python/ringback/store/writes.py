"""What can be written about calls: frozen values, each applied as a whole or not at all.

The journal writer applies them in the order given. `AcceptCalls` makes calls, `Append` adds to their journal,
`Finish` ends them: status, release of channels, retry and webhook rows in one transaction, once.
"""

from datetime import datetime, timedelta

from msgspec import Struct

from ringback.model.call import CallRequest
from ringback.model.final import FinalRecord
from ringback.model.ids import AccountSid, CallId
from ringback.model.journal import Entry

SCHEDULED = "scheduled"
"""State of a call that waits for its time (or for its first look at the queue): a row without a task."""

QUEUED = "queued"
"""State of a call that waits for a channel: a row without a task."""

FINAL = "final"
"""State of a call that has its status."""


IDEMPOTENCY_KEPT = timedelta(hours=24)
"""How long an answer is kept under its `Idempotency-Key`."""


GIVE_UP_AFTER = timedelta(hours=72)
"""A webhook that could not be delivered for so long is dead; it can be replayed."""


class OutboxEvent(Struct, frozen=True, kw_only=True):
    """One webhook to be delivered to one endpoint. Made by `ringback.webhook.events.announcement`.

    Attributes:
        id: `evt_...`; the same on every try, so that receivers can tell repeats.
        sequence: Counts the events of the call from 1; `call_end` has the highest.
        endpoint: The URL as the customer gave it, placeholders unfilled: what order and stopping go by.
        url: `endpoint` with its placeholders filled.
        payload: JSON object; for GET it is shown in the delivery log and not sent.
    """

    id: str
    call_id: CallId
    account: AccountSid
    sequence: int
    event: str
    endpoint: str
    method: str
    url: str
    payload: str
    created_at: datetime


class IdempotencyRecord(Struct, frozen=True, kw_only=True):
    """The answer to a request with an `Idempotency-Key`, kept for 24 h.

    Attributes:
        body_hash: SHA-256 of the request; the same key with another hash is the caller's mistake.
        answer: What was answered, as JSON.
    """

    account: AccountSid
    key: str
    body_hash: str
    answer: str
    created_at: datetime


class AcceptCalls(Struct, frozen=True, kw_only=True):
    """Make calls, all or none, each with its first entry. With an idempotency record: only if that key is new.

    `entries` are the `accepted` entries (seq 1), one for each request in the same order. `state` is `scheduled` for
    calls that wait in the schedule (also those due at once); an incoming call starts in another one.
    """

    requests: tuple[CallRequest, ...]
    entries: tuple[Entry, ...]
    idempotency: IdempotencyRecord | None = None
    state: str = SCHEDULED
    channels: int = 0


class Append(Struct, frozen=True, kw_only=True):
    """Add entries to a call's journal, and change what its row shows. None leaves state or channels as they are.

    `due_at` changes when a waiting call is looked at again.
    """

    call_id: CallId
    entries: tuple[Entry, ...] = ()
    state: str | None = None
    channels: int | None = None
    due_at: datetime | None = None
    announcements: tuple[OutboxEvent, ...] = ()


class Finish(Struct, frozen=True, kw_only=True):
    """End a call: its record, last entries, `call_end` rows and the next attempt, in one transaction, once.

    The next attempt gets its `accepted` entry by itself. A second `Finish` of the same call is refused, whatever it
    says.
    """

    record: FinalRecord
    entries: tuple[Entry, ...] = ()
    announcements: tuple[OutboxEvent, ...] = ()
    retry: CallRequest | None = None


class SaveTables(Struct, frozen=True, kw_only=True):
    """Keep decision tables under their content hash, for `verify`. Writing the same again changes nothing."""

    hash: str
    tables: str
    at: datetime


class TraceMessage(Struct, frozen=True, kw_only=True):
    """A SIP message of a leg. `outgoing` is seen from us."""

    at: datetime
    leg: int
    outgoing: bool
    peer: str
    text: str


class SaveSipTrace(Struct, frozen=True, kw_only=True):
    """Keep SIP messages of a call; they have their own retention."""

    call_id: CallId
    account: AccountSid
    messages: tuple[TraceMessage, ...]


class DeliveryOutcome(Struct, frozen=True, kw_only=True):
    """What one try to deliver a webhook came to. `next_at` None: delivered, or given up (`state` says which).

    Attributes:
        attempt: Counts from 1.
        state: `waiting`, `delivered`, `dead`.
        status_code: Of the answer, None without one.
        error: For people, "" after success.
    """

    id: str
    at: datetime
    attempt: int
    state: str
    next_at: datetime | None
    status_code: int | None = None
    error: str = ""
    duration_ms: int = 0


class StopEndpoint(Struct, frozen=True, kw_only=True):
    """The receiver said 410: nothing more goes to this endpoint of this account until it is started again."""

    account: AccountSid
    endpoint: str
    at: datetime


Write = AcceptCalls | Append | Finish | SaveTables | SaveSipTrace | DeliveryOutcome | StopEndpoint


class Written(Struct, frozen=True, kw_only=True):
    """What a durable write came to.

    `existing` is set when an `AcceptCalls` found its idempotency key in use: nothing was written, this was answered
    before.
    """

    existing: IdempotencyRecord | None = None
