"""The HTTP server: uvicorn in our loop, without taking the process's signals."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from typing import Any

import uvicorn

from ringback.model.errors import ResourceError

_BACKLOG = 1024


class HttpUnavailable(ResourceError):  # noqa: N818  (reads as a claim)
    """The API's address cannot be listened on."""

    slug = "http-address"


class HttpServer:
    """Serves the API. Begins to listen in `start`; after `stop` no request is left."""

    def __init__(self, app: Any, listen: str) -> None:
        self._listen = listen
        config = uvicorn.Config(
            app, log_config=None, access_log=False, lifespan="off", http="httptools", ws="none", server_header=False
        )
        self._server = _Embedded(config)
        self._task: asyncio.Task[None] | None = None
        self._url = ""

    @property
    def url(self) -> str:
        """Base URL, with the port that was taken."""
        return self._url

    async def start(self) -> None:
        """Listen and serve.

        Raises:
            HttpUnavailable: The address is taken or not ours.
        """
        listener = _bind(self._listen)
        host, port = listener.getsockname()[:2]
        self._url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        self._task = asyncio.create_task(self._server.serve(sockets=[listener]), name="http")
        while not self._server.started:
            if self._task.done():
                self._task.result()
                raise HttpUnavailable("The HTTP server ended while it was starting.")
            await asyncio.sleep(0)

    async def stop(self, grace_s: float = 5.0) -> None:
        """Answer what is being asked (for `grace_s`), then close every connection."""
        if self._task is None:
            return
        self._server.should_exit = True
        try:
            async with asyncio.timeout(grace_s):
                await asyncio.shield(self._task)
        except TimeoutError:
            self._server.force_exit = True
            await self._task
        self._task = None


class _Embedded(uvicorn.Server):
    """uvicorn's server without its signal handlers: signals are `service.main`'s."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _bind(listen: str) -> socket.socket:
    host, _, port = listen.rpartition(":")
    host = host.strip("[]")
    made = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind((host, int(port)))
        made.listen(_BACKLOG)
    except OSError as error:
        made.close()
        raise HttpUnavailable(
            f"The API cannot listen on {listen}: {error.strerror or error}. Set [http] listen to a free address."
        ) from error
    made.setblocking(False)
    return made
