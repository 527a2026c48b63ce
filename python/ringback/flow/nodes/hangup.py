"""hangup: end the call."""

from collections.abc import Iterator
from typing import Annotated

from msgspec import Meta, Struct

from ringback.flow.effects import HangUp, PlayDone
from ringback.flow.effects import Play as PlayEffect
from ringback.flow.settings import Label, Position, Prompts
from ringback.flow.step import Finish, Turn, Wait
from ringback.flow.uses import IsWrong, Use, plays


class Hangup(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, tag_field="type", tag="hangup"
):
    """End the call.

    Attributes:
        prompt: Said before; then the node needs an answered call.
        sip_code: Answer to a caller who was not answered, 400-699. Without it 480.
    """

    prompt: Prompts | None = None
    sip_code: Annotated[int, Meta(ge=400, le=699)] | None = None
    label: Label = ""
    at: Position | None = None


def is_telephony(node: Hangup) -> bool:
    """Say whether it needs an answered call."""
    return node.prompt is not None


def uses(node: Hangup) -> Iterator[Use]:
    """List what the settings refer to."""
    yield from plays("prompt", node.prompt)
    if node.prompt is not None and node.sip_code is not None:
        yield IsWrong(
            "sip_code", "a prompt answers the call, so there is no SIP code to send: set one of `prompt` and `sip_code`"
        )


def enter(node: Hangup, turn: Turn) -> Wait | Finish:
    """Say goodbye if there is one, then hang up."""
    if node.prompt is None:
        return Finish(effect=HangUp(sip_code=None if turn.answered else node.sip_code, node=turn.node_id))
    prompts = turn.prompts(node.prompt)
    if not prompts:
        return Finish(effect=HangUp(node=turn.node_id), note="nothing to play: every text is empty")
    return Wait(effect=PlayEffect(number=turn.number, prompts=prompts))


def resume(node: Hangup, turn: Turn, done: PlayDone) -> Finish:
    """Hang up, whether the goodbye was heard or not."""
    del node
    note = f"the prompt could not be played: {done.detail}" if done.result == "failed" else ""
    return Finish(effect=HangUp(node=turn.node_id), note=note)
