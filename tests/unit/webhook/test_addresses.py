"""Which addresses customers' requests may go to."""

import socket

import aiohttp
import pytest

from ringback.webhook.addresses import AddressRefusedError, GuardedResolver, guarded_socket, is_public

PRIVATE = [
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "100.64.0.1",
    "100.127.255.255",
    "127.0.0.1",
    "127.255.0.9",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.192",
    "192.168.1.1",
    "198.18.0.1",
    "203.0.113.9",
    "224.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::7f00:1",
    "::ffff:127.0.0.1",
    "::ffff:a00:1",
    "64:ff9b::7f00:1",
    "64:ff9b:1::a00:1",
    "2002:7f00:1::",
    "2002:a00:1::5",
    "2001::1",
    "2001:db8::1",
    "fc00::1",
    "fdff::1",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "localhost",
    "",
    "127.1",
]
PUBLIC = ["1.1.1.1", "172.32.0.1", "100.128.0.1", "192.0.1.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]


@pytest.mark.parametrize("address", PRIVATE)
def test_address_that_is_not_public_is_refused(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_public_address_is_allowed(address: str) -> None:
    assert is_public(address)


def test_socket_for_a_private_address_is_not_made() -> None:
    info = (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", ("127.0.0.1", 80))

    with pytest.raises(AddressRefusedError, match=r"127\.0\.0\.1 is not a public address") as caught:
        guarded_socket(info)

    assert isinstance(caught.value, OSError)


def test_socket_for_a_public_address_is_made_non_blocking() -> None:
    with guarded_socket((socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", ("1.1.1.1", 80))) as made:
        assert not made.getblocking()


async def test_name_of_a_private_host_is_refused_after_resolution() -> None:
    with pytest.raises(AddressRefusedError, match="not a public address"):
        await GuardedResolver().resolve("localhost", 80, socket.AF_UNSPEC)


async def test_private_ones_are_left_out_of_several_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    async def several(
        self: aiohttp.ThreadedResolver, host: str, port: int = 0, family: int = 0
    ) -> list[dict[str, str]]:
        return [{"host": "10.0.0.1"}, {"host": "1.1.1.1"}, {"host": "::1"}]

    monkeypatch.setattr(aiohttp.ThreadedResolver, "resolve", several)

    assert [found["host"] for found in await GuardedResolver().resolve("h")] == ["1.1.1.1"]
