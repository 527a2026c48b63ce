"""The node types. One file each: its settings, what they refer to, and what the node does."""

from collections.abc import Callable, Iterator
from typing import Any

from msgspec import Struct

from ringback.flow.nodes import answer, api, condition, connect, date_time, gather, hangup, jump, log, play, set_, start
from ringback.flow.uses import Use

Node = (
    start.Start
    | play.Play
    | gather.Gather
    | connect.Connect
    | answer.Answer
    | hangup.Hangup
    | api.Api
    | condition.Condition
    | set_.Set
    | date_time.DateTime
    | jump.Jump
    | log.Log
)


def _no_uses(node: Any) -> Iterator[Use]:
    del node
    return iter(())


def _always(node: Any) -> bool:
    del node
    return True


def _never(node: Any) -> bool:
    del node
    return False


def _fixed(*names: str) -> Callable[[Any], frozenset[str]]:
    return lambda _node: frozenset(names)


class NodeKind(Struct, frozen=True, kw_only=True):
    """One node type.

    Attributes:
        settings: Its struct.
        enter: `(node, turn) -> Outcome`.
        resume: `(node, turn, input) -> Outcome`, for types that wait.
        exits: The exits a node with these settings can take.
        is_telephony: Whether it needs an answered call.
        uses: What its settings refer to.
        results: The fields of `nodes.<id>` that it writes.
        skip_exit: The exit taken when the flow runs without a call and the node needs one.
        wanted: Exits that should lead somewhere: an unconnected one gets a warning.
    """

    settings: type[Struct]
    enter: Callable[[Any, Any], Any]
    resume: Callable[[Any, Any, Any], Any] | None = None
    exits: Callable[[Any], frozenset[str]] = _fixed("next")
    is_telephony: Callable[[Any], bool] = _never
    uses: Callable[[Any], Iterator[Use]] = _no_uses
    results: tuple[str, ...] = ()
    skip_exit: str = "next"
    wanted: frozenset[str] = frozenset()


KINDS: dict[str, NodeKind] = {
    "start": NodeKind(settings=start.Start, enter=start.enter),
    "play": NodeKind(
        settings=play.Play,
        enter=play.enter,
        resume=play.resume,
        uses=play.uses,
        is_telephony=_always,
        results=("result",),
    ),
    "gather": NodeKind(
        settings=gather.Gather,
        enter=gather.enter,
        resume=gather.resume,
        exits=gather.exits,
        uses=gather.uses,
        is_telephony=_always,
        results=("digits", "result", "tries"),
        skip_exit="no_input",
        wanted=frozenset({"no_input"}),
    ),
    "connect": NodeKind(
        settings=connect.Connect,
        enter=connect.enter,
        resume=connect.resume,
        exits=_fixed(*connect.EXITS),
        uses=connect.uses,
        is_telephony=_always,
        results=("result", "party"),
        skip_exit="failed",
    ),
    "answer": NodeKind(settings=answer.Answer, enter=answer.enter, is_telephony=_always),
    "hangup": NodeKind(
        settings=hangup.Hangup,
        enter=hangup.enter,
        resume=hangup.resume,
        exits=_fixed(),
        uses=hangup.uses,
        is_telephony=hangup.is_telephony,
        skip_exit="",
    ),
    "api": NodeKind(
        settings=api.Api,
        enter=api.enter,
        resume=api.resume,
        exits=_fixed("success", "failure"),
        uses=api.uses,
        results=("status_code", "body", "ok", "error"),
        wanted=frozenset({"failure"}),
    ),
    "condition": NodeKind(
        settings=condition.Condition,
        enter=condition.enter,
        exits=condition.exits,
        uses=condition.uses,
        results=("rule",),
        wanted=frozenset({condition.ELSE}),
    ),
    "set": NodeKind(settings=set_.Set, enter=set_.enter, uses=set_.uses),
    "date_time": NodeKind(
        settings=date_time.DateTime,
        enter=date_time.enter,
        exits=_fixed("match", "no_match"),
        uses=date_time.uses,
        results=("holiday",),
        wanted=frozenset({"match", "no_match"}),
    ),
    "jump": NodeKind(settings=jump.Jump, enter=jump.enter, exits=_fixed(), uses=jump.uses),
    "log": NodeKind(settings=log.Log, enter=log.enter, uses=log.uses),
}
"""Every node type by its name in a document."""


def type_of(node: Node) -> str:
    """Return a node's type as it is written in a document."""
    return str(node.__struct_config__.tag)


def kind_of(node: Node) -> NodeKind:
    """Return the type of a node."""
    return KINDS[type_of(node)]


def exits_of(node: Node) -> dict[str, str]:
    """Return a node's exits and where they lead; `jump` and `hangup` have none."""
    return getattr(node, "exits", {})
