"""start: where a run begins, and what holds for the whole flow."""

from typing import Annotated

from msgspec import Meta, Struct, field

from ringback.flow.settings import Exits, Position
from ringback.flow.step import Leave, Turn


class Start(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, tag_field="type", tag="start"
):
    """Begin here.

    Attributes:
        miss_call_s: Ring an incoming call for this many seconds, 1-60, and never answer: it ends as MISS_CALL.
        record: Record the whole call.
        webhook: The flow may also be started over HTTP, without a call.
    """

    miss_call_s: Annotated[int, Meta(ge=1, le=60)] | None = None
    record: bool = False
    webhook: bool = False
    exits: Exits = field(default_factory=dict)
    label: str = ""
    at: Position | None = None


def enter(node: Start, turn: Turn) -> Leave:
    """Go on."""
    del node, turn
    return Leave(exit="next")
