"""Load on a whole server: incoming calls answered by a flow, and click-to-call, with journal and webhooks on.

SIPp is the carrier; it and the webhook receiver share the machine with the server. The rate goes up step by step until
a call fails; for each step: CPU per call (engine threads, Python's loop, its other threads, webhook process apart),
time from the end of the leg to the committed final status, memory. Every step is bounded in calls and time. Needs SIPp
(Debian: sip-tester) and espeak-ng.

    python -m bench.server_load flow --rates 50,100,200 --seconds 8
    python -m bench.server_load click-to-call --rates 25,50,100
"""

import argparse
import asyncio
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.host import ProcessCpu, describe_machine
from bench.server import Server
from bench.sipp import Outcome
from ringback.cli.demo.client import ApiFaultError
from ringback.cli.demo.settings_file import BRIDGE

FLOW = {
    "start": {"type": "start", "exits": {"next": "hello"}},
    "hello": {"type": "play", "prompt": {"text": "Hello."}, "exits": {"next": "bye"}},
    "bye": {"type": "hangup"},
}
WARM_UP_CALLS = 50
SETTLE_S = 20
TALK_S = 1
REACHED = 0.97
"""The load generator shares the machine: with less of the rate asked for the step says nothing about that rate."""


@dataclass
class Step:
    """What one rate came to. Times in milliseconds, CPU in milliseconds per call; `load` is the machine's before."""

    rate: int
    reached: float
    calls: int
    failed: int
    retransmissions: int
    finals: int
    webhooks: int
    all_webhooks: int
    cpu_engine_ms: float
    cpu_loop_ms: float
    cpu_python_ms: float
    cpu_webhooks_ms: float
    bye_to_final_p50_ms: float
    bye_to_final_p99_ms: float
    rss_mb: float
    load: float

    def is_clean(self, *, with_webhooks: bool) -> bool:
        """The rate was reached, calls went through without a retransmission, all statuses and webhooks are there."""
        told = self.webhooks if with_webhooks else self.calls
        if self.reached < REACHED * self.rate:
            return False
        return not self.failed and not self.retransmissions and self.calls == self.finals == told


Load = Callable[[Server, int, int], Awaitable[Outcome]]


async def incoming(server: Server, rate: int, calls: int) -> Outcome:
    """SIPp calls the flow's number and waits for the BYE."""
    return await server.call_in("caller_waits_for_bye", rate, calls)


async def click_to_call(server: Server, rate: int, calls: int) -> Outcome:
    """Both parties are SIPp; we ask over the API and hang up a second after both answered."""
    callee = asyncio.create_task(server.be_called("callee_answers_and_waits", calls * 2))
    await asyncio.sleep(0.5)  # SIPp says nowhere that it listens
    started = time.monotonic()
    refused = 0

    async def one(number: int) -> None:
        nonlocal refused
        await asyncio.sleep(max(0.0, started + number / rate - time.monotonic()))
        body = {"from": f"+9998{number:06d}1", "to": f"+9998{number:06d}2", "bridge": BRIDGE}
        try:
            options = {"max_duration": TALK_S, "callback": server.hooks.url}
            await server.client.post("/voice/click-to-call", body | options)
        except (ApiFaultError, OSError, TimeoutError):
            refused += 1

    await asyncio.gather(*(one(number) for number in range(calls)))
    reached = calls / (time.monotonic() - started)
    legs = await callee
    return Outcome(calls, refused + legs.failed + (2 * calls - legs.calls), legs.retransmissions, reached)


async def measure(server: Server, load: Load, rate: int, seconds: float, *, webhooks: bool) -> Step:
    """Run one step and look at what it cost."""
    finals_before, times_before = await server.finals(), await server.final_times()
    hooks_before, all_before = server.hooks.finals, server.hooks.count
    busy = os.getloadavg()[0]
    cpu = ProcessCpu(server.pid)
    outcome = await load(server, rate, round(rate * seconds))
    await settle(server, finals_before + outcome.calls, hooks_before + outcome.calls * webhooks)
    spent, calls = cpu.spent(), max(outcome.calls, 1)
    times = {bound: count - times_before.get(bound, 0.0) for bound, count in (await server.final_times()).items()}
    return Step(
        rate=rate,
        reached=round(outcome.rate, 1),
        calls=outcome.calls,
        failed=outcome.failed,
        retransmissions=outcome.retransmissions,
        finals=await server.finals() - finals_before,
        webhooks=server.hooks.finals - hooks_before,
        all_webhooks=server.hooks.count - all_before,
        cpu_engine_ms=round(spent.engine_ms / calls, 3),
        cpu_loop_ms=round(spent.loop_ms / calls, 3),
        cpu_python_ms=round(spent.python_ms / calls, 3),
        cpu_webhooks_ms=round(spent.children_ms / calls, 3),
        bye_to_final_p50_ms=quantile(times, 0.5),
        bye_to_final_p99_ms=quantile(times, 0.99),
        rss_mb=round(cpu.rss_mb(), 1),
        load=round(busy, 1),
    )


async def settle(server: Server, finals: int, hooks: int) -> None:
    """Wait until everything is committed and told, 20 s at most."""
    deadline = time.monotonic() + SETTLE_S
    while time.monotonic() < deadline:
        if server.hooks.finals >= hooks and await server.finals() >= finals:
            return
        await asyncio.sleep(0.2)


def quantile(buckets: dict[float, float], share: float) -> float:
    """Return the upper bound of the bucket that holds the quantile, in milliseconds; NaN without data."""
    total = max(buckets.values(), default=0.0)
    for bound in sorted(buckets):
        if total and buckets[bound] >= share * total:
            return round(bound * 1000, 1)
    return float("nan")


LOADS: dict[str, Load] = {"flow": incoming, "click-to-call": click_to_call}


async def run(load: str, rates: list[int], seconds: float, out: Path, *, webhooks: bool) -> None:
    """Raise the rate until a step is not clean."""
    steps: list[Step] = []
    clean_rate = 0
    with tempfile.TemporaryDirectory(prefix="ringback-bench-") as folder:
        async with Server(Path(folder), FLOW, all_webhooks=webhooks and load == "flow") as server:
            await measure(server, LOADS[load], WARM_UP_CALLS, 1.0, webhooks=webhooks)
            for rate in rates:
                step = await measure(server, LOADS[load], rate, seconds, webhooks=webhooks)
                steps.append(step)
                print(json.dumps(asdict(step)), flush=True)
                if not step.is_clean(with_webhooks=webhooks):
                    break
                clean_rate = max(clean_rate, rate)
    document = {
        "bench": f"server_load {load}",
        "command": " ".join(["python -m bench.server_load", *sys.argv[1:]]),
        "machine": describe_machine(),
        "python": platform.python_version(),
        "clean_rate": clean_rate,
        "steps": [asdict(step) for step in steps],
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(document, indent=2) + "\n")
    print(f"clean up to {clean_rate} calls/s; figures in {out}")


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("load", choices=LOADS)
    parser.add_argument("--rates", default="50,100,150,200,250,300,350,400,500,600")
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--no-webhooks", action="store_true", help="flow only: nobody is told of the calls")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    out = options.out or Path("build/bench") / f"server_load_{options.load}.json"
    rates = [int(rate) for rate in options.rates.split(",")]
    webhooks = options.load != "flow" or not options.no_webhooks
    asyncio.run(run(options.load, rates, options.seconds, out, webhooks=webhooks))


if __name__ == "__main__":
    main()
