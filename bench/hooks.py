"""A customer's webhook receiver that does as little as an HTTP server can."""

import asyncio
import re

_LENGTH = re.compile(rb"(?i)content-length: (\d+)")


class Hooks:
    """Counts the webhooks that came, and among them the final ones."""

    def __init__(self) -> None:
        self.count = 0
        self.finals = 0
        self.url = ""
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen; `url` says where."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/"

    async def stop(self) -> None:
        """Listen no longer."""
        if self._server is not None:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = _LENGTH.search(head)
                body = await reader.readexactly(int(length[1]) if length else 0)
                self.count += 1
                self.finals += b'"type":"call_end"' in body
                writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()
