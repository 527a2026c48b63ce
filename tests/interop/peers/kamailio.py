"""Kamailio as a record-routing proxy: between telephones and us, or between another proxy and us."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tests.interop.peers.authority import Authority, Certificate
from tests.interop.peers.program import SIP_PORT, Program, own_address

_TEMPLATE = Path(__file__).with_name("kamailio.cfg")


@dataclass(kw_only=True)
class Plan:
    """What a proxy does. Addresses are `host:port`.

    Attributes:
        inner: Where calls from outside go.
        outer: Where calls from `inside` go.
        inside: Hosts whose calls go to `outer`; that of `inner` when left out.
        two_sockets: It listens on another address for the inner side, and inserts two Record-Routes.
        nodes: Instead of `inner`: several of them by falling priority, probed with OPTIONS.
        relays: rtpengines by control address; the second, if there is one, takes over with a re-INVITE.
        lie: The address that stands in SDP which goes inwards, whatever the telephone said.
        tls: It speaks TLS on its inner side, with this certificate, and believes this authority.
    """

    inner: str = ""
    outer: str = "127.0.0.1:9"
    inside: tuple[str, ...] = ()
    two_sockets: bool = False
    nodes: tuple[str, ...] = ()
    relays: tuple[str, ...] = ()
    lie: str = ""
    tls: tuple[Certificate, Authority] | None = None


class Kamailio:
    """A running Kamailio. `address` faces outwards, `inner_address` inwards (the same without `two_sockets`)."""

    def __init__(self, address: str, inner_address: str, program: Program) -> None:
        self.address = address
        self.inner_address = inner_address
        self.program = program

    @classmethod
    async def start(
        cls, folder: Path, plan: Plan, *, address: str | None = None, inner_address: str | None = None
    ) -> Self:
        """Start it and wait until it takes messages."""
        folder.mkdir()
        address = address or own_address()
        inner_address = inner_address or (own_address() if plan.two_sockets else address)
        if plan.tls is not None:
            (folder / "tls.cfg").write_text(_tls(*plan.tls))
        (folder / "kamailio.cfg").write_text(_filled(plan, folder, address, inner_address))
        # Flags 9: inactive until its first answer to OPTIONS.
        nodes = [f"1 sip:{node} 9 {10 - index}" for index, node in enumerate(plan.nodes)]
        (folder / "nodes.list").write_text("\n".join(nodes) + "\n")
        program = await Program.start(
            "kamailio",
            *("kamailio", "-f", str(folder / "kamailio.cfg"), "-DD", "-E", "-m", "32", "-M", "4"),
            *("-Y", str(folder), "-w", str(folder), "-P", str(folder / "pid")),
            folder=folder,
        )
        try:
            await program.said("@@ ready")
        except BaseException:
            await program.stop()
            raise
        return cls(address, inner_address, program)

    @property
    def gateway(self) -> str:
        """`host:port` for our trunk."""
        return f"{self.inner_address}:{SIP_PORT}"

    def notes(self, beginning: str) -> list[str]:
        """Return what it wrote about its work, as far as it begins so: `BYE from`, `loose BYE`, `reply 200`."""
        notes = (line.partition("@@ ")[2] for line in self.program.lines)
        return [note for note in notes if note.startswith(beginning)]

    async def noted(self, pattern: str, *, count: int = 1) -> None:
        """Wait until it has written this about its work so often."""
        await self.program.said_often(f"@@ {pattern}", count)

    async def stop(self) -> None:
        """End it with its children."""
        await self.program.stop()


def _tls(certificate: Certificate, authority: Authority) -> str:
    """Write the settings of its TLS module: it shows its certificate and wants to see a good one."""
    common = f"method = TLSv1.2+\ncertificate = {certificate.chain}\nprivate_key = {certificate.key}\n"
    trusts = f"ca_list = {authority.file}\n"
    return (
        f"[server:default]\n{common}verify_certificate = no\nrequire_certificate = no\n{trusts}"
        f"[client:default]\n{common}verify_certificate = yes\nrequire_certificate = yes\n{trusts}"
    )


def _filled(plan: Plan, folder: Path, address: str, inner_address: str) -> str:
    parts = {
        "WITH_TWO_SOCKETS": plan.two_sockets,
        "WITH_NODES": bool(plan.nodes),
        "WITH_RELAY": bool(plan.relays),
        "WITH_LIE": bool(plan.lie),
        "WITH_TLS": plan.tls is not None,
    }
    outer_socket = f"udp:{address}:{SIP_PORT}"
    inner_socket = f"tls:{inner_address}:{SIP_PORT + 1}" if plan.tls else f"udp:{inner_address}:{SIP_PORT}"
    hosts = plan.inside or tuple(place.rpartition(":")[0] for place in (plan.nodes or (plan.inner,)))
    words = {
        "definitions": "\n".join(f"#!define {name}" for name, is_on in parts.items() if is_on),
        "enable_tls": "yes" if plan.tls else "no",
        "disable_tcp": "no" if plan.tls else "yes",
        "listen": "\n".join(f"listen={socket}" for socket in dict.fromkeys((outer_socket, inner_socket))),
        "folder": str(folder),
        "address": address,
        "from_inside": " || ".join(f'$si == "{host}"' for host in hosts),
        "outer": f"sip:{plan.outer}",
        "inner": f"sip:{plan.inner}{';transport=tls' if plan.tls else ''}",
        "outer_socket": outer_socket,
        "inner_socket": inner_socket,
        "relays": "\n".join(
            f'modparam("rtpengine", "rtpengine_sock", "{index} == udp:{relay}")'
            for index, relay in enumerate(plan.relays, 1)
        ),
        "later_relay": str(len(plan.relays)),
        "lie": plan.lie,
        "lied_to": hosts[0],
    }
    text = _TEMPLATE.read_text()
    for name, value in words.items():
        text = text.replace(f"@{name}@", value)
    return text
