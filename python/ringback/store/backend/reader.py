"""Reading the database beside the writer: one `Reader` for each kind of database."""

import asyncio
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

from sqlalchemy import Engine, Row, Select
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncEngine

AT_ONCE = 4
"""Queries of a file that run at the same time."""

_LONGEST_WAIT_S = 10.0
"""A query that did not get its turn for so long is given up: whoever asked has gone."""

Rows = Sequence[Row[Any]]


class Reader(Protocol):
    """Runs queries. What goes wrong is raised as the driver or SQLAlchemy raise it."""

    async def rows(self, query: Select[Any]) -> Rows:
        """Return all rows of a query."""

    async def close(self) -> None:
        """Close the connections."""


class FileReader:
    """Reads a file through threads of its own.

    A query is one trip to a thread and back. The asynchronous driver makes one for each of connect, execute, fetch and
    close, and each trip waits twice for the interpreter's lock: 0.7 ms of CPU a query under load, against 0.25 ms.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="store-reader")

    async def rows(self, query: Select[Any]) -> Rows:
        """Return all rows of a query."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._read, query, time.monotonic())

    async def close(self) -> None:
        """Wait for running queries and close the connections."""
        await asyncio.to_thread(self._threads.shutdown)
        self._engine.dispose()

    def _read(self, query: Select[Any], asked_at: float) -> Rows:
        if time.monotonic() - asked_at > _LONGEST_WAIT_S:
            raise PoolTimeoutError(f"the query waited {_LONGEST_WAIT_S:g} s for others")
        with self._engine.connect() as connection:
            return connection.execute(query).all()


class ServerReader:
    """Reads a database server through an asynchronous driver."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def rows(self, query: Select[Any]) -> Rows:
        """Return all rows of a query."""
        async with self._engine.connect() as connection:
            rows: Rows = (await connection.execute(query)).all()
            return rows

    async def close(self) -> None:
        """Close the connections."""
        await self._engine.dispose()
