"""Whether an ended call is tried again, and when: a value, decided once with the final record."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from msgspec.structs import replace

from ringback.call.crash import CRASH_REASONS
from ringback.model.call import CallRequest
from ringback.model.final import FinalRecord
from ringback.model.ids import CallId
from ringback.model.journal import Entry, EntryKind
from ringback.model.status import Kind, Status

# docs/statuses.md, "Attempts": BUSY*, NOANSWER*, FAILED*, OBD_TIMEOUT, MAXUSE, QUEUE_TIMEOUT; nothing else.
RETRIED = frozenset(
    status
    for status in Status
    if status.startswith(("BUSY", "NOANSWER", "FAILED"))
    or status in {Status.OBD_TIMEOUT, Status.MAXUSE, Status.QUEUE_TIMEOUT}
)
LEAST_INTERVAL_S = 5


def next_attempt(
    record: FinalRecord, request: CallRequest, entries: Sequence[Entry], *, now: datetime, new_id: CallId
) -> CallRequest | None:
    """Return the next attempt of an ended call, or None.

    Args:
        record: How this attempt ended.
        request: This attempt.
        entries: Its journal: after an accepted cancel there is no further attempt.
        now: When the next one is accepted.
        new_id: Its id.
    """
    if (
        request.kind is Kind.INCOMING
        or request.retries_left <= 0
        or record.verdict.status not in RETRIED
        or record.verdict.reason in CRASH_REASONS
        or any(entry.kind is EntryKind.CANCEL_ACCEPTED for entry in entries)
    ):
        return None
    return replace(
        request,
        id=new_id,
        attempt=request.attempt + 1,
        parent_id=request.parent_id or request.id,
        retries_left=request.retries_left - 1,
        not_before=record.ended_at + timedelta(seconds=max(request.interval_s, LEAST_INTERVAL_S)),
        accepted_at=now,
    )


def with_retry(record: FinalRecord, retry: CallRequest | None) -> FinalRecord:
    """Return the record with what it says of further attempts."""
    if retry is None:
        return replace(record, retries_left=0, next_attempt_at=None)
    return replace(record, retries_left=retry.retries_left + 1, next_attempt_at=retry.not_before)
