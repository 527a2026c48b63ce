"""Where a run stands. Frozen and serializable: a run is replayed by giving the same inputs again."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from msgspec import Struct, field


class Waiting(StrEnum):
    """What a run waits for."""

    START = "start"
    ANSWER = "answer"
    PLAY = "play"
    GATHER = "gather"
    CONNECT = "connect"
    HTTP = "http"
    OVER = "over"  # nothing any more


class FlowState(Struct, frozen=True, kw_only=True):
    """The state of one run.

    Attributes:
        waiting: What must come next.
        node: The node that the run stands on, "" before it begins.
        number: Number of the last effect that waits; counts from 1.
        answered: The caller hears us.
        without_call: Started over HTTP: telephony nodes are skipped.
        variables: Declared variables.
        call: `call.*`; `caller`: `caller.*`.
        results: `nodes.<id>.*` of the nodes visited.
        secret_results: Nodes whose results must not be shown.
        memory: What the node waiting keeps for itself.
        steps: Nodes entered so far; `jumps`: jumps made so far.
        weight: Estimated size of `variables` and `results`, characters.
    """

    waiting: Waiting = Waiting.START
    node: str = ""
    number: int = 0
    answered: bool = False
    without_call: bool = False
    at: datetime = datetime(1970, 1, 1, tzinfo=UTC)
    variables: dict[str, Any] = field(default_factory=dict)
    call: dict[str, Any] = field(default_factory=dict)
    caller: dict[str, Any] = field(default_factory=dict)
    results: dict[str, dict[str, Any]] = field(default_factory=dict)
    secret_results: frozenset[str] = frozenset()
    memory: dict[str, Any] = field(default_factory=dict)
    steps: int = 0
    jumps: int = 0
    weight: int = 0
