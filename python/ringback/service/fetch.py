"""Fetches sounds from addresses that customers write into flows: bounded in time and size, no private addresses."""

import asyncio

import aiohttp

from ringback.speech.engine import SoundRefused
from ringback.speech.sounds import MAX_UPLOAD_BYTES
from ringback.webhook.addresses import make_connector

TIMEOUT_S = 5.0
_CONNECTIONS = 20
_CHUNK_BYTES = 65_536
_OK = 200
_TYPES = frozenset({"application/octet-stream", "application/ogg", "binary/octet-stream"})
"""Taken besides `audio/...`: what file stores say when they do not know better."""


class SoundFetcher:
    """A `Fetch` for `ringback.speech.prompts`. Opened in the loop, closed at the end.

    Args:
        allow_private: Take private addresses too (development).
        timeout_s: For the whole reply; a caller waits for it.
        max_bytes: Longest reply.
    """

    def __init__(
        self,
        *,
        allow_private: bool = False,
        timeout_s: float = TIMEOUT_S,
        max_bytes: int = MAX_UPLOAD_BYTES,
        user_agent: str = "Ringback",
    ) -> None:
        self._allow_private = allow_private
        self._timeout_s = timeout_s
        self._max_bytes = max_bytes
        self._user_agent = user_agent
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Close the connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def __call__(self, url: str) -> bytes:
        """Return what an address gives.

        Raises:
            SoundRefused: No connection, a refused address, too slow, too large, another status than 200, or no audio.
        """
        try:
            async with asyncio.timeout(self._timeout_s), self._open().get(url, allow_redirects=False) as response:
                self._check(response)
                return await self._read(response)
        except TimeoutError:
            raise SoundRefused(f"no reply within {self._timeout_s:g} s") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise SoundRefused(str(error) or type(error).__name__) from error

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=make_connector(allow_private=self._allow_private, limit=_CONNECTIONS),
                headers={"User-Agent": self._user_agent, "Accept": "audio/*"},
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None),
            )
        return self._session

    def _check(self, response: aiohttp.ClientResponse) -> None:
        if response.status != _OK:
            raise SoundRefused(f"the answer was {response.status} {response.reason or ''}".rstrip())
        kind = response.content_type
        if not kind.startswith("audio/") and kind not in _TYPES:
            raise SoundRefused(f"the answer is {kind[:100]}, not audio")
        if response.content_length is not None and response.content_length > self._max_bytes:
            raise self._too_large()

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        data = bytearray()
        async for chunk in response.content.iter_chunked(_CHUNK_BYTES):
            data += chunk
            if len(data) > self._max_bytes:
                raise self._too_large()
        return bytes(data)

    def _too_large(self) -> SoundRefused:
        return SoundRefused(f"the file is larger than {self._max_bytes} bytes")
