"""The embedded HTTP server."""

import asyncio
from typing import Any

import aiohttp
import pytest

from ringback.service.http import HttpServer, HttpUnavailable


async def _hello(scope: Any, receive: Any, send: Any) -> None:
    assert scope["type"] == "http"
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})


async def test_answers_until_it_is_stopped() -> None:
    server = HttpServer(_hello, "127.0.0.1:0")
    await server.start()

    async with aiohttp.ClientSession() as session, session.get(server.url) as response:
        assert await response.text() == "hello"
    await server.stop()

    host, port = server.url.removeprefix("http://").split(":")
    with pytest.raises(OSError, match="Connect"):
        await asyncio.open_connection(host, int(port))


async def test_address_that_is_taken_is_told() -> None:
    first = HttpServer(_hello, "127.0.0.1:0")
    await first.start()
    taken = first.url.removeprefix("http://")

    with pytest.raises(HttpUnavailable, match=r"\[http\] listen"):
        await HttpServer(_hello, taken).start()
    await first.stop()
