"""SIP messages of calls, for the ladder. They have their own retention."""

from datetime import datetime

from ringback.model.ids import AccountSid, CallId
from ringback.store.backend.access import Access
from ringback.store.writes import TraceMessage


class TraceRepository:
    """SIP traces of accounts' calls; written with `SaveSipTrace`."""

    def __init__(self, access: Access) -> None:
        self._access = access

    async def messages(self, account: AccountSid, call_id: CallId) -> tuple[TraceMessage, ...]:
        """Return the SIP messages of a call in order, at most 1,000."""
        raise NotImplementedError

    async def purge(self, before: datetime) -> int:
        """Forget messages older than `before` and return how many they were."""
        raise NotImplementedError
