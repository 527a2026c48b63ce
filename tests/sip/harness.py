"""What the SIPp tests share: a carrier of SIPps, and the wait for a signed `call_end`."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.sip.sipp_process import Sipp, start_sipp

from ringback.cli.demo.world import World, free_port


@dataclass
class Carrier:
    """A carrier whose far end is SIPp: numbers with `prefix` go there."""

    world: World
    folder: Path
    prefix: str
    peers: list[Sipp] = field(default_factory=list)

    async def answers_with(
        self, scenario: str, *, number: str = "1", trunk: dict[str, Any] | None = None, **keys: object
    ) -> str:
        """Let SIPp wait for a call with this scenario, and return the number that reaches it."""
        peer = await self._start(scenario, **keys)
        made = await self.world.client.post(
            "/trunks", {"name": scenario, "gateways": [f"127.0.0.1:{peer.port}"], **(trunk or {})}
        )
        await self.world.client.post("/routes", {"prefix": self.prefix + number, "trunks": [made["id"]]})
        return f"{self.prefix}{number}551"

    async def fails_over(self, *scenarios: tuple[str, dict[str, object]]) -> str:
        """Like `answers_with`, with several trunks in order."""
        trunks = []
        for scenario, keys in scenarios:
            peer = await self._start(scenario, **keys)
            body = {"name": scenario, "gateways": [f"127.0.0.1:{peer.port}"], "first_response_ms": 500}
            trunks.append((await self.world.client.post("/trunks", body))["id"])
        await self.world.client.post("/routes", {"prefix": self.prefix, "trunks": trunks})
        return f"{self.prefix}551"

    async def calls(self, scenario: str, *, to: str, caller: str = "+493012345678", **keys: object) -> Sipp:
        """Let SIPp call one of our numbers."""
        own = free_port()
        body = {"name": scenario, "sources": [f"127.0.0.1:{own}"]}
        await self.world.client.post("/trunks", body)
        keys = {"caller": caller, "talk_ms": 300, "ring_ms": 200, **keys}
        return await self._start(scenario, remote=self.world.sip, service=to, port=own, **keys)

    async def _start(self, scenario: str, **options: Any) -> Sipp:
        peer = await start_sipp(scenario, self.folder / f"{len(self.peers)}-{scenario}", **options)
        self.peers.append(peer)
        return peer

    async def satisfied(self) -> None:
        """Every SIPp saw exactly what its scenario expects."""
        for peer in self.peers:
            await peer.finished()


async def ended(world: World, call_id: str) -> dict[str, Any]:
    """Wait for the signed `call_end` and return the call as the API shows it."""
    delivery = await world.receiver.wait_end(call_id)
    assert delivery.is_signed
    call = await world.call(call_id)
    assert call["status"] == delivery.payload.get("data", delivery.payload)["status"]
    return call
