"""`statuses`: the catalogue of the 28, and `verify`: do the account's calls keep what it promises?"""

import asyncio
from typing import Annotated

from litestar import get
from litestar.params import FromPath, QueryParameter
from msgspec import Struct

from ringback.api.auth import ApiRequest, needs
from ringback.api.common import Services, WhoAsks
from ringback.api.openapi import refusals
from ringback.api.problems import ProblemError
from ringback.api.verification import Verification, verify
from ringback.call.catalogue import BY_STATUS, CATALOGUE, StatusInfo
from ringback.call.reasons import REASONS
from ringback.model.access import Scope
from ringback.model.status import Status

MAX_CALLS = 20_000
MAX_VIOLATIONS = 200


class StatusList(Struct, frozen=True, kw_only=True):
    """The 28 final statuses, and every reason that can stand beside one, in words."""

    statuses: tuple[StatusInfo, ...]
    reasons: dict[str, str]


@get("/statuses", guards=[needs(Scope.READ)], responses=refusals(), operation_id="listStatuses", tags=["statuses"])
async def list_statuses() -> StatusList:
    """Explain the 28 final statuses: what each means, what it is not, what to do about it."""
    return StatusList(statuses=CATALOGUE, reasons=dict(REASONS))


@get(
    "/statuses/{status:str}",
    guards=[needs(Scope.READ)],
    responses=refusals(),
    operation_id="getStatus",
    tags=["statuses"],
)
async def get_status(status: FromPath[str]) -> StatusInfo:
    """Explain one final status."""
    try:
        return BY_STATUS[Status(status)]
    except ValueError:
        raise ProblemError("not-found", f"`{status[:50]}` is none of the 28 final statuses.") from None


@get(
    "/verify",
    guards=[needs(Scope.READ)],
    responses=refusals("conflict"),
    operation_id="verifyCalls",
    tags=["statuses"],
)
async def verify_calls(
    *,
    request: ApiRequest,
    services: Services,
    caller: WhoAsks,
    limit: Annotated[int, QueryParameter(ge=1, le=MAX_CALLS, description="Most calls to audit.")] = 1_000,
) -> Verification:
    """Audit the account's calls, oldest first: one final status each, decided again from its journal, and so on.

    One audit at a time; `ringback verify` does the same for the whole database without a limit.
    """
    lock: asyncio.Lock = request.app.state.verify_lock
    if lock.locked():
        raise ProblemError("conflict", "Another audit is running; wait until it is done.")
    async with lock:
        return await verify(services.repositories, caller.account.sid, max_calls=limit, max_violations=MAX_VIOLATIONS)


HANDLERS = [list_statuses, get_status, verify_calls]
