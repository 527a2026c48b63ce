"""connect: call other parties and let the caller talk to the first who answers."""

import re
from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct, field

from ringback.flow import limits
from ringback.flow.effects import Connect as ConnectEffect
from ringback.flow.effects import ConnectDone
from ringback.flow.settings import Exits, Label, Position, Template
from ringback.flow.step import Leave, Turn, Wait
from ringback.flow.uses import Use, UsesText

EXITS = frozenset({"answered", "busy", "no_answer", "rejected", "failed"})
_NUMBER = re.compile(r"\+?[0-9]{3,20}")
_SIP_URI = re.compile(r"sips?:[^\s<>\"@,;]{1,64}@[A-Za-z0-9.\-\[\]:]{1,128}")
_PUNCTUATION = re.compile(r"[\s()./-]")


class Order(StrEnum):
    """How several parties are called."""

    IN_TURN = "in_turn"
    AT_ONCE = "at_once"


class Connect(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, tag_field="type", tag="connect"
):
    """Call other parties and join the first who answers.

    `answered` is taken when the connected party has hung up and the caller is still there. If `busy`, `no_answer` or
    `rejected` leads nowhere, `failed` is taken.

    Attributes:
        to: Numbers in E.164 or SIP URIs; templates, each may give several, separated by commas. At most 20 in all.
        order: One after another, or all at once.
        ring_s: How long each is rung, 5-180.
        caller_id: The number they see; a template. Without it the flow's own number.
    """

    to: Template | Annotated[list[Template], Meta(min_length=1, max_length=limits.PARTIES)]
    order: Order = Order.IN_TURN
    ring_s: Annotated[int, Meta(ge=5, le=180)] = 20
    caller_id: Template | None = None
    exits: Exits = field(default_factory=dict)
    label: Label = ""
    at: Position | None = None


def uses(node: Connect) -> Iterator[Use]:
    """List what the settings refer to."""
    if isinstance(node.to, str):
        yield UsesText("to", node.to)
    else:
        for index, item in enumerate(node.to):
            yield UsesText(f"to[{index}]", item)
    if node.caller_id is not None:
        yield UsesText("caller_id", node.caller_id)


def enter(node: Connect, turn: Turn) -> Wait | Leave:
    """Call the parties; without a usable one leave through `failed`."""
    templates = [node.to] if isinstance(node.to, str) else node.to
    wanted = [item.strip() for template in templates for item in turn.scope.fill(template).split(",") if item.strip()]
    parties = [party for party in map(_party, wanted) if party]
    note = (
        f"{len(wanted) - len(parties)} of {len(wanted)} are no numbers and no SIP URIs"
        if len(parties) < len(wanted)
        else ""
    )
    if len(parties) > limits.PARTIES:
        note = f"only the first {limits.PARTIES} of {len(parties)} parties are called"
    if not parties:
        return Leave(exit="failed", result={"result": "failed", "party": ""}, note=note or "there is nobody to call")
    caller_id = _party(turn.scope.fill(node.caller_id).strip()) if node.caller_id is not None else None
    effect = ConnectEffect(
        number=turn.number,
        parties=tuple(parties[: limits.PARTIES]),
        at_once=node.order is Order.AT_ONCE,
        ring_ms=node.ring_s * 1000,
        caller_id=caller_id,
    )
    return Wait(effect=effect, memory={"note": note})


def resume(node: Connect, turn: Turn, done: ConnectDone) -> Leave:
    """Go on by what came of it."""
    exit_ = done.result if done.result in EXITS else "failed"
    if exit_ not in node.exits and exit_ in {"busy", "no_answer", "rejected"} and "failed" in node.exits:
        exit_ = "failed"
    return Leave(exit=exit_, result={"result": done.result, "party": done.party}, note=str(turn.memory.get("note", "")))


def _party(text: str) -> str | None:
    """Read a number or a SIP URI; None for anything else."""
    if _SIP_URI.fullmatch(text):
        return text
    number = _PUNCTUATION.sub("", text)
    return number if _NUMBER.fullmatch(number) else None
