"""How many calls a second the engine answers and hangs up, and what each costs.

Two processes, an engine in each, over loopback: the caller's asyncio loop dials at a steady rate and hangs up when
answered; the called side answers. CPU time is read for every thread from `/proc`, so that the engine's threads and
Python's are told apart. Bounded by `--seconds` and by a limit of calls under way.

    python bench/engine_calls.py --rate 500 --seconds 5
"""

import argparse
import asyncio
import json
import os
import sys
import time
from collections import Counter
from pathlib import Path

from ringback import _engine

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
MAX_UNDER_WAY = 3000
LINGER_S = 5.0


def thread_cpu_us() -> dict[str, float]:
    """Return CPU time of every thread of this process by kind, in µs: `rb-*` are the engine's."""
    spent: Counter[str] = Counter()
    for task in Path("/proc/self/task").iterdir():
        try:
            name = (task / "comm").read_text().strip()
            # Nanoseconds on the CPU: finer than the ticks of `stat`, which miss what runs for microseconds.
            on_cpu_ns = int((task / "schedstat").read_text().split()[0])
        except OSError:
            continue
        kind = "python" if name.startswith(("python", "asyncio")) else name.rstrip("0123456789-")
        spent[kind] += on_cpu_ns / 1000
    return dict(spent)


def percentile(values: list[float], share: float) -> float:
    """Return the value below which `share` of `values` lie, 0 for none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


class Side:
    """One engine with an asyncio reader that hands every event to `handle`."""

    def __init__(self, *, rtp_first_port: int) -> None:
        config = _engine.EngineConfig(
            listen="127.0.0.1:0",
            rtp_first_port=rtp_first_port,
            rtp_last_port=rtp_first_port + 11999,
            max_legs=20000,
            max_incoming_per_s=100000,
            decide_within_ms=4000,
        )
        self.engine = _engine.Engine(config)
        self.engine.set_trunks([_engine.TrunkConfig(id=1)])
        self.engine.set_access([_engine.AccessRule(network="127.0.0.1", trunk=1)])
        self.events = 0
        self.drains = 0
        self.causes: Counter[str] = Counter()

    def handle(self, event: _engine.Event) -> None:
        """Do what this side does."""

    def _drain(self) -> None:
        while events := self.engine.drain(256):
            self.drains += 1
            self.events += len(events)
            for event in events:
                self.handle(event)

    def start(self) -> None:
        self.engine.start()
        asyncio.get_running_loop().add_reader(self.engine.fileno(), self._drain)

    def report(self, began: dict[str, float], calls: int) -> dict[str, object]:
        per_call = {name: round((us - began.get(name, 0.0)) / max(calls, 1), 1) for name, us in thread_cpu_us().items()}
        stats = self.engine.stats()
        return {
            "cpu_us_per_call": per_call,
            "events_per_drain": round(self.events / max(self.drains, 1), 1),
            "causes": dict(self.causes),
            "left": {name: stats[name] for name in ("legs", "dialogs", "ops", "events_waiting")},
            "trouble": {
                name: value
                for name, value in stats.items()
                if value and name.startswith(("dropped", "refused", "retrans", "faults", "media_close_t", "send_err"))
            },
        }


class Called(Side):
    """Answers everything."""

    def handle(self, event: _engine.Event) -> None:
        match event:
            case _engine.Incoming(leg):
                self.engine.answer(leg)
            case _engine.Ended(_, cause):
                self.causes[cause] += 1


class Caller(Side):
    """Dials, hangs up when answered, measures."""

    def __init__(self, *, rtp_first_port: int) -> None:
        super().__init__(rtp_first_port=rtp_first_port)
        self.dialed_at: dict[int, float] = {}
        self.hung_up_at: dict[int, float] = {}
        self.answer_ms: list[float] = []
        self.end_ms: list[float] = []
        self.skipped = 0

    def dial(self, gateway: str, number: int) -> None:
        if len(self.dialed_at) + len(self.hung_up_at) >= MAX_UNDER_WAY:
            self.skipped += 1
            return
        leg = self.engine.dial(
            trunk=1,
            gateway=gateway,
            to=f"sip:{number}@{gateway}",
            from_="sip:bench@127.0.0.1",
            call_id=f"bench-{os.getpid()}-{number}",
            local_tag=f"t{number}",
        )
        self.dialed_at[leg] = time.monotonic()

    def handle(self, event: _engine.Event) -> None:
        match event:
            case _engine.Answered(leg):
                now = time.monotonic()
                self.answer_ms.append((now - self.dialed_at.pop(leg)) * 1000)
                self.hung_up_at[leg] = now
                self.engine.hangup(leg)
            case _engine.Ended(leg, cause):
                self.causes[cause] += 1
                self.dialed_at.pop(leg, None)
                if (began := self.hung_up_at.pop(leg, None)) is not None:
                    self.end_ms.append((time.monotonic() - began) * 1000)


async def run_called() -> None:
    """Serve until standard input closes; report as JSON."""
    side = Called(rtp_first_port=20000)
    side.start()
    began = thread_cpu_us()
    print(side.engine.local_address(), flush=True)
    await asyncio.to_thread(sys.stdin.read)
    calls = sum(side.causes.values())
    print(json.dumps(side.report(began, calls)), flush=True)
    side.engine.stop()


async def place(side: Caller, gateway: str, *, rate: int, seconds: float) -> float:
    """Dial at a steady rate, then wait for the last end. Return the seconds it took."""
    began = time.monotonic()
    total = int(rate * seconds)
    placed = 0
    while placed < total:
        due = min(total, int((time.monotonic() - began) * rate) + 1)
        for number in range(placed, due):
            side.dial(gateway, number)
        placed = due
        await asyncio.sleep(0.002)
    deadline = time.monotonic() + LINGER_S
    while (side.dialed_at or side.hung_up_at) and time.monotonic() < deadline:
        await asyncio.sleep(0.005)
    return time.monotonic() - began


async def run_caller(rate: int, seconds: float) -> None:
    """Start the called side, place the calls, print both reports."""
    called = await asyncio.create_subprocess_exec(
        sys.executable, __file__, "--called", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert called.stdin is not None
    assert called.stdout is not None
    gateway = (await called.stdout.readline()).decode().strip()
    side = Caller(rtp_first_port=40000)
    side.start()
    began = thread_cpu_us()
    took_s = await place(side, gateway, rate=rate, seconds=seconds)
    ended = sum(side.causes.values())
    report = side.report(began, ended)
    called.stdin.close()
    other = json.loads(await called.stdout.readline())
    await called.wait()
    side.engine.stop()

    print(f"{ended} calls in {took_s:.2f} s: {ended / took_s:.0f} calls/s ({rate} asked for, {side.skipped} skipped)")
    for name, values in (("answer", side.answer_ms), ("hang-up", side.end_ms)):
        p50, p99 = percentile(values, 0.5), percentile(values, 0.99)
        print(f"  {name:8} p50 {p50:.2f} ms  p99 {p99:.2f} ms  max {max(values, default=0):.2f} ms")
    print(f"  caller   {report}")
    print(f"  called   {other}")


def main() -> None:
    """Read the arguments and run one side."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=int, default=500, help="calls a second")
    parser.add_argument("--seconds", type=float, default=4.0, help="how long to place calls, at most 60")
    parser.add_argument("--called", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.called:
        asyncio.run(run_called())
    else:
        asyncio.run(run_caller(args.rate, min(args.seconds, 60.0)))


if __name__ == "__main__":
    main()
