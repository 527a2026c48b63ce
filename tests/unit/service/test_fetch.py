"""Sounds from addresses: what is fetched, and what is refused in words that help."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from ringback.service.fetch import SoundFetcher
from ringback.speech.engine import SoundRefused

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def a_server(handler: Handler) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_get("/{name}", handler)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    try:
        yield f"http://127.0.0.1:{port}/ding.wav"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def a_fetcher(**settings: object) -> AsyncIterator[SoundFetcher]:
    fetcher = SoundFetcher(**({"allow_private": True} | settings))
    try:
        yield fetcher
    finally:
        await fetcher.close()


def replies(**settings: object) -> Handler:
    async def handle(_: web.Request) -> web.StreamResponse:
        return web.Response(**settings)

    return handle


@pytest.mark.parametrize("kind", ["audio/wav", "audio/mpeg", "application/ogg", "application/octet-stream"])
async def test_audio_is_fetched(kind: str) -> None:
    async with a_server(replies(body=b"RIFF", content_type=kind)) as url, a_fetcher() as fetch:
        assert await fetch(url) == b"RIFF"


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        ({"status": 404}, "the answer was 404 Not Found"),
        ({"status": 302, "headers": {"location": "http://127.0.0.1:1/x"}}, "the answer was 302 Found"),
        ({"text": "<html>", "content_type": "text/html"}, "the answer is text/html, not audio"),
        ({"body": bytes(101), "content_type": "audio/wav"}, "larger than 100 bytes"),
    ],
)
async def test_what_is_no_sound_is_refused(reply: dict[str, object], error: str) -> None:
    async with a_server(replies(**reply)) as url, a_fetcher(max_bytes=100) as fetch:
        with pytest.raises(SoundRefused, match=error):
            await fetch(url)


async def test_endless_reply_is_cut_off() -> None:
    async def pour(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-type": "audio/wav"})
        await response.prepare(request)
        while True:
            await response.write(bytes(1000))

    async with a_server(pour) as url, a_fetcher(max_bytes=100_000) as fetch:
        with pytest.raises(SoundRefused, match="larger than 100000 bytes"):
            await fetch(url)


async def test_slow_reply_is_given_up() -> None:
    given_up = asyncio.Event()

    async def hang(_: web.Request) -> web.StreamResponse:
        await given_up.wait()
        return web.Response()

    async with a_server(hang) as url, a_fetcher(timeout_s=0.1) as fetch:
        with pytest.raises(SoundRefused, match=r"no reply within 0\.1 s"):
            await fetch(url)
        given_up.set()


async def test_private_address_is_refused_and_never_asked() -> None:
    asked = []

    async def note(request: web.Request) -> web.StreamResponse:
        asked.append(request.path)
        return web.Response(body=b"RIFF", content_type="audio/wav")

    async with a_server(note) as url, a_fetcher(allow_private=False) as fetch:
        for address in (url, url.replace("127.0.0.1", "localhost")):
            with pytest.raises(SoundRefused, match="is not a public address"):
                await fetch(address)

    assert asked == []


@pytest.mark.parametrize("url", ["http://", "nonsense", "ftp://x/y", "http://127.0.0.1:1/x"])
async def test_address_that_leads_nowhere(url: str) -> None:
    async with a_fetcher() as fetch:
        with pytest.raises(SoundRefused) as caught:
            await fetch(url)

    assert str(caught.value)
