"""Numbers that an account neither calls nor takes calls from."""

from ringback.model.ids import AccountSid
from ringback.model.sound import BlockedNumber
from ringback.store.access import Access


class BlockedNumberRepository:
    """Blocked numbers of accounts."""

    def __init__(self, access: Access) -> None:
        self._access = access

    async def all(self) -> tuple[BlockedNumber, ...]:
        """Return every blocked number of the installation, for the running side's cache."""
        raise NotImplementedError

    async def list(
        self, account: AccountSid, *, limit: int = 100, after: str | None = None
    ) -> tuple[BlockedNumber, ...]:
        """Return a page of the account's blocked numbers by number; `after` is the last one of the page before."""
        raise NotImplementedError

    async def save(self, blocked: BlockedNumber) -> BlockedNumber:
        """Block a number, or change how."""
        raise NotImplementedError

    async def delete(self, account: AccountSid, number: str) -> bool:
        """Unblock a number; False if it was not blocked."""
        raise NotImplementedError
