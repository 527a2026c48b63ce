"""Answers to requests with an `Idempotency-Key`, for requests other than placing calls (those use `AcceptCalls`)."""

from datetime import datetime

from sqlalchemy import delete, select

from ringback.model.ids import AccountSid
from ringback.store.backend.access import Access
from ringback.store.backend.session import claim_key
from ringback.store.tables import idempotency
from ringback.store.writes import IDEMPOTENCY_KEPT, IdempotencyRecord


class IdempotencyRepository:
    """Remembered answers of accounts, for 24 h."""

    def __init__(self, access: Access) -> None:
        self._access = access

    async def get(self, account: AccountSid, key: str, now: datetime) -> IdempotencyRecord | None:
        """Return what was answered to that key, None if it is new or older than 24 h."""
        is_it = (idempotency.c.account == account) & (idempotency.c.key == key)
        row = await self._access.row(
            select(idempotency).where(is_it, idempotency.c.created_at > now - IDEMPOTENCY_KEPT)
        )
        return None if row is None else IdempotencyRecord(**row._mapping)  # noqa: SLF001  SQLAlchemy's public name

    async def claim(self, record: IdempotencyRecord) -> IdempotencyRecord | None:
        """Keep an answer; if the key is taken, return what was kept before instead, and change nothing."""
        return await self._access.write(lambda connection: claim_key(connection, record))

    async def release(self, account: AccountSid, key: str) -> None:
        """Forget a claim whose work failed, so that the client can try again."""
        is_it = (idempotency.c.account == account) & (idempotency.c.key == key)
        await self._access.write(lambda connection: connection.execute(delete(idempotency).where(is_it)).rowcount)

    async def purge(self, now: datetime) -> int:
        """Forget answers older than 24 h and return how many they were."""
        old = delete(idempotency).where(idempotency.c.created_at <= now - IDEMPOTENCY_KEPT)
        return await self._access.write(lambda connection: connection.execute(old).rowcount)
