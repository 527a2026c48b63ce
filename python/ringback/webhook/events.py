"""Makes webhook events: which endpoints hear of what, and what the payload says. Pure."""

from datetime import datetime
from typing import Any

from ringback.model.account import Account
from ringback.model.call import CallRequest
from ringback.model.final import FinalRecord
from ringback.store.writes import OutboxEvent

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
    """
    raise NotImplementedError
