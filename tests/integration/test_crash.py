"""kill -9 with calls in all stages: afterwards each has its one status, and nobody was dialed twice."""

import asyncio
import contextlib
import random
import sqlite3
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ringback.cli.demo.settings_file import BRIDGE, IVR_LINE, MISS_CALL_LINE, SINGLE_CHANNEL_BRIDGE, SLOW_LINE
from ringback.cli.demo.world import World

pytestmark = [pytest.mark.calls, pytest.mark.slow, pytest.mark.timeout(120)]

RECOVERY_S = 5
"""From the first recovered call to the last; starting Python itself takes as long as the machine takes."""
START_S = 40
EACH = 25


async def place_everything(world: World) -> list[str]:
    """Place 200 calls that will be in eight different stages; every outbound one dials a number of its own."""
    ivr = world.flows["ivr"]
    later = (datetime.now(UTC) + timedelta(seconds=8)).isoformat()
    ids: list[str] = []

    async def out(to: str, **fields: object) -> None:
        ids.append(await world.outbound(to=to, target=ivr, **{"bridge": BRIDGE, **fields}))

    async def pair(from_: str, to: str) -> None:
        ids.append(await world.click_to_call(from_=from_, to=to, bridge=BRIDGE))

    placing = []
    for n in range(EACH):
        placing += [
            out(f"+9992{n:03d}1"),  # rings
            out(f"+99910000{n:03d}2"),  # answered, talks
            out(f"+99910002{n:03d}3"),  # answered, hangs up by itself
            out(f"+99910000{n:03d}4", bridge=SINGLE_CHANNEL_BRIDGE),  # one of these talks, the others queue
            out(f"+99910001{n:03d}5", time=later),  # scheduled
            pair(f"+99910000{n:03d}6", f"+9992{n:03d}7"),  # leg 1 answered, leg 2 rings
        ]
    await asyncio.gather(*placing)
    for n in range(EACH):
        await world.call_in(to=IVR_LINE, from_=f"+4930111{n:04d}")
        await world.call_in(to=SLOW_LINE if n % 2 else MISS_CALL_LINE, from_=f"+4930222{n:04d}")
    return ids


def rows(world: World, query: str) -> list[tuple[Any, ...]]:
    """Read the database that a server left or is using."""
    with contextlib.closing(sqlite3.connect(world.database.removeprefix("sqlite:///"))) as database:
        return database.execute(query).fetchall()


def calls_with_a_leg(world: World) -> list[str]:
    """Calls without a status for which an INVITE was sent, or had come in."""
    had_leg = "select call_id from journal where kind in ('dialing', 'ringing')"
    return [row[0] for row in rows(world, f"select id from call where status is null and id in ({had_leg})")]


def recovery_span_s(world: World) -> float:
    """Seconds from the first to the last call that the start ended by the crash rule, as the journal has them."""
    since = "at >= (select min(at) from journal where kind = 'crash_rule')"
    query = f"select min(at), max(at), count(*) from journal where kind = 'crash_rule' and {since}"
    ((first, last, count),) = rows(world, query)
    assert count > 0, "no call had to be recovered: the crash came too early to test anything"
    return float(last - first) / 1e6


async def verify(world: World) -> str:
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "ringback.cli", "verify", "--database", world.database,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    output, _ = await child.communicate()
    assert child.returncode == 0, output.decode()
    return output.decode()


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_every_call_survives_a_crash_with_one_status(tmp_path: Path, seed: int) -> None:
    moment_s = random.Random(seed).uniform(0.05, 2.0)
    async with World(tmp_path) as world:
        ids = await place_everything(world)
        await asyncio.sleep(moment_s)  # the moment of the crash is what varies; nothing is waited for
        await world.crash_server()
        had_leg = calls_with_a_leg(world)
        dialed_before = Counter(report["number"] for report in world.reports if report["event"] == "invited")

        async with asyncio.timeout(START_S):
            await world.start_server()
        assert recovery_span_s(world) < RECOVERY_S

        found = ",".join(f"'{call_id}'" for call_id in had_leg)
        assert rows(world, f"select id, state from call where status is null and id in ({found})") == []
        async with asyncio.timeout(60):
            ends = await asyncio.gather(*(world.receiver.wait_end(call_id) for call_id in ids))
        assert all(end.is_signed for end in ends)
        dialed = Counter(report["number"] for report in world.reports if report["event"] == "invited")
        assert max(dialed.values()) == 1, dialed.most_common(3)
        assert dialed_before
    await verify(world)
    told = Counter(delivery.call_id for delivery in world.receiver.deliveries if delivery.event == "call_end")
    ids_of_events = {(d.call_id, d.payload.get("id")) for d in world.receiver.deliveries if d.event == "call_end"}
    assert len(ids_of_events) == len(told), "a call was told two different ends"
