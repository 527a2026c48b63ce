"""One running Ringback for all tests against other software; each test brings its own peers, trunks and numbers."""

import itertools
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from tests.integration.running import a_running_world
from tests.interop.exchange import Exchange

from ringback.cli.demo.world import World


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def ringback(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """Run a server as its own process; at the end nothing may be left of any call."""
    async with a_running_world(tmp_path_factory.mktemp("interop")) as world:
        yield world


_areas = itertools.count(3000)


@pytest_asyncio.fixture(loop_scope="session")
async def exchange(ringback: World, tmp_path: Path) -> AsyncIterator[Exchange]:
    """The server with the peers of one test. What still runs at the end is stopped."""
    made = Exchange(ringback, tmp_path, f"+4932{next(_areas):04d}")
    yield made
    await made.close()
