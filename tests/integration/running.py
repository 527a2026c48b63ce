"""A whole Ringback as its customers and carriers see it, and what may not be left of any call."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from ringback.cli.demo.settings_file import SID
from ringback.cli.demo.world import World

T1_MS = 60
"""RFC 3261's T1, shrunk from 500 ms so that 64 times T1 is 4 s."""

WAIT_S = 20
"""Longest wait for anything that has no time-out of its own."""

_GAUGES = ("calls_open", "calls_queued", "legs", "journal_waiting")
_ENGINE_GAUGES = ("legs", "ops", "dialogs", "transactions", "sip_legs", "media_legs", "media_ports", "events_waiting")
_FAULTS = ("machine_refused", "call_faults", "pump_faults", "engine_faults")
_ENGINE_FAULTS = ("faults", "media_faults")


@asynccontextmanager
async def a_running_world(folder: Path, **options: Any) -> AsyncIterator[World]:
    """Run server, simulator and webhook receiver; at the end nothing may be left, and the database must be sound."""
    async with World(folder, t1_ms=T1_MS, record_legs=True, **options) as world:
        yield world
        await settled(world)
    await verified(world)


async def figures(world: World) -> dict[str, float]:
    """Read `/metrics`: `calls_open`, `channels_taken:account`, and the engine's own as `engine:legs`."""
    async with aiohttp.ClientSession() as session, session.get(f"{world.url}/metrics") as answer:
        text = await answer.text()
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    found = {}
    for sample in samples:
        name = ":".join([sample.name.removeprefix("ringback_").removesuffix("_total"), *sample.labels.values()])
        found[name] = sample.value
    return found


async def settled(world: World) -> dict[str, float]:
    """Wait until no call, channel, leg, dialog, transaction, port or operation is left, and no fault happened."""
    left: dict[str, float] = {}
    found: dict[str, float] = {}
    try:
        async with asyncio.timeout(WAIT_S):
            while True:
                found = await figures(world)
                left = {name: found[name] for name in _must_be_zero(found) if found[name]}
                if not left:
                    break
                await asyncio.sleep(0.05)  # asks again; nothing is judged by this time
    except TimeoutError:
        raise AssertionError(f"left over after {WAIT_S} s: {left}") from None
    faults = {name: found[name] for name in [*_FAULTS, *(f"engine:{name}" for name in _ENGINE_FAULTS)] if found[name]}
    assert not faults
    return found


def _must_be_zero(found: dict[str, float]) -> list[str]:
    channels = [name for name in found if name.startswith("channels_taken")]
    assert channels
    return [*_GAUGES, *(f"engine:{name}" for name in _ENGINE_GAUGES), *channels]


async def verified(world: World) -> None:
    """Let `ringback verify` decide every call again."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "ringback.cli", "verify", "--database", world.database,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    output, _ = await child.communicate()
    assert child.returncode == 0, output.decode()


async def ended(world: World, call_id: str) -> dict[str, Any]:
    """Wait for the signed `call_end` and return the call as the API shows it."""
    async with asyncio.timeout(WAIT_S):
        delivery = await world.receiver.wait_end(call_id)
    assert delivery.is_signed
    call = await world.call(call_id)
    assert call["status"] == delivery.payload.get("data", delivery.payload)["status"]
    return call


async def publish(world: World, nodes: dict[str, Any], *, number: str, **settings: object) -> str:
    """Make a flow of these nodes answer a new number, and return its id."""
    made = await world.client.post("/flows", {"document": {"name": number, "nodes": nodes}})
    await world.client.post("/numbers", {"number": number, **settings})
    await world.client.post(f"/flows/{made['id']}/publish")
    await world.client.put(f"/flows/{made['id']}/numbers", {"numbers": [number]})
    return str(made["id"])


async def upload(world: World, name: str, data: bytes) -> str:
    """Upload a sound and return its id."""
    form = aiohttp.FormData({"name": name})
    form.add_field("file", data, filename="sound.wav", content_type="audio/wav")
    async with (
        aiohttp.ClientSession(headers={"api-key": world.api_key}) as session,
        session.post(f"{world.url}/v1/{SID}/sounds", data=form) as answer,
    ):
        assert answer.status == 201, await answer.text()
        return str((await answer.json())["id"])


def way(call: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the way through the flow as nodes and the exits that were taken."""
    return [(step["data"]["node"], step["data"]["exit"]) for step in call["trail"]]


async def reported(world: World, **wanted: object) -> dict[str, Any]:
    """Wait for a report of the simulator that has these values."""
    async with asyncio.timeout(WAIT_S):
        while True:
            for report in world.reports:
                if wanted.items() <= report.items():
                    return report
            await asyncio.sleep(0.02)  # looks again; nothing is judged by this time
