"""The running calls as the rest of Ringback sees them: place, hang up, list."""
from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct

from ringback.model.call import CallRequest
from ringback.model.ids import AccountSid, CallId
from ringback.model.status import Kind
from ringback.store.calls import CallRow
from ringback.store.writes import IdempotencyRecord


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

    async def place(
        self, requests: Sequence[CallRequest], idempotency: IdempotencyRecord | None = None
    ) -> IdempotencyRecord | None:
        """Accept calls, all or none, in one transaction, and return when they are committed.

        Those due now go to admission at once, the others wait in the schedule.

        Returns:
            None, or what was answered before to the same idempotency key: then nothing was placed.

        Raises:
            ResourceError: new calls cannot be taken now (database, stopping, too many open).
        """
        raise NotImplementedError

    async def hangup(self, account: AccountSid, call_id: CallId) -> CallRow | None:
        """Withdraw or end a call, and return it when that is committed; None if the account has no such call.

        A final call comes back as it is. Withdrawing attempt 1 also withdraws a later attempt that waits.
        """
        raise NotImplementedError

    def open_calls(self, account: AccountSid | None = None) -> tuple[RunningCall, ...]:
        """List calls in progress and in queues (of one account)."""
        raise NotImplementedError
