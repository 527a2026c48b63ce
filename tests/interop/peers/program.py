"""Programs that others wrote, each with its own configuration and its own address of the loopback network."""

import asyncio
import os
import re
import secrets
import signal
import socket
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Self

WAIT_S = 20
"""Longest wait for anything; what is waited for takes far less."""

SIP_PORT = 5060


def own_address() -> str:
    """Return an address of 127.0.0.0/8 where nobody speaks SIP: all its other ports are free as well."""
    for _ in range(100):
        address = f"127.{64 + secrets.randbelow(190)}.{secrets.randbelow(256)}.{1 + secrets.randbelow(254)}"
        with (
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams,
            socket.socket(socket.AF_INET, socket.SOCK_STREAM) as streams,
        ):
            try:
                datagrams.bind((address, SIP_PORT))
                streams.bind((address, SIP_PORT))
            except OSError:
                continue
            return address
    raise AssertionError(
        f"port {SIP_PORT} is taken on every address of 127.0.0.0/8: does a SIP server listen on 0.0.0.0?"
    )


class Program:
    """A running program. What it writes is kept, line by line, and can be waited for."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, log: Path) -> None:
        self.name = name
        self.lines: list[str] = []
        self._process = process
        self._log = log
        self._changed = asyncio.Event()
        self._reader = asyncio.create_task(self._read())

    @classmethod
    async def start(cls, name: str, *command: str, folder: Path, env: Mapping[str, str] | None = None) -> Self:
        """Start it; it reads commands from a pipe and writes to `<name>.log`."""
        process = await asyncio.create_subprocess_exec(
            *command,
            cwd=folder,
            env=env,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
        return cls(name, process, folder / f"{name}.log")

    async def _read(self) -> None:
        assert self._process.stdout is not None
        with self._log.open("wb") as log:
            while line := await self._process.stdout.readline():
                log.write(line)
                log.flush()
                self.lines.append(line.decode(errors="replace").rstrip("\r\n"))
                self._wake()
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def more(self) -> None:
        """Wait until it writes another line.

        Raises:
            AssertionError: it ended.
        """
        assert not self._reader.done(), self._complaint("ended")
        await self._changed.wait()

    async def said(self, pattern: str, *, since: int = 0) -> re.Match[str]:
        """Wait for a line that matches, from line `since` on.

        Raises:
            AssertionError: it ended, or said no such thing in time; the message shows the end of its log.
        """
        wanted = re.compile(pattern)
        try:
            async with asyncio.timeout(WAIT_S):
                while True:
                    for line in self.lines[since:]:
                        if found := wanted.search(line):
                            return found
                    since = len(self.lines)
                    await self.more()
        except TimeoutError:
            raise AssertionError(self._complaint(f"did not say {pattern!r}")) from None

    async def said_often(self, pattern: str, count: int) -> None:
        """Wait until so many lines match."""
        wanted = re.compile(pattern)
        try:
            async with asyncio.timeout(WAIT_S):
                while sum(1 for line in self.lines if wanted.search(line)) < count:
                    await self.more()
        except TimeoutError:
            raise AssertionError(self._complaint(f"did not say {pattern!r} {count} times")) from None

    def _complaint(self, what: str) -> str:
        return f"{self.name} {what}. The end of its log:\n" + "\n".join(self.lines[-80:])

    async def tell(self, command: str) -> None:
        """Write one line to its standard input."""
        assert self._process.stdin is not None
        self._process.stdin.write(command.encode() + b"\n")
        await self._process.stdin.drain()

    async def stop(self) -> None:
        """End it with its children: SIGTERM, and SIGKILL for whoever does not listen."""
        if self._process.returncode is None:
            self._process.terminate()
        try:
            async with asyncio.timeout(5):
                await self._process.wait()
                await asyncio.shield(self._reader)  # its children hold the pipe as well
        except TimeoutError:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            await self._process.wait()
            await self._reader
