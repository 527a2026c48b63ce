"""Opens the database: migrations, the journal writer, the reader, the repositories."""

import asyncio
from pathlib import Path
from typing import Self

from sqlalchemy import create_engine, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from ringback.store.backend.access import Access
from ringback.store.backend.postgres import PostgresDialect, postgres_reader
from ringback.store.backend.reader import Reader
from ringback.store.backend.schema import migrate
from ringback.store.backend.sealing import Seal
from ringback.store.backend.session import Dialect
from ringback.store.backend.sqlite import SqliteDialect, sqlite_reader
from ringback.store.errors import DatabaseUrlError, StoreUnavailableError
from ringback.store.journal import JournalWriter
from ringback.store.outbox import OutboxQueue
from ringback.store.repositories import Repositories, make_repositories

_EXAMPLES = "sqlite:///ringback.db, sqlite:////var/lib/ringback/ringback.db or postgresql://user:password@host/ringback"


class Database:
    """An open database: `writer` for calls, `repositories` for everything that is looked up or configured."""

    def __init__(self, writer: JournalWriter, reader: Reader, seal: Seal) -> None:
        self.writer = writer
        access = Access(reader, writer, seal)
        self.repositories: Repositories = make_repositories(access)
        self.outbox_queue = OutboxQueue(access)
        self._reader = reader

    @classmethod
    async def open(cls, url: str, *, node: str = "node-1", key_file: Path | None = None) -> Self:
        """Open (and if need be create) the database, bring its schema up to date and start the writer.

        Args:
            url: `sqlite:///relative/file.db`, `sqlite:////absolute/file.db` or `postgresql://user:password@host/name`.
            node: Name of this node, written into every journal entry.
            key_file: Holds the key that secrets are encrypted with; made if missing. Default: beside the SQLite file,
                and for PostgreSQL `ringback.key` in the working directory.

        Raises:
            DatabaseUrlError: The URL cannot be used.
            StoreUnavailableError: The database does not answer or cannot be written.
        """
        file = sqlite_file(url)
        beside = Path("ringback.key") if file is None else file.with_name(file.name + ".key")
        seal = await asyncio.to_thread(Seal, key_file or beside)
        dialect: Dialect = PostgresDialect(url) if file is None else SqliteDialect(file)
        await asyncio.to_thread(_migrate, url if file is None else f"sqlite:///{file}")
        writer = JournalWriter(dialect, node=node)
        writer.start()
        return cls(writer, postgres_reader(url) if file is None else sqlite_reader(file), seal)

    async def close(self, grace_s: float = 30.0) -> None:
        """Write everything that waits (for `grace_s` while commits fail), stop the writer and close the connections."""
        await self.writer.stop(grace_s)
        await self._reader.close()


def sqlite_file(url: str) -> Path | None:
    """Return the file of a SQLite URL, None for a PostgreSQL URL.

    Raises:
        DatabaseUrlError: It is neither.
    """
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise DatabaseUrlError(f"The database setting is no URL. Use one like {_EXAMPLES}.") from None
    if parsed.drivername == "postgresql":
        return None
    if parsed.drivername != "sqlite" or not parsed.database or parsed.database == ":memory:":
        raise DatabaseUrlError(f"The database must be a SQLite file or PostgreSQL. Use a URL like {_EXAMPLES}.")
    return Path(parsed.database)


def _migrate(url: str) -> None:
    address = make_url(url)
    if address.drivername == "postgresql":
        address = address.set(drivername="postgresql+psycopg")
    engine = create_engine(address)
    try:
        with engine.begin() as connection:
            migrate(connection)
    except DBAPIError as error:
        where = address.render_as_string(hide_password=True)
        raise StoreUnavailableError(f"The database {where} cannot be opened: {error.orig}") from error
    except ModuleNotFoundError as error:
        raise DatabaseUrlError("PostgreSQL needs the extra `postgres`: pip install 'ringback[postgres]'") from error
    finally:
        engine.dispose()
