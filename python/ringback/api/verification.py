"""Audits stored calls against the invariants of docs/statuses.md: behind `ringback verify` and `/verify`."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator

from msgspec import Struct

from ringback.call.audit import Violation, audit_call
from ringback.model.call import CallRequest
from ringback.model.ids import AccountSid
from ringback.model.status import Status
from ringback.store.audit import AuditedCall
from ringback.store.repositories import Repositories
from ringback.store.writes import FINAL

ALL_CALL_EVENTS = frozenset({"call_start", "call_answer", "call_end"})
ACCOUNT_WEBHOOK = "the account's webhook"
EVERY = 50
"""Calls between two reports of progress and two chances for other tasks."""


class CallViolation(Struct, frozen=True, kw_only=True):
    """A call that does not keep a promise: the invariant's number on docs/statuses.md and what was found."""

    call_id: str
    invariant: int
    detail: str


class Verification(Struct, frozen=True, kw_only=True):
    """What an audit found. `is_complete`: no limit stopped it.

    Attributes:
        final: Calls audited.
        open: Calls without a status yet; there is nothing to audit about them.
        by_status: How many of the audited ended as what.
    """

    final: int
    open: int
    by_status: dict[Status, int]
    violations: tuple[CallViolation, ...]
    is_complete: bool


async def verify(
    repositories: Repositories,
    account: AccountSid | None = None,
    *,
    max_calls: int | None = None,
    max_violations: int = 10_000,
    on_progress: Callable[[int], None] = lambda _: None,
) -> Verification:
    """Audit every call (of one account), oldest first.

    Args:
        repositories: Where the calls are.
        account: Only this one's calls; None: everybody's.
        max_calls: Stop after so many; None: never.
        max_violations: Stop after so many.
        on_progress: Told now and then how many calls were looked at.
    """
    tables = await repositories.decision_tables.all()
    found: list[CallViolation] = []
    by_status: Counter[Status] = Counter()
    looked_at = 0
    complete = True
    async for call in _calls(repositories, account):
        if looked_at == max_calls or len(found) >= max_violations:
            complete = False
            break
        looked_at += 1
        if call.record is not None:
            by_status[call.record.verdict.status] += 1
        found += (
            CallViolation(call_id=call.request.id, invariant=each.invariant, detail=each.detail)
            for each in audit(call, tables)
        )
        if looked_at % EVERY == 0:
            on_progress(looked_at)
            await asyncio.sleep(0)
    on_progress(looked_at)
    final = sum(by_status.values())
    return Verification(
        final=final,
        open=looked_at - final,
        by_status=dict(by_status),
        violations=tuple(found),
        is_complete=complete,
    )


async def _calls(repositories: Repositories, account: AccountSid | None) -> AsyncIterator[AuditedCall]:
    async for call in repositories.audit.calls(account):
        yield call


def audit(call: AuditedCall, tables: dict[str, str]) -> Iterator[Violation]:
    """List what is wrong with one call as it is stored; nothing for one that is still open."""
    if call.record is None:
        if call.state == FINAL:
            yield Violation(invariant=1, detail="the call counts as final and has no record")
        return
    if call.state != FINAL:
        yield Violation(invariant=1, detail=f"the call has a final record and its state is {call.state}")
    if call.channels:
        yield Violation(invariant=6, detail=f"the call is final and still occupies {call.channels} channels")
    by_receiver = _by_receiver(call)
    full = next((names for who, names in by_receiver.items() if _wanted(call.request, who) >= ALL_CALL_EVENTS), [])
    yield from audit_call(call.request, call.entries, call.record, full, tables=tables.get(call.record.verdict.table))
    for receiver, names in by_receiver.items():
        ends = names.count("call_end")
        if "call_end" in _wanted(call.request, receiver) and (ends != 1 or names[-1] != "call_end"):
            yield Violation(invariant=4, detail=f"{receiver} gets call_end {ends} times, or something after it")


def _by_receiver(call: AuditedCall) -> dict[str, list[str]]:
    """Return the names of events by receiver: each callback of the request, and the account's webhook.

    The account's webhook is one receiver even when its address was changed during the call.
    """
    callbacks = {callback.url for callback in call.request.callbacks}
    found: dict[str, list[str]] = {}
    for event in call.events:
        found.setdefault(event.endpoint if event.endpoint in callbacks else ACCOUNT_WEBHOOK, []).append(event.event)
    return found


def _wanted(request: CallRequest, receiver: str) -> frozenset[str]:
    """Return the events a receiver was to get: those of the request, or all for the account's webhook."""
    for callback in request.callbacks:
        if callback.url == receiver:
            return callback.events or frozenset({"call_end"})
    return ALL_CALL_EVENTS
