"""The delivery process: makes the tries it is told to make and says how they went. `python -m ringback.webhook.worker`.

It knows no database and keeps nothing: when it dies, everything it was doing is told to its successor. Receivers are
strangers, some of them hostile: redirects are not followed, answers are read up to a bound and not decompressed,
addresses are checked after resolution, and every try has one time limit from resolution to the end of the answer.
"""

import asyncio
import os
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import BinaryIO

import aiohttp
import uvloop
from yarl import URL

from ringback.webhook.addresses import make_connector
from ringback.webhook.messages import Hello, Job, Ready, Result, Stop, frame, frames, to_child
from ringback.webhook.signing import signed_headers

_RESOLVING_AT_ONCE = 64
"""Threads for names. A resolver that does not answer keeps one for many seconds; others must not wait for it."""

_LONGEST_ERROR = 300


class Sender:
    """Makes tries: one HTTP session for public receivers, one for those that may be private."""

    def __init__(self, hello: Hello) -> None:
        self._hello = hello
        self._public = self._session(allow_private=False)
        self._private = self._session(allow_private=True)

    async def try_once(self, job: Job) -> Result:
        """Make one try; whatever happens is a result."""
        begun = time.monotonic()
        code, error, retry_after_s = None, "", None
        try:
            code, retry_after_s = await self._send(job)
        except TimeoutError:
            error = f"no answer within {self._hello.timeout_s:g} s"
        except (aiohttp.ClientError, OSError, ValueError) as problem:
            error = _explain(problem)
        duration_ms = round((time.monotonic() - begun) * 1000)
        return Result(id=job.id, status_code=code, error=error, retry_after_s=retry_after_s, duration_ms=duration_ms)

    async def close(self) -> None:
        """Close all connections."""
        await self._public.close()
        await self._private.close()

    async def _send(self, job: Job) -> tuple[int, int | None]:
        session = self._private if job.allow_private else self._public
        url = URL(job.url, encoded=True)  # what was signed is what is sent
        content = url.raw_query_string if job.body is None else job.body
        headers = signed_headers(job.id, datetime.now(UTC), content, job.secret)
        body = None if job.body is None else job.body.encode()
        if body is not None:
            headers["content-type"] = "application/json"
        async with session.request(job.method, url, data=body, headers=headers, allow_redirects=False) as response:
            await response.content.read(self._hello.answer_bytes)
            return response.status, _retry_after(response.headers.get("retry-after"))

    def _session(self, *, allow_private: bool) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=make_connector(allow_private=allow_private, limit=self._hello.at_once),
            timeout=aiohttp.ClientTimeout(total=self._hello.timeout_s),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"user-agent": "Ringback"},
            auto_decompress=False,
        )


def _retry_after(value: str | None) -> int | None:
    """Return seconds; dates are not worth the trouble and count as absent."""
    if value is None or not value.isascii() or not value.isdigit() or len(value) > 9:  # noqa: PLR2004  30 years
        return None
    return int(value)


def _explain(problem: BaseException) -> str:
    if isinstance(problem, aiohttp.ClientConnectorError):
        text = f"cannot connect to {problem.host}:{problem.port}: {problem.strerror or problem.os_error}"
    else:
        text = str(problem) or type(problem).__name__
    # Parts of it are the receiver's words: nothing in them may trouble a database or a terminal.
    return "".join(character if character.isprintable() else "?" for character in text[:_LONGEST_ERROR])


async def _serve(incoming: asyncio.StreamReader, outgoing: BinaryIO) -> None:
    messages = frames(incoming)
    hello = to_child.decode(await anext(messages))
    if not isinstance(hello, Hello):
        raise TypeError(f"expected Hello, got {type(hello).__name__}")
    sender = Sender(hello)
    running: set[asyncio.Task[None]] = set()
    grace_s = 0.0
    _say(outgoing, Ready())

    async def work(job: Job) -> None:
        _say(outgoing, await sender.try_once(job))

    async for body in messages:
        message = to_child.decode(body)
        if isinstance(message, Stop):
            grace_s = message.grace_s
            break
        if isinstance(message, Job):
            task = asyncio.create_task(work(message))
            running.add(task)
            task.add_done_callback(running.discard)
    if running and grace_s:
        await asyncio.wait(running, timeout=grace_s)
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    await sender.close()


def _say(outgoing: BinaryIO, message: Ready | Result) -> None:
    """Write a message at once. The parent reads all the time; results are 200 bytes, so this never waits long."""
    outgoing.write(frame(message))
    outgoing.flush()


async def _main() -> None:
    loop = asyncio.get_running_loop()
    loop.set_default_executor(ThreadPoolExecutor(_RESOLVING_AT_ONCE, thread_name_prefix="resolve"))
    incoming = asyncio.StreamReader(limit=1 << 20)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(incoming), sys.stdin.buffer)
    await _serve(incoming, sys.stdout.buffer)


def main() -> None:
    """Run until the parent says stop or is gone.

    Signals are the parent's to handle: a terminal and systemd send them to the whole process group, and the webhooks
    of the calls that end then are still to be sent.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        uvloop.run(_main())
    except BrokenPipeError:
        os._exit(1)  # the parent is gone: nobody is left to be told


if __name__ == "__main__":
    main()
