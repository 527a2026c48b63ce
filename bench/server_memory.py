"""Memory of a whole server: at start, with answered calls on the line, and after many calls are over.

Each figure is the resident memory of the server's process. Calls are first made once, so that what grows only the first
time (pools, caches) does not count for the calls; finished calls are made in four rounds, of which the last shows what
goes on growing. Needs SIPp (Debian: sip-tester) and espeak-ng.

    python -m bench.server_memory --calls 10000
"""

import argparse
import asyncio
import json
import platform
import re
import sys
import tempfile
from pathlib import Path

from bench.host import ProcessCpu, describe_machine
from bench.server import Server

WAITS = {
    "start": {"type": "start", "exits": {"next": "wait"}},
    "wait": {"type": "gather", "first_timeout_s": 60, "exits": {"match": "bye", "no_input": "bye", "invalid": "bye"}},
    "bye": {"type": "hangup"},
}
STAY_MS = "8000"
RATE = 100
ROUNDS = 4
LEGS = re.compile(r"^ringback_legs (\S+)$", re.MULTILINE)


async def idle(server: Server, legs: int) -> tuple[float, int]:
    """Have callers stay on the line; return the memory while they do, MB, and how many there are."""
    load = asyncio.create_task(server.call_in("caller_stays", RATE, legs, "-d", STAY_MS))
    await asyncio.sleep(legs / RATE + 1.5)
    there = int(float(LEGS.findall(await server.metrics())[0]))
    rss_mb = ProcessCpu(server.pid).rss_mb()
    await load
    return rss_mb, there


async def until_over(server: Server, finals: int) -> None:
    """Wait until so many calls are final, a minute at most."""
    async with asyncio.timeout(60):
        while await server.finals() < finals:
            await asyncio.sleep(0.5)


async def run(legs: int, calls: int, out: Path) -> None:
    """Measure, one after the other, in one server."""
    with tempfile.TemporaryDirectory(prefix="ringback-bench-") as folder:
        async with Server(Path(folder), WAITS, all_webhooks=False) as server:
            memory = ProcessCpu(server.pid)
            at_start = memory.rss_mb()
            await idle(server, legs)
            await until_over(server, legs)
            before = memory.rss_mb()
            busy, there = await idle(server, legs)
            await until_over(server, 2 * legs)
            after_legs = memory.rss_mb()
            finals, rounds = 2 * legs, [after_legs]
            for _ in range(ROUNDS):
                outcome = await server.call_in("caller_stays", 2 * RATE, calls // ROUNDS, "-d", "100")
                finals += outcome.calls
                await until_over(server, finals)
                rounds.append(memory.rss_mb())
    document = {
        "bench": "server_memory",
        "command": " ".join(["python -m bench.server_memory", *sys.argv[1:]]),
        "machine": describe_machine(),
        "python": platform.python_version(),
        "start_mb": round(at_start, 1),
        "before_legs_mb": round(before, 1),
        "with_legs_mb": round(busy, 1),
        "legs": there,
        "per_answered_leg_kb": round((busy - before) * 1000 / max(there, 1), 1),
        "calls": finals - 2 * legs,
        "rounds_mb": [round(rss_mb, 1) for rss_mb in rounds],
        "per_finished_call_kb": round((rounds[-1] - after_legs) * 1000 / (finals - 2 * legs), 2),
        "per_finished_call_last_round_kb": round((rounds[-1] - rounds[-2]) * 1000 * ROUNDS / calls, 2),
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(document, indent=2) + "\n")
    print(json.dumps(document))


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--legs", type=int, default=500)
    parser.add_argument("--calls", type=int, default=10_000)
    parser.add_argument("--out", type=Path, default=Path("build/bench/server_memory.json"))
    options = parser.parse_args()
    asyncio.run(run(options.legs, options.calls, options.out))


if __name__ == "__main__":
    main()
