"""One running Ringback for all SIPp tests of a worker; each test brings its own trunk, route and numbers."""

import itertools
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from tests.sip.harness import Carrier

from ringback.cli.demo.world import World

_T1_MS = 60
"""RFC 3261's T1, shrunk from 500 ms so that 64 times T1 is 4 s."""


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """Run a server as its own process."""
    async with World(tmp_path_factory.mktemp("ringback"), t1_ms=_T1_MS) as running:
        yield running


_area = itertools.count(2000)


@pytest_asyncio.fixture(loop_scope="session")
async def carrier(world: World, tmp_path: Path) -> AsyncIterator[Carrier]:
    """A carrier of the test's own. What SIPp still runs at the end is stopped."""
    made = Carrier(world, tmp_path, f"+4930{next(_area):04d}")
    yield made
    for peer in made.peers:
        await peer.stop()
