"""Answers to requests with an `Idempotency-Key`, for requests other than placing calls (those use `AcceptCalls`)."""

from datetime import datetime

from ringback.model.ids import AccountSid
from ringback.store.backend.access import Access
from ringback.store.writes import IdempotencyRecord


class IdempotencyRepository:
    """Remembered answers of accounts, for 24 h."""

    def __init__(self, access: Access) -> None:
        self._access = access

    async def get(self, account: AccountSid, key: str, now: datetime) -> IdempotencyRecord | None:
        """Return what was answered to that key, None if it is new or older than 24 h."""
        raise NotImplementedError

    async def claim(self, record: IdempotencyRecord) -> IdempotencyRecord | None:
        """Keep an answer; if the key is taken, return what was kept before instead, and change nothing."""
        raise NotImplementedError

    async def release(self, account: AccountSid, key: str) -> None:
        """Forget a claim whose work failed, so that the client can try again."""
        raise NotImplementedError

    async def purge(self, now: datetime) -> int:
        """Forget answers older than 24 h and return how many they were."""
        raise NotImplementedError
