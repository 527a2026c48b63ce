"""What the tests share: peers, and the trunks, routes, numbers and flows that lead to and from them."""

import itertools
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

from tests.integration.listening import Ears, Samples, listen
from tests.integration.running import ended, publish, upload
from tests.interop.peers.baresip import Baresip
from tests.interop.peers.kamailio import Kamailio, Plan
from tests.interop.peers.linphone import Linphone
from tests.interop.peers.rtpengine import Rtpengine
from tests.interop.sound import song, write_sound

from ringback.cli.demo.world import World

Call = dict[str, Any]
Kind = type[Baresip] | type[Linphone]
P = TypeVar("P", Baresip, Linphone)
BYE = {"type": "hangup"}
"""A node that ends the call."""


def play(sound: str, **more: Any) -> dict[str, Any]:
    """Return the nodes of a flow that plays a sound and hangs up."""
    return {"first": {"type": "play", "prompt": {"sound": sound}, "exits": {"next": "bye"}, **more}, "bye": BYE}


class Peer(Protocol):
    """Something that runs."""

    async def stop(self) -> None:
        """End it."""


@dataclass(frozen=True)
class Listeners:
    """Where the server listens besides UDP: `host:port`."""

    tcp: str
    tls: str

    def of(self, transport: str) -> str:
        """Return the one of this transport."""
        return {"tcp": self.tcp, "tls": self.tls}[transport]


@dataclass
class Exchange:
    """A running Ringback as one test sees it. All numbers of the test begin with `area`."""

    world: World
    folder: Path
    area: str
    peers: list[Peer] = field(default_factory=list)
    _numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(100))

    def number(self) -> str:
        """Return a number that nobody else uses."""
        return f"{self.area}{next(self._numbers)}"

    async def phone(self, kind: type[P], *, trunk: dict[str, Any] | None = None, **options: Any) -> P:
        """Start a telephone with a number of its own, reached by a trunk of its own."""
        phone = await self.phone_behind(kind, **options)
        await self.trunk(phone.gateway, prefix=phone.user, **trunk or {})
        return phone

    async def phone_behind(self, kind: type[P], **options: Any) -> P:
        """Start a telephone that no trunk leads to: it stands behind a proxy."""
        count = len(self.peers)
        phone = await kind.start(self.folder / f"phone-{count}", user=self.number(), **{"seed": 1 + count} | options)
        self.peers.append(phone)
        return phone

    async def kamailio(self, plan: Plan, **addresses: str) -> Kamailio:
        """Start a proxy."""
        proxy = await Kamailio.start(self.folder / f"kamailio-{len(self.peers)}", plan, **addresses)
        self.peers.append(proxy)
        return proxy

    async def rtpengine(self) -> Rtpengine:
        """Start a media relay."""
        relay = await Rtpengine.start(self.folder / f"rtpengine-{len(self.peers)}")
        self.peers.append(relay)
        return relay

    async def baresip(self, **options: Any) -> Baresip:
        """Start a baresip."""
        return await self.phone(Baresip, **options)

    async def linphone(self, **options: Any) -> Linphone:
        """Start a linphone."""
        return await self.phone(Linphone, **options)

    async def trunk(self, gateway: str, *, prefix: str, **options: Any) -> str:
        """Make a trunk to this gateway and from its address; numbers with `prefix` go there."""
        body = {"name": gateway, "gateways": [gateway], "sources": [gateway.rpartition(":")[0]], **options}
        made = await self.world.client.post("/trunks", body)
        await self.world.client.post("/routes", {"prefix": prefix, "trunks": [made["id"]]})
        return str(made["id"])

    async def line(self, nodes: dict[str, Any], *, record: bool = False, **settings: object) -> str:
        """Publish a flow on a new number of ours, and return the number. Its first node is `first`."""
        number = self.number()
        start = {"type": "start", "record": record, "exits": {"next": "first"}}
        await publish(self.world, {"start": start, **nodes}, number=number, **settings)
        return number

    async def sound(self, seed: int, seconds: float) -> tuple[str, Samples]:
        """Upload a song; return its id and its samples."""
        samples = song(seed, seconds)
        path = write_sound(self.folder / f"song-{seed}.wav", samples)
        return await upload(self.world, f"Song {seed}", path.read_bytes()), samples

    def uri(self, number: str, *, at: str = "") -> str:
        """Return where a peer calls a number of ours: at us, or at a proxy."""
        return f"sip:{number}@{at or self.world.sip}"

    async def incoming(self, *, from_: str, to: str) -> Call:
        """Wait for the end of an incoming call, known by its numbers."""
        delivery = await self.world.receiver.wait_incoming(from_=from_, to=to)
        return await self.ended(delivery.call_id)

    async def ended(self, call_id: str) -> Call:
        """Wait for the signed `call_end`, and return the call as the API shows it."""
        return await ended(self.world, call_id)

    def recording(self, call: Call) -> Ears:
        """Return the recording of a call: the caller's side, and the other's."""
        return listen(self.world.folder / "data" / "recordings" / f"{call['recording_id']}.wav")

    async def close(self) -> None:
        """End all peers."""
        for peer in self.peers:
            await peer.stop()
