"""The running calls as the rest of Ringback sees them: place, hang up, list."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from msgspec import Struct

from ringback.call.events import HangupRequested
from ringback.live.call_parts.journal import accepted_entry
from ringback.model.call import CallRequest
from ringback.model.errors import ResourceError
from ringback.model.ids import AccountSid, CallId
from ringback.model.status import Kind
from ringback.store.calls import CallRow
from ringback.store.writes import AcceptCalls, IdempotencyRecord

if TYPE_CHECKING:
    from ringback.live.exchange import Exchange
    from ringback.live.task import CallTask

_HANGUP_S = 10.0
"""How long a request to hang up waits for its commit: longer means that the database does not answer."""
_LEFT_BEHIND = timedelta(seconds=1)
"""When the schedule looks for calls whose placing was interrupted: their commit is over by then."""


class NoMoreCalls(ResourceError):  # noqa: N818  (reads as a claim)
    """New calls cannot be taken now; the message says why."""

    slug = "no-more-calls"


class RunningCall(Struct, frozen=True, kw_only=True):
    """A call in progress or in a queue. `state` as in `ringback.call.states`, `since` its acceptance."""

    id: CallId
    account: AccountSid
    kind: Kind
    from_: str
    to: str
    state: str
    since: datetime


class Calls:
    """Place and end calls. Made by `ringback.live.exchange.Exchange`."""

    def __init__(self, exchange: "Exchange") -> None:
        self._exchange = exchange
        self._parts = exchange.parts
        self._being_placed: set[CallId] = set()  # committed perhaps, and not in hand yet
        self._lookups: dict[int, set[CallId]] = {}  # what became final while somebody reads a row: it is old then

    def is_in_hand(self, call_id: CallId) -> bool:
        """Say whether the call has its one task, or will have it in a moment: nobody else may begin it."""
        return call_id in self._parts.calls or call_id in self._being_placed

    def ended(self, call_id: CallId) -> None:
        """A call is final."""
        for seen in self._lookups.values():
            seen.add(call_id)

    async def place(
        self, requests: Sequence[CallRequest], idempotency: IdempotencyRecord | None = None
    ) -> IdempotencyRecord | None:
        """Accept calls, all or none, in one transaction, and return when they are committed.

        Those due now go to admission at once, the others wait in the schedule.

        Returns:
            None, or what was answered before to the same idempotency key: then nothing was placed.

        Raises:
            NoMoreCalls: Stopping, or too many calls are open.
            StoreUnavailableError: The database cannot commit now.
        """
        self._refuse_if_full(len(requests))
        entries = tuple(accepted_entry(request) for request in requests)
        ids = {request.id for request in requests}
        self._being_placed |= ids
        try:
            written = await self._parts.journal.durable(
                AcceptCalls(requests=tuple(requests), entries=entries, idempotency=idempotency)
            )
            if written.existing is None:
                self._accepted(requests)
        except asyncio.CancelledError:
            # Nobody waits for the answer any more, but the write was not withdrawn: the schedule finds the calls.
            self._exchange.schedule.tell(self._parts.clock.now() + _LEFT_BEHIND)
            raise
        finally:
            self._being_placed -= ids
        return written.existing

    def _accepted(self, requests: Sequence[CallRequest]) -> None:
        now = self._parts.clock.now()
        due = []
        for request in requests:
            self._parts.counters.count_accepted(request.kind)
            if request.not_before is not None and request.not_before > now:
                self._exchange.schedule.tell(request.not_before)
            elif request.id in self._being_placed:  # else it was withdrawn already
                due.append(request)
        self._exchange.take_over(due)

    async def hangup(self, account: AccountSid, call_id: CallId) -> CallRow | None:
        """Withdraw or end a call, and return it when that is committed; None if the account has no such call.

        A final call comes back as it is. Withdrawing attempt 1 also withdraws a later attempt that waits.

        Raises:
            NoMoreCalls: The database does not answer.
        """
        rows = self._exchange.repositories.calls
        running = self._parts.calls.get(call_id)
        if running is not None and running.request.account == account:
            await self._hang_up(running.request)  # its row may not be committed yet
        row = await rows.get(account, call_id)
        if row is None:
            return None
        attempts = () if row.request.parent_id is not None else await rows.attempts(account, call_id)
        open_attempts = [attempt for attempt in (row, *attempts) if attempt.record is None]
        for request in {attempt.request.id: attempt.request for attempt in open_attempts}.values():
            await self._hang_up(request)
        return await rows.get(account, call_id)

    def open_calls(self, account: AccountSid | None = None) -> tuple[RunningCall, ...]:
        """List calls in progress and in queues (of one account)."""
        return tuple(
            RunningCall(
                id=task.request.id,
                account=task.request.account,
                kind=task.request.kind,
                from_=task.request.from_,
                to=task.request.to,
                state=task.state.state.value,
                since=task.request.accepted_at,
            )
            for task in self._parts.calls.values()
            if account is None or task.request.account == account
        )

    async def _hang_up(self, request: CallRequest) -> None:
        task = self._parts.calls.get(request.id) or await self._take_in_hand(request)
        if task is None:
            return
        task.deliver(HangupRequested(at=self._parts.clock.now()))
        try:
            async with asyncio.timeout(_HANGUP_S):
                await task.settled()
        except TimeoutError:
            raise NoMoreCalls(
                "The database does not answer; the call is being ended, ask for its state later."
            ) from None

    async def _take_in_hand(self, request: CallRequest) -> "CallTask | None":
        """Return the task of a call that was a row a moment ago; None if it is final. There is never a second task."""
        seen: set[CallId] = set()
        self._lookups[id(seen)] = seen
        try:
            is_over = await self._exchange.is_over(request)
        finally:
            del self._lookups[id(seen)]
        if is_over or request.id in seen:
            return None
        self._being_placed.discard(request.id)
        return self._parts.calls.get(request.id) or self._exchange.task_of_row(request)

    def _refuse_if_full(self, count: int) -> None:
        if self._exchange.is_stopping:
            raise NoMoreCalls("Ringback is stopping; place the call again in a moment.")
        limit = self._exchange.settings.open_calls
        if len(self._parts.calls) + count > limit:
            raise NoMoreCalls(f"{len(self._parts.calls)} calls are open, at most {limit} may be; try again later.")
