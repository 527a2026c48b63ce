"""API keys: only their SHA-256 is kept, so nobody who reads the database can use them."""

from ringback.model.access import ApiKey, Scope
from ringback.model.ids import AccountSid
from ringback.store.backend.access import Access


class ApiKeyRepository:
    """Keys of accounts."""

    def __init__(self, access: Access) -> None:
        self._access = access

    async def create(
        self, account: AccountSid, name: str, scopes: frozenset[Scope], *, networks: tuple[str, ...] = ()
    ) -> tuple[ApiKey, str]:
        """Make a key and return it with its secret text (`rbk_...`), which is shown this once.

        Raises:
            UnknownError: There is no such account.
        """
        raise NotImplementedError

    async def import_key(self, account: AccountSid, name: str, scopes: frozenset[Scope], secret: str) -> ApiKey:
        """Keep a key whose secret comes from the settings; doing it again changes nothing.

        Raises:
            ValueError: The secret is shorter than 24 characters.
        """
        raise NotImplementedError

    async def find(self, secret: str) -> ApiKey | None:
        """Return the key a request shows, None if unknown; a revoked key comes back with `revoked_at`."""
        raise NotImplementedError

    async def list(self, account: AccountSid) -> tuple[ApiKey, ...]:
        """Return the keys of an account, newest first, revoked ones too."""
        raise NotImplementedError

    async def revoke(self, account: AccountSid, key_id: str) -> ApiKey | None:
        """Revoke a key for good; None if the account has none of that id. Repeats keep the first moment."""
        raise NotImplementedError
