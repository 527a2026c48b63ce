"""What the running side counts about itself; `/metrics` shows it. Plain numbers, changed in the loop only."""

from bisect import bisect_left
from dataclasses import dataclass, field

FINAL_BOUNDS_S = (0.001, 0.002, 0.003, 0.005, 0.007, 0.01, 0.015, 0.02, 0.03, 0.05, 0.075, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
"""Upper bounds of the buckets in which the times to the final status are counted; one more bucket has none."""


@dataclass(slots=True)
class Counters:
    """Everything since the start.

    Attributes:
        accepted: Calls accepted, by kind.
        ended: Final statuses, by kind and status.
        machine_refused: Events the call machine did not expect.
        faults: Faults of our own that ended a call.
        pump_faults: Engine events that could not be handled; each was logged.
        unknown_leg: Engine events of legs that belong to no call.
        turned_away: INVITEs answered 503 because new calls cannot be taken, by reason.
        commit_s: Sum of the times calls waited for commits; `commits` counts them.
        late_s: Sum of how late timers fired; `timers` counts them.
        final_s: Sum of the times from the end of the leg that ended a call to the committed final status;
            `finals` counts them in the buckets of `FINAL_BOUNDS_S`.
    """

    accepted: dict[str, int] = field(default_factory=dict)
    ended: dict[tuple[str, str], int] = field(default_factory=dict)
    machine_refused: int = 0
    faults: int = 0
    pump_faults: int = 0
    unknown_leg: int = 0
    turned_away: dict[str, int] = field(default_factory=dict)
    recovered: int = 0
    commit_s: float = 0.0
    commits: int = 0
    late_s: float = 0.0
    timers: int = 0
    engine_faults: int = 0
    final_s: float = 0.0
    finals: list[int] = field(default_factory=lambda: [0] * (len(FINAL_BOUNDS_S) + 1))

    def count_accepted(self, kind: str, count: int = 1) -> None:
        """Count calls accepted."""
        self.accepted[kind] = self.accepted.get(kind, 0) + count

    def count_ended(self, kind: str, status: str) -> None:
        """Count a final status."""
        self.ended[kind, status] = self.ended.get((kind, status), 0) + 1

    def time_final(self, seconds: float) -> None:
        """Count how long after the end of its leg a call had its final status on disk."""
        self.final_s += seconds
        self.finals[bisect_left(FINAL_BOUNDS_S, seconds)] += 1

    def count_turned_away(self, why: str) -> None:
        """Count an INVITE that did not become a call."""
        self.turned_away[why] = self.turned_away.get(why, 0) + 1
