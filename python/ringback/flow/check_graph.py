"""Checks on how the nodes hang together: the start, exits, nodes nobody reaches, circles that never wait."""

from typing import Any

from ringback.flow.decode import did_you_mean, join, one_of
from ringback.flow.nodes import Node, exits_of, kind_of, type_of
from ringback.flow.nodes.jump import Jump
from ringback.flow.problems import Problems, Severity

_WAITING_TYPES = frozenset({"play", "gather", "connect", "api"})


def check_graph(start: Any, raw_nodes: dict[str, Any], nodes: dict[str, Node], problems: Problems) -> None:
    """Check exits and reachability.

    Args:
        start: The document's `start` as written.
        raw_nodes: All nodes as written; those of a wrong form count as targets too.
        nodes: Those of a sound form.
        problems: Is added to.
    """
    for node_id, raw in raw_nodes.items():
        with problems.in_node(node_id):
            _check_targets(node_id, raw, raw_nodes, problems)
            if node_id in nodes:
                _check_exits(node_id, nodes[node_id], problems)
    begin = _start(start, raw_nodes, problems)
    if begin is not None:
        _check_reach(begin, raw_nodes, problems)
    _check_circles(nodes, problems)


def _start(start: Any, raw_nodes: dict[str, Any], problems: Problems) -> str | None:
    """Return the node with which a run begins, None if that is not clear."""
    if isinstance(start, str):
        if start in raw_nodes:
            return start
        problems.add("unknown-node", "$.start", f"there is no node `{start[:64]}`{did_you_mean(start, raw_nodes)}")
        return None
    starts = [node_id for node_id, raw in raw_nodes.items() if isinstance(raw, dict) and raw.get("type") == "start"]
    if start is None and len(starts) != 1:
        found = f"there are {len(starts)}: {one_of(starts)}" if starts else "there is none"
        problems.add(
            "no-start",
            "$.start",
            f"`start` may be left out only with exactly one start node; {found}. Name the first node",
        )
        return None
    return starts[0] if starts else None


def _check_targets(node_id: str, raw: Any, raw_nodes: dict[str, Any], problems: Problems) -> None:
    """Check that a node as written leads to nodes that are there."""
    for where, target in _targets(raw):
        if target not in raw_nodes:
            path = join("$.nodes", node_id)
            for step in where:
                path = join(path, step)
            problems.add("unknown-node", path, f"there is no node `{target[:64]}`{did_you_mean(target, raw_nodes)}")


def _check_exits(node_id: str, node: Node, problems: Problems) -> None:
    """Check that the exits are those of the node's type, and that none is forgotten."""
    kind, path = kind_of(node), join(join("$.nodes", node_id), "exits")
    known, exits = kind.exits(node), exits_of(node)
    for name in exits:
        if name not in known:
            hint = did_you_mean(name, known) or f"; there are: {one_of(sorted(known))}"
            message = f"a {type_of(node)} node has no exit `{name[:64]}`{hint}"
            problems.add("unknown-exit", join(path, name), message)
    for name in sorted((kind.wanted & known) - exits.keys()):
        message = f"the exit `{name}` leads nowhere: the flow ends there and the call is hung up"
        problems.add("open-exit", path, message, severity=Severity.WARNING)


def _targets(raw: Any) -> list[tuple[tuple[str, ...], str]]:
    """Return where a node as written leads, each with its path within the node."""
    if not isinstance(raw, dict):
        return []
    exits = raw.get("exits")
    found: list[tuple[tuple[str, ...], Any]] = []
    if isinstance(exits, dict):
        found.extend((("exits", name), target) for name, target in exits.items())
    if raw.get("type") == "jump":
        found.append((("to",), raw.get("to")))
    return [(where, target) for where, target in found if isinstance(target, str)]


def _check_reach(begin: str, raw_nodes: dict[str, Any], problems: Problems) -> None:
    reached: set[str] = set()
    open_ = [begin]
    while open_:
        node_id = open_.pop()
        if node_id in reached or node_id not in raw_nodes:
            continue
        reached.add(node_id)
        open_.extend(target for _, target in _targets(raw_nodes[node_id]))
    for node_id in raw_nodes:
        if node_id not in reached:
            message = "no way leads to this node: connect an exit to it, or remove it"
            problems.add("unreachable-node", join("$.nodes", node_id), message, node=node_id, severity=Severity.WARNING)


def _check_circles(nodes: dict[str, Node], problems: Problems) -> None:
    """Warn of circles in which nothing waits for the caller, an API or another party."""
    after = {
        node_id: {node.to} if isinstance(node, Jump) else set(exits_of(node).values())
        for node_id, node in nodes.items()
        if type_of(node) not in _WAITING_TYPES
    }
    circle = set(after)
    while True:
        led_to = {target for node_id in circle for target in after[node_id]}
        kept = {node_id for node_id in circle if node_id in led_to and not after[node_id].isdisjoint(circle)}
        if kept == circle:
            break
        circle = kept
    if circle:
        first = next(node_id for node_id in nodes if node_id in circle)
        names = one_of(sorted(circle))
        message = f"these nodes go in a circle without waiting for anything: {names}; a run that stays in it is ended"
        problems.add("circle", join("$.nodes", first), message, node=first, severity=Severity.WARNING)
