"""Accounts: tenants and their limits."""

from ringback.model.account import Account
from ringback.model.ids import AccountSid
from ringback.store.backend.access import Access


class AccountRepository:
    """Accounts of the installation. Webhook secrets are encrypted at rest."""

    def __init__(self, access: Access) -> None:
        self._access = access

    async def get(self, sid: AccountSid) -> Account | None:
        """Return an account, None if there is none of that SID."""
        raise NotImplementedError

    async def all(self) -> tuple[Account, ...]:
        """Return all accounts, by SID."""
        raise NotImplementedError

    async def save(self, account: Account) -> Account:
        """Create the account or replace it, and return it as saved: without a webhook secret it gets one."""
        raise NotImplementedError
