"""`flows`: write them, check them, publish, pause, resume, delete. `ringback.flow.lifecycle` says when."""

from typing import Annotated, Any

from litestar import Response, delete, get, post, put
from litestar.params import FromPath, QueryParameter, RequestBody

from ringback.api.auth import ApiRequest, needs
from ringback.api.common import MAX_PAGE, Services, WhoAsks
from ringback.api.idempotency import answer_once
from ringback.api.openapi import CREATING, refusals
from ringback.api.problems import not_found
from ringback.api.resources import flow_acts as acts
from ringback.api.resources.flow_views import (
    Checked,
    DocumentBody,
    FlowBody,
    FlowDetail,
    FlowList,
    VersionList,
    VersionView,
    view_checked,
    view_detail,
    view_flow,
    view_version,
)
from ringback.flow.lifecycle import FlowAction
from ringback.model.access import Scope
from ringback.model.ids import FlowId


@get("/flows", guards=[needs(Scope.READ)], responses=refusals(), operation_id="listFlows", tags=["flows"])
async def list_flows(
    *,
    services: Services,
    caller: WhoAsks,
    cursor: Annotated[str | None, QueryParameter(max_length=100)] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=MAX_PAGE)] = 50,
) -> FlowList:
    """List the account's flows."""
    after = None if cursor is None else FlowId(cursor)
    found = await services.repositories.flows.list(caller.account.sid, limit=limit + 1, after=after)
    next_cursor = found[limit - 1].id if len(found) > limit else None
    return FlowList(flows=[view_flow(flow) for flow in found[:limit]], next_cursor=next_cursor)


@post("/flows", guards=[needs(Scope.CONFIGURE)], responses=refusals(*CREATING), operation_id="addFlow", tags=["flows"])
async def add_flow(
    request: ApiRequest, data: RequestBody[FlowBody], services: Services, caller: WhoAsks
) -> Response[FlowDetail]:
    """Make a flow: a draft. It may still have problems; they are listed, and keep it from being published."""

    async def make() -> FlowDetail:
        flow = await acts.create(data, services, caller)
        return view_detail(flow, await acts.check_draft(flow, services))

    return await answer_once(request, caller, services, data, make)


@post(
    "/flows/check",
    status_code=200,
    guards=[needs(Scope.READ)],
    responses=refusals("malformed-body", "body-too-large", "unsupported-media-type"),
    operation_id="checkFlow",
    tags=["flows"],
)
async def check_flow(data: RequestBody[DocumentBody], services: Services, caller: WhoAsks) -> Checked:
    """List every problem of a document, without keeping it."""
    return view_checked(await acts.check_document(data.document, services, caller.account.sid))


@get("/flows/{flow_id:str}", guards=[needs(Scope.READ)], responses=refusals(), operation_id="getFlow", tags=["flows"])
async def get_flow(flow_id: FromPath[str], services: Services, caller: WhoAsks) -> FlowDetail:
    """Show a flow with its draft and the draft's problems."""
    flow = await acts.find(flow_id, services, caller)
    return view_detail(flow, await acts.check_draft(flow, services))


@put(
    "/flows/{flow_id:str}",
    guards=[needs(Scope.CONFIGURE)],
    responses=refusals(*CREATING),
    operation_id="editFlow",
    tags=["flows"],
)
async def edit_flow(
    flow_id: FromPath[str], data: RequestBody[FlowBody], services: Services, caller: WhoAsks
) -> FlowDetail:
    """Write a new draft. The published version serves on until the next publish; calls in progress keep theirs."""
    flow = await acts.edit(await acts.find(flow_id, services, caller), data, services)
    return view_detail(flow, await acts.check_draft(flow, services))


@post(
    "/flows/{flow_id:str}/check",
    status_code=200,
    guards=[needs(Scope.READ)],
    responses=refusals(),
    operation_id="checkDraft",
    tags=["flows"],
)
async def check_draft(flow_id: FromPath[str], services: Services, caller: WhoAsks) -> Checked:
    """List every problem of the draft."""
    return view_checked(await acts.check_draft(await acts.find(flow_id, services, caller), services))


@post(
    "/flows/{flow_id:str}/publish",
    status_code=200,
    guards=[needs(Scope.CONFIGURE)],
    responses=refusals("conflict", "flow-invalid"),
    operation_id="publishFlow",
    tags=["flows"],
)
async def publish_flow(flow_id: FromPath[str], services: Services, caller: WhoAsks) -> FlowDetail:
    """Publish the draft: calls from now on run it. A paused flow is in service again with that."""
    flow, checked = await acts.publish(await acts.find(flow_id, services, caller), services)
    return view_detail(flow, checked)


@post(
    "/flows/{flow_id:str}/pause",
    status_code=200,
    guards=[needs(Scope.CONFIGURE)],
    responses=refusals("conflict"),
    operation_id="pauseFlow",
    tags=["flows"],
)
async def pause_flow(flow_id: FromPath[str], services: Services, caller: WhoAsks) -> FlowDetail:
    """Take a published flow out of service. Outbound calls to it end as FLOW_PAUSED."""
    flow = await acts.move(await acts.find(flow_id, services, caller), FlowAction.PAUSE, services)
    return view_detail(flow, await acts.check_draft(flow, services))


@post(
    "/flows/{flow_id:str}/resume",
    status_code=200,
    guards=[needs(Scope.CONFIGURE)],
    responses=refusals("conflict"),
    operation_id="resumeFlow",
    tags=["flows"],
)
async def resume_flow(flow_id: FromPath[str], services: Services, caller: WhoAsks) -> FlowDetail:
    """Put a paused flow back into service, with the version it had."""
    flow = await acts.move(await acts.find(flow_id, services, caller), FlowAction.RESUME, services)
    return view_detail(flow, await acts.check_draft(flow, services))


@delete(
    "/flows/{flow_id:str}",
    guards=[needs(Scope.CONFIGURE)],
    responses=refusals("conflict"),
    operation_id="deleteFlow",
    tags=["flows"],
)
async def delete_flow(flow_id: FromPath[str], services: Services, caller: WhoAsks) -> None:
    """Delete a draft or paused flow and unassign its numbers. Outbound calls to it end as FLOW_UNREACHABLE."""
    await acts.remove(await acts.find(flow_id, services, caller), services)


@get(
    "/flows/{flow_id:str}/versions",
    guards=[needs(Scope.READ)],
    responses=refusals(),
    operation_id="listFlowVersions",
    tags=["flows"],
)
async def list_versions(flow_id: FromPath[str], services: Services, caller: WhoAsks) -> VersionList:
    """List the published versions, newest first, without their documents."""
    flow = await acts.find(flow_id, services, caller)
    found = await services.repositories.flows.versions(caller.account.sid, flow.id)
    return VersionList(versions=[view_version(version, with_document=False) for version in found])


@get(
    "/flows/{flow_id:str}/versions/{version:int}",
    guards=[needs(Scope.READ)],
    responses=refusals(),
    operation_id="getFlowVersion",
    tags=["flows"],
)
async def get_version(
    flow_id: FromPath[str], version: FromPath[int], services: Services, caller: WhoAsks
) -> VersionView:
    """Show one published version with its document."""
    flow = await acts.find(flow_id, services, caller)
    # A version that no database integer can hold does not exist either.
    in_range = 1 <= version <= flow.versions
    found = await services.repositories.flows.version(caller.account.sid, flow.id, version) if in_range else None
    if found is None:
        raise not_found("version of this flow", str(version))
    return view_version(found, with_document=True)


HANDLERS: list[Any] = [
    list_flows,
    add_flow,
    check_flow,
    get_flow,
    edit_flow,
    check_draft,
    publish_flow,
    pause_flow,
    resume_flow,
    delete_flow,
    list_versions,
    get_version,
]
