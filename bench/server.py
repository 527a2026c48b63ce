"""A whole server to be measured: Ringback with SQLite and webhooks, SIPp as its carrier."""

import re
from pathlib import Path
from typing import Any, Self

import aiohttp

from bench.hooks import Hooks
from bench.sipp import Outcome, run_sipp
from ringback.cli.demo.client import Client
from ringback.cli.demo.processes import Process
from ringback.cli.demo.settings_file import IVR_LINE, SID, Endpoints, settings_text
from ringback.cli.demo.world import free_port

KEY = "bench-key-0123456789abcdef"
SECRET = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3"
_LIMITS = '[limits]\nlegs = 20000\nincoming_per_s = 100000\n[log]\nlevel = "warning"\n'
_FINALS = re.compile(r"^ringback_calls_ended_total\{[^}]*\} (\S+)$", re.MULTILINE)
_FINAL_BUCKETS = re.compile(r'^ringback_final_seconds_bucket\{le="([^"]+)"\} (\S+)$', re.MULTILINE)


class Server:
    """A started server; use it with `async with`.

    Args:
        folder: For everything it writes.
        nodes: The flow on the number `IVR_LINE`.
        all_webhooks: The account's webhook hears of every event of every call; without it nobody is told unless the
            request asks for it.
    """

    def __init__(self, folder: Path, nodes: dict[str, Any], *, all_webhooks: bool) -> None:
        self.folder = folder
        self.hooks = Hooks()
        self.client: Client
        self._nodes = nodes
        self._all_webhooks = all_webhooks
        self._caller_port, self._callee_port = free_port(), free_port()
        self._sip, self._http = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
        self._process: Process

    @property
    def pid(self) -> int:
        """Process id of the server."""
        return self._process.pid

    async def __aenter__(self) -> Self:
        """Start it, publish the flow and put it on the number."""
        await self.hooks.start()
        config = self.folder / "bench.toml"
        config.write_text(self._settings())
        self._process = await Process.start(
            "Ringback", "ringback.cli", "serve", "--config", str(config), "--ready", log=self.folder / "server.log"
        )
        self.client = Client(url=f"http://{self._http}", sid=SID, key=KEY)
        made = await self.client.post("/flows", {"document": {"name": "Bench", "nodes": self._nodes}})
        await self.client.post(f"/flows/{made['id']}/publish")
        await self.client.put(f"/flows/{made['id']}/numbers", {"numbers": [IVR_LINE]})
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop it."""
        await self.client.close()
        await self._process.stop()
        await self.hooks.stop()

    def _settings(self) -> str:
        at = Endpoints(
            http=self._http,
            sip=self._sip,
            carrier=f"127.0.0.1:{self._caller_port}",
            broken_carrier=f"127.0.0.1:{self._callee_port}",
            webhook=self.hooks.url if self._all_webhooks else "",
        )
        text = settings_text(self.folder / "data", at, api_key=KEY, webhook_secret=SECRET, extra=_LIMITS)
        return text.replace("channels = 1000", "channels = 100000").replace("trace = true", "trace = false")

    async def metrics(self) -> str:
        """Return the text of `/metrics`."""
        async with aiohttp.ClientSession() as session, session.get(f"http://{self._http}/metrics") as answer:
            return await answer.text()

    async def finals(self) -> int:
        """Return how many calls have their final status on disk."""
        return int(sum(float(value) for value in _FINALS.findall(await self.metrics())))

    async def final_times(self) -> dict[float, float]:
        """Return how many final statuses came within so many seconds of the end of their leg."""
        found = _FINAL_BUCKETS.findall(await self.metrics())
        return {float(bound): float(value) for bound, value in found}

    async def call_in(self, scenario: str, rate: int, calls: int, *arguments: str) -> Outcome:
        """Let SIPp call the flow's number at a steady rate."""
        options = ("-r", str(rate), "-s", IVR_LINE, "-key", "caller", "+493012345", *arguments, self._sip)
        return await run_sipp(self.folder, scenario, self._caller_port, calls, *options)

    async def be_called(self, scenario: str, legs: int) -> Outcome:
        """Let SIPp take calls to `+9998...`."""
        return await run_sipp(self.folder, scenario, self._callee_port, legs)
