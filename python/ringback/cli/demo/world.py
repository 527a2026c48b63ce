"""The demo's world: a Ringback server, the carrier simulator and a webhook receiver, each where it belongs.

Server and simulator are processes of their own; everything goes over the public HTTP API or SIP. Tests and benchmarks
use the same world.
"""

import asyncio
import base64
import itertools
import secrets
import socket
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any, Self

from ringback.cli.demo import flows
from ringback.cli.demo.client import Client
from ringback.cli.demo.processes import Process
from ringback.cli.demo.receiver import Receiver
from ringback.cli.demo.settings_file import (
    BRIDGE,
    HOUR_LINE,
    IVR_LINE,
    MISS_CALL_LINE,
    PAUSED_LINE,
    SID,
    SINGLE_CHANNEL_BRIDGE,
    SLOW_LINE,
    Endpoints,
    settings_text,
)

__all__ = ["BRIDGE", "SID", "World", "free_port"]

_WAIT_S = 40
_PORTS = range(15_000, 20_000)


def free_port(kind: socket.SocketKind = socket.SOCK_DGRAM) -> int:
    """Return a port of 127.0.0.1 that was free a moment ago.

    Below those the system hands out by itself (32768 and up), so that nobody takes it while a server is restarted.
    """
    while True:
        port = secrets.choice(_PORTS)
        with socket.socket(socket.AF_INET, kind) as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


class World:
    """Start it with `async with World(folder)`. `flows` maps the demo's names of flows to their ids.

    With `record_legs` the simulator records what each answered test number heard and said, in the folder `legs`.
    `also_listen` names further SIP listeners of the server, `transport:host:port`.
    """

    def __init__(
        self,
        folder: Path,
        *,
        http: str | None = None,
        sip: str | None = None,
        api_key: str | None = None,
        t1_ms: int = 500,
        extra: str = "",
        record_legs: bool = False,
        also_listen: tuple[str, ...] = (),
    ) -> None:
        self.folder = folder
        self.api_key = api_key or f"A{secrets.token_hex(16)}"
        self.webhook_secret = "whsec_" + base64.b64encode(secrets.token_bytes(24)).decode()
        self.receiver = Receiver(secret=self.webhook_secret)
        self.flows: dict[str, str] = {}
        self.config = folder / "ringback.toml"
        self._http = http or f"127.0.0.1:{free_port(socket.SOCK_STREAM)}"
        self._sip = sip or f"127.0.0.1:{free_port()}"
        self._t1_ms = t1_ms
        self._extra = extra
        self._also_listen = also_listen
        self.legs = folder / "legs" if record_legs else None
        self._numbers = itertools.count(1)
        self.reports: list[dict[str, Any]] = []
        self._ended: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._occupying: asyncio.Task[str] | None = None
        self._stack = AsyncExitStack()
        self.server: Process
        self.simulator: Process
        self.client: Client

    async def __aenter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        async with AsyncExitStack() as stack:
            await self.receiver.start()
            stack.push_async_callback(self.receiver.stop)
            await self._start_simulator()
            stack.push_async_callback(self.simulator.stop)
            self._write_settings()
            await self.start_server()
            stack.push_async_callback(self._stop_server)
            await self._make_flows()
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def _start_simulator(self) -> None:
        record = []
        if self.legs is not None:
            self.legs.mkdir(exist_ok=True)
            record = ["--record-folder", str(self.legs)]
        self.simulator = await Process.start(
            "The carrier simulator",
            "ringback.simulator",
            "--target",
            self._sip,
            "--report-invites",
            *record,
            log=self.folder / "simulator.log",
            on_report=self._on_report,
        )

    def _write_settings(self) -> None:
        endpoints = Endpoints(
            http=self._http,
            sip=self._sip,
            carrier=self.simulator.ready["sip"],
            broken_carrier=self.simulator.ready["raw"],
            webhook=f"{self.receiver.url}/hook",
            also=self._also_listen,
        )
        text = settings_text(
            self.folder / "data",
            endpoints,
            api_key=self.api_key,
            webhook_secret=self.webhook_secret,
            t1_ms=self._t1_ms,
            extra=self._extra,
        )
        self.config.write_text(text)

    async def _stop_server(self) -> None:
        await self.client.close()
        await self.server.stop()

    @property
    def url(self) -> str:
        """Base URL of the API."""
        return f"http://{self._http}"

    @property
    def database(self) -> str:
        """URL of the server's database."""
        return f"sqlite:///{self.folder / 'data' / 'ringback.db'}"

    @property
    def sip(self) -> str:
        """`host:port` of the server's SIP listener."""
        return self._sip

    async def start_server(self) -> None:
        """Start the server process (again, after a crash)."""
        self.server = await Process.start(
            "Ringback",
            "ringback.cli",
            "serve",
            "--config",
            str(self.config),
            "--ready",
            log=self.folder / "server.log",
        )
        self.client = Client(url=self.url, sid=SID, key=self.api_key)

    async def crash_server(self) -> None:
        """Kill the server process, as `kill -9` does."""
        await self.server.kill()
        await self.client.close()

    # --- what the scenarios do ---------------------------------------------------------------------------------

    async def outbound(self, *, to: str, bridge: str, target: str, **fields: object) -> str:
        """Place an outbound call and return its id."""
        answer = await self.client.post("/voice/outbound", {"to": to, "bridge": bridge, "target": target, **fields})
        return str(answer["data"]["id"])

    async def click_to_call(self, *, from_: str, to: str, bridge: str, **fields: object) -> str:
        """Place a click-to-call and return its id."""
        body = {"from": from_, "to": to, "bridge": bridge, **fields}
        answer = await self.client.post("/voice/click-to-call", body)
        return str(answer["data"]["id"])

    async def incoming(self, *, to: str, from_: str | None, **script: object) -> str:
        """Let the carrier call one of our numbers and return the id that Ringback gave the call."""
        await self.call_in(to=to, from_=from_, **script)
        delivery = await self.receiver.wait_incoming(from_=from_ or "", to=to)
        return delivery.call_id

    async def call_in(self, *, to: str, from_: str | None, **script: object) -> asyncio.Future[dict[str, Any]]:
        """Let the carrier call; the future holds the simulator's report of the end."""
        name = f"caller-{next(self._numbers)}"
        self._ended[name] = asyncio.get_running_loop().create_future()
        await self.simulator.tell({"do": "call", "id": name, "to": to, "from_": from_, **script})
        return self._ended[name]

    async def hangup(self, call_id: str) -> dict[str, Any]:
        """Withdraw or end a call over the API."""
        return await self.client.post(f"/calls/{call_id}/hangup")

    async def call(self, call_id: str) -> dict[str, Any]:
        """Read a call with its evidence."""
        return await self.client.get(f"/calls/{call_id}")

    async def wait_event(self, call_id: str, kind: str) -> dict[str, Any]:
        """Wait until the call's journal has an entry of this kind, and return the entry."""
        async with asyncio.timeout(_WAIT_S):
            while True:
                answer = await self.client.get(f"/calls/{call_id}/events")
                for event in answer["events"]:
                    if event["kind"] == kind:
                        return dict(event)
                await asyncio.sleep(0.05)  # a customer would poll too; nothing is judged by this time

    async def occupy_single_channel(self, to: str) -> str:
        """Keep the single channel of that bridge busy; both scenarios that need it share one call."""
        if self._occupying is None:
            self._occupying = asyncio.create_task(self._occupy(to))
        return await asyncio.shield(self._occupying)

    async def _occupy(self, to: str) -> str:
        call_id = await self.outbound(to=to, bridge=SINGLE_CHANNEL_BRIDGE, target=self.flows["ivr"], queue=False)
        await self.wait_event(call_id, "leg_answered")
        return call_id

    # --- helpers -----------------------------------------------------------------------------------------------

    async def _make_flows(self) -> None:
        slow_url = f"{self.receiver.url}/slow"
        await self._flow("ivr", flows.menu(), [BRIDGE, IVR_LINE])
        await self._flow("silent", flows.silent(), [HOUR_LINE])
        await self._flow("slow", flows.slow(slow_url), [SLOW_LINE])
        await self._flow("miss_call", flows.miss_call(), [MISS_CALL_LINE])
        await self._flow("paused", flows.menu(), [PAUSED_LINE])
        await self.client.post(f"/flows/{self.flows['paused']}/pause")
        await self._flow("unassigned", flows.menu(), [])
        await self._flow("draft", flows.menu(), None)

    async def _flow(self, name: str, document: dict[str, Any], numbers: list[str] | None) -> None:
        """Make a flow; `numbers` None leaves it a draft."""
        made = await self.client.post("/flows", {"document": document})
        flow_id = self.flows[name] = str(made["id"])
        if numbers is not None:
            await self.client.post(f"/flows/{flow_id}/publish")
            await self.client.put(f"/flows/{flow_id}/numbers", {"numbers": numbers})

    def _on_report(self, report: dict[str, Any]) -> None:
        self.reports.append(report)
        future = self._ended.get(str(report.get("id")))
        if report.get("event") == "ended" and future is not None and not future.done():
            future.set_result(report)
