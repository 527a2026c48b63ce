"""SIP messages of calls, for the ladder. They have their own retention."""

from datetime import datetime

from sqlalchemy import delete, select

from ringback.model.ids import AccountSid, CallId
from ringback.store.backend.access import Access
from ringback.store.tables import sip_trace
from ringback.store.writes import TraceMessage

_MOST_MESSAGES = 1_000


class TraceRepository:
    """SIP traces of accounts' calls; written with `SaveSipTrace`."""

    def __init__(self, access: Access) -> None:
        self._access = access

    async def messages(self, account: AccountSid, call_id: CallId) -> tuple[TraceMessage, ...]:
        """Return the SIP messages of a call in order, at most 1,000."""
        is_it = (sip_trace.c.call_id == call_id) & (sip_trace.c.account == account)
        query = select(sip_trace).where(is_it).order_by(sip_trace.c.at, sip_trace.c.id).limit(_MOST_MESSAGES)
        return tuple(
            [
                TraceMessage(at=row.at, leg=row.leg, outgoing=row.outgoing, peer=row.peer, text=row.text)
                for row in await self._access.rows(query)
            ]
        )

    async def purge(self, before: datetime, *, limit: int = 1_000) -> int:
        """Forget at most `limit` messages older than `before` and return how many they were."""
        query = select(sip_trace.c.id).where(sip_trace.c.at < before).limit(limit)
        ids = [row.id for row in await self._access.rows(query)]
        old = delete(sip_trace).where(sip_trace.c.id.in_(ids))
        return await self._access.write(lambda connection: connection.execute(old).rowcount) if ids else 0
