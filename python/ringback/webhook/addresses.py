"""Keeps requests that customers caused away from private networks, whatever their names resolve to.

Used for webhooks, the flow's `api` node and remote flows. The check looks at the very address that is connected to:
after name resolution, for each address, so that a name that changes its answer gains nothing. Redirects are never
followed.
"""

import asyncio
import errno
import socket
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import ClassVar

import aiohttp
from aiohttp.abc import AbstractResolver

from ringback.model.errors import RemoteError

_REFUSED: tuple[IPv4Network | IPv6Network, ...] = tuple(
    ip_network(network)
    for network in (
        "0.0.0.0/8",  # this host (RFC 1122)
        "10.0.0.0/8",  # private (RFC 1918)
        "100.64.0.0/10",  # carrier-grade NAT (RFC 6598)
        "127.0.0.0/8",  # loopback
        "169.254.0.0/16",  # link-local (RFC 3927), cloud metadata
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments (RFC 6890)
        "192.0.2.0/24",  # documentation (RFC 5737)
        "192.88.99.0/24",  # 6to4 relays (RFC 7526)
        "192.168.0.0/16",  # private
        "198.18.0.0/15",  # benchmarks (RFC 2544)
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
        "::/96",  # unspecified, loopback, IPv4-compatible
        "100::/64",  # discard (RFC 6666)
        "2001::/23",  # protocol assignments, Teredo
        "2001:db8::/32",  # documentation
        "3fff::/20",  # documentation (RFC 9637)
        "5f00::/16",  # segment routing (RFC 9602)
        "fc00::/7",  # unique local (RFC 4193)
        "fe80::/10",  # link-local
        "fec0::/10",  # site-local (RFC 3879)
        "ff00::/8",  # multicast
    )
)
_MAPPED = ip_network("::ffff:0:0/96")
_TRANSLATED = (ip_network("64:ff9b::/96"), ip_network("64:ff9b:1::/48"))
_SIX_TO_FOUR = ip_network("2002::/16")


class AddressRefusedError(RemoteError, OSError):
    """The address is not a public one. Allow private addresses for the account if that is where it should go."""

    slug: ClassVar[str] = "address-refused"

    def __init__(self, text: str) -> None:
        super().__init__(errno.EACCES, text)  # as an OSError, so that HTTP clients take it for a failed connection


def is_public(address: str) -> bool:
    """Tell whether an IP address may be connected to. What is no IP address may not."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    inner = _inner(parsed)
    if inner is not None:
        return is_public(str(inner))
    return not any(parsed.version == network.version and parsed in network for network in _REFUSED)


def _inner(address: IPv4Address | IPv6Address) -> IPv4Address | None:
    """Return the IPv4 address inside an IPv6 one that leads there: mapped, NAT64, 6to4."""
    if isinstance(address, IPv4Address):
        return None
    if address in _MAPPED or any(address in network for network in _TRANSLATED):
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    if address in _SIX_TO_FOUR:
        return IPv4Address(int(address) >> 80 & 0xFFFF_FFFF)
    return None


def guarded_socket(info: tuple[int, int, int, str, tuple[object, ...]]) -> socket.socket:
    """Make the socket for one resolved address (aiohttp's socket factory), or refuse it.

    Raises:
        AddressRefusedError: The address is not public.
    """
    family, kind, protocol, _, address = info
    if not is_public(str(address[0])):
        raise AddressRefusedError(f"{address[0]} is not a public address")
    made = socket.socket(family, kind, protocol)
    made.setblocking(False)
    return made


class GuardedResolver(AbstractResolver):
    """Resolves names with the system's resolver and leaves out addresses that are not public."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[aiohttp.abc.ResolveResult]:
        """Return the public addresses of a name.

        Raises:
            AddressRefusedError: It has addresses, but no public one.
            OSError: It cannot be resolved.
        """
        found = await aiohttp.ThreadedResolver(asyncio.get_running_loop()).resolve(host, port, family)
        public = [result for result in found if is_public(result["host"])]
        if not public:
            raise AddressRefusedError(f"{_listed([result['host'] for result in found])} is not a public address")
        return public

    async def close(self) -> None:
        """Nothing is held."""


def make_connector(*, allow_private: bool, limit: int = 100) -> aiohttp.TCPConnector:
    """Make a connector that refuses addresses which are not public, unless `allow_private`.

    Args:
        allow_private: Let everything through (development, receivers in the own network).
        limit: Connections at once.
    """
    if allow_private:
        return aiohttp.TCPConnector(limit=limit, ttl_dns_cache=10)
    return aiohttp.TCPConnector(
        limit=limit, ttl_dns_cache=10, resolver=GuardedResolver(), socket_factory=guarded_socket
    )


def _listed(addresses: Sequence[str]) -> str:
    return ", ".join(addresses[:4])
