"""Talks to a running server over its HTTP API."""

import http.client
import json
import os
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlsplit
from urllib.request import Request, urlopen

from msgspec import Struct

from ringback.cli.output import CliError

DEFAULT_URL = "http://127.0.0.1:8080"
TIMEOUT_S = 15
UPLOAD_TIMEOUT_S = 90


class Server(Struct, frozen=True, kw_only=True):
    """A running server and the account to act for."""

    url: str
    key: str
    sid: str

    def get(self, path: str) -> Any:
        """Read `/v1/{sid}{path}`.

        Raises:
            CliError: the server cannot be reached or refused.
        """
        return self._send("GET", path)

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """Send `body` as JSON to `/v1/{sid}{path}`.

        Raises:
            CliError: the server cannot be reached or refused.
        """
        return self._send("POST", path, json.dumps(body).encode(), "application/json")

    def upload(self, path: str, data: bytes) -> Any:
        """Send a file to `/v1/{sid}{path}`.

        Raises:
            CliError: the server cannot be reached or refused.
        """
        return self._send("POST", path, data, "application/octet-stream", timeout_s=UPLOAD_TIMEOUT_S)

    def delete(self, path: str) -> None:
        """Delete `/v1/{sid}{path}`.

        Raises:
            CliError: the server cannot be reached or refused.
        """
        self._send("DELETE", path)

    def _send(
        self,
        method: str,
        path: str,
        data: bytes | None = None,
        content_type: str | None = None,
        *,
        timeout_s: float = TIMEOUT_S,
    ) -> Any:
        address = f"{self.url}/v1/{quote(self.sid, safe='')}{path}"
        headers = {"api-key": self.key, "accept": "application/json"}
        if content_type is not None:
            headers["content-type"] = content_type
        request = Request(address, data=data, headers=headers, method=method)  # noqa: S310  the scheme was checked
        try:
            with urlopen(request, timeout=timeout_s) as answer:  # noqa: S310  the scheme was checked
                text = answer.read()
                return json.loads(text) if text else None
        except HTTPError as error:
            raise CliError(_explain(error)) from None
        except (URLError, OSError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", error)
            raise CliError(
                f"No answer from {self.url}: {reason}. Is `ringback serve` running there? Name another with --url."
            ) from None
        except ValueError:
            raise CliError(f"What answers at {self.url} is not Ringback: its answer is not JSON.") from None


def _explain(error: HTTPError) -> str:
    try:
        problem = json.loads(error.read())
        lines = [f"{problem['title']}: {problem['detail']}"]
        if len(problem.get("errors", ())) > 1:
            lines += [f"  {fault['field'] or 'body'}: {fault['detail']}" for fault in problem["errors"]]
        lines.append(problem["what_to_do"])
        return "\n".join(lines)
    except (ValueError, KeyError, TypeError):
        return f"The server answered {error.code} {error.reason}, which is not an answer of Ringback. Check --url."


def connect(url: str | None, key: str | None, sid: str | None) -> Server:
    """Take what is missing from RINGBACK_URL, RINGBACK_API_KEY and RINGBACK_SID.

    Raises:
        CliError: no key or SID, or the URL is none.
    """
    url = (url or os.environ.get("RINGBACK_URL") or DEFAULT_URL).rstrip("/")
    key = key or os.environ.get("RINGBACK_API_KEY")
    sid = sid or os.environ.get("RINGBACK_SID")
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        raise CliError(f"`{url}` is not a server's address. Give one like {DEFAULT_URL}.")
    needed = {"--key (or RINGBACK_API_KEY)": key, "--sid (or RINGBACK_SID)": sid}
    missing = [name for name, value in needed.items() if not value]
    if not key or not sid:
        raise CliError(f"Missing {' and '.join(missing)}. `ringback keys create` makes a key and shows both.")
    return Server(url=url, key=key, sid=sid)
