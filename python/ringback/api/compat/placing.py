"""Turns a checked body into `CallRequest`s. What can only be judged when the call is placed is not judged here.

A call that cannot be placed for a reason among the 28 statuses (inactive bridge, paused flow, no route ...) is
accepted and ends with that status. Refused is only what no call could be made of.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import msgspec
from msgspec import Struct

from ringback.api.body import decode_json
from ringback.api.collect import Faults
from ringback.api.compat.bodies import MAX_TO, ClickToCallBody, OutboundBody
from ringback.api.compat.callbacks import read_callbacks
from ringback.api.compat.targets import read_target
from ringback.api.phone import read_number
from ringback.api.problems import ProblemError
from ringback.model.account import Account
from ringback.model.call import CallRequest
from ringback.model.ids import CallId
from ringback.model.status import Kind

MAX_AHEAD = timedelta(days=366)
MAX_VARIABLES = 64
MAX_VARIABLES_BYTES = 16_384
CLOCK_SKEW = timedelta(minutes=5)
"""A `time` this far back is a customer's clock that is a little off: place the call now."""


class Placing(Struct, frozen=True, kw_only=True):
    """What placing needs to know besides the body."""

    account: Account
    now: datetime
    make_id: Callable[[], CallId]


def outbound_requests(body: OutboundBody, placing: Placing) -> list[CallRequest]:
    """Make one call request for each number in `to`.

    Raises:
        ProblemError: `invalid-request` with every fault.
    """
    faults = Faults()
    numbers = _read_many(body, placing.account, faults)
    bridge = read_number("bridge", body.bridge, None, placing.account, faults)
    target = read_target(body.target, faults)
    common = _common(body, Kind.OUTBOUND, placing, faults)
    for field, number in numbers:
        if bridge and number == bridge:
            faults.add(field, "is the bridge itself; a number cannot call itself")
    faults.raise_if_any()
    queues = placing.account.queues if body.queue is None else body.queue
    return [
        CallRequest(
            id=placing.make_id(), kind=Kind.OUTBOUND, from_=bridge, to=number, bridge=bridge, target=target,
            queues=queues, **common
        )
        for _, number in numbers
    ]  # fmt: skip


def click_to_call_request(body: ClickToCallBody, placing: Placing) -> CallRequest:
    """Make the call request for a pair.

    Raises:
        ProblemError: `invalid-request` with every fault.
    """
    faults = Faults()
    first = read_number("from", body.from_, body.prefix, placing.account, faults)
    second = read_number("to", body.to, body.prefix, placing.account, faults)
    bridge = read_number("bridge", body.bridge, None, placing.account, faults)
    common = _common(body, Kind.CLICK_TO_CALL, placing, faults)
    if first and first == second:
        faults.add("to", "is the same number as `from`; a phone cannot be joined with itself")
    faults.raise_if_any()
    return CallRequest(
        id=placing.make_id(), kind=Kind.CLICK_TO_CALL, from_=first, to=second, bridge=bridge, queues=body.queue,
        **common
    )  # fmt: skip


def _read_many(body: OutboundBody, account: Account, faults: Faults) -> list[tuple[str, str]]:
    """Read `to`: pairs of the field's path and the number."""
    texts = [text.strip() for text in str(body.to).split(",")]
    if len(texts) > MAX_TO:
        faults.add("to", f"has {len(texts)} numbers; {MAX_TO} are allowed in one request")
        return []
    paths = ["to"] if len(texts) == 1 else [f"to[{index}]" for index in range(len(texts))]
    numbers = [read_number(path, text, body.prefix, account, faults) for path, text in zip(paths, texts, strict=True)]
    first_at: dict[str, str] = {}
    for path, number in zip(paths, numbers, strict=True):
        if number and number in first_at:
            faults.add(path, f"is the same number as `{first_at[number]}`")
        first_at.setdefault(number, path)
    return list(zip(paths, numbers, strict=True))


def _common(body: OutboundBody | ClickToCallBody, kind: Kind, placing: Placing, faults: Faults) -> dict[str, Any]:
    """Read the fields that both requests share, as keyword arguments of `CallRequest`."""
    defaults = placing.account.defaults
    if body.retry > defaults.max_retries:
        faults.add("retry", f"is more than this account allows ({defaults.max_retries})")
    if body.max_duration is not None and body.max_duration * 1_000 > defaults.max_duration_ms:
        faults.add("max_duration", f"is longer than this account allows ({defaults.max_duration_ms // 1_000} seconds)")
    return {
        "account": placing.account.sid,
        "retries_left": body.retry,
        "interval_s": defaults.interval_s if body.interval is None else body.interval,
        "ring_ms": None if body.timeout is None else body.timeout * 1_000,
        "queue_ms": defaults.queue_ms,
        "max_duration_ms": defaults.max_duration_ms if body.max_duration is None else body.max_duration * 1_000,
        "record": body.record,
        "not_before": _read_moment(body, placing.now, faults),
        "accepted_at": placing.now,
        "callbacks": read_callbacks(body.callback, body.dlrurl, kind, faults),
        "custom": body.custom,
        "anonymous": body.anonymous,
        "identity": body.identity,
        "variables": _read_variables(body.variables, faults),
    }


def _read_moment(body: OutboundBody | ClickToCallBody, now: datetime, faults: Faults) -> datetime | None:
    if body.time is not None and body.delay is not None:
        faults.add("delay", "cannot be given together with `time`")
        return None
    if body.delay is not None:
        return now + timedelta(seconds=body.delay) if body.delay else None
    if body.time is None:
        return None
    if body.time < now - CLOCK_SKEW:
        faults.add("time", f"lies in the past (now is {now.isoformat(timespec='seconds')})")
    elif body.time > now + MAX_AHEAD:
        faults.add("time", "lies more than 366 days ahead")
    return body.time.astimezone(now.tzinfo)


def _read_variables(raw: str | dict[str, Any], faults: Faults) -> dict[str, Any]:
    if isinstance(raw, str):
        try:
            raw = decode_json(raw, what="`variables`") if raw.strip() else {}
        except ProblemError as error:
            faults.add("variables", error.detail)
            return {}
    if not isinstance(raw, dict):
        faults.add("variables", "must be an object of names and values")
        return {}
    if len(raw) > MAX_VARIABLES:
        faults.add("variables", f"has {len(raw)} names; {MAX_VARIABLES} are allowed")
    if len(msgspec.json.encode(raw)) > MAX_VARIABLES_BYTES:
        faults.add("variables", f"is larger than {MAX_VARIABLES_BYTES:,} bytes")
    for name in raw:
        if not name.isidentifier() or not name.isascii():
            faults.add(f"variables.{name[:60]}", "must be named with letters, digits and underscores only")
    return raw
