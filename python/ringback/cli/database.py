"""Opens the database for the commands that work on it directly."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

from cyclopts import Parameter

from ringback.cli.output import CliError
from ringback.store.database import Database, sqlite_file

T = TypeVar("T")

DEFAULT = "sqlite:///data/ringback.db"
"""Where `ringback serve` keeps its database when nothing else is set."""

DatabaseUrl = Annotated[
    str | None,
    Parameter(name="--database", help=f"Database URL, else RINGBACK_DATABASE_URL, else {DEFAULT}."),
]


def database_url(given: str | None) -> str:
    """Return the URL to use."""
    return given or os.environ.get("RINGBACK_DATABASE_URL") or DEFAULT


def with_database(given: str | None, work: Callable[[Database], Awaitable[T]], *, create: bool = False) -> T:
    """Open the database, do `work`, close it.

    Args:
        given: `--database`, if it was given.
        work: What to do with it.
        create: Make a SQLite file that does not exist. Otherwise that is an error: most likely a mistyped path, and
            an empty database would answer every question with "nothing".

    Raises:
        RingbackError: it cannot be opened; the message says what to do.
        CliError: the file does not exist and is not to be created.
    """
    file = sqlite_file(database_url(given))
    if not create and file is not None and not file.exists():
        raise CliError(f"There is no database {file}. Give its URL with --database or RINGBACK_DATABASE_URL.")

    async def run() -> T:
        database = await Database.open(database_url(given))
        try:
            return await work(database)
        finally:
            await database.close()

    return asyncio.run(run())
