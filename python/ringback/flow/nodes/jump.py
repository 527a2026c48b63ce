"""jump: go on at another node."""

from collections.abc import Iterator

from msgspec import Struct

from ringback.flow.settings import Id, Label, Position
from ringback.flow.step import JumpTo, Turn
from ringback.flow.uses import GoesTo, Use


class Jump(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, tag_field="type", tag="jump"
):
    """Go on at the node `to`. A run jumps at most 100 times."""

    to: Id
    label: Label = ""
    at: Position | None = None


def uses(node: Jump) -> Iterator[Use]:
    """List what the settings refer to."""
    yield GoesTo("to", node.to)


def enter(node: Jump, turn: Turn) -> JumpTo:
    """Jump."""
    del turn
    return JumpTo(node_id=node.to)
