"""Opens the database: migrations, the journal writer, the engine for reading, the repositories."""

from pathlib import Path
from typing import Self

from ringback.store.journal import JournalWriter
from ringback.store.repositories import Repositories


class Database:
    """An open database. Attributes: `writer` for calls, `repositories` for everything that is looked up or configured."""

    writer: JournalWriter
    repositories: Repositories

    @classmethod
    async def open(cls, url: str, *, node: str = "node-1", key_file: Path | None = None) -> Self:
        """Open (and if need be create) the database, bring its schema up to date and start the writer.

        Args:
            url: `sqlite:///relative/file.db`, `sqlite:////absolute/file.db` or `postgresql://user:password@host/name`.
            node: Name of this node, written into every journal entry.
            key_file: Holds the key that secrets are encrypted with; made if missing. Default: beside the SQLite file, and
                for PostgreSQL `ringback.key` in the working directory.

        Raises:
            DatabaseUrlError: The URL cannot be used.
            StoreUnavailableError: The database does not answer or cannot be written.
        """
        raise NotImplementedError

    async def close(self) -> None:
        """Write everything that waits, stop the writer and close the connections."""
        raise NotImplementedError
