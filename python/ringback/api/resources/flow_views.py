"""What goes in and out of `flows`."""

from datetime import datetime
from typing import Annotated, Any

from msgspec import UNSET, Meta, Struct, UnsetType

from ringback.flow.check import CheckResult
from ringback.flow.problems import Problem
from ringback.model.flow import FlowState, FlowVersion, StoredFlow

JsonDocument = Annotated[dict[str, Any], Meta(description="A flow document; `docs/flows.md` describes it.")]
FlowName = Annotated[str, Meta(min_length=1, max_length=200)]


class FlowBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A flow's draft. `name` stands in the document too; given here it wins."""

    document: JsonDocument
    name: FlowName | None = None


class DocumentBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A document to be checked."""

    document: JsonDocument


class Checked(Struct, frozen=True, kw_only=True):
    """What is wrong with a document. `may_be_published`: there is no error among the problems (warnings may be)."""

    may_be_published: bool
    problems: tuple[Problem, ...]


class FlowView(Struct, frozen=True, kw_only=True):
    """A flow. `published_version` answers calls (unless paused); `versions` counts the published ones."""

    id: str
    name: str
    flow_state: FlowState
    published_version: int | None
    versions: int
    created_at: datetime
    updated_at: datetime


class FlowDetail(Struct, frozen=True, kw_only=True):
    """A flow with its draft and what is wrong with that."""

    id: str
    name: str
    flow_state: FlowState
    published_version: int | None
    versions: int
    created_at: datetime
    updated_at: datetime
    draft: dict[str, Any]
    may_be_published: bool
    problems: tuple[Problem, ...]


class FlowList(Struct, frozen=True, kw_only=True):
    """A page of flows; `next_cursor` is null on the last one."""

    flows: list[FlowView]
    next_cursor: str | None


class VersionView(Struct, frozen=True, kw_only=True):
    """A published version; it never changes. `digest` is the SHA-256 of its document."""

    flow_id: str
    version: int
    digest: str
    published_at: datetime
    document: dict[str, Any] | UnsetType = UNSET


class VersionList(Struct, frozen=True, kw_only=True):
    """The published versions, newest first."""

    versions: list[VersionView]


def view_flow(flow: StoredFlow) -> FlowView:
    """Show a flow."""
    return FlowView(
        id=flow.id,
        name=flow.name,
        flow_state=flow.flow_state,
        published_version=flow.published_version,
        versions=flow.versions,
        created_at=flow.created_at,
        updated_at=flow.updated_at,
    )


def view_detail(flow: StoredFlow, result: CheckResult) -> FlowDetail:
    """Show a flow with its draft."""
    return FlowDetail(
        id=flow.id,
        name=flow.name,
        flow_state=flow.flow_state,
        published_version=flow.published_version,
        versions=flow.versions,
        created_at=flow.created_at,
        updated_at=flow.updated_at,
        draft=flow.draft,
        may_be_published=result.is_ok,
        problems=result.problems,
    )


def view_checked(result: CheckResult) -> Checked:
    """Show what the checker found."""
    return Checked(may_be_published=result.is_ok, problems=result.problems)


def view_version(version: FlowVersion, *, with_document: bool) -> VersionView:
    """Show a published version."""
    return VersionView(
        flow_id=version.flow_id,
        version=version.version,
        digest=version.digest,
        published_at=version.published_at,
        document=version.document if with_document else UNSET,
    )
