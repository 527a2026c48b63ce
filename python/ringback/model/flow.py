"""Flows as they are kept: place in the lifecycle and documents. What a document means is for `ringback.flow`."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from msgspec import Struct

from ringback.model.ids import AccountSid, FlowId


class FlowState(StrEnum):
    """Where a flow stands. Only Published answers calls; only Draft and Paused can be deleted."""

    DRAFT = "Draft"
    PUBLISHED = "Published"
    PAUSED = "Paused"


class StoredFlow(Struct, frozen=True, kw_only=True):
    """A flow of an account.

    Attributes:
        draft: The document being edited, JSON.
        published_version: The version that answers calls, None before the first publishing.
        versions: How many versions were published so far; they count from 1.
    """

    id: FlowId
    account: AccountSid
    name: str
    flow_state: FlowState = FlowState.DRAFT
    draft: dict[str, Any]
    published_version: int | None = None
    versions: int = 0
    created_at: datetime
    updated_at: datetime


class FlowVersion(Struct, frozen=True, kw_only=True):
    """A published document: never changed, never deleted while calls refer to it. `digest` is its SHA-256 in hex."""

    flow_id: FlowId
    version: int
    document: dict[str, Any]
    digest: str
    published_at: datetime
