"""Tells the engine which trunks there are and from where their calls come."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Iterator
from ipaddress import ip_address, ip_network

import structlog

from ringback._engine import AccessRule, DialogPolicy, PingConfig, RegistrationConfig, TrunkConfig
from ringback.live.engine import VoiceEngine
from ringback.model.trunk import Trunk

_log = structlog.get_logger(__name__)

_RESOLVE_S = 5.0

Source = tuple[str, int | None]
"""A network or address, and a port or None for any."""


async def apply_trunks(engine: VoiceEngine, trunks: Iterable[Trunk], *, may_call_in: bool = True) -> None:
    """Replace the engine's tables. A gateway whose name does not resolve now is no source until the next change.

    Without `may_call_in` only the trunks are set, so that calls can go out (at start, before recovery is done).
    """
    enabled = [trunk for trunk in trunks if trunk.enabled]
    if not may_call_in:
        engine.set_trunks([_config(trunk) for trunk in enabled])
        return
    sources = {trunk.engine_id: await _sources(trunk) for trunk in enabled}
    engine.set_trunks([_config(trunk) for trunk in enabled])
    engine.set_access(list(_rules(sources)))


def _config(trunk: Trunk) -> TrunkConfig:
    return TrunkConfig(
        id=trunk.engine_id,
        username=trunk.username,
        password=trunk.password,
        codecs=list(trunk.codecs),
        allow_redirects=trunk.allow_redirects,
        dialog=DialogPolicy(
            reliable=trunk.dialog.reliable,
            session_expires_s=trunk.dialog.session_expires_s,
            delayed_offer=trunk.dialog.delayed_offer,
        ),
        max_incoming_per_s=trunk.limits.incoming_per_s or 0,
        max_packets_per_s=trunk.limits.packets_per_s or 0,
        srtp=trunk.srtp,
        srtp_over_clear=trunk.srtp_over_clear,
        transport=trunk.transport,
        mtu_to_tcp=trunk.mtu_to_tcp,
        # With two servers behind one gateway the second gets its turn before the gateway is given up.
        next_server_ms=max(trunk.first_response_ms // 2, 1),
        dtmf=trunk.dtmf,
        registration=_registration(trunk),
        ping=_ping(trunk),
    )


def _registration(trunk: Trunk) -> RegistrationConfig | None:
    wanted = trunk.registration
    if wanted is None:
        return None
    return RegistrationConfig(
        registrar=wanted.registrar, user=wanted.user, expires_s=wanted.expires_s, from_anywhere=wanted.from_anywhere
    )


def _ping(trunk: Trunk) -> PingConfig | None:
    if not trunk.options_ping_s or not trunk.gateways:
        return None
    return PingConfig(gateways=list(trunk.gateways), interval_ms=int(trunk.options_ping_s * 1000))


def _rules(sources: dict[int, list[Source]]) -> Iterator[AccessRule]:
    """Yield each trunk's sources; a gateway's other ports count too, unless two trunks share its address."""
    owners = Counter(network for listed in sources.values() for network in {network for network, _ in listed})
    for trunk, listed in sources.items():
        rules = dict.fromkeys(listed)
        rules |= dict.fromkeys((network, None) for network, port in listed if port and owners[network] == 1)
        for network, port in rules:
            yield AccessRule(network=network, port=port, trunk=trunk)


async def _sources(trunk: Trunk) -> list[Source]:
    found: list[Source] = []
    for text in (*trunk.sources, *trunk.gateways):
        try:
            found += await _resolved(text)
        except (OSError, ValueError, TimeoutError) as error:
            _log.warning("source_not_usable", trunk=trunk.id, source=text, error=str(error) or "no answer")
    return found


async def _resolved(text: str) -> list[Source]:
    """Return a network as it is, `host:port` with its addresses."""
    try:
        ip_network(text, strict=False)
    except ValueError:
        host, _, port = text.rpartition(":")
    else:
        return [(text, None)]
    if not host:
        # No port: SRV may name one, and then the servers are sources by their address alone.
        return [(address, None) for address in await resolve(port)]
    host = host.strip("[]")
    try:
        return [(str(ip_address(host)), int(port))]
    except ValueError:
        return [(address, int(port)) for address in await resolve(host)]


async def resolve(host: str) -> list[str]:
    """Return the addresses of a host name, within five seconds.

    Raises:
        OSError: It does not resolve.
        TimeoutError: The resolver does not answer.
    """
    async with asyncio.timeout(_RESOLVE_S):
        found = await asyncio.get_running_loop().getaddrinfo(host, None)
    return list(dict.fromkeys(str(item[4][0]) for item in found))
