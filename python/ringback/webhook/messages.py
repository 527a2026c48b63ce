"""What parent and delivery process tell each other through a pipe: four bytes of length, then MessagePack."""

import asyncio
from collections.abc import AsyncIterator

import msgspec
from msgspec import Struct

LONGEST_MESSAGE = 1 << 20
"""Bytes. A payload is a record of a few kilobytes; something longer is a fault, not a message."""


class Hello(Struct, frozen=True, kw_only=True, tag=True):
    """First message to the child: its limits."""

    timeout_s: float
    at_once: int
    answer_bytes: int


class Job(Struct, frozen=True, kw_only=True, tag=True):
    """One try to be made. `body` is None for GET."""

    id: str
    method: str
    url: str
    body: str | None
    secret: str
    allow_private: bool


class Stop(Struct, frozen=True, kw_only=True, tag=True):
    """Take nothing more; let running tries end for so long, then go."""

    grace_s: float


class Ready(Struct, frozen=True, kw_only=True, tag=True):
    """First message from the child."""


class Result(Struct, frozen=True, kw_only=True, tag=True):
    """How a try went. `status_code` None: no answer, `error` says why."""

    id: str
    status_code: int | None
    error: str
    retry_after_s: int | None
    duration_ms: int


ToChild = Hello | Job | Stop
FromChild = Ready | Result

_encoder = msgspec.msgpack.Encoder()
to_child = msgspec.msgpack.Decoder(ToChild)
from_child = msgspec.msgpack.Decoder(FromChild)


def frame(message: ToChild | FromChild) -> bytes:
    """Return a message as it goes through the pipe."""
    body = _encoder.encode(message)
    return len(body).to_bytes(4) + body


async def frames(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    """Yield the bodies of messages until the other end is gone.

    Raises:
        ValueError: A message is longer than `LONGEST_MESSAGE`: the two ends do not speak the same language.
    """
    try:
        while True:
            size = int.from_bytes(await reader.readexactly(4))
            if size > LONGEST_MESSAGE:
                raise ValueError(
                    f"a message of {size} bytes came through the pipe, at most {LONGEST_MESSAGE} are allowed"
                )
            yield await reader.readexactly(size)
    except (asyncio.IncompleteReadError, ConnectionResetError):
        return
