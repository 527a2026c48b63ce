"""Numbers (DIDs). A number exists once in the installation and belongs to one account."""

from ringback.model.ids import AccountSid, FlowId, NumberId
from ringback.model.number import Number
from ringback.model.sound import BlockedNumber
from ringback.store.backend.access import Access


class NumberRepository:
    """Numbers of accounts, and which flow answers them."""

    def __init__(self, access: Access) -> None:
        self._access = access

    async def all(self) -> tuple[Number, ...]:
        """Return every number of the installation, for the running side's cache."""
        raise NotImplementedError

    async def list(self, account: AccountSid, *, limit: int = 100, after: NumberId | None = None) -> tuple[Number, ...]:
        """Return a page of the account's numbers by id; `after` is the last id of the page before."""
        raise NotImplementedError

    async def get(self, account: AccountSid, number_id: NumberId) -> Number | None:
        """Return one number of the account."""
        raise NotImplementedError

    async def find(self, number: str) -> Number | None:
        """Return the number by its E.164 form, whoever holds it. Only for finding the account of an incoming call."""
        raise NotImplementedError

    async def save(self, number: Number) -> Number:
        """Create a number or replace it (by id). A flow it names must be the account's own.

        Raises:
            ConflictError: Another row holds that number already.
            UnknownError: The account holds no such flow, or the id belongs to another account.
        """
        raise NotImplementedError

    async def assign(self, account: AccountSid, number_id: NumberId, flow_id: FlowId | None) -> FlowId | None:
        """Let a flow answer a number (None: no flow), and return the flow it was taken from, None if there was none.

        Raises:
            UnknownError: The account holds no such number or flow.
        """
        raise NotImplementedError

    async def delete(self, account: AccountSid, number_id: NumberId) -> bool:
        """Give a number back; False if the account does not hold it."""
        raise NotImplementedError


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
