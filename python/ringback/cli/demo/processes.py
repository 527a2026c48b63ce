"""Starts Ringback and the carrier simulator as processes and talks to them in JSON lines."""

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from ringback.model.errors import ResourceError

_START_S = 30
_STOP_S = 15


class Process:
    """A child that writes JSON lines. The first one must have `event: ready`; others go to `on_report`."""

    def __init__(self, name: str, child: asyncio.subprocess.Process, log: Path) -> None:
        self.name = name
        self.ready: dict[str, Any] = {}
        self.log = log
        self._child = child
        self._reader: asyncio.Task[None] | None = None

    @classmethod
    async def start(
        cls, name: str, *arguments: str, log: Path, on_report: Callable[[dict[str, Any]], None] | None = None
    ) -> "Process":
        """Start `python -m ...` and wait until it says that it is ready.

        Raises:
            ResourceError: it ended or stayed silent; the message shows the end of its log.
        """
        with log.open("ab") as errors:
            child = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                *arguments,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=errors,
            )
        process = cls(name, child, log)
        try:
            async with asyncio.timeout(_START_S):
                process.ready = await process._line() or {}
        except TimeoutError:
            pass
        finally:
            if not process.ready:
                await process.kill()
        if not process.ready:
            raise ResourceError(f"{name} did not start. The end of its log:\n{process.log_end()}")
        process._reader = asyncio.create_task(process._read(on_report or (lambda _: None)))
        return process

    @property
    def pid(self) -> int:
        """Process id."""
        return self._child.pid

    def log_end(self) -> str:
        """Return the last lines of its log."""
        return self.log.read_text(errors="replace")[-3000:] if self.log.exists() else ""

    async def tell(self, command: dict[str, Any]) -> None:
        """Send one JSON line."""
        if self._child.stdin is not None:
            self._child.stdin.write(msgspec.json.encode(command) + b"\n")
            await self._child.stdin.drain()

    async def stop(self) -> None:
        """End it in an orderly way: end of input and SIGTERM; after 15 s the hard way."""
        if self._child.stdin is not None:
            self._child.stdin.close()
        if self._child.returncode is None:
            self._child.terminate()
        try:
            async with asyncio.timeout(_STOP_S):
                await self._child.wait()
        except TimeoutError:
            await self.kill()
        if self._reader is not None:
            await self._reader

    async def kill(self) -> None:
        """End it at once (SIGKILL), as a crash would."""
        if self._child.returncode is None:
            self._child.kill()
        await self._child.wait()
        if self._reader is not None:
            await self._reader
            self._reader = None

    async def _line(self) -> dict[str, Any] | None:
        if self._child.stdout is None:
            return None
        line = await self._child.stdout.readline()
        return msgspec.json.decode(line, type=dict[str, Any]) if line else None

    async def _read(self, on_report: Callable[[dict[str, Any]], None]) -> None:
        while (report := await self._line()) is not None:
            on_report(report)
