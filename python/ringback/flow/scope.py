"""What templates and expressions can see during a run."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from ringback.flow import expression, limits
from ringback.flow.settings import Variable
from ringback.flow.values import Path, follow

MASK = "***"

CALL_FIELDS = ("id", "kind", "from", "to", "bridge", "attempt", "custom", "started_at", "variables")
CALLER_FIELDS = ("number", "name", "anonymous")
NOW_FIELDS = ("iso", "date", "time", "weekday", "year", "month", "day", "hour", "minute", "second", "unix")
FLOW_FIELDS = ("name",)
RESERVED = frozenset({"call", "caller", "now", "nodes", "flow"})
"""Names that no variable may take."""

_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


Build = Callable[[bool], dict[str, Any]]
"""`build(masked)` puts the values together, with or without secrets; only asked when a template needs them."""


class Scope:
    """The values of one turn. Counts how much work templates and expressions have done since the last wait.

    Args:
        declared: The declarations of variables.
        build: Gives the values.
        work: The count so far, shared by all scopes since the last wait.
    """

    def __init__(self, declared: Mapping[str, Variable], build: Build, work: list[int] | None = None) -> None:
        self.declared = declared
        self._build = build
        self._built: dict[bool, dict[str, Any]] = {}
        self._work = [0] if work is None else work

    def fill(self, template: str, *, masked: bool = False) -> str:
        """Fill in a template.

        Raises:
            ExpressionError: as `expression.render`, or too many since the last wait.
        """
        if not expression.has_code(template):
            return template
        self._count()
        return expression.render(template, self._values(masked=masked))

    def evaluate(self, source: str) -> Any:
        """Work out an expression.

        Raises:
            ExpressionError: as `expression.evaluate`, or too many since the last wait.
        """
        self._count()
        return expression.evaluate(source, self._values(masked=False))

    def look_up(self, path: Path) -> Any:
        """Return the value at a dotted name, null where there is none."""
        return follow(path, self._values(masked=False))[1]

    def with_values(self, changed: Mapping[str, Any]) -> "Scope":
        """Return a scope in which these variables have new values; the work done counts on."""
        masked = {name: MASK if self.declared[name].secret else value for name, value in changed.items()}
        return self.rebuilt(lambda is_masked: {**self._values(masked=is_masked), **(masked if is_masked else changed)})

    def rebuilt(self, build: Build) -> "Scope":
        """Return a scope with other values; the work done counts on."""
        return Scope(self.declared, build, self._work)

    def _values(self, *, masked: bool) -> dict[str, Any]:
        if masked not in self._built:
            self._built[masked] = self._build(masked)
        return self._built[masked]

    def _count(self) -> None:
        self._work[0] += 1
        if self._work[0] > limits.WORK:
            raise expression.ExpressionError(
                f"more than {limits.WORK} templates and expressions since the flow last waited; is this a loop?"
            )


def now_values(at: datetime, zone: ZoneInfo) -> dict[str, Any]:
    """Say what time it is, in the document's zone."""
    local = at.astimezone(zone)
    return {
        "iso": local.isoformat(timespec="seconds"),
        "date": local.date().isoformat(),
        "time": local.strftime("%H:%M"),
        "weekday": _WEEKDAYS[local.weekday()],
        "year": local.year,
        "month": local.month,
        "day": local.day,
        "hour": local.hour,
        "minute": local.minute,
        "second": local.second,
        "unix": int(at.timestamp()),
    }
