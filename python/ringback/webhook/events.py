"""Makes webhook events: which endpoints hear of what, and what the payload says. Pure."""

import hashlib
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import msgspec
from msgspec import structs

from ringback.model.account import Account
from ringback.model.call import CallbackUrl, CallRequest
from ringback.model.final import FinalRecord
from ringback.model.ids import make_id
from ringback.model.journal import Verdict
from ringback.store.writes import OutboxEvent
from ringback.webhook.placeholders import fill, names
from ringback.webhook.values import placeholder_values, with_query

CALL_EVENTS = frozenset(
    {
        "call_start",
        "call_answer",
        "call_end",
        "from_call_start",
        "from_call_answer",
        "to_call_start",
        "to_call_answer",
    }
)

_encoder = msgspec.json.Encoder()


def announcement(
    event: str,
    *,
    request: CallRequest,
    account: Account,
    sequence: int,
    at: datetime,
    data: dict[str, Any] | None = None,
    record: FinalRecord | None = None,
) -> tuple[OutboxEvent, ...]:
    """Make one event for each endpoint that wants it: the request's callbacks and the account's webhook.

    Args:
        event: `call_start`, `call_answer`, `call_end` ...
        request: The call.
        account: Its account, with the endpoint for all calls.
        sequence: Counts the events of this call from 1; the caller counts, also for events nobody wanted.
        at: When it happened.
        data: What is known so far, put into the payload as it is; None for nothing.
        record: The final record, for `call_end`.

    Returns:
        Events for `Append` or `Finish`. Ids depend on the arguments alone, so making them again makes the same ones.

    Raises:
        ValueError: `event` is not one of `CALL_EVENTS`.
    """
    if event not in CALL_EVENTS:
        raise ValueError(f"{event!r} is not a call event; known are {', '.join(sorted(CALL_EVENTS))}")
    endpoints = tuple(_endpoints(event, request.callbacks, account.webhook_url))
    if not endpoints:
        return ()
    facts = _facts(event, request, sequence, at, data, record)
    values = placeholder_values(facts)
    return tuple([_event(facts, values, method, template, request, at) for method, template in endpoints])


def _endpoints(event: str, callbacks: tuple[CallbackUrl, ...], webhook_url: str | None) -> Iterator[tuple[str, str]]:
    """Yield method and URL of each endpoint that wants the event, each once."""
    seen = set()
    for callback in callbacks:
        wanted = callback.events or frozenset({"call_end"})
        endpoint = (callback.method.upper(), callback.url)
        if event in wanted and endpoint not in seen:
            seen.add(endpoint)
            yield endpoint
    if webhook_url and ("POST", webhook_url) not in seen:
        yield "POST", webhook_url


def _facts(
    event: str,
    request: CallRequest,
    sequence: int,
    at: datetime,
    data: dict[str, Any] | None,
    record: FinalRecord | None,
) -> dict[str, Any]:
    """Put together what the payload says; see `docs/webhooks.md`."""
    facts: dict[str, Any] = {
        "type": event,
        "event": event,
        "sequence": sequence,
        "timestamp": at,
        "account": request.account,
        "call_id": request.id,
        "kind": request.kind,
        "attempt": request.attempt,
        "parent_id": request.parent_id,
        "from": request.from_,
        "to": request.to,
        "bridge": request.bridge,
        "custom": request.custom,
        "accepted_at": request.accepted_at,
    }
    if request.facts is not None:
        facts["facts"] = msgspec.to_builtins(request.facts)
    if record is not None:
        told = structs.asdict(record)
        told["from"] = told.pop("from_")
        told["call_id"] = told.pop("id")
        verdict: Verdict = told.pop("verdict")
        facts |= told | structs.asdict(verdict)
    return facts | (data or {}) if record is None else (data or {}) | facts


def _event(
    facts: dict[str, Any], values: dict[str, str], method: str, template: str, request: CallRequest, at: datetime
) -> OutboxEvent:
    event_id = _event_id(facts, method, template, at)
    url = fill(template, values | {"event_id": event_id})
    if method == "GET" and not names(template):
        url = with_query(url, values | {"event_id": event_id})
    return OutboxEvent(
        id=event_id,
        call_id=request.id,
        account=request.account,
        sequence=facts["sequence"],
        event=facts["event"],
        endpoint=template,
        method=method,
        url=url,
        payload=_encoder.encode({"id": event_id, **facts}).decode(),
        created_at=at,
    )


def _event_id(facts: dict[str, Any], method: str, template: str, at: datetime) -> str:
    """Return an id that depends on the event alone: telling it again after a crash makes no second one."""
    what = "\0".join((facts["call_id"], str(facts["sequence"]), facts["event"], method, template))
    entropy = hashlib.sha256(what.encode()).digest()[:10]
    return make_id("evt", at_ms=int(at.timestamp() * 1000), entropy=entropy)
