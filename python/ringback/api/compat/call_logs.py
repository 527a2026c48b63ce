"""`voice/call-logs`: the calls of at most seven days, page by page, as the compatible API lists them.

Where the documentation of that API is silent (the spelling of the rows) the names are ours. New programs use `calls`.
"""

from datetime import datetime, timedelta
from typing import Annotated

from litestar import get, post
from litestar.params import FromQuery, HeaderParameter, QueryParameter, RequestBody
from msgspec import Meta, Struct, field

from ringback.api.auth import Caller, needs
from ringback.api.collect import Faults
from ringback.api.common import MAX_PAGE, Services, TimeText, WhoAsks, read_time
from ringback.api.masking import masks
from ringback.api.openapi import FormOperation, refusals
from ringback.api.services import ApiServices
from ringback.api.views import view_call
from ringback.model.access import Scope
from ringback.model.call import FlowTarget, MessageTarget, SoundTarget, Target
from ringback.model.final import LegRecord
from ringback.model.ids import CallId
from ringback.model.status import HangupBy, Kind, Status
from ringback.store.calls import CallFilter, CallRow

MAX_WINDOW = timedelta(days=7)
_FIRST_YEAR, _LAST_YEAR = 1970, 9998
MAX_OFFSET = 100_000
OK_CODE = "RBC200"


class CallLogsBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which calls to list. Without times: the last seven days."""

    status: Status | None = None
    call_id: Annotated[str, Meta(max_length=100)] | None = None
    start_time: Annotated[datetime, Meta(tz=True)] | None = None
    end_time: Annotated[datetime, Meta(tz=True)] | None = None
    page: Annotated[int, Meta(ge=1, le=10_000)] = 1
    offset: Annotated[int, Meta(ge=0, le=MAX_OFFSET)] = 0
    bridge: Annotated[str, Meta(max_length=40)] | None = None
    limit: Annotated[int, Meta(ge=1, le=MAX_PAGE)] | None = None


class CallLog(Struct, frozen=True, kw_only=True):
    """One call. `status` is null while it is not final; `duration` and `billsec` are seconds."""

    id: str
    parent_id: str | None
    attempt: int
    type: Kind
    from_: str = field(name="from")
    to: str
    bridge: str
    flow_id: str | None
    target: str | None
    custom: str | None
    state: str
    status: Status | None
    status_reason: str | None
    start_time: datetime | None
    ring_time: datetime | None
    answer_time: datetime | None
    end_time: datetime | None
    duration: float
    billsec: float
    recording_id: str | None
    hangup_by: HangupBy | None
    sip_code: int | None
    q850_cause: int | None
    legs: tuple[LegRecord, ...]


class CallLogs(Struct, frozen=True, kw_only=True):
    """A page of call logs; `total` counts all that match."""

    code: str
    message: str
    data: list[CallLog]
    page: int
    limit: int
    total: int


@get(
    "/voice/call-logs",
    guards=[needs(Scope.READ)],
    responses=refusals(),
    operation_id="getCallLogs",
    tags=["compatible"],
)
async def get_call_logs(
    *,
    services: Services,
    caller: WhoAsks,
    status: FromQuery[Status | None] = None,
    call_id: Annotated[str | None, QueryParameter(max_length=100)] = None,
    start_time: TimeText = None,
    end_time: TimeText = None,
    page: Annotated[int, QueryParameter(ge=1, le=10_000)] = 1,
    offset: Annotated[int, QueryParameter(ge=0, le=MAX_OFFSET)] = 0,
    bridge: Annotated[str | None, QueryParameter(max_length=40)] = None,
    limit: Annotated[int | None, QueryParameter(ge=1, le=MAX_PAGE)] = None,
    limit_header: Annotated[int | None, HeaderParameter(name="limit", ge=1, le=MAX_PAGE)] = None,
) -> CallLogs:
    """List calls of at most seven days, newest first."""
    faults = Faults()
    wanted = CallLogsBody(
        status=status,
        call_id=call_id,
        start_time=read_time("start_time", start_time, faults),
        end_time=read_time("end_time", end_time, faults),
        page=page,
        offset=offset,
        bridge=bridge,
        limit=limit or limit_header,
    )
    faults.raise_if_any()
    return await _list(wanted, services, caller)


@post(
    "/voice/call-logs",
    status_code=200,
    guards=[needs(Scope.READ)],
    operation_class=FormOperation,
    responses=refusals("malformed-body", "body-too-large", "unsupported-media-type"),
    operation_id="postCallLogs",
    tags=["compatible"],
)
async def post_call_logs(
    *,
    data: RequestBody[CallLogsBody],
    services: Services,
    caller: WhoAsks,
    limit_header: Annotated[int | None, HeaderParameter(name="limit", ge=1, le=MAX_PAGE)] = None,
) -> CallLogs:
    """List calls of at most seven days, newest first: the same as with GET, asked for in a form."""
    return await _list(data, services, caller, limit_header)


async def _list(
    wanted: CallLogsBody, services: ApiServices, caller: Caller, limit_header: int | None = None
) -> CallLogs:
    limit = wanted.limit or limit_header or 50
    account, calls = caller.account.sid, services.repositories.calls
    if wanted.call_id is not None:
        row = await calls.get(account, CallId(wanted.call_id))
        rows: tuple[CallRow, ...] = () if row is None else (row,)
        total = len(rows)
    else:
        skipped = wanted.offset + (wanted.page - 1) * limit
        rows, total = await calls.offset_page(account, _filters(wanted, services), offset=skipped, limit=limit)
    masked = masks(caller, services)
    logs = [view_log(row, masked=masked) for row in rows]
    return CallLogs(code=OK_CODE, message="OK", data=logs, page=wanted.page, limit=limit, total=total)


def _filters(wanted: CallLogsBody, services: ApiServices) -> CallFilter:
    faults = Faults()
    start, end = wanted.start_time, wanted.end_time
    for name, moment in (("start_time", start), ("end_time", end)):
        if moment is not None and not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
            faults.add(name, f"must lie between the years {_FIRST_YEAR} and {_LAST_YEAR}")
    faults.raise_if_any()
    if start is None:
        start = (services.now() if end is None else end) - MAX_WINDOW
    if end is None:
        end = start + MAX_WINDOW
    if end <= start:
        faults.add("end_time", "is not after `start_time`")
    elif end - start > MAX_WINDOW:
        faults.add("end_time", "is more than 7 days after `start_time`; ask week by week")
    if wanted.offset + (wanted.page - 1) * (wanted.limit or 50) > MAX_OFFSET:
        faults.add("page", f"lies beyond {MAX_OFFSET} calls; narrow the times, or use `calls` with its cursor")
    faults.raise_if_any()
    bridge = "+" + wanted.bridge.lstrip(" +") if wanted.bridge else None
    return CallFilter(status=wanted.status, bridge=bridge, since=start, until=end)


def view_log(row: CallRow, *, masked: bool) -> CallLog:
    """Show a call as a row of the compatible call log."""
    call = view_call(row, masked=masked)
    return CallLog(
        id=call.id,
        parent_id=call.parent_id,
        attempt=call.attempt,
        type=call.kind,
        from_=call.from_,
        to=call.to,
        bridge=call.bridge,
        flow_id=call.flow_id,
        target=_name_target(row.request.target),
        custom=call.custom,
        state=call.state,
        status=call.status,
        status_reason=call.reason,
        start_time=call.started_at,
        ring_time=call.ringing_at,
        answer_time=call.answered_at,
        end_time=call.ended_at,
        duration=call.duration_s or 0.0,
        billsec=call.talk_s or 0.0,
        recording_id=call.recording_id,
        hangup_by=call.hangup_by,
        sip_code=call.sip_code,
        q850_cause=call.q850_cause,
        legs=call.legs,
    )


def _name_target(target: Target | None) -> str | None:
    match target:
        case FlowTarget(flow_id=flow_id, url=url):
            return flow_id or url
        case SoundTarget(sound_id=sound_id):
            return sound_id
        case MessageTarget(text=text):
            return text
        case None:
            return None


HANDLERS = [get_call_logs, post_call_logs]
