"""How repositories reach the database: reads through their own engine, writes through the journal writer's thread."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from sqlalchemy import Connection, Row, Select, Table, delete, insert, select, update
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from ringback.store.backend.reader import Reader
from ringback.store.backend.sealing import Seal
from ringback.store.errors import ConflictError, StoreUnavailableError, UnknownError
from ringback.store.journal import JournalWriter

T = TypeVar("T")


class Access:
    """Reads and writes for the repositories. `seal` encrypts secrets."""

    def __init__(self, reader: Reader, writer: JournalWriter, seal: Seal) -> None:
        self._reader = reader
        self._writer = writer
        self.seal = seal

    async def rows(self, query: Select[Any]) -> Sequence[Row[Any]]:
        """Return all rows of a query.

        Raises:
            StoreUnavailableError: The database does not answer, or all its connections are busy.
        """
        try:
            return await self._reader.rows(query)
        except (DBAPIError, PoolTimeoutError, OSError) as error:
            raise StoreUnavailableError(f"The database cannot be read: {error}") from error

    async def row(self, query: Select[Any]) -> Row[Any] | None:
        """Return the first row of a query, None without one."""
        rows = await self.rows(query.limit(1))
        return rows[0] if rows else None

    async def count(self, query: Select[Any]) -> int:
        """Return the number a counting query gives."""
        row = await self.row(query)
        return 0 if row is None else int(row[0])

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in the writer's thread in a transaction; return when it is committed."""
        return await self._writer.run(work)

    async def save(self, table: Table, key: str, owner: str | None, values: Mapping[str, Any]) -> None:
        """Create or replace the row whose first key column is `key`, for its owner.

        Raises:
            ConflictError: Another row holds something that must be unique.
            UnknownError: The row belongs to somebody else.
        """
        await self.write(lambda connection: save_row(connection, table, key, owner, values))

    async def delete(self, table: Table, key: str, owner: str | None) -> bool:
        """Delete a row of its owner; False if there is none."""
        (key_column, *_) = table.primary_key.columns
        statement = delete(table).where(key_column == key, table.c.account.is_not_distinct_from(owner))
        return bool(await self.write(lambda connection: connection.execute(statement).rowcount))


def save_row(connection: Connection, table: Table, key: str, owner: str | None, values: Mapping[str, Any]) -> None:
    """Create or replace a row; see `Access.save`."""
    (key_column, *_) = table.primary_key.columns
    holder = connection.execute(select(table.c.account).where(key_column == key)).one_or_none()
    if holder is not None and holder.account != owner:
        raise UnknownError(f"The account holds no {table.name} {key}.")
    try:
        if holder is None:
            connection.execute(insert(table).values({key_column.name: key, "account": owner, **values}))
        else:
            connection.execute(update(table).where(key_column == key).values(**values))
    except IntegrityError as error:
        raise ConflictError(f"The {table.name} {key} cannot be saved: something of it exists already.") from error
