"""Settings that several node types share, as they are written in a document."""

from typing import Annotated, Any

from msgspec import Meta, Struct

from ringback.flow import limits
from ringback.flow.values import ValueType

Id = Annotated[str, Meta(min_length=1, max_length=limits.ID_CHARS, pattern=r"^[A-Za-z0-9_-]+$(?!\n)")]
"""A node's id, an exit's target."""

Name = Annotated[str, Meta(min_length=1, max_length=limits.ID_CHARS, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$(?!\n)")]
"""A variable's name."""

Template = Annotated[str, Meta(max_length=limits.TEXT_CHARS)]
"""Text with `{{ ... }}` in it."""

Expression = Annotated[str, Meta(min_length=1, max_length=limits.EXPRESSION_CHARS)]
"""A minijinja expression without braces."""

Seconds = Annotated[float, Meta(ge=0.1, le=120)]
Rate = Annotated[int, Meta(ge=80, le=450)]
"""Words per minute."""

Language = Annotated[str, Meta(min_length=2, max_length=35, pattern=r"^[A-Za-z0-9-]+$(?!\n)")]
"""BCP 47, such as `en-US`."""

Exits = dict[str, Id]
"""Exit name to the id of the node it leads to. An exit that leads nowhere ends the flow."""

Label = Annotated[str, Meta(max_length=limits.NAME_CHARS)]
"""What people call the node; for canvas and reports."""

Position = tuple[float, float]
"""Where a canvas draws the node, x and y; the interpreter does not look at it."""


class PromptSpec(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One thing to be heard: exactly one of `text`, `sound` and `url`.

    Attributes:
        text: Spoken by the voice engine; a template.
        sound: Id of a sound of the account.
        url: Address of a WAV, MP3, FLAC or OGG file; a template.
        language: BCP 47, else the document's.
        rate: Words per minute, 80-450, else the document's.
        voice: Name of a voice of the engine, else the language's.
    """

    text: Annotated[str, Meta(min_length=1, max_length=limits.TEXT_CHARS)] | None = None
    sound: Annotated[str, Meta(min_length=1, max_length=limits.NAME_CHARS)] | None = None
    url: Annotated[str, Meta(min_length=1, max_length=2_000)] | None = None
    language: Language | None = None
    rate: Rate | None = None
    voice: Annotated[str, Meta(min_length=1, max_length=limits.NAME_CHARS)] | None = None


PromptItem = Annotated[str, Meta(min_length=1, max_length=limits.TEXT_CHARS)] | PromptSpec
Prompts = PromptItem | Annotated[list[PromptItem], Meta(min_length=1, max_length=limits.PROMPTS)]
"""A text, a prompt, or a list of them played one after another."""


def prompt_specs(prompts: Prompts | None) -> tuple[PromptSpec, ...]:
    """Write any of the three forms as a tuple of prompts."""
    if prompts is None:
        return ()
    items = prompts if isinstance(prompts, list) else [prompts]
    return tuple(PromptSpec(text=item) if isinstance(item, str) else item for item in items)


class Variable(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A declared variable.

    Attributes:
        type: What it may hold besides null.
        default: Its value at the beginning of a run; null is unset.
        secret: Never shown: masked in the trail and in log messages.
        description: For people.
    """

    type: ValueType = ValueType.TEXT
    default: Any = None
    secret: bool = False
    description: Annotated[str, Meta(max_length=limits.NAME_CHARS)] = ""
