"""Load on a whole server: incoming calls answered by a flow, and click-to-call, with journal and webhooks on.

SIPp is the carrier; it and the webhook receiver share the machine with the server. The rate goes up step by step until
a call fails; for each step: CPU per call (engine threads, Python, webhook process apart), time from the BYE to the
committed final status, memory. Every step is bounded in calls and time. Needs SIPp (Debian: sip-tester).

    python -m bench.server_load flow --rates 50,100,200 --seconds 8
    python -m bench.server_load click-to-call --rates 25,50,100
"""

import argparse
import asyncio
import csv
import json
import platform
import re
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import aiohttp

from bench.host import ProcessCpu, describe_machine
from ringback.cli.demo.client import Client
from ringback.cli.demo.processes import Process
from ringback.cli.demo.settings_file import BRIDGE, IVR_LINE, SID, Endpoints, settings_text
from ringback.cli.demo.world import free_port

SCENARIOS = Path(__file__).parent / "scenarios"
KEY = "bench-key-0123456789abcdef"
SECRET = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3"
FINAL_BUCKETS = re.compile(r'^ringback_final_seconds_bucket\{le="([^"]+)"\} (\S+)$', re.MULTILINE)


@dataclass
class Step:
    """What one rate came to. Times in milliseconds, CPU in milliseconds per call."""

    rate: int
    calls: int
    failed: int
    retransmissions: int
    finals: int
    webhooks: int
    cpu_engine_ms: float
    cpu_python_ms: float
    cpu_webhooks_ms: float
    bye_to_final_p50_ms: float
    bye_to_final_p99_ms: float
    rss_mb: float

    @property
    def is_clean(self) -> bool:
        """Every call went through, every final status was committed, every webhook came."""
        return self.failed == 0 and self.calls == self.finals == self.webhooks


class Hooks:
    """Counts webhooks; as little work as an HTTP server can do."""

    def __init__(self) -> None:
        self.count = 0
        self._server: asyncio.Server | None = None

    async def start(self) -> str:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/"

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = int(re.search(rb"(?i)content-length: (\d+)", head)[1])  # type: ignore[index]
                body = await reader.readexactly(length)
                self.count += b'"call_end"' in body
                writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


def flow_document(*, with_prompt: bool) -> dict[str, Any]:
    """A flow that answers, plays and hangs up; without a prompt it only answers."""
    play = {"type": "play", "prompt": {"text": "Hello."}, "exits": {"next": "bye"}}
    answer = {"type": "answer", "exits": {"next": "bye"}}
    start = {"type": "start", "exits": {"next": "one"}}
    nodes = {"start": start, "one": play if with_prompt else answer, "bye": {"type": "hangup"}}
    return {"name": "Bench", "nodes": nodes}


class Bench:
    """A server with a carrier that is SIPp."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.hooks = Hooks()
        self.caller_port, self.callee_port, self.second_port = free_port(), free_port(), free_port()
        self.sip = f"127.0.0.1:{free_port()}"
        self.http = f"127.0.0.1:{free_port()}"
        self.server: Process
        self.client: Client

    async def start(self, *, with_prompt: bool) -> None:
        at = Endpoints(
            http=self.http,
            sip=self.sip,
            carrier=f"127.0.0.1:{self.caller_port}",
            broken_carrier=f"127.0.0.1:{self.callee_port}",
            webhook=await self.hooks.start(),
        )
        limits = '[limits]\nlegs = 20000\nincoming_per_s = 100000\n[log]\nlevel = "warning"\n'
        config = self.folder / "bench.toml"
        text = settings_text(self.folder / "data", at, api_key=KEY, webhook_secret=SECRET, extra=limits)
        config.write_text(text.replace("channels = 1000", "channels = 100000").replace("trace = true", "trace = false"))
        self.server = await Process.start(
            "Ringback", "ringback.cli", "serve", "--config", str(config), "--ready", log=self.folder / "server.log"
        )
        self.client = Client(url=f"http://{self.http}", sid=SID, key=KEY)
        made = await self.client.post("/flows", {"document": flow_document(with_prompt=with_prompt)})
        await self.client.post(f"/flows/{made['id']}/publish")
        await self.client.put(f"/flows/{made['id']}/numbers", {"numbers": [IVR_LINE]})

    async def stop(self) -> None:
        await self.client.close()
        await self.server.stop()
        await self.hooks.stop()

    async def finals(self) -> tuple[int, dict[float, float]]:
        """Return the number of final statuses and the buckets of the time from BYE to commit, out of /metrics."""
        async with aiohttp.ClientSession() as session, session.get(f"http://{self.http}/metrics") as answer:
            text = await answer.text()
        total = sum(float(value) for value in re.findall(r"^ringback_calls_total\{[^}]*\} (\S+)$", text, re.MULTILINE))
        buckets = {float(bound): float(value) for bound, value in FINAL_BUCKETS.findall(text)}
        return int(total), buckets

    async def measure(self, rate: int, seconds: float, load: Any) -> Step:
        """Run one step and look at what it cost."""
        finals_before, buckets_before = await self.finals()
        hooks_before = self.hooks.count
        cpu = ProcessCpu(self.server.pid)
        calls, failed, retransmissions = await load(rate, round(rate * seconds))
        await self._settle(finals_before + calls, hooks_before + calls)
        spent = cpu.spent()
        finals_after, buckets = await self.finals()
        delta = {bound: value - buckets_before.get(bound, 0.0) for bound, value in buckets.items()}
        return Step(
            rate=rate,
            calls=calls,
            failed=failed,
            retransmissions=retransmissions,
            finals=finals_after - finals_before,
            webhooks=self.hooks.count - hooks_before,
            cpu_engine_ms=round(spent.engine_ms / max(calls, 1), 3),
            cpu_python_ms=round(spent.python_ms / max(calls, 1), 3),
            cpu_webhooks_ms=round(spent.children_ms / max(calls, 1), 3),
            bye_to_final_p50_ms=quantile(delta, 0.5),
            bye_to_final_p99_ms=quantile(delta, 0.99),
            rss_mb=round(cpu.rss_mb(), 1),
        )

    async def _settle(self, finals: int, hooks: int) -> None:
        """Wait until everything is committed and told, 20 s at most."""
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            done, _ = await self.finals()
            if done >= finals and self.hooks.count >= hooks:
                return
            await asyncio.sleep(0.2)

    # --- loads -------------------------------------------------------------------------------------------------

    async def incoming(self, rate: int, calls: int) -> tuple[int, int, int]:
        """SIPp calls the flow's number and waits for the BYE."""
        return await self._sipp(
            "caller_waits_for_bye",
            self.caller_port,
            rate,
            calls,
            remote=self.sip,
            service=IVR_LINE,
            caller="+493012345",
        )

    async def click_to_call(self, rate: int, calls: int) -> tuple[int, int, int]:
        """Both parties are SIPp; we ask over the API and hang up after both answered."""
        callee = asyncio.create_task(
            self._sipp("callee_answers_and_waits", self.callee_port, 0, calls * 2, remote=None, service="x", caller="x")
        )
        await asyncio.sleep(0.5)
        started = time.monotonic()
        failed = 0

        async def one(number: int) -> None:
            nonlocal failed
            await asyncio.sleep(max(0.0, started + number / rate - time.monotonic()))
            body = {"from": f"+9998{number:06d}1", "to": f"+9998{number:06d}2", "bridge": BRIDGE, "max_duration": 1}
            try:
                await self.client.post("/voice/click-to-call", body)
            except Exception:  # noqa: BLE001  (a failed request is a failed call)
                failed += 1

        await asyncio.gather(*(one(number) for number in range(calls)))
        legs, failed_legs, retransmissions = await callee
        return calls, failed + failed_legs + (2 * calls - legs), retransmissions

    async def _sipp(
        self, scenario: str, port: int, rate: int, calls: int, *, remote: str | None, service: str, caller: str
    ) -> tuple[int, int, int]:
        stats = self.folder / f"{scenario}-{time.monotonic_ns()}.csv"
        command = [
            "sipp",
            "-sf",
            str(SCENARIOS / f"{scenario}.xml"),
            "-i",
            "127.0.0.1",
            "-p",
            str(port),
            "-m",
            str(calls),
        ]
        command += ["-s", service, "-key", "caller", caller, "-nostdin", "-trace_stat", "-stf", str(stats), "-fd", "1"]
        command += ["-recv_timeout", "20000", "-timeout", "90", "-l", "20000"]
        if remote is not None:
            command += ["-r", str(rate), remote]
        child = await asyncio.create_subprocess_exec(
            *command, cwd=self.folder, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
        )
        await child.wait()
        with stats.open() as file:
            last = list(csv.DictReader(file, delimiter=";"))[-1]
        return (
            int(last["SuccessfulCall(C)"]) + int(last["FailedCall(C)"]),
            int(last["FailedCall(C)"]),
            int(last["Retransmissions(C)"]),
        )


def quantile(buckets: dict[float, float], share: float) -> float:
    """Return the upper bound of the bucket that holds the quantile, in milliseconds; NaN without data."""
    total = max(buckets.values(), default=0.0)
    for bound in sorted(buckets):
        if total and buckets[bound] >= share * total:
            return round(bound * 1000, 1)
    return float("nan")


async def run(load: str, rates: list[int], seconds: float, out: Path) -> None:
    """Raise the rate until a step is not clean."""
    with tempfile.TemporaryDirectory(prefix="ringback-bench-") as folder:
        bench = Bench(Path(folder))
        await bench.start(with_prompt=load == "flow")
        steps: list[Step] = []
        try:
            for rate in rates:
                step = await bench.measure(rate, seconds, bench.incoming if load == "flow" else bench.click_to_call)
                steps.append(step)
                print(json.dumps(asdict(step)), flush=True)
                if not step.is_clean:
                    break
        finally:
            await bench.stop()
    clean = [step.rate for step in steps if step.is_clean]
    document = {
        "bench": f"server_load {load}",
        "command": " ".join(["python -m bench.server_load", *sys.argv[1:]]),
        "machine": describe_machine(),
        "python": platform.python_version(),
        "clean_rate": max(clean, default=0),
        "steps": [asdict(step) for step in steps],
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(document, indent=2) + "\n")
    print(f"clean up to {document['clean_rate']} calls/s; figures in {out}")


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("load", choices=["flow", "click-to-call"])
    parser.add_argument("--rates", default="50,100,150,200,300,400,500")
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    out = options.out or Path("build/bench") / f"server_load_{options.load}.json"
    asyncio.run(run(options.load, [int(rate) for rate in options.rates.split(",")], options.seconds, out))


if __name__ == "__main__":
    main()
