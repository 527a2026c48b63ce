"""What is done to flows: create, edit, publish, pause, resume, delete, check."""

import asyncio
import hashlib
from typing import Any

import msgspec
from msgspec.structs import replace

from ringback.api.auth import Caller
from ringback.api.common import explain_store, new_id
from ringback.api.problems import FieldProblem, ProblemError, not_found
from ringback.api.resources.flow_views import FlowBody
from ringback.api.services import ApiServices
from ringback.flow.check import CheckResult, check
from ringback.flow.lifecycle import FlowAction, FlowLife, FlowStatus, IllegalFlowAction, step
from ringback.flow.problems import Severity
from ringback.model.flow import FlowState, FlowVersion, StoredFlow
from ringback.model.ids import AccountSid, FlowId
from ringback.store.errors import ConflictError, UnknownError

_STATUS = {
    FlowState.DRAFT: FlowStatus.DRAFT,
    FlowState.PUBLISHED: FlowStatus.PUBLISHED,
    FlowState.PAUSED: FlowStatus.PAUSED,
}
_STATE = {status: state for state, status in _STATUS.items()}


async def find(flow_id: str, services: ApiServices, caller: Caller) -> StoredFlow:
    """Return a flow of the caller's account.

    Raises:
        ProblemError: `not-found`.
    """
    flow = await services.repositories.flows.get(caller.account.sid, FlowId(flow_id))
    if flow is None:
        raise not_found("flow", flow_id)
    return flow


async def create(data: FlowBody, services: ApiServices, caller: Caller) -> StoredFlow:
    """Keep a new draft."""
    now = services.now()
    flow = StoredFlow(
        id=FlowId(new_id(services, "flow")),
        account=caller.account.sid,
        name=_name(data),
        draft=_document(data),
        created_at=now,
        updated_at=now,
    )
    return await _save(flow, services)


async def edit(flow: StoredFlow, data: FlowBody, services: ApiServices) -> StoredFlow:
    """Keep a new draft of a flow that is there."""
    await _step(flow, FlowAction.EDIT, services)
    changed = replace(flow, name=_name(data), draft=_document(data), updated_at=services.now())
    return await _save(changed, services)


async def publish(flow: StoredFlow, services: ApiServices) -> tuple[StoredFlow, CheckResult]:
    """Publish the draft.

    Raises:
        ProblemError: `conflict` (there is nothing new, or somebody else published just now), `flow-invalid`.
    """
    life = await _step(flow, FlowAction.PUBLISH, services)
    checked = await check_draft(flow, services)
    if not checked.is_ok:
        errors = [problem for problem in checked.problems if problem.severity is Severity.ERROR]
        raise ProblemError(
            "flow-invalid",
            f"The draft has {len(errors)} error{'s' if len(errors) > 1 else ''} and cannot be published.",
            errors=tuple(FieldProblem(field=problem.path, detail=problem.message) for problem in errors),
        )
    now, number = services.now(), flow.versions + 1
    version = FlowVersion(
        flow_id=flow.id, version=number, document=flow.draft, digest=digest(flow.draft), published_at=now
    )
    published = replace(flow, flow_state=_STATE[life.status], published_version=number, versions=number, updated_at=now)
    return await _save(published, services, version), checked


async def move(flow: StoredFlow, action: FlowAction, services: ApiServices) -> StoredFlow:
    """Pause or resume.

    Raises:
        ProblemError: `conflict`: not in the state it is in.
    """
    life = await _step(flow, action, services)
    return await _save(replace(flow, flow_state=_STATE[life.status], updated_at=services.now()), services)


async def remove(flow: StoredFlow, services: ApiServices) -> None:
    """Delete a flow.

    Raises:
        ProblemError: `conflict`: it is in service.
    """
    await _step(flow, FlowAction.DELETE, services)
    await services.repositories.flows.delete(flow.account, flow.id)
    await services.directory_changed()


async def check_draft(flow: StoredFlow, services: ApiServices) -> CheckResult:
    """List every problem of a flow's draft."""
    return await check_document(flow.draft, services, flow.account)


async def check_document(document: dict[str, Any], services: ApiServices, account: AccountSid) -> CheckResult:
    """List every problem of a document; the account's sounds are known."""
    sounds = frozenset(str(sound.id) for sound in await services.repositories.sounds.list(account))
    facts = replace(services.flow_facts(), sounds=sounds)
    # A large document takes tens of milliseconds: not on the loop that calls run on.
    return await asyncio.to_thread(check, document, facts)


def digest(document: dict[str, Any]) -> str:
    """Return the SHA-256 of a document, whatever the order of its fields."""
    return hashlib.sha256(msgspec.json.encode(document, order="deterministic")).hexdigest()


async def _step(flow: StoredFlow, action: FlowAction, services: ApiServices) -> FlowLife:
    try:
        return step(await _life(flow, services), action)
    except IllegalFlowAction as error:
        raise ProblemError("conflict", str(error)) from None


async def _life(flow: StoredFlow, services: ApiServices) -> FlowLife:
    """Say where a stored flow stands: it has a draft of its own unless that equals the version in force."""
    newest = flow.versions
    in_force = None
    if flow.published_version is not None:
        in_force = await services.repositories.flows.version(flow.account, flow.id, flow.published_version)
    has_draft = in_force is None or in_force.digest != digest(flow.draft)
    return FlowLife(
        status=_STATUS[flow.flow_state],
        latest=newest + has_draft,
        draft=newest + 1 if has_draft else None,
        published=flow.published_version,
    )


async def _save(flow: StoredFlow, services: ApiServices, version: FlowVersion | None = None) -> StoredFlow:
    try:
        saved = await services.repositories.flows.save(flow, publish=version)
    except (ConflictError, UnknownError) as error:
        raise explain_store(error) from None
    await services.directory_changed()
    return saved


def _document(data: FlowBody) -> dict[str, Any]:
    return data.document if data.name is None else data.document | {"name": data.name}


def _name(data: FlowBody) -> str:
    if data.name is not None:
        return data.name
    name = data.document.get("name")
    return name[:200] if isinstance(name, str) and name else "Unnamed flow"
