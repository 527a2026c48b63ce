"""The HTTP client of calls: bounded in time and size, no redirects, no private addresses unless allowed."""

import asyncio

import aiohttp
from msgspec import Struct

from ringback.model.account import Account
from ringback.webhook.addresses import make_connector

_CONNECTIONS = 200
_CHUNK_BYTES = 16_384


class Reply(Struct, frozen=True, kw_only=True):
    """What came back."""

    status_code: int
    content_type: str
    body: bytes


class NoReply(Exception):  # noqa: N818  (says what happened)
    """Nothing usable came back; the message says why, for people."""


class WebClient:
    """Opened in the loop, closed at the end. `allow_private` opens private addresses to every account (development)."""

    def __init__(self, *, allow_private: bool = False, user_agent: str = "Ringback") -> None:
        self._allow_private = allow_private
        self._headers = {"User-Agent": user_agent}
        self._guarded: aiohttp.ClientSession | None = None
        self._open: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Close the connections."""
        for session in (self._guarded, self._open):
            if session is not None:
                await session.close()
        self._guarded = self._open = None

    async def ask(
        self,
        method: str,
        url: str,
        *,
        account: Account,
        timeout_s: float,
        max_bytes: int,
        headers: tuple[tuple[str, str], ...] = (),
        body: str | None = None,
    ) -> Reply:
        """Send one request and read the whole reply, whatever its status.

        Raises:
            NoReply: No connection, refused address, too slow, too large.
        """
        session = self._session(account)
        try:
            async with (
                asyncio.timeout(timeout_s),
                session.request(
                    method,
                    url,
                    headers=list(headers),
                    data=None if body is None else body.encode(),
                    allow_redirects=False,
                ) as response,
            ):
                content = await _read(response, max_bytes)
                return Reply(status_code=response.status, content_type=response.content_type, body=content)
        except TimeoutError:
            raise NoReply(f"no reply within {timeout_s:g} s") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise NoReply(str(error) or type(error).__name__) from error

    def _session(self, account: Account) -> aiohttp.ClientSession:
        if self._allow_private or account.allow_private_webhooks:
            self._open = self._open or self._make(allow_private=True)
            return self._open
        self._guarded = self._guarded or self._make(allow_private=False)
        return self._guarded

    def _make(self, *, allow_private: bool) -> aiohttp.ClientSession:
        connector = make_connector(allow_private=allow_private, limit=_CONNECTIONS)
        return aiohttp.ClientSession(
            connector=connector,
            headers=self._headers,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None),
        )


async def _read(response: aiohttp.ClientResponse, max_bytes: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for chunk in response.content.iter_chunked(_CHUNK_BYTES):
        size += len(chunk)
        if size > max_bytes:
            raise NoReply(f"the reply is larger than {max_bytes} bytes")
        parts.append(chunk)
    return b"".join(parts)
