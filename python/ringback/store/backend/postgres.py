"""PostgreSQL: the same tables and statements over the network (extra `postgres`)."""

from typing import Any

from sqlalchemy import Connection, create_engine, make_url, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from ringback.store.backend.reader import ServerReader

_TEMPORARY_CLASSES = frozenset({"08", "25", "40", "53", "55", "57", "58"})
"""SQLSTATE classes: connection, read-only, serialization, resources (53100: disk full), locks, operator, system."""


class PostgresDialect:
    """How the writer talks to PostgreSQL."""

    placeholder = "%s"
    begin = "BEGIN"
    smallest_write = "SELECT pg_current_xact_id()"  # a transaction with an id leaves a record in the log

    def __init__(self, url: str) -> None:
        self._engine = create_engine(
            make_url(url).set(drivername="postgresql+psycopg"),
            poolclass=NullPool,
            isolation_level="AUTOCOMMIT",
            # Statements come in many sizes and with NULLs in many places: preparing them would fill the server's cache.
            connect_args={"prepare_threshold": None, "connect_timeout": 5},
        )

    def connect(self) -> Connection:
        """Open the connection. Commits wait for the disk whatever the server's default says."""
        connection = self._engine.connect()
        connection.execute(text("SET synchronous_commit = on"))
        return connection

    def is_temporary(self, error: BaseException) -> bool:
        """Tell whether trying again later can help."""
        import psycopg  # noqa: PLC0415  only installed with the extra

        if not isinstance(error, psycopg.Error):
            return False
        if error.sqlstate is None:
            return isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
        return error.sqlstate[:2] in _TEMPORARY_CLASSES

    def mark(self, connection: Connection) -> object:
        """Return the transaction's id: a COMMIT whose answer was lost may have worked."""
        return connection.execute(text("SELECT CAST(pg_current_xact_id() AS text)")).scalar_one()

    def was_committed(self, connection: Connection, mark: object) -> bool:
        """Ask the server what became of the transaction.

        Raises:
            DBAPIError: It cannot be asked, or the transaction is still being ended: try again.
        """
        query = text("SELECT pg_xact_status(CAST(CAST(:mark AS text) AS xid8))")
        status = connection.execute(query, {"mark": mark}).scalar_one()
        if status == "in progress":
            raise DBAPIError("COMMIT", None, _still_ending())
        return bool(status == "committed")


def _still_ending() -> Exception:
    import psycopg  # noqa: PLC0415  only installed with the extra

    return psycopg.OperationalError("the transaction is still being ended by the server")


def postgres_reader(url: str) -> ServerReader:
    """Make the reader of a server."""
    options: dict[str, Any] = {"server_settings": {"default_transaction_read_only": "on"}}
    address = make_url(url).set(drivername="postgresql+asyncpg")
    return ServerReader(
        create_async_engine(address, pool_size=8, max_overflow=0, pool_timeout=10, connect_args=options)
    )
