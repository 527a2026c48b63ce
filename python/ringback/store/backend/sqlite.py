"""SQLite: one file, WAL, every commit on disk before anybody hears of it."""

import sqlite3
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, create_engine, event
from sqlalchemy.pool import NullPool

from ringback.store.backend.reader import AT_ONCE, FileReader

_TEMPORARY = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PROTOCOL,
    }
)

_WRITER_PRAGMAS = (
    "journal_mode = WAL",
    "synchronous = FULL",
    "busy_timeout = 5000",
    "cache_size = -32000",  # 32 MB
    "temp_store = MEMORY",
    "journal_size_limit = 67108864",  # 64 MB: a WAL that once grew is cut back
)
_READER_PRAGMAS = ("query_only = ON", "busy_timeout = 5000", "cache_size = -8000")


class SqliteDialect:
    """How the writer talks to SQLite. `pragmas` come after our own (tests bound the file's size with them)."""

    placeholder = "?"
    begin = "BEGIN IMMEDIATE"
    smallest_write = "PRAGMA user_version = 1"  # nobody reads it; it writes the file's first page

    def __init__(self, file: Path, pragmas: tuple[str, ...] = ()) -> None:
        self._engine = create_engine(
            f"sqlite:///{file}",
            poolclass=NullPool,
            isolation_level="AUTOCOMMIT",
            connect_args={"cached_statements": 256},
        )
        _set_pragmas(self._engine, _WRITER_PRAGMAS + pragmas)

    def connect(self) -> Connection:
        """Open the connection."""
        return self._engine.connect()

    def is_temporary(self, error: BaseException) -> bool:
        """Tell whether trying again later can help."""
        code = getattr(error, "sqlite_errorcode", None)
        return isinstance(error, sqlite3.Error) and code is not None and code & 0xFF in _TEMPORARY

    def mark(self, connection: Connection) -> object:
        """A failed COMMIT was not one."""
        del connection
        return None

    def was_committed(self, connection: Connection, mark: object) -> bool:
        """A failed COMMIT was not one."""
        del connection, mark
        return False


def sqlite_reader(file: Path) -> FileReader:
    """Make the reader of a file. Each query sees what is committed when it begins."""
    engine = create_engine(f"sqlite:///{file}", pool_size=AT_ONCE, max_overflow=0, isolation_level="AUTOCOMMIT")
    _set_pragmas(engine, _READER_PRAGMAS)
    return FileReader(engine)


def _set_pragmas(engine: Any, pragmas: tuple[str, ...]) -> None:
    @event.listens_for(engine, "connect")
    def set_pragmas(connection: Any, record: Any) -> None:
        del record
        cursor = connection.cursor()
        for pragma in pragmas:
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()
