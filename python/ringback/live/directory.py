"""What calls are decided by: accounts, numbers, trunks, routes, flows, blocked numbers. Kept in memory, read again on change."""

from ringback.flow.document import Document
from ringback.model.account import Account
from ringback.model.flow import StoredFlow
from ringback.model.ids import AccountSid, FlowId
from ringback.model.number import Number
from ringback.model.trunk import Trunk
from ringback.store.repositories import Repositories


class Directory:
    """The cache. `refresh` reads everything again; what was handed out before stays as it was."""

    def __init__(self, repositories: Repositories) -> None:
        self._repositories = repositories

    async def refresh(self) -> None:
        """Read everything again and tell the listeners (the engine's tables, the queues)."""
        raise NotImplementedError

    def account(self, sid: AccountSid) -> Account | None:
        """Return an account."""
        raise NotImplementedError

    def number(self, number: str) -> Number | None:
        """Return the number (E.164), whoever holds it."""
        raise NotImplementedError

    def trunk(self, engine_id: int) -> Trunk | None:
        """Return a trunk by the number the engine knows it by."""
        raise NotImplementedError

    def flow(self, account: AccountSid, flow_id: FlowId) -> StoredFlow | None:
        """Return a flow of the account."""
        raise NotImplementedError

    def document(self, flow_id: FlowId, version: int) -> Document | None:
        """Return the published document in force."""
        raise NotImplementedError
