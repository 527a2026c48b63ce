"""Knows which webhooks are being tried and who may get another try now. Pure bookkeeping; time comes in.

Nobody's backlog stands in another's way: a receiver (host and port) has at most `per_endpoint` tries at once, and one
at a time while it fails; an account at most `per_account`. Who is full is left out of the question to the database,
so a backlog of any size costs no memory here.
"""

from collections import Counter, OrderedDict
from collections.abc import Sequence

from msgspec import Struct

from ringback.store.outbox import DueEvent
from ringback.webhook.settings import DeliverySettings

FAILURES_BEFORE_PROBING = 5
"""So many failed tries in a row, and a receiver gets one try at a time until one works."""

_MOST_ORIGINS = 10_000
"""Receivers whose failures are remembered; the one that failed longest ago is forgotten first."""


class Full(Struct, frozen=True, kw_only=True):
    """Who gets no further try now."""

    origins: frozenset[str]
    accounts: frozenset[str]


class Flights:
    """The tries that are running."""

    def __init__(self, settings: DeliverySettings) -> None:
        self._settings = settings
        self._running: dict[str, DueEvent] = {}
        self._answered: set[str] = set()
        self._lanes: set[tuple[str, str]] = set()
        self._origins: Counter[str] = Counter()
        self._accounts: Counter[str] = Counter()
        self._failures: OrderedDict[str, int] = OrderedDict()

    def __len__(self) -> int:
        return len(self._running)

    @property
    def free(self) -> int:
        """How many more tries may start."""
        return self._settings.at_once - len(self._running)

    @property
    def ids(self) -> frozenset[str]:
        """The webhooks being tried."""
        return frozenset(self._running)

    def full(self) -> Full:
        """Tell who gets no further try now."""
        return Full(
            origins=frozenset(origin for origin, count in self._origins.items() if count >= self._allowed(origin)),
            accounts=frozenset(sid for sid, count in self._accounts.items() if count >= self._settings.per_account),
        )

    def choose(self, due: Sequence[DueEvent]) -> list[DueEvent]:
        """Take from `due`, in order, what may go now, and count it as running."""
        return [event for event in due if self._take(event)]

    def get(self, event_id: str) -> DueEvent | None:
        """Return what is being tried under that id."""
        return self._running.get(event_id)

    def answered(self, event_id: str, *, worked: bool) -> None:
        """The receiver is free for another try. This one stays known until its outcome is written down.

        `worked`: the receiver is well. No effect on what nobody knows, and the second time.
        """
        event = self._running.get(event_id)
        if event is None or event_id in self._answered:
            return
        self._answered.add(event_id)
        _decrement(self._origins, event.origin)
        _decrement(self._accounts, event.account)
        if worked:
            self._failures.pop(event.origin, None)
        else:
            self._failures[event.origin] = self._failures.get(event.origin, 0) + 1
            self._failures.move_to_end(event.origin)
            if len(self._failures) > _MOST_ORIGINS:
                self._failures.popitem(last=False)

    def landed(self, event_id: str, *, worked: bool) -> DueEvent | None:
        """A try is over and written down; return what was tried, None if nobody knows of it. `worked` as above."""
        self.answered(event_id, worked=worked)
        event = self._running.pop(event_id, None)
        if event is not None:
            self._answered.discard(event_id)
            self._lanes.discard(event.lane)
        return event

    def never_left(self, event_id: str) -> None:
        """A try was not made after all: forget that it was chosen. It says nothing about the receiver."""
        event = self._running.pop(event_id, None)
        if event is None:
            return
        self._lanes.discard(event.lane)
        if event_id in self._answered:
            self._answered.discard(event_id)
        else:
            _decrement(self._origins, event.origin)
            _decrement(self._accounts, event.account)

    def is_busy(self, lane: tuple[str, str]) -> bool:
        """Whether a try for this call and endpoint is running."""
        return lane in self._lanes

    def is_failing(self, origin: str) -> bool:
        """Whether a receiver failed so often in a row that it is only probed."""
        return self._failures.get(origin, 0) >= FAILURES_BEFORE_PROBING

    def forget_all(self) -> None:
        """The process that made the tries is gone: none is running."""
        self._running.clear()
        self._answered.clear()
        self._lanes.clear()
        self._origins.clear()
        self._accounts.clear()

    def _take(self, event: DueEvent) -> bool:
        if self.free <= 0 or event.id in self._running or event.lane in self._lanes:
            return False
        if self._origins[event.origin] >= self._allowed(event.origin):
            return False
        if self._accounts[event.account] >= self._settings.per_account:
            return False
        self._running[event.id] = event
        self._lanes.add(event.lane)
        self._origins[event.origin] += 1
        self._accounts[event.account] += 1
        return True

    def _allowed(self, origin: str) -> int:
        return 1 if self.is_failing(origin) else self._settings.per_endpoint


def _decrement(counter: Counter[str], key: str) -> None:
    counter[key] -= 1
    if counter[key] <= 0:
        del counter[key]
