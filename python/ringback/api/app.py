"""The HTTP application: puts the resources together and wires nothing else."""

import asyncio
from typing import Any

from litestar import Litestar, Router
from litestar.datastructures import State
from litestar.di import Provide
from litestar.types import Message, Scope

from ringback.api.auth import allowance_headers, provide_caller
from ringback.api.body import CheckedBody
from ringback.api.compat import call_logs, outbound, subscriptions
from ringback.api.errors import EXCEPTION_HANDLERS
from ringback.api.idempotency import KeyLocks
from ringback.api.openapi import OPENAPI
from ringback.api.rate_limits import RateLimits
from ringback.api.resources import (
    bans,
    blocked_numbers,
    calls,
    deliveries,
    flow_numbers,
    flows,
    numbers,
    operator,
    phones,
    routes,
    sounds,
    statuses,
    trunks,
)
from ringback.api.resources.sound_upload import UploadSlots
from ringback.api.services import ApiServices

RESOURCES: tuple[Any, ...] = (
    outbound, call_logs, subscriptions, calls, flows, flow_numbers, numbers, blocked_numbers, trunks, routes,
    phones,
    sounds, deliveries, statuses, bans,
)  # fmt: skip


def create_app(services: ApiServices) -> Litestar:
    """Make the application. It owns no resource: whoever made `services` starts and stops them."""
    settings = services.settings
    limits = RateLimits(
        per_s=settings.requests_per_s,
        burst=settings.burst,
        max_keys=settings.max_keys_limited,
        clock=services.monotonic_s,
    )
    account = Router(
        "/v1/{sid:str}",
        route_handlers=[handler for each in RESOURCES for handler in each.HANDLERS],
        dependencies={"caller": Provide(provide_caller, sync_to_thread=False)},
    )
    return Litestar(
        [account, *operator.HANDLERS],
        dependencies={"services": Provide(lambda: services, sync_to_thread=False)},
        dto=CheckedBody,
        return_dto=None,
        exception_handlers=EXCEPTION_HANDLERS,
        before_send=[add_headers],
        request_max_body_size=settings.max_body_bytes,
        openapi_config=OPENAPI,
        state=State(
            {
                "services": services,
                "rate_limits": limits,
                "key_locks": KeyLocks(),
                "verify_lock": asyncio.Lock(),
                "upload_slots": UploadSlots(),
            }
        ),
        logging_config=None,
    )


async def add_headers(message: Message, scope: Scope) -> None:
    """Add to every answer, refusals too: what is left of the key's allowance, and that nobody may guess at its type."""
    if message["type"] != "http.response.start":
        return
    found = allowance_headers(scope.get("state", {})) | {"X-Content-Type-Options": "nosniff"}
    encoded = {name.lower().encode(): value.encode() for name, value in found.items()}
    kept = [(name, value) for name, value in message["headers"] if name.lower() not in encoded]
    message["headers"] = [*kept, *encoded.items()]
