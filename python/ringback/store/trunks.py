"""Trunks. Passwords are encrypted at rest."""

from ringback.model.ids import AccountSid, TrunkId
from ringback.model.trunk import Trunk
from ringback.store.backend.access import Access


class TrunkRepository:
    """Trunks of the operator (account None) and of accounts."""

    def __init__(self, access: Access) -> None:
        self._access = access

    async def all(self) -> tuple[Trunk, ...]:
        """Return every trunk of the installation, passwords readable, for the running side's cache."""
        raise NotImplementedError

    async def list(self, account: AccountSid | None) -> tuple[Trunk, ...]:
        """Return the account's own trunks; None for the operator's."""
        raise NotImplementedError

    async def get(self, account: AccountSid | None, trunk_id: TrunkId) -> Trunk | None:
        """Return one trunk of the account; None as account for the operator's."""
        raise NotImplementedError

    async def save(self, trunk: Trunk) -> Trunk:
        """Create or replace a trunk and return it; `engine_id` 0 gets the next free one. It never changes afterwards.

        Raises:
            UnknownError: The id belongs to another account's trunk.
        """
        raise NotImplementedError

    async def delete(self, account: AccountSid | None, trunk_id: TrunkId) -> bool:
        """Delete a trunk; False if the account has none of that id."""
        raise NotImplementedError
