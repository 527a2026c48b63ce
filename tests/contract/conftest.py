"""Pairs of engines: both fake, or both real over loopback."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.contract.pair import Pair

from ringback import _engine as en
from ringback.service.clock import SystemClock
from ringback.testing.fake_engine import FakeEngine, FakeNetwork

_ports = itertools.count(0)


def _real(listen: str) -> en.Engine:
    first = 30_000 + next(_ports) % 100 * 100
    return en.Engine(
        en.EngineConfig(listen=listen, t1_ms=50, rtp_first_port=first, rtp_last_port=first + 98, decide_within_ms=5000)
    )


@pytest.fixture(params=["fake", pytest.param("real", marks=pytest.mark.calls)])
async def pair(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Pair]:
    """`pair.a` may call `pair.b` as trunk 7, and the other way round."""
    make: Callable[[str], object]
    if request.param == "fake":
        network, clock = FakeNetwork(), SystemClock()

        def make(listen: str) -> FakeEngine:
            return FakeEngine(en.EngineConfig(listen=listen), network=network, clock=clock)

    else:
        make = _real
    made = Pair(make("127.0.0.1:0"), make("127.0.0.1:0"), make, tmp_path)
    made.start()
    yield made
    await made.end()
