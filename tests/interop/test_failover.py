"""Kamailio in front of two nodes of ours: it probes them with OPTIONS, and calls go to the one that lives."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from tests.integration.running import a_running_world, ended
from tests.interop.exchange import Exchange, play
from tests.interop.peers.baresip import Baresip
from tests.interop.peers.kamailio import Kamailio, Plan

from ringback.cli.demo.settings_file import IVR_LINE
from ringback.cli.demo.world import World

pytestmark = [
    pytest.mark.calls,
    pytest.mark.interop,
    pytest.mark.slow,
    pytest.mark.timeout(120),
    pytest.mark.asyncio(loop_scope="session"),
]


@pytest_asyncio.fixture(loop_scope="session")
async def other_node(tmp_path: Path) -> AsyncIterator[Exchange]:
    """A second Ringback, with its own database."""
    async with a_running_world(tmp_path / "other") as world:
        yield Exchange(world, tmp_path, "+4933")


async def in_front(exchange: Exchange, *nodes: World) -> tuple[Baresip, Kamailio]:
    """Start a telephone and a proxy before these nodes, the first one first."""
    phone = await exchange.phone_behind(Baresip)
    proxy = await exchange.kamailio(Plan(nodes=tuple(node.sip for node in nodes), outer=phone.gateway))
    return phone, proxy


async def called(phone: Baresip, proxy: Kamailio, exchange: Exchange, line: str, *, count: int) -> str:
    """Let the telephone call, press a key to end the flow, and return the final status at this node."""
    await phone.dial(exchange.uri(line, at=proxy.address))
    await phone.saw("CALL_ESTABLISHED", count=count)
    await phone.press("5")
    await phone.saw("CALL_CLOSED", count=count)
    delivery = await exchange.world.receiver.wait_incoming(from_=phone.user, to=line)
    call = await ended(exchange.world, delivery.call_id)
    assert call["hangup_by"] == "platform"
    return str(call["status"])


async def test_calls_go_to_the_node_that_lives(exchange: Exchange, other_node: Exchange) -> None:
    dying, living = other_node, exchange
    phone, proxy = await in_front(exchange, dying.world, living.world)
    for node in (dying, living):
        await node.trunk(proxy.gateway, prefix=phone.user)
    await proxy.noted(f"up sip:{dying.world.sip}")
    await proxy.noted(f"up sip:{living.world.sip}")

    assert await called(phone, proxy, dying, IVR_LINE, count=1) == "FLOW_ANSWER"
    await dying.world.crash_server()
    assert await called(phone, proxy, living, IVR_LINE, count=2) == "FLOW_ANSWER"
    await proxy.noted(f"(down sip|node sip):{dying.world.sip}")
    await dying.world.start_server()
    await proxy.noted(f"up sip:{dying.world.sip}", count=2)
    line = await dying.line(play((await dying.sound(220, 2))[0]))
    await phone.dial(dying.uri(line, at=proxy.address))
    await phone.saw("CALL_CLOSED", count=3)

    assert (await dying.incoming(from_=phone.user, to=line))["status"] == "FLOW_ANSWER"
