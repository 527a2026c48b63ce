"""`calls`: list them, look at one, read its journal, hang up."""

from typing import Annotated

from litestar import Response, get, post
from litestar.params import FromPath, FromQuery, QueryParameter
from msgspec import Struct

from ringback.api.auth import Caller, needs
from ringback.api.collect import Faults
from ringback.api.common import MAX_PAGE, Services, TimeText, WhoAsks, read_time
from ringback.api.masking import masks
from ringback.api.openapi import refusals
from ringback.api.problems import FieldProblem, invalid, not_found
from ringback.api.services import ApiServices
from ringback.api.views import CallView, EventView, view_call, view_detail, view_event
from ringback.model.access import Scope
from ringback.model.ids import CallId
from ringback.model.status import Kind, Status
from ringback.store.calls import CallFilter, CallRow

Limit = Annotated[int, QueryParameter(ge=1, le=MAX_PAGE)]
Cursor = Annotated[str | None, QueryParameter(max_length=500, description="`next_cursor` of the page before.")]
Word = Annotated[str | None, QueryParameter(max_length=100)]


class CallList(Struct, frozen=True, kw_only=True):
    """A page of calls, newest first; `next_cursor` is null on the last one."""

    calls: list[CallView]
    next_cursor: str | None


class EventList(Struct, frozen=True, kw_only=True):
    """The whole journal of a call, in order."""

    events: list[EventView]


class HungUp(Struct, frozen=True, kw_only=True):
    """What became of the wish to end the call. `was_final`: it had its status already, and keeps it."""

    id: str
    state: str
    status: Status | None
    was_final: bool


@get("/calls", guards=[needs(Scope.READ)], responses=refusals(), operation_id="listCalls", tags=["calls"])
async def list_calls(
    *,
    services: Services,
    caller: WhoAsks,
    status: FromQuery[Status | None] = None,
    kind: FromQuery[Kind | None] = None,
    call_state: Annotated[str | None, QueryParameter(name="state", max_length=100)] = None,
    reason: Word = None,
    number: Word = None,
    bridge: Word = None,
    parent_id: Word = None,
    since: TimeText = None,
    until: TimeText = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> CallList:
    """List calls, newest first, by any combination of filters; `since` and `until` bound the moment of acceptance."""
    faults = Faults()
    filters = CallFilter(
        kind=kind,
        status=status,
        state=call_state,
        reason=reason,
        number=_plus(number),
        bridge=_plus(bridge),
        parent_id=None if parent_id is None else CallId(parent_id),
        since=read_time("since", since, faults),
        until=read_time("until", until, faults),
    )
    faults.raise_if_any()
    try:
        page = await services.repositories.calls.page(caller.account.sid, filters, cursor=cursor, limit=limit)
    except ValueError:
        raise invalid([FieldProblem(field="cursor", detail="is not a cursor of this list")]) from None
    masked = masks(caller, services)
    return CallList(calls=[view_call(row, masked=masked) for row in page.calls], next_cursor=page.cursor)


def _plus(number: str | None) -> str | None:
    """Put back the `+` that is a blank in a URL where it was not written as %2B."""
    return "+" + number[1:] if number and number.startswith(" ") else number


@get("/calls/{call_id:str}", guards=[needs(Scope.READ)], responses=refusals(), operation_id="getCall", tags=["calls"])
async def get_call(call_id: FromPath[str], services: Services, caller: WhoAsks) -> CallView:
    """Show one call: legs, explanation, the evidence for its status, its way through the flow, its attempts."""
    row = await find_call(services, caller, call_id)
    calls = services.repositories.calls
    entries = await calls.entries(caller.account.sid, row.request.id)
    attempts = await calls.attempts(caller.account.sid, row.request.parent_id or row.request.id)
    ids = tuple(attempt.request.id for attempt in attempts)
    return view_detail(row, entries, ids, masked=masks(caller, services))


@get(
    "/calls/{call_id:str}/events",
    guards=[needs(Scope.READ)],
    responses=refusals(),
    operation_id="listCallEvents",
    tags=["calls"],
)
async def list_events(call_id: FromPath[str], services: Services, caller: WhoAsks) -> EventList:
    """Return the journal of a call: everything that happened to it, in order."""
    row = await find_call(services, caller, call_id)
    entries = await services.repositories.calls.entries(caller.account.sid, row.request.id)
    evidence = row.record.verdict.evidence if row.record else ()
    masked = masks(caller, services)
    return EventList(events=[view_event(entry, evidence, masked=masked) for entry in entries])


@post(
    "/calls/{call_id:str}/hangup",
    guards=[needs(Scope.CALL)],
    responses=refusals(),
    status_code=200,
    operation_id="hangUpCall",
    tags=["calls"],
)
async def hang_up(call_id: FromPath[str], services: Services, caller: WhoAsks) -> Response[HungUp]:
    """Withdraw or end a call: before the answer it ends as CANCEL, afterwards as ANSWER. Repeats change nothing."""
    row = await find_call(services, caller, call_id)
    if row.record is None:
        ended = await services.calls.hangup(caller.account.sid, row.request.id)
        if ended is None:
            raise not_found("call", call_id)
        row, was_final = ended, False
    else:
        was_final = True
    status = row.record.verdict.status if row.record else None
    return Response(HungUp(id=row.request.id, state=row.state, status=status, was_final=was_final))


async def find_call(services: ApiServices, caller: Caller, call_id: str) -> CallRow:
    """Return a call of the caller's account.

    Raises:
        ProblemError: `not-found`.
    """
    row = await services.repositories.calls.get(caller.account.sid, CallId(call_id))
    if row is None:
        raise not_found("call", call_id)
    return row


HANDLERS = [list_calls, get_call, list_events, hang_up]
