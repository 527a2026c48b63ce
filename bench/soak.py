"""A soak: many minutes of incoming flow calls at half the rated load, then everything must be back to zero.

Every minute: calls, failures, retransmissions, memory, open legs, dialogs, media ports. At the end the gauges of the
engine and of the service must be zero and the memory of the last third must not be above that of the second third by
more than `--growth-mb`. Exit code 1 if one of these is not so. Needs SIPp (Debian: sip-tester) and espeak-ng.

    python -m bench.soak --minutes 30 --rate 250
"""

import argparse
import asyncio
import json
import os
import platform
import re
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from bench.host import ProcessCpu, describe_machine
from bench.server import Server
from bench.server_load import FLOW, WARM_UP_CALLS, incoming, quantile

SLICE_S = 60
"""One run of SIPp; its ports and memory begin anew each time, the server's do not."""

OVER_S = 60
"""Dialogs of lost messages end after 64 times T1, 32 s; what is left after this is a leak."""

GAUGES = frozenset({"legs", "dialogs", "transactions", "media_ports", "ops"})
_ENGINE = re.compile(r'^ringback_engine\{name="([^"]+)"\} (\S+)$', re.MULTILINE)
OWN = ("legs", "calls_open", "calls_queued", "journal_waiting", "webhooks_in_flight")
_OWN = re.compile(rf"^(ringback_(?:{'|'.join(OWN)})) (\S+)$", re.MULTILINE)
_CHANNELS = re.compile(r'^(ringback_channels_taken\{pool="[^"]+"\}) (\S+)$', re.MULTILINE)


@dataclass
class Minute:
    """What one slice came to. `rss_mb` is the server's, after the slice."""

    at_s: int
    calls: int
    failed: int
    retransmissions: int
    reached: float
    rss_mb: float
    p99_ms: float
    load: float


async def gauges(server: Server) -> dict[str, float]:
    """Return what must be zero when nothing goes on."""
    text = await server.metrics()
    engine = {f"engine {name}": float(value) for name, value in _ENGINE.findall(text) if name in GAUGES}
    own = {name: float(value) for name, value in (*_OWN.findall(text), *_CHANNELS.findall(text))}
    if len(engine) < len(GAUGES) or len(own) < len(OWN):
        raise LookupError(f"some gauges are missing from /metrics: found {sorted(engine)}, {sorted(own)}")
    return engine | own


async def until_idle(server: Server) -> dict[str, float]:
    """Wait until every gauge is zero; return those that are not after a minute."""
    deadline = time.monotonic() + OVER_S
    while True:
        left = {name: value for name, value in (await gauges(server)).items() if value}
        if not left or time.monotonic() > deadline:
            return left
        await asyncio.sleep(1)


async def one_minute(server: Server, rate: int, begun: float, memory: ProcessCpu) -> Minute:
    """Run one slice."""
    before = await server.final_times()
    outcome = await incoming(server, rate, rate * SLICE_S)
    times = {bound: count - before.get(bound, 0.0) for bound, count in (await server.final_times()).items()}
    minute = Minute(
        at_s=round(time.monotonic() - begun),
        calls=outcome.calls,
        failed=outcome.failed,
        retransmissions=outcome.retransmissions,
        reached=round(outcome.rate, 1),
        rss_mb=round(memory.rss_mb(), 1),
        p99_ms=quantile(times, 0.99),
        load=round(os.getloadavg()[0], 1),
    )
    print(json.dumps(asdict(minute)), flush=True)
    return minute


def growth_mb(minutes: Sequence[Minute]) -> float:
    """Return by how much the memory of the last third is above that of the second third."""
    third = max(len(minutes) // 3, 1)
    last = [minute.rss_mb for minute in minutes[-third:]]
    middle = [minute.rss_mb for minute in minutes[-2 * third : -third]] or last
    return round(median(last) - median(middle), 1)


async def run(minutes: int, rate: int, most_mb: float, out: Path) -> int:
    """Soak, look at what is left, write the figures."""
    with tempfile.TemporaryDirectory(prefix="ringback-bench-") as folder:
        async with Server(Path(folder), FLOW, all_webhooks=True) as server:
            memory, begun = ProcessCpu(server.pid), time.monotonic()
            await incoming(server, WARM_UP_CALLS, WARM_UP_CALLS)
            done = [await one_minute(server, rate, begun, memory) for _ in range(minutes)]
            left = await until_idle(server)
            calls, finals = sum(minute.calls for minute in done) + WARM_UP_CALLS, await server.finals()
    grown = growth_mb(done)
    problems = [f"{name} is {value:g} at the end" for name, value in left.items()]
    problems += [f"{calls - finals} calls have no final status"] * (calls != finals)
    problems += [f"memory grew by {grown} MB in the last third"] * (grown > most_mb)
    document = {
        "bench": "soak",
        "command": " ".join(["python -m bench.soak", *sys.argv[1:]]),
        "machine": describe_machine(),
        "python": platform.python_version(),
        "calls": calls,
        "finals": finals,
        "failed": sum(minute.failed for minute in done),
        "retransmissions": sum(minute.retransmissions for minute in done),
        "growth_last_third_mb": grown,
        "problems": problems,
        "minutes": [asdict(minute) for minute in done],
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(document, indent=2) + "\n")
    print(f"{calls} calls, {finals} final statuses; figures in {out}")
    for problem in problems:
        print(f"problem: {problem}")
    return 1 if problems else 0


def main() -> int:
    """Read the command line and soak."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=int, default=30)
    parser.add_argument("--rate", type=int, default=250)
    parser.add_argument("--growth-mb", type=float, default=10.0)
    parser.add_argument("--out", type=Path, default=Path("build/bench/soak.json"))
    options = parser.parse_args()
    return asyncio.run(run(options.minutes, options.rate, options.growth_mb, options.out))


if __name__ == "__main__":
    sys.exit(main())
