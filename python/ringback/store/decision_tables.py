"""The decision tables that were used, by content hash."""

from ringback.store.backend.access import Access


class DecisionTableRepository:
    """Decision tables; written with `SaveTables`."""

    def __init__(self, access: Access) -> None:
        self._access = access

    async def get(self, table_hash: str) -> str | None:
        """Return the tables (JSON) of that hash, None if they were never kept."""
        raise NotImplementedError

    async def all(self) -> dict[str, str]:
        """Return all tables by hash."""
        raise NotImplementedError
