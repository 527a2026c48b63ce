"""`flows/{id}/numbers`: which numbers a flow answers. A number has at most one flow; taking it from another is said."""

from typing import Annotated

from litestar import get, put
from litestar.params import FromPath, RequestBody
from msgspec import Meta, Struct

from ringback.api.auth import Caller, needs
from ringback.api.collect import Faults
from ringback.api.common import Services, WhoAsks, explain_store
from ringback.api.openapi import CREATING, refusals
from ringback.api.resources import flow_acts
from ringback.api.services import ApiServices
from ringback.model.access import Scope
from ringback.model.ids import FlowId, NumberId
from ringback.model.number import Number
from ringback.store.errors import UnknownError

MAX_NUMBERS = 1_000
PAGE = 1_000


class AssignBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All numbers the flow shall answer, by id or as E.164; its other numbers are unassigned."""

    numbers: Annotated[list[Annotated[str, Meta(min_length=1, max_length=100)]], Meta(max_length=MAX_NUMBERS)]


class Moved(Struct, frozen=True, kw_only=True):
    """A number that another flow answered until now."""

    number: str
    from_flow: str


class FlowNumbers(Struct, frozen=True, kw_only=True):
    """The numbers a flow answers, and those it took from other flows just now."""

    numbers: tuple[Number, ...]
    moved: tuple[Moved, ...] = ()


@get(
    "/flows/{flow_id:str}/numbers",
    guards=[needs(Scope.READ)],
    responses=refusals(),
    operation_id="listFlowNumbers",
    tags=["flows"],
)
async def list_numbers(flow_id: FromPath[str], services: Services, caller: WhoAsks) -> FlowNumbers:
    """List the numbers a flow answers."""
    flow = await flow_acts.find(flow_id, services, caller)
    return FlowNumbers(numbers=tuple(n for n in await _all(services, caller) if n.flow_id == flow.id))


@put(
    "/flows/{flow_id:str}/numbers",
    guards=[needs(Scope.CONFIGURE)],
    responses=refusals(*CREATING),
    operation_id="assignFlowNumbers",
    tags=["flows"],
)
async def assign_numbers(
    flow_id: FromPath[str], data: RequestBody[AssignBody], services: Services, caller: WhoAsks
) -> FlowNumbers:
    """Let the flow answer these numbers and no others."""
    flow = await flow_acts.find(flow_id, services, caller)
    held = await _all(services, caller)
    wanted = _choose(held, data.numbers)
    moved = tuple(
        Moved(number=n.number, from_flow=n.flow_id) for n in wanted if n.flow_id is not None and n.flow_id != flow.id
    )
    chosen = {number.id for number in wanted}
    try:
        for number in held:
            if number.flow_id == flow.id and number.id not in chosen:
                await services.repositories.numbers.assign(caller.account.sid, number.id, None)
        for number in wanted:
            if number.flow_id != flow.id:
                await services.repositories.numbers.assign(caller.account.sid, number.id, FlowId(flow.id))
    except UnknownError as error:
        raise explain_store(error) from None
    finally:
        await services.directory_changed()
    return FlowNumbers(numbers=tuple(n for n in await _all(services, caller) if n.flow_id == flow.id), moved=moved)


async def _all(services: ApiServices, caller: Caller) -> list[Number]:
    """Return all numbers of the account, page by page."""
    found: list[Number] = []
    after: NumberId | None = None
    while page := await services.repositories.numbers.list(caller.account.sid, limit=PAGE, after=after):
        found += page
        after = page[-1].id
    return found


def _choose(held: list[Number], names: list[str]) -> list[Number]:
    by_name = {number.id: number for number in held} | {number.number: number for number in held}
    faults = Faults()
    chosen: dict[str, Number] = {}
    for index, name in enumerate(names):
        if (number := by_name.get(name)) is None:
            faults.add(f"numbers[{index}]", f"the account holds no number `{name}`")
        else:
            chosen[number.id] = number
    faults.raise_if_any()
    return list(chosen.values())


HANDLERS = [list_numbers, assign_numbers]
