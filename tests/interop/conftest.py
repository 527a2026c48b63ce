"""One running Ringback for all tests against other software; each test brings its own peers, trunks and numbers."""

import itertools
import json
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from tests.integration.running import a_running_world
from tests.interop.exchange import Exchange, Listeners
from tests.interop.peers.authority import Authority

from ringback.cli.demo.world import World, free_port


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Who signs the certificates of the run."""
    return Authority.new(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def listeners() -> Listeners:
    """Where the server takes calls over streams."""
    return Listeners(*(f"127.0.0.1:{free_port(socket.SOCK_STREAM)}" for _ in range(2)))


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def ringback(
    tmp_path_factory: pytest.TempPathFactory, authority: Authority, listeners: Listeners
) -> AsyncIterator[World]:
    """Run a server as its own process; at the end nothing may be left of any call."""
    certificate = authority.certify("ringback", "127.0.0.1")
    files = {"chain": certificate.chain, "key": certificate.key}
    written = ", ".join(f"{name} = {json.dumps(str(file))}" for name, file in files.items())
    tls = f"[tls]\nca = {json.dumps(str(authority.file))}\ncertificates = [{{ {written} }}]\n"
    also = (f"tcp:{listeners.tcp}", f"tls:{listeners.tls}")
    async with a_running_world(tmp_path_factory.mktemp("interop"), also_listen=also, extra=tls) as world:
        # Whatever address a telephone has, its connections come from the first one of loopback.
        await world.client.post("/trunks", {"name": "Telephones that connect", "sources": ["127.0.0.1"]})
        yield world


_areas = itertools.count(3000)


@pytest_asyncio.fixture(loop_scope="session")
async def exchange(ringback: World, tmp_path: Path) -> AsyncIterator[Exchange]:
    """The server with the peers of one test. What still runs at the end is stopped."""
    made = Exchange(ringback, tmp_path, f"+4932{next(_areas):04d}")
    yield made
    await made.close()
