"""Databases for the tests: each gets an empty one of its own."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from tests.integration.live_world import LiveWorld, a_live_world
from tests.integration.running import a_running_world
from tests.integration.store_world import Postgres, a_postgres

from ringback.cli.demo.world import World
from ringback.store.database import Database


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL server for the whole run."""
    with a_postgres() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database, once for each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/ringback.db"
    server: Postgres = request.getfixturevalue("postgres")
    return server.new_database()


@pytest_asyncio.fixture
async def database(database_url: str, tmp_path: Path) -> AsyncIterator[Database]:
    """An open, empty database."""
    opened = await Database.open(database_url, key_file=tmp_path / "key")
    yield opened
    await opened.close()


@pytest_asyncio.fixture
async def live(tmp_path: Path) -> AsyncIterator[LiveWorld]:
    """A running exchange; at the end nothing may be left of any call."""
    async with a_live_world(tmp_path) as world:
        yield world


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """One server process for all tests of a worker that use it; each test brings its own numbers."""
    async with a_running_world(tmp_path_factory.mktemp("running")) as world:
        yield world
