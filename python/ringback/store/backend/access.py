"""How repositories reach the database: reads through their own engine, writes through the journal writer's thread."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from sqlalchemy import Connection, Executable, Row
from sqlalchemy.ext.asyncio import AsyncEngine

from ringback.store.journal import JournalWriter
from ringback.store.backend.sealing import Seal

T = TypeVar("T")


class Access:
    """Reads and writes for the repositories. `seal` encrypts secrets."""

    def __init__(self, engine: AsyncEngine, writer: JournalWriter, seal: Seal) -> None:
        self._engine = engine
        self._writer = writer
        self.seal = seal

    async def rows(self, query: Executable) -> Sequence[Row[Any]]:
        """Return all rows of a query; every query of ours bounds them."""
        async with self._engine.connect() as connection:
            return (await connection.execute(query)).all()

    async def row(self, query: Executable) -> Row[Any] | None:
        """Return the only row of a query, None without one."""
        async with self._engine.connect() as connection:
            return (await connection.execute(query)).one_or_none()

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in the writer's thread in a transaction of its own; return when it is committed."""
        return await self._writer.run(work)
