"""What a node's settings refer to, so that one checker can look at all node types alike.

Every path is relative to the node, such as `retry_prompts.no_input` or `rules[2].expression`.
"""

from collections.abc import Iterator

from msgspec import Struct

from ringback.flow.settings import Prompts, PromptSpec


class UsesText(Struct, frozen=True):
    """A template."""

    path: str
    template: str


class UsesExpression(Struct, frozen=True):
    """An expression."""

    path: str
    expression: str


class UsesField(Struct, frozen=True):
    """A dotted name that is read, such as `nodes.menu.digits`."""

    path: str
    field: str


class SetsVariable(Struct, frozen=True):
    """A variable that the node writes."""

    path: str
    name: str


class PlaysPrompt(Struct, frozen=True):
    """A prompt."""

    path: str
    prompt: PromptSpec


class GoesTo(Struct, frozen=True):
    """A node that it leads to besides its exits."""

    path: str
    node_id: str


class IsWrong(Struct, frozen=True):
    """Settings that do not go together; the message is for people."""

    path: str
    message: str


class IsOdd(Struct, frozen=True):
    """Settings that are allowed, but hardly meant."""

    path: str
    message: str


Use = UsesText | UsesExpression | UsesField | SetsVariable | PlaysPrompt | GoesTo | IsWrong | IsOdd


def plays(path: str, prompts: Prompts | None) -> Iterator[Use]:
    """List the prompts of one setting."""
    if prompts is None:
        return
    if not isinstance(prompts, list):
        spec = PromptSpec(text=prompts) if isinstance(prompts, str) else prompts
        yield PlaysPrompt(path, spec)
        return
    for index, item in enumerate(prompts):
        spec = PromptSpec(text=item) if isinstance(item, str) else item
        yield PlaysPrompt(f"{path}[{index}]", spec)
