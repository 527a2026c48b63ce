"""Look a whole flow document over and list everything that is wrong with it.

In three passes: is it JSON of an allowed size; does every setting have the right form (`decode`); do the parts fit
together. Nodes of a wrong form do not keep the others from being looked at.
"""

import json
from typing import Any

import msgspec
from msgspec import Struct

from ringback.flow import limits
from ringback.flow.check_graph import check_graph
from ringback.flow.check_nodes import Known, check_node, check_variables
from ringback.flow.decode import did_you_mean, join, look_over, one_of
from ringback.flow.document import Document
from ringback.flow.nodes import KINDS, Node
from ringback.flow.nodes.date_time import is_zone
from ringback.flow.problems import Problem, Problems, Severity
from ringback.flow.settings import Id, Variable


class Facts(Struct, frozen=True, kw_only=True):
    """What the checker has to know about the world outside the document.

    Attributes:
        has_speech: A voice engine is there, so that texts can be spoken.
        speech_advice: What to install when it is not.
        sounds: Ids of the account's sounds; None if they are not known, so that any id passes.
    """

    has_speech: bool = True
    speech_advice: str = "install espeak-ng, or use sounds"
    sounds: frozenset[str] | None = None


class CheckResult(Struct, frozen=True, kw_only=True):
    """All problems in the order of the document, and the document if it has a sound form."""

    problems: tuple[Problem, ...]
    document: Document | None = None

    @property
    def is_ok(self) -> bool:
        """Whether the flow may be published: there are no errors. Warnings do not count."""
        return self.document is not None and all(problem.severity is not Severity.ERROR for problem in self.problems)


def check(document: Any, facts: Facts | None = None) -> CheckResult:
    """Check a document.

    Args:
        document: JSON as bytes or text, or what JSON decodes to.
        facts: What is known besides the document.

    Returns:
        Never raises; anything that is not a flow gets problems.
    """
    problems = Problems()
    data = _read(document, problems)
    if not isinstance(data, dict):
        if not problems.found:
            problems.add("not-a-flow", "$", 'a flow is a JSON object such as {"name": "...", "nodes": {...}}')
        return CheckResult(problems=problems.all())
    _check_form_and_fit(data, facts or Facts(), problems)
    return CheckResult(problems=problems.all(), document=_document(data) if not problems.has_form_errors else None)


def _read(document: Any, problems: Problems) -> Any:
    """Return the document as plain data, None if it is not JSON or too large."""
    try:
        source = document.encode() if isinstance(document, str) else document
        if not isinstance(source, bytes | bytearray | memoryview):
            source = msgspec.json.encode(source)
        if len(source) > limits.DOCUMENT_BYTES:
            problems.add("too-large", "$", f"the document has {len(source)} bytes, at most {limits.DOCUMENT_BYTES}")
            return None
        data = msgspec.json.decode(source)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        problems.add("not-json", "$", f"it is not JSON: {error}")
    except (TypeError, ValueError, RecursionError, OverflowError) as error:
        problems.add("not-json", "$", f"it is not JSON: {type(error).__name__}: {error}")
    else:
        _check_duplicates(bytes(source), problems)
        return data
    return None


def _check_duplicates(source: bytes, problems: Problems) -> None:
    """Report keys that appear twice in one object: all but the last are lost."""

    def pairs(items: list[tuple[str, Any]]) -> None:
        seen: set[str] = set()
        for key, _ in items:
            if key in seen:
                problems.add("duplicate-key", "$", f"`{key[:64]}` appears twice in one object; rename or remove one")
            seen.add(key)

    try:
        json.loads(source, object_pairs_hook=pairs)
    except (ValueError, RecursionError):
        return  # msgspec could read it; this was only a second look


def _check_form_and_fit(data: dict[str, Any], facts: Facts, problems: Problems) -> None:
    look_over(Document, data, path="$", report=problems.form, skip=frozenset({"nodes"}))
    raw_nodes = data.get("nodes", {})
    if not isinstance(raw_nodes, dict) or not raw_nodes:
        problems.form("missing-setting", "$.nodes", "`nodes` must be an object with at least one node")
        return
    if len(raw_nodes) > limits.NODES:
        problems.form(
            "too-many-nodes", "$.nodes", f"there are {len(raw_nodes)} nodes, at most {limits.NODES}; split the flow"
        )
        return
    nodes = {node_id: _node(node_id, raw, problems) for node_id, raw in raw_nodes.items()}
    sound = {node_id: node for node_id, node in nodes.items() if node is not None}
    variables = _variables(data)
    if isinstance(data.get("time_zone"), str) and not is_zone(data["time_zone"]):
        problems.form(
            "bad-setting", "$.time_zone", f"`{data['time_zone'][:64]}` is not a time zone; write it like Europe/Berlin"
        )
    check_variables(variables, problems)
    known = Known(nodes=raw_nodes, variables=variables, facts=facts)
    for node_id, node in sound.items():
        check_node(node_id, node, known, problems)
    check_graph(data.get("start"), raw_nodes, sound, problems)


def _node(node_id: str, raw: Any, problems: Problems) -> Node | None:
    """Look one node over; return it if its form is sound."""
    path = join("$.nodes", node_id)
    before = problems.form_errors
    _check_id(node_id, path, problems)
    if not isinstance(raw, dict):
        problems.form("bad-node", path, 'a node is an object such as {"type": "play", ...}', node=node_id)
        return None
    kind = raw.get("type")
    if not isinstance(kind, str) or kind not in KINDS:
        hint = did_you_mean(kind, KINDS) if isinstance(kind, str) else ""
        what = f"there is no node type `{str(kind)[:64]}`" if kind is not None else "`type` is missing"
        problems.form(
            "unknown-node-type", join(path, "type"), f"{what}{hint or '; there are: ' + one_of(KINDS)}", node=node_id
        )
        return None
    settings = KINDS[kind].settings
    with problems.in_node(node_id):
        look_over(settings, raw, path=path, report=problems.form, skip=frozenset({"type"}))
    if problems.form_errors > before:
        return None
    try:
        return msgspec.convert(raw, settings)  # type: ignore[return-value]
    except msgspec.ValidationError as error:  # pragma: no cover - look_over has looked at every field
        problems.form("bad-node", path, str(error), node=node_id)
        return None


def _check_id(node_id: str, path: str, problems: Problems) -> None:
    try:
        msgspec.convert(node_id, Id)
    except msgspec.ValidationError:
        message = f"`{node_id[:64]}` cannot be a node's id: use letters, digits, _ and -, at most {limits.ID_CHARS}"
        problems.form("bad-node-id", path, message, node=node_id)


def _variables(data: dict[str, Any]) -> dict[str, Variable | None]:
    """Return the declared variables; None for one of wrong form, whose name still counts as declared."""
    raw = data.get("variables")
    if not isinstance(raw, dict):
        return {}
    found: dict[str, Variable | None] = {}
    for name, value in raw.items():
        try:
            found[name] = msgspec.convert(value, Variable)
        except msgspec.ValidationError:
            found[name] = None
    return found


def _document(data: dict[str, Any]) -> Document | None:
    try:
        return msgspec.convert(data, Document)
    except msgspec.ValidationError:
        return None
