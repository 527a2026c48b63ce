"""The decision tables that were used, by content hash."""

from sqlalchemy import select

from ringback.store.backend.access import Access
from ringback.store.tables import decision_tables


class DecisionTableRepository:
    """Decision tables; written with `SaveTables`."""

    def __init__(self, access: Access) -> None:
        self._access = access

    async def get(self, table_hash: str) -> str | None:
        """Return the tables (JSON) of that hash, None if they were never kept."""
        row = await self._access.row(select(decision_tables.c.tables).where(decision_tables.c.hash == table_hash))
        return None if row is None else str(row.tables)

    async def all(self) -> dict[str, str]:
        """Return all tables by hash."""
        rows = await self._access.rows(select(decision_tables.c.hash, decision_tables.c.tables))
        return {row.hash: row.tables for row in rows}
