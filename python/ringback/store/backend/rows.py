"""Turns writes into rows. Runs in the loop at submission, so that what cannot be written fails where it was made."""

from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from ringback.model.call import CallRequest
from ringback.model.journal import Entry, EntryKind
from ringback.store.backend.columns import to_micros
from ringback.store.backend.statements import Op, Row
from ringback.store.writes import (
    GIVE_UP_AFTER,
    SCHEDULED,
    AcceptCalls,
    Append,
    DeliveryOutcome,
    Finish,
    IdempotencyRecord,
    OutboxEvent,
    SaveSipTrace,
    SaveTables,
    StopEndpoint,
    Write,
)

_encoder = msgspec.json.Encoder()

OpRow = tuple[Op, Row]


class Prepared(Struct, frozen=True):
    """A write as rows. `progress` is kept apart because several of one call in a group become one."""

    write: Write
    rows: tuple[OpRow, ...]
    progress: Row | None = None
    idempotency: IdempotencyRecord | None = None
    has_outbox: bool = False


def prepare(write: Write, node: str) -> Prepared:
    """Turn a write into rows.

    Raises:
        TypeError: Something in it cannot be JSON.
        ValueError: Requests and entries of `AcceptCalls` do not belong together.
    """
    match write:
        case AcceptCalls():
            return Prepared(write, tuple(_accept(write, node)), idempotency=write.idempotency)
        case Append():
            rows = (*_journal(write.entries, node), *_outbox(write.announcements))
            return Prepared(write, rows, progress=_progress(write), has_outbox=bool(write.announcements))
        case Finish():
            return Prepared(write, tuple(_finish(write, node)), has_outbox=bool(write.announcements))
        case SaveTables():
            return Prepared(write, ((Op.SAVE_TABLES, (write.hash, write.tables, to_micros(write.at))),))
        case SaveSipTrace():
            return Prepared(write, tuple(_trace(write)))
        case DeliveryOutcome():
            return Prepared(write, tuple(_delivery(write)))
        case StopEndpoint():
            return Prepared(write, ((Op.STOP_ENDPOINT, (write.account, write.endpoint, to_micros(write.at))),))


def _json(value: object) -> str:
    return _encoder.encode(value).decode()


def _accept(write: AcceptCalls, node: str) -> Iterator[OpRow]:
    ids = [request.id for request in write.requests]
    if not ids or ids != [entry.call_id for entry in write.entries]:
        raise ValueError("AcceptCalls needs one `accepted` entry for each request, in the same order")
    for request in write.requests:
        yield _new_call(request, node, state=write.state, channels=write.channels)
    yield from _journal(write.entries, node)


def _new_call(request: CallRequest, node: str, *, state: str = SCHEDULED, channels: int = 0) -> OpRow:
    due_at = to_micros(request.not_before or request.accepted_at) if state == SCHEDULED else None
    return Op.NEW_CALL, (
        request.id,
        request.account,
        request.kind.value,
        request.attempt,
        request.parent_id,
        request.from_,
        request.to,
        request.bridge,
        state,
        channels,
        due_at,
        to_micros(request.accepted_at),
        _json(request),
        node,
    )


def _journal(entries: Sequence[Entry], node: str) -> Iterator[OpRow]:
    for entry in entries:
        yield (
            Op.JOURNAL,
            (entry.call_id, entry.seq, to_micros(entry.at), node, entry.kind.value, _json(entry.data)),
        )


def _progress(write: Append) -> Row | None:
    if write.state is None and write.channels is None and write.due_at is None:
        return None
    return write.call_id, write.state, write.channels, None if write.due_at is None else to_micros(write.due_at)


def _finish(write: Finish, node: str) -> Iterator[OpRow]:
    record = write.record
    yield from _journal(write.entries, node)
    verdict = record.verdict
    yield (
        Op.FINISH,
        (record.id, verdict.status.value, verdict.reason, to_micros(record.ended_at), _json(record)),
    )
    for leg in record.legs:
        moments = [None if at is None else to_micros(at) for at in (leg.started_at, leg.answered_at, leg.ended_at)]
        result = None if leg.result is None else leg.result.value
        yield Op.LEG, (record.id, leg.leg, record.account, leg.trunk, result, *moments, leg.sip_code)
    yield from _outbox(write.announcements)
    if write.retry is not None:
        yield _new_call(write.retry, node)
        yield from _journal((_accepted(write.retry),), node)


def _accepted(request: CallRequest) -> Entry:
    return Entry(call_id=request.id, seq=1, at=request.accepted_at, kind=EntryKind.ACCEPTED, data={"request": request})


def _outbox(events: Sequence[OutboxEvent]) -> Iterator[OpRow]:
    for event in events:
        created_at = to_micros(event.created_at)
        yield (
            Op.OUTBOX,
            (
                event.id,
                event.call_id,
                event.account,
                event.sequence,
                event.event,
                event.endpoint,
                event.method,
                event.url,
                origin_of(event.url),
                event.payload,
                "waiting",
                0,
                created_at,
                to_micros(event.created_at + GIVE_UP_AFTER),
                False,
                "",
                created_at,
            ),
        )


def origin_of(url: str) -> str:
    """Return scheme, host and port of a URL in lower case: what tries at once are bounded by."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}".lower()


def _trace(write: SaveSipTrace) -> Iterator[OpRow]:
    for message in write.messages:
        at = to_micros(message.at)
        yield Op.TRACE, (write.call_id, write.account, at, message.leg, message.outgoing, message.peer, message.text)


def _delivery(write: DeliveryOutcome) -> Iterator[OpRow]:
    at = to_micros(write.at)
    next_at = None if write.next_at is None else to_micros(write.next_at)
    delivered_at = at if write.state == "delivered" else None
    yield Op.DELIVERY, (write.id, write.state, write.attempt, next_at, write.error, delivered_at)
    attempt = (write.id, write.attempt, at, write.status_code, write.error, write.duration_ms)
    yield Op.DELIVERY_ATTEMPT, attempt
