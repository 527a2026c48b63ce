"""A flow as it is written: a JSON document of nodes joined by named exits.

`ringback.flow.check.check` lists everything that is wrong with one; `parse` is for documents that were checked before.
"""

from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct, field

from ringback.flow import limits
from ringback.flow.nodes import Node, kind_of
from ringback.flow.nodes.date_time import DateTime, prepare
from ringback.flow.nodes.start import Start
from ringback.flow.settings import Id, Language, Name, PromptSpec, Rate, Variable
from ringback.flow.uses import PlaysPrompt


class Document(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A flow.

    Attributes:
        name: What people call it.
        start: Id of the node with which a run begins. May be left out if there is exactly one `start` node.
        nodes: By id, at most 500.
        variables: Declared variables by name.
        language: Language of spoken texts, BCP 47.
        rate: Words per minute of spoken texts.
        voice: Voice of the engine for spoken texts.
        time_zone: IANA name; `now` is in it.
        description: For people.
    """

    name: Annotated[str, Meta(min_length=1, max_length=limits.NAME_CHARS)]
    nodes: Annotated[dict[Id, Node], Meta(min_length=1, max_length=limits.NODES)]
    start: Id | None = None
    variables: Annotated[dict[Name, Variable], Meta(max_length=limits.VARIABLES)] = field(default_factory=dict)
    language: Language = "en-US"
    rate: Rate = 160
    voice: Annotated[str, Meta(min_length=1, max_length=limits.NAME_CHARS)] | None = None
    time_zone: str = "UTC"
    description: Annotated[str, Meta(max_length=limits.TEXT_CHARS)] = ""


def parse(document: bytes | str | dict[str, Any]) -> Document:
    """Read a document that `check` has found to be sound, and load what its nodes will need (holiday calendars).

    The first calendar takes about a second: call it before calls come, or in a thread.

    Args:
        document: JSON, or what it decodes to.

    Raises:
        msgspec.ValidationError: its form is wrong; only the first fault is told.
        msgspec.DecodeError: it is not JSON.
    """
    if isinstance(document, dict):
        parsed = msgspec.convert(document, Document)
    else:
        parsed = msgspec.json.decode(document, type=Document)
    for node in parsed.nodes.values():
        if isinstance(node, DateTime):
            prepare(node)
    return parsed


def start_id(document: Document) -> str:
    """Return the id of the node with which a run begins."""
    if document.start is not None:
        return document.start
    return next(
        (node_id for node_id, node in document.nodes.items() if isinstance(node, Start)), next(iter(document.nodes))
    )


def start_node(document: Document) -> Start:
    """Return the settings of the start node: its own, or the defaults if the flow begins with another type."""
    node = document.nodes.get(start_id(document))
    return node if isinstance(node, Start) else Start()


def needs_speech(document: Document) -> bool:
    """Say whether any prompt is spoken text, so that a voice engine is needed."""
    return any(use.prompt.text is not None for use in _prompts(document))


def sounds(document: Document) -> frozenset[str]:
    """Return the ids of the account's sounds that the flow plays."""
    return frozenset(use.prompt.sound for use in _prompts(document) if use.prompt.sound is not None)


def has_telephony(document: Document) -> bool:
    """Say whether any node needs an answered call. Without one a run ends as FLOW_EXECUTED at best."""
    return any(kind_of(node).is_telephony(node) for node in document.nodes.values())


def _prompts(document: Document) -> list[PlaysPrompt]:
    uses = (use for node in document.nodes.values() for use in kind_of(node).uses(node))
    return [use for use in uses if isinstance(use, PlaysPrompt)]


__all__ = ["Document", "PromptSpec", "has_telephony", "needs_speech", "parse", "sounds", "start_id", "start_node"]
