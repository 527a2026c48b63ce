"""Flows with their drafts and published versions. What may be done when is `ringback.flow.lifecycle`'s business."""

from ringback.model.flow import FlowVersion, StoredFlow
from ringback.model.ids import AccountSid, FlowId
from ringback.store.backend.access import Access


class FlowRepository:
    """Flows of accounts."""

    def __init__(self, access: Access) -> None:
        self._access = access

    async def all(self) -> tuple[StoredFlow, ...]:
        """Return every flow of the installation, for the running side's cache."""
        raise NotImplementedError

    async def list(
        self, account: AccountSid, *, limit: int = 100, after: FlowId | None = None
    ) -> tuple[StoredFlow, ...]:
        """Return a page of the account's flows by id; `after` is the last id of the page before."""
        raise NotImplementedError

    async def get(self, account: AccountSid, flow_id: FlowId) -> StoredFlow | None:
        """Return one flow of the account."""
        raise NotImplementedError

    async def save(self, flow: StoredFlow, *, publish: FlowVersion | None = None) -> StoredFlow:
        """Create or replace a flow; with `publish` also keep that version, in the same transaction.

        Raises:
            ConflictError: That version exists already (somebody published at the same moment).
            UnknownError: The id belongs to another account's flow.
        """
        raise NotImplementedError

    async def version(self, account: AccountSid, flow_id: FlowId, version: int) -> FlowVersion | None:
        """Return one published version."""
        raise NotImplementedError

    async def versions(self, account: AccountSid, flow_id: FlowId) -> tuple[FlowVersion, ...]:
        """Return the published versions, newest first, at most 1,000."""
        raise NotImplementedError

    async def published(self) -> tuple[FlowVersion, ...]:
        """Return the version in force of every flow that has one, for the running side's cache."""
        raise NotImplementedError

    async def delete(self, account: AccountSid, flow_id: FlowId) -> bool:
        """Delete a flow and unassign its numbers; its versions stay for old calls. False if there is none."""
        raise NotImplementedError
