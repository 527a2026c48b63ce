"""Wires everything and runs it until it is told to stop. The only place that knows all parts."""

import asyncio
from collections.abc import Callable

from msgspec import Struct

from ringback.service.settings import Settings


class Ready(Struct, frozen=True, kw_only=True):
    """What is known once everything listens: with port 0 in the settings these say which ports were taken.

    Attributes:
        http: Base URL of the API, `http://127.0.0.1:8080`.
        sip: `host:port` of the SIP listener.
        recovered: Calls that a crash had left open and that were ended at start.
    """

    http: str
    sip: str
    recovered: int = 0


async def run(
    settings: Settings, *, ready: Callable[[Ready], None] | None = None, stop: asyncio.Event | None = None
) -> None:
    """Run Ringback until SIGTERM, SIGINT or `stop`; then drain for `grace_s` and end.

    Args:
        ready: Called once, when API and SIP listen and every call of an earlier run is final or goes on.
        stop: Set it to stop as SIGTERM does (tests, embedding).

    Raises:
        RingbackError: a listener, the database or a seed cannot be used; the message says what to do.
    """
    raise NotImplementedError
