"""What templates and expressions can see during a run."""

from collections.abc import Mapping
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


class Scope:
    """The values of one turn. Counts how much work templates and expressions have done since the last wait."""

    def __init__(self, values: Mapping[str, Any], masked: Mapping[str, Any], declared: Mapping[str, Variable]) -> None:
        """Take the values to show, the same with secrets masked, and the declarations."""
        self.declared = declared
        self._values = values
        self._masked = masked
        self._work = 0

    def fill(self, template: str, *, masked: bool = False) -> str:
        """Fill in a template.

        Raises:
            ExpressionError: as `expression.render`, or too many since the last wait.
        """
        if not expression.has_code(template):
            return template
        self._count()
        return expression.render(template, self._masked if masked else self._values)

    def evaluate(self, source: str) -> Any:
        """Work out an expression.

        Raises:
            ExpressionError: as `expression.evaluate`, or too many since the last wait.
        """
        self._count()
        return expression.evaluate(source, self._values)

    def look_up(self, path: Path) -> Any:
        """Return the value at a dotted name, null where there is none."""
        return follow(path, self._values)[1]

    def with_values(self, changed: Mapping[str, Any]) -> "Scope":
        """Return a scope in which these variables have new values; the work done counts on."""
        masked = {name: MASK if self.declared[name].secret else value for name, value in changed.items()}
        return self._replaced(changed, masked)

    def with_result(self, node_id: str, result: Mapping[str, Any], *, secret: bool) -> "Scope":
        """Return a scope in which a node has these results."""
        shown = dict.fromkeys(result, MASK) if secret else dict(result)
        return self._replaced(
            {"nodes": {**self._values["nodes"], node_id: dict(result)}},
            {"nodes": {**self._masked["nodes"], node_id: shown}},
        )

    def _replaced(self, values: Mapping[str, Any], masked: Mapping[str, Any]) -> "Scope":
        scope = Scope({**self._values, **values}, {**self._masked, **masked}, self.declared)
        scope._work = self._work
        return scope

    def _count(self) -> None:
        self._work += 1
        if self._work > limits.WORK:
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
