"""`blocked-numbers`: whom the account does not call, and from whom it takes no calls."""

from typing import Annotated

from litestar import Response, delete, get, post
from litestar.params import FromPath, QueryParameter, RequestBody
from msgspec import Meta, Struct

from ringback.api.auth import ApiRequest, Caller, needs
from ringback.api.collect import Faults
from ringback.api.common import MAX_PAGE, Services, WhoAsks
from ringback.api.idempotency import answer_once
from ringback.api.openapi import CREATING, refusals
from ringback.api.phone import read_number
from ringback.api.problems import not_found
from ringback.api.services import ApiServices
from ringback.model.access import Scope
from ringback.model.sound import BlockedNumber


class BlockBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A number to be blocked: for calls to it (`outgoing`), from it (`incoming`), or both."""

    number: Annotated[str, Meta(min_length=3, max_length=40, examples=["+4930901820"])]
    outgoing: bool = True
    incoming: bool = True
    note: Annotated[str, Meta(max_length=500)] = ""


class BlockedNumberList(Struct, frozen=True, kw_only=True):
    """A page of blocked numbers; `next_cursor` is null on the last one."""

    blocked_numbers: tuple[BlockedNumber, ...]
    next_cursor: str | None


@get(
    "/blocked-numbers",
    guards=[needs(Scope.READ)],
    responses=refusals(),
    operation_id="listBlockedNumbers",
    tags=["numbers"],
)
async def list_blocked(
    *,
    services: Services,
    caller: WhoAsks,
    cursor: Annotated[str | None, QueryParameter(max_length=100)] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=MAX_PAGE)] = 50,
) -> BlockedNumberList:
    """List the account's blocked numbers."""
    found = await services.repositories.blocked.list(caller.account.sid, limit=limit + 1, after=cursor)
    cursor = found[limit - 1].number if len(found) > limit else None
    return BlockedNumberList(blocked_numbers=found[:limit], next_cursor=cursor)


@post(
    "/blocked-numbers",
    guards=[needs(Scope.CONFIGURE)],
    responses=refusals(*CREATING),
    operation_id="blockNumber",
    tags=["numbers"],
)
async def block_number(
    request: ApiRequest, data: RequestBody[BlockBody], services: Services, caller: WhoAsks
) -> Response[BlockedNumber]:
    """Block a number, or change how it is blocked. Calls to it end as OUTGOING_RESTRICTED with reason `blocked`."""
    return await answer_once(request, caller, services, data, lambda: _block(data, services, caller))


async def _block(data: BlockBody, services: ApiServices, caller: Caller) -> BlockedNumber:
    faults = Faults()
    number = read_number("number", data.number, None, caller.account, faults)
    if not data.outgoing and not data.incoming:
        faults.add("outgoing", "and `incoming` are both false; to unblock the number, delete it")
    faults.raise_if_any()
    blocked = BlockedNumber(
        account=caller.account.sid,
        number=number,
        outgoing=data.outgoing,
        incoming=data.incoming,
        note=data.note,
        created_at=services.now(),
    )
    saved = await services.repositories.blocked.save(blocked)
    await services.directory_changed()
    return saved


@delete(
    "/blocked-numbers/{number:str}",
    guards=[needs(Scope.CONFIGURE)],
    responses=refusals(),
    operation_id="unblockNumber",
    tags=["numbers"],
)
async def unblock_number(number: FromPath[str], services: Services, caller: WhoAsks) -> None:
    """Unblock a number."""
    if not await services.repositories.blocked.delete(caller.account.sid, number):
        raise not_found("blocked number", number)
    await services.directory_changed()


HANDLERS = [list_blocked, block_number, unblock_number]
