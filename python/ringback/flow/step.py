"""What a node type sees when it is entered, and what it may answer: the seam between `run` and `nodes`.

A node's code is two pure functions: `enter(node, turn)` and, if it can wait, `resume(node, turn, input)`.
"""

from datetime import datetime
from typing import Any

from msgspec import Struct, field

from ringback.flow.effects import CallHttp, Connect, Gather, HangUp, Play, Prompt
from ringback.flow.scope import Scope
from ringback.flow.settings import Prompts, PromptSpec, prompt_specs
from ringback.model.errors import RingbackError


class RunError(RingbackError):
    """A node cannot do its work; its message is for the flow's author."""

    slug = "flow-error"


class Turn(Struct, frozen=True, kw_only=True):
    """One visit to a node.

    Attributes:
        node_id: The node entered.
        at: Time of the input that led here.
        number: The number that an effect of this visit has to carry if the node waits.
        answered: The caller hears us.
        scope: Variables, for templates and expressions.
        memory: What the node wrote into its last `Wait`, empty on entering.
        voice: The document's defaults for prompts: language, rate and voice.
    """

    node_id: str
    at: datetime
    number: int
    answered: bool
    scope: Scope
    memory: dict[str, Any] = field(default_factory=dict)
    voice: Prompt = Prompt()

    def prompts(self, prompts: Prompts | None) -> tuple[Prompt, ...]:
        """Fill in prompts; those that come out empty are left out.

        Raises:
            ExpressionError: a template cannot be filled in.
        """
        filled = (self._prompt(spec) for spec in prompt_specs(prompts))
        return tuple(prompt for prompt in filled if prompt is not None)

    def _prompt(self, spec: PromptSpec) -> Prompt | None:
        text = self.scope.fill(spec.text).strip() if spec.text is not None else None
        url = self.scope.fill(spec.url).strip() if spec.url is not None else None
        if not (text or url or spec.sound):
            return None
        return Prompt(
            text=text,
            url=url,
            sound_id=spec.sound,
            language=spec.language or self.voice.language,
            rate=spec.rate or self.voice.rate,
            voice=spec.voice or (self.voice.voice if spec.language in {None, self.voice.language} else None),
        )


class Leave(Struct, frozen=True, kw_only=True):
    """The node is done: go on through `exit`.

    Attributes:
        changed: Declared variables to be set, already of the declared type.
        result: What `nodes.<id>` holds from now on.
        note: For people who read the trail.
        secret: `result` must not be shown.
    """

    exit: str
    changed: dict[str, Any] = field(default_factory=dict)
    result: dict[str, Any] = field(default_factory=dict)
    note: str = ""
    secret: bool = False


class Wait(Struct, frozen=True, kw_only=True):
    """The node waits for the input that answers `effect`. `memory` comes back with it."""

    effect: Play | Gather | Connect | CallHttp
    memory: dict[str, Any] = field(default_factory=dict)


class JumpTo(Struct, frozen=True, kw_only=True):
    """Go on at a node by its id, counted as a jump."""

    node_id: str


class Finish(Struct, frozen=True, kw_only=True):
    """The node ends the call."""

    effect: HangUp
    note: str = ""


Outcome = Leave | Wait | JumpTo | Finish
