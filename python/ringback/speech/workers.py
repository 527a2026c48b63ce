"""The worker processes seen from the server: so many jobs at once, so many waiting, each with a deadline."""

import asyncio
import contextlib
import os
import signal
import sys
from asyncio.subprocess import Process

import msgspec

from ringback.speech.jobs import Answer, Job

_START_SECONDS = 20.0
_LINE_BYTES = 65_536


class WorkerFailed(Exception):  # noqa: N818 - named for what happened
    """A job could not be done: the worker is too busy, too slow, or died. The message is for people."""


class Workers:
    """Worker processes, started when they are first needed.

    Args:
        count: Processes, and so jobs at once.
        waiting: Jobs that may wait for a process; more are refused.
    """

    def __init__(self, *, count: int = 2, waiting: int = 200) -> None:
        self._idle = [_Worker() for _ in range(count)]
        self._all = tuple(self._idle)
        self._free = asyncio.Semaphore(count)
        self._room = waiting
        self._closed = False

    async def do(self, job: Job, *, timeout_s: float) -> Answer:
        """Have a job done.

        Args:
            job: What.
            timeout_s: From when a worker takes it; then the worker is ended and another will be started.

        Raises:
            WorkerFailed: too many jobs wait, it took too long, or the worker died.
        """
        if self._room <= 0:
            raise WorkerFailed("too many texts and sounds are being prepared at once; try again later")
        self._room -= 1
        try:
            await self._free.acquire()
        finally:
            self._room += 1
        try:
            if self._closed:
                raise WorkerFailed("the server is stopping")
            worker = self._idle.pop()
            try:
                return await worker.do(job, timeout_s=timeout_s)
            finally:
                self._idle.append(worker)
        finally:
            self._free.release()

    async def start(self) -> None:
        """Start the processes ahead of the first job; a failure shows at the first job again."""
        for worker in self._all:
            with contextlib.suppress(WorkerFailed):
                await worker.start()

    async def close(self) -> None:
        """End the processes; jobs in progress fail."""
        self._closed = True
        for worker in self._all:
            await worker.end()


class _Worker:
    """One process. Used by one job at a time."""

    def __init__(self) -> None:
        self._process: Process | None = None

    async def start(self) -> Process:
        """Return the running process, started if need be."""
        if self._process is not None and self._process.returncode is None:
            return self._process
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "ringback.speech.worker",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=_LINE_BYTES,
            start_new_session=True,  # so that it can be ended together with what it runs
        )
        try:
            async with asyncio.timeout(_START_SECONDS):
                line = await _line(self._process)
        except TimeoutError:
            line = b""
        if not line:
            await self.end()
            raise WorkerFailed("the worker process does not start; its messages are in the log")
        return self._process

    async def do(self, job: Job, *, timeout_s: float) -> Answer:
        """Send a job and wait for its answer."""
        is_answered = False
        try:
            process = await self.start()
            async with asyncio.timeout(timeout_s):
                answer = await self._exchange(process, job)
            is_answered = True
        except TimeoutError:
            raise WorkerFailed(f"it took longer than {timeout_s:g} seconds") from None
        finally:
            if not is_answered:  # also when cancelled: the answer of this job must not meet the next one
                await self.end()
        return answer

    async def _exchange(self, process: Process, job: Job) -> Answer:
        if process.stdin is None:  # pragma: no cover - it was started with a pipe
            raise WorkerFailed("the worker has no input")
        try:
            process.stdin.write(msgspec.json.encode(job) + b"\n")
            await process.stdin.drain()
            line = await _line(process)
            return msgspec.json.decode(line, type=Answer)
        except (ConnectionError, ValueError) as error:
            raise WorkerFailed("the worker process died over it") from error

    async def end(self) -> None:
        """End the process and whatever it runs."""
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        if process.stdin is not None:
            process.stdin.close()
        await asyncio.shield(process.wait())


async def _line(process: Process) -> bytes:
    if process.stdout is None:  # pragma: no cover - it was started with a pipe
        return b""
    return await process.stdout.readline()
