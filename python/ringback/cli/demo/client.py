"""The demo's HTTP client: what a customer's program would send, nothing else."""

from typing import Any

import aiohttp

from ringback.model.errors import RemoteError


class ApiFaultError(RemoteError):
    """The API answered what the demo did not expect."""


class Client:
    """Talks to one account of a running server. Close it."""

    def __init__(self, *, url: str, sid: str, key: str) -> None:
        self._base = f"{url}/v1/{sid}"
        self._session = aiohttp.ClientSession(headers={"api-key": key}, timeout=aiohttp.ClientTimeout(total=20))

    async def close(self) -> None:
        """Close the connections."""
        await self._session.close()

    async def get(self, path: str, **query: str) -> dict[str, Any]:
        """Read something."""
        return await self._send("GET", path, params=query)

    async def post(self, path: str, body: object = None) -> dict[str, Any]:
        """Make or do something; the body goes as JSON."""
        return await self._send("POST", path, json={} if body is None else body)

    async def put(self, path: str, body: object) -> dict[str, Any]:
        """Replace something."""
        return await self._send("PUT", path, json=body)

    async def _send(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        async with self._session.request(method, self._base + path, **options) as answer:
            text = await answer.text()
            if answer.status >= 400:  # noqa: PLR2004  (RFC 9110 section 15: client and server errors)
                raise ApiFaultError(f"{method} {path} was answered {answer.status}: {text[:500]}")
            return await answer.json() if text else {}
