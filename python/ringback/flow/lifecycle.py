"""States of a flow and what may happen to it. Pure; the store keeps `FlowLife`, the API steps it.

    draft --publish--> published --pause--> paused --resume--> published

Editing makes a new draft version; the published one serves on until the next publish. A call keeps the version with
which it began.
"""

from enum import StrEnum
from typing import Never

from msgspec import Struct
from msgspec.structs import replace

from ringback.model.errors import LocalError


class FlowStatus(StrEnum):
    """Position of a flow. `deleted` is for the record: the id is never used again."""

    DRAFT = "draft"
    PUBLISHED = "published"
    PAUSED = "paused"
    DELETED = "deleted"


class FlowAction(StrEnum):
    """What people do to a flow."""

    EDIT = "edit"
    PUBLISH = "publish"
    PAUSE = "pause"
    RESUME = "resume"
    DELETE = "delete"


class FlowLife(Struct, frozen=True, kw_only=True):
    """Where a flow stands.

    Attributes:
        latest: Number of the newest version, counts from 1.
        draft: Version that is being worked on, None when the newest is published.
        published: Version that serves (or would, were it not paused), None if none was ever published.
    """

    status: FlowStatus = FlowStatus.DRAFT
    latest: int = 1
    draft: int | None = 1
    published: int | None = None


class IllegalFlowAction(LocalError):  # noqa: N818 - named for what happened
    """This cannot be done to the flow in the state it is in."""

    slug = "flow-action-refused"

    def __init__(self, action: FlowAction, status: FlowStatus, advice: str) -> None:
        """Remember what was asked for, and say what can be done instead."""
        super().__init__(f"A flow that is {status} cannot be {_PARTICIPLE[action]}: {advice}")
        self.action = action
        self.status = status


_PARTICIPLE = {
    FlowAction.EDIT: "edited",
    FlowAction.PUBLISH: "published",
    FlowAction.PAUSE: "paused",
    FlowAction.RESUME: "resumed",
    FlowAction.DELETE: "deleted",
}

TRANSITIONS: dict[FlowStatus, dict[FlowAction, FlowStatus]] = {
    FlowStatus.DRAFT: {
        FlowAction.EDIT: FlowStatus.DRAFT,
        FlowAction.PUBLISH: FlowStatus.PUBLISHED,
        FlowAction.DELETE: FlowStatus.DELETED,
    },
    FlowStatus.PUBLISHED: {
        FlowAction.EDIT: FlowStatus.PUBLISHED,
        FlowAction.PUBLISH: FlowStatus.PUBLISHED,
        FlowAction.PAUSE: FlowStatus.PAUSED,
    },
    FlowStatus.PAUSED: {
        FlowAction.EDIT: FlowStatus.PAUSED,
        FlowAction.PUBLISH: FlowStatus.PUBLISHED,
        FlowAction.RESUME: FlowStatus.PUBLISHED,
        FlowAction.DELETE: FlowStatus.DELETED,
    },
    FlowStatus.DELETED: {},
}

_ADVICE: dict[tuple[FlowStatus, FlowAction], str] = {
    (FlowStatus.DRAFT, FlowAction.PAUSE): "publish it first.",
    (FlowStatus.DRAFT, FlowAction.RESUME): "publish it first.",
    (FlowStatus.PUBLISHED, FlowAction.DELETE): "pause it first.",
    (FlowStatus.PUBLISHED, FlowAction.RESUME): "it is in service already.",
    (FlowStatus.PAUSED, FlowAction.PAUSE): "it is out of service already.",
}


def created() -> FlowLife:
    """Return a new flow: version 1, a draft."""
    return FlowLife()


def step(life: FlowLife, action: FlowAction) -> FlowLife:
    """Do something to a flow.

    Raises:
        IllegalFlowAction: not in this state, or there is no draft to publish; `life` stays as it is.
    """
    status = TRANSITIONS[life.status].get(action)
    if status is None:
        _refuse(life, action, _ADVICE.get((life.status, action), "it is gone; make a new one."))
    if action is FlowAction.EDIT:
        return _edited(life)
    if action is FlowAction.PUBLISH:
        if life.draft is None:
            _refuse(
                life,
                action,
                "there is no newer draft; edit it first"
                + (", or resume it." if life.status is FlowStatus.PAUSED else "."),
            )
        return replace(life, status=status, published=life.draft, draft=None)
    return replace(life, status=status)


def _edited(life: FlowLife) -> FlowLife:
    """Write into the draft there is, or begin a new version."""
    if life.draft is not None:
        return life
    return replace(life, latest=life.latest + 1, draft=life.latest + 1)


def _refuse(life: FlowLife, action: FlowAction, advice: str) -> Never:
    raise IllegalFlowAction(action, life.status, advice)


def serving(life: FlowLife | None) -> int | str:
    """Return the version that serves a call, or the slug of the check that fails.

    The slugs are `flow_unreachable` (unknown or deleted), `flow_not_published` and `flow_paused`.
    """
    if life is None or life.status is FlowStatus.DELETED:
        return "flow_unreachable"
    if life.published is None:
        return "flow_not_published"
    return "flow_paused" if life.status is FlowStatus.PAUSED else life.published
