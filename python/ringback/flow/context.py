"""Makes what a run begins with, and what its nodes see."""

from collections.abc import Collection, Iterator
from typing import Any
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from ringback.flow.document import Document
from ringback.flow.effects import Started
from ringback.flow.nodes import kind_of
from ringback.flow.scope import CALL_FIELDS, CALLER_FIELDS, MASK, now_values
from ringback.flow.state import FlowState
from ringback.flow.step import RunError
from ringback.flow.values import convert, plain, size


def started(document: Document, state: FlowState, given: Started) -> tuple[FlowState, list[str]]:
    """Return the state at the first node, and notes on what of the request could not be taken over.

    Raises:
        RunError: the request's variables are not plain data, or too large.
    """
    try:
        known = {name: plain(_part(given.variables, name)) for name in ("call", "caller")}
        own = plain(request_variables(given))
    except ValueError as error:
        raise RunError(f"the variables of the request cannot be used: {error}") from None
    variables, notes = _declared(document, own)
    call = {**dict.fromkeys(CALL_FIELDS), **known["call"], "variables": own}
    begun = replace(
        state,
        at=given.at,
        answered=given.answered,
        without_call=given.without_call,
        variables=variables,
        call=call,
        caller={**dict.fromkeys(CALLER_FIELDS), **known["caller"]},
        weight=size(variables),
    )
    return begun, notes


def request_variables(given: Started) -> dict[str, Any]:
    """Return the request's own variables: all but what `call` and `caller` hold."""
    return {name: value for name, value in given.variables.items() if name.partition(".")[0] not in {"call", "caller"}}


def _part(variables: dict[str, Any], name: str) -> dict[str, Any]:
    """Return a record that was given whole (`call`) or by dotted names (`call.id`)."""
    whole = variables.get(name)
    dotted = {key.partition(".")[2]: value for key, value in variables.items() if key.startswith(f"{name}.")}
    return {**(whole if isinstance(whole, dict) else {}), **dotted}


def _declared(document: Document, own: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Return the declared variables with their start values: the request's, else the default."""
    values: dict[str, Any] = {}
    notes: list[str] = []
    for name, variable in document.variables.items():
        values[name] = convert(variable.default, variable.type)
        if name in own:
            try:
                values[name] = convert(own[name], variable.type)
            except ValueError as error:
                notes.append(f"the request's `{name}` is not taken over: {error}")
    return values, notes


def make_values(document: Document, state: FlowState, *, masked: bool) -> dict[str, Any]:
    """Put together what templates see. Nodes not visited yet have empty results."""
    declared = document.variables
    secret = {name for name, variable in declared.items() if variable.secret} if masked else set()
    hidden = state.secret_results if masked else frozenset()
    own = state.call.get("variables") or {}
    return {
        **_masked(state.variables, secret),
        "call": {**state.call, "variables": _masked(own, secret)},
        "caller": state.caller,
        "now": now_values(state.at, ZoneInfo(document.time_zone)),
        "flow": {"name": document.name},
        "nodes": {
            node_id: _masked(result, result if node_id in hidden else set())
            for node_id, result in _results(document, state)
        },
    }


def _results(document: Document, state: FlowState) -> Iterator[tuple[str, dict[str, Any]]]:
    for node_id, node in document.nodes.items():
        yield node_id, state.results.get(node_id) or dict.fromkeys(kind_of(node).results)


def _masked(values: dict[str, Any], secret: Collection[str]) -> dict[str, Any]:
    return {name: MASK if name in secret else value for name, value in values.items()} if secret else values
