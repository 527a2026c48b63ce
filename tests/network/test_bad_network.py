"""The demo's statuses and the audio of calls over a cable that loses 5 % and delays by 60 ms more or less."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import numpy as np
import pytest
from tests.integration.listening import RATE_HZ, best_second, likeness, listen, longest_gap_s, sounding
from tests.integration.running import ended, reported, settled, verified
from tests.network.namespaces import FAR, NEAR, Weather, inside, missing, missing_netem, ours, two_hosts

from ringback.cli.demo.processes import Process
from ringback.cli.demo.scenarios import SCENARIOS, Scenario
from ringback.cli.demo.settings_file import BRIDGE
from ringback.cli.demo.world import World

pytestmark = [pytest.mark.calls, pytest.mark.slow, pytest.mark.timeout(240)]

POOR = Weather(loss=0.05, delay_ms=20, jitter_ms=60)
T1_MS = 200
"""The round trip is up to 160 ms; 64 times T1 is 12.8 s, so that transactions are gone soon."""

SCENARIO_S = 90


def cables() -> list[object]:
    """The kernel's netem if there is one, and our own cable."""
    lack, lack_netem = missing(), missing_netem()
    return [
        pytest.param(False, id="cable", marks=pytest.mark.skipif(bool(lack), reason=lack or "-")),
        pytest.param(True, id="netem", marks=pytest.mark.skipif(bool(lack_netem), reason=lack_netem or "-")),
    ]


class TwoHosts(World):
    """The demo's world with its carrier on another host."""

    far = ""

    async def _start_simulator(self) -> None:
        assert self.legs is not None
        self.legs.mkdir(exist_ok=True)
        listen_at = ["--listen", f"{FAR}:5070", "--raw-listen", f"{FAR}:5071", "--target", f"{NEAR}:5060"]
        with inside(self.far):
            self.simulator = await Process.start(
                "The carrier simulator", "ringback.simulator", *listen_at,
                "--report-invites", "--record-folder", str(self.legs),
                log=self.folder / "simulator.log", on_report=self._on_report,
            )  # fmt: skip


@asynccontextmanager
async def a_world_far_apart(folder: Path, *, netem: bool) -> AsyncIterator[World]:
    """Run server and carrier on two hosts; at the end nothing may be left of any call."""
    with two_hosts(POOR, netem=netem) as hosts, inside(hosts.near):
        world = TwoHosts(folder, sip=f"{NEAR}:5060", record_legs=True, t1_ms=T1_MS)
        world.far = hosts.far
        async with world:
            yield world
            await settled(world)
        await verified(world)


async def status_of(world: World, scenario: Scenario) -> str:
    """Play a scenario and return the status it came to."""
    async with asyncio.timeout(SCENARIO_S):
        call_id = await scenario.play(world)
        await world.receiver.wait_end(call_id)
        return str((await world.call(call_id))["status"])


@pytest.mark.parametrize("netem", cables())
async def test_all_28_statuses_are_right_and_speech_stays_speech(tmp_path: Path, netem: bool) -> None:
    async with a_world_far_apart(tmp_path, netem=netem) as world:
        statuses = await asyncio.gather(*(status_of(world, scenario) for scenario in SCENARIOS))
        wrong = {
            scenario.what: f"{status}, not {scenario.expected}"
            for scenario, status in zip(SCENARIOS, statuses, strict=True)
            if status != scenario.expected
        }
        assert not wrong

        first, second = "+999106", "+99910507"  # the first speaks downwards; the second upwards, for seven seconds
        call = await ended(world, await world.click_to_call(from_=first, to=second, bridge=BRIDGE))
        assert call["status"] == "ANSWER"
        for hearer, speaker in ((first, second), (second, first)):
            await reported(world, event="ended", number=hearer)
            await reported(world, event="ended", number=speaker)
            heard, said = listen(world.legs / f"{hearer}.wav"), listen(world.legs / f"{speaker}.wav").said
            talk = sounding(heard.heard)[-6 * RATE_HZ :]
            # Each packet crossed the cable twice. A tenth of it is made up, every second of it is the speaker's.
            seconds = [likeness(talk[at : at + RATE_HZ // 2], said) for at in range(0, len(talk), RATE_HZ // 2)]
            assert len(talk) == 6 * RATE_HZ
            assert best_second(talk, said) > 0.75
            assert np.mean(seconds) > 0.6, seconds
            assert best_second(talk, heard.said) < 0.5
            assert longest_gap_s(talk) <= 0.3


@pytest.mark.skipif(bool(missing()), reason=missing() or "-")
def test_namespaces_are_gone_when_a_test_fails_inside() -> None:
    home = Path("/proc/thread-self/ns/net").readlink()
    inside_names: list[str] = []
    with suppress(ZeroDivisionError), two_hosts(POOR, netem=False) as hosts, inside(hosts.near):
        inside_names += ours()
        assert Path("/proc/thread-self/ns/net").readlink() != home
        _ = 1 / 0

    assert len(inside_names) == 2
    assert ours() == []
    assert Path("/proc/thread-self/ns/net").readlink() == home
