"""answer: answer the call and nothing else."""

from msgspec import Struct, field

from ringback.flow.settings import Exits, Label, Position
from ringback.flow.step import Leave, Turn


class Answer(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, tag_field="type", tag="answer"
):
    """Answer the call. No effect when it is answered already."""

    exits: Exits = field(default_factory=dict)
    label: Label = ""
    at: Position | None = None


def enter(node: Answer, turn: Turn) -> Leave:
    """Go on: the interpreter has had the call answered before it enters a telephony node."""
    del node, turn
    return Leave(exit="next")
