"""play: say something, or play a sound."""

from collections.abc import Iterator
from typing import Annotated

from msgspec import Meta, Struct, field

from ringback.flow.effects import Play as PlayEffect
from ringback.flow.effects import PlayDone
from ringback.flow.settings import Exits, Label, Position, Prompts
from ringback.flow.step import Leave, Turn, Wait
from ringback.flow.uses import Use, plays


class Play(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, tag_field="type", tag="play"
):
    """Play prompts to the caller.

    Attributes:
        prompt: A text, a prompt or a list of them.
        loop: How often, 0-100; 0 is until the caller hangs up.
        barge_in: A key ends it. The digit counts for a gather that follows.
    """

    prompt: Prompts
    loop: Annotated[int, Meta(ge=0, le=100)] = 1
    barge_in: bool = False
    exits: Exits = field(default_factory=dict)
    label: Label = ""
    at: Position | None = None


def uses(node: Play) -> Iterator[Use]:
    """List what the settings refer to."""
    yield from plays("prompt", node.prompt)


def enter(node: Play, turn: Turn) -> Wait | Leave:
    """Play, and wait for its end; go on at once if there is nothing to be heard."""
    prompts = turn.prompts(node.prompt)
    if not prompts:
        return Leave(exit="next", result={"result": "done"}, note="nothing to play: every text is empty")
    return Wait(effect=PlayEffect(number=turn.number, prompts=prompts, loop=node.loop, barge_in=node.barge_in))


def resume(node: Play, turn: Turn, done: PlayDone) -> Leave:
    """Go on, also when the prompt could not be played: the caller is not cut off for that."""
    del node, turn
    note = f"the prompt could not be played: {done.detail}" if done.result == "failed" else ""
    return Leave(exit="next", result={"result": done.result}, note=note)
