"""`numbers`: the account's own numbers (DIDs), which flow answers them, and what they may be used for."""

from typing import Annotated, Any

from litestar import Response, delete, get, patch, post
from litestar.params import FromPath, QueryParameter, RequestBody
from msgspec import UNSET, Meta, Struct, UnsetType, structs

from ringback.api.auth import ApiRequest, Caller, needs
from ringback.api.collect import Faults
from ringback.api.common import MAX_PAGE, Services, WhoAsks, explain_store, new_id
from ringback.api.idempotency import answer_once
from ringback.api.openapi import CREATING, refusals
from ringback.api.phone import read_number
from ringback.api.problems import not_found
from ringback.api.services import ApiServices
from ringback.model.access import Scope
from ringback.model.ids import FlowId, NumberId
from ringback.model.number import Number, NumberStatus
from ringback.store.errors import ConflictError, UnknownError

Channels = Annotated[int, Meta(ge=1, le=100_000, description="Calls at once over this number; null for no limit.")]
RingMs = Annotated[int, Meta(ge=5_000, le=180_000, description="Incoming ring time; null for the account's.")]
FlowName = Annotated[str, Meta(min_length=1, max_length=100)]
E164 = Annotated[str, Meta(min_length=3, max_length=40, examples=["+4930901820"])]


class NumberBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A number to be added to the account."""

    number: E164
    number_status: NumberStatus = NumberStatus.ACTIVE
    voice_in: bool = True
    voice_out: bool = True
    flow_id: FlowName | None = None
    channels: Channels | None = None
    accept_anonymous: bool = False
    ring_ms: RingMs | None = None


class NumberChange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to change; fields left out stay as they are."""

    number_status: NumberStatus | UnsetType = UNSET
    voice_in: bool | UnsetType = UNSET
    voice_out: bool | UnsetType = UNSET
    flow_id: FlowName | UnsetType | None = UNSET
    channels: Channels | UnsetType | None = UNSET
    accept_anonymous: bool | UnsetType = UNSET
    ring_ms: RingMs | UnsetType | None = UNSET


class NumberList(Struct, frozen=True, kw_only=True):
    """A page of numbers; `next_cursor` is null on the last one."""

    numbers: tuple[Number, ...]
    next_cursor: str | None


@get("/numbers", guards=[needs(Scope.READ)], responses=refusals(), operation_id="listNumbers", tags=["numbers"])
async def list_numbers(
    *,
    services: Services,
    caller: WhoAsks,
    cursor: Annotated[str | None, QueryParameter(max_length=100)] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=MAX_PAGE)] = 50,
) -> NumberList:
    """List the account's numbers."""
    after = None if cursor is None else NumberId(cursor)
    found = await services.repositories.numbers.list(caller.account.sid, limit=limit + 1, after=after)
    return NumberList(numbers=found[:limit], next_cursor=found[limit - 1].id if len(found) > limit else None)


@post(
    "/numbers", guards=[needs(Scope.ADMIN)], responses=refusals(*CREATING), operation_id="addNumber", tags=["numbers"]
)
async def add_number(
    request: ApiRequest, data: RequestBody[NumberBody], services: Services, caller: WhoAsks
) -> Response[Number]:
    """Add a number to the account. For the operator: whoever may do this may receive that number's calls."""
    return await answer_once(request, caller, services, data, lambda: create_number(data, services, caller))


async def create_number(data: NumberBody, services: ApiServices, caller: Caller) -> Number:
    """Check and save a new number.

    Raises:
        ProblemError: `invalid-request`, or `conflict` when somebody holds it already.
    """
    faults = Faults()
    number = read_number("number", data.number, None, caller.account, faults)
    faults.raise_if_any()
    fields = structs.asdict(data) | {"number": number}
    return await _save(Number(id=NumberId(new_id(services, "num")), account=caller.account.sid, **fields), services)


@get(
    "/numbers/{number_id:str}",
    guards=[needs(Scope.READ)],
    responses=refusals(),
    operation_id="getNumber",
    tags=["numbers"],
)
async def get_number(number_id: FromPath[str], services: Services, caller: WhoAsks) -> Number:
    """Show one number, by its id or as E.164."""
    return await _find(number_id, services, caller)


@patch(
    "/numbers/{number_id:str}",
    guards=[needs(Scope.CONFIGURE)],
    responses=refusals(*CREATING),
    operation_id="changeNumber",
    tags=["numbers"],
)
async def change_number(
    number_id: FromPath[str], data: RequestBody[NumberChange], services: Services, caller: WhoAsks
) -> Number:
    """Change a number: switch it off, assign or unassign a flow, limit its calls. Calls in progress go on."""
    number = await _find(number_id, services, caller)
    changes: dict[str, Any] = {name: value for name, value in structs.asdict(data).items() if value is not UNSET}
    return await _save(structs.replace(number, **changes), services)


@delete(
    "/numbers/{number_id:str}",
    guards=[needs(Scope.ADMIN)],
    responses=refusals(),
    operation_id="deleteNumber",
    tags=["numbers"],
)
async def delete_number(number_id: FromPath[str], services: Services, caller: WhoAsks) -> None:
    """Give a number back. Calls placed over it from now on end as BRIDGE_UNAVAILABLE."""
    number = await _find(number_id, services, caller)
    await services.repositories.numbers.delete(caller.account.sid, number.id)
    await services.directory_changed()


async def _find(name: str, services: ApiServices, caller: Caller) -> Number:
    numbers = services.repositories.numbers
    found = await numbers.get(caller.account.sid, NumberId(name))
    if found is None and name.startswith("+"):
        by_number = await numbers.find(name)
        found = by_number if by_number is not None and by_number.account == caller.account.sid else None
    if found is None:
        raise not_found("number", name)
    return found


async def _save(number: Number, services: ApiServices) -> Number:
    if number.flow_id is not None:
        flow = await services.repositories.flows.get(number.account, FlowId(number.flow_id))
        if flow is None:
            faults = Faults()
            faults.add("flow_id", f"there is no flow `{number.flow_id}` in this account")
            faults.raise_if_any()
    try:
        saved = await services.repositories.numbers.save(number)
    except (ConflictError, UnknownError) as error:
        raise explain_store(error) from None
    await services.directory_changed()
    return saved


HANDLERS = [list_numbers, add_number, get_number, change_number, delete_number]
