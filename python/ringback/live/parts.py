"""What every running call uses; made once by `ringback.live.exchange`."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from ringback.live.call_parts.legs import Leg
from ringback.live.capacity import Capacity
from ringback.live.carriers.standing import Standing
from ringback.live.clock import Clock
from ringback.live.counters import Counters
from ringback.live.directory import Directory
from ringback.live.engine import VoiceEngine
from ringback.live.supervisor import Supervisor
from ringback.model.call import CallRequest
from ringback.model.ids import CallId
from ringback.store.journal import WriterHealth
from ringback.store.writes import Write, Written

if TYPE_CHECKING:
    from ringback.live.flow_driver import FlowTools
    from ringback.live.task import CallTask


class Journal(Protocol):
    """The journal writer: `ringback.store.journal.JournalWriter`."""

    def submit(self, write: Write) -> None:
        """Write behind, in order."""

    def durable(self, write: Write) -> Awaitable[Written]:
        """Write, and return when it is committed."""

    def health(self) -> WriterHealth:
        """Tell whether commits work."""


@dataclass(slots=True)
class Parts:
    """Everything a call touches besides itself.

    Attributes:
        standing: How trunks and phones stand, as the engine last said.
        legs: Engine legs in use and the calls they belong to.
        calls: Calls without a final record, by id: running, in admission, in queues.
        entropy: Random bytes for ids.
        recordings: Folder for recordings.
        on_final: Told of each call whose final record is committed, with the next attempt if there is one.
        on_free: Told whenever a leg is gone or channels were given back.
    """

    engine: VoiceEngine
    journal: Journal
    clock: Clock
    directory: Directory
    capacity: Capacity
    counters: Counters
    supervisor: Supervisor
    flow_tools: "FlowTools"
    recordings: Path
    entropy: Callable[[int], bytes]
    standing: Standing = field(default_factory=Standing)
    legs: dict[int, Leg] = field(default_factory=dict)
    calls: "dict[CallId, CallTask]" = field(default_factory=dict)
    on_final: "Callable[[CallTask, CallRequest | None], None]" = lambda _task, _retry: None
    on_free: Callable[[], None] = lambda: None
