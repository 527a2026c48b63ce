"""Opens the database for the commands that work on it directly."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

from cyclopts import Parameter

from ringback.store.database import Database

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


def with_database(given: str | None, work: Callable[[Database], Awaitable[T]]) -> T:
    """Open the database, do `work`, close it.

    Raises:
        RingbackError: it cannot be opened; the message says what to do.
    """

    async def run() -> T:
        database = await Database.open(database_url(given))
        try:
            return await work(database)
        finally:
            await database.close()

    return asyncio.run(run())
