"""log: leave a note on the call's record."""

from collections.abc import Iterator

from msgspec import Struct, field

from ringback.flow.expression import ExpressionError
from ringback.flow.settings import Exits, Label, Position, Template
from ringback.flow.step import Leave, Turn
from ringback.flow.uses import Use, UsesText


class Log(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, tag_field="type", tag="log"
):
    """Write `message`, a template, into the trail. Secret values show as `***`."""

    message: Template
    exits: Exits = field(default_factory=dict)
    label: Label = ""
    at: Position | None = None


def uses(node: Log) -> Iterator[Use]:
    """List what the settings refer to."""
    yield UsesText("message", node.message)


def enter(node: Log, turn: Turn) -> Leave:
    """Write the note; a note that cannot be filled in does not cost the caller the call."""
    try:
        note = turn.scope.fill(node.message, masked=True)
    except ExpressionError as error:
        note = f"the message could not be filled in: {error}"
    return Leave(exit="next", note=note)
