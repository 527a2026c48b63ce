"""What the running side counts about itself; `/metrics` shows it. Plain numbers, changed in the loop only."""

from dataclasses import dataclass, field


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

    def count_accepted(self, kind: str, count: int = 1) -> None:
        """Count calls accepted."""
        self.accepted[kind] = self.accepted.get(kind, 0) + count

    def count_ended(self, kind: str, status: str) -> None:
        """Count a final status."""
        self.ended[kind, status] = self.ended.get((kind, status), 0) + 1

    def count_turned_away(self, why: str) -> None:
        """Count an INVITE that did not become a call."""
        self.turned_away[why] = self.turned_away.get(why, 0) + 1
