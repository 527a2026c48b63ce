"""What placeholders are filled with: our own names, and the words of the older interface. Pure.

Times of the older words are epoch seconds, durations whole seconds, as integrators of that interface expect them.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

from ringback.model.final import LegRecord

_QUERY_NAMES = (
    "event_id",
    "event",
    "sequence",
    "call_id",
    "kind",
    "attempt",
    "from",
    "to",
    "bridge",
    "status",
    "reason",
    "hangup_by",
    "started_at",
    "answered_at",
    "ended_at",
    "duration",
    "billsec",
    "custom",
)
"""What a GET without placeholders carries as its query."""


def placeholder_values(facts: Mapping[str, Any]) -> dict[str, str]:
    """Return the text of every placeholder, by name in lower case."""
    values = {name: _text(value) for name, value in facts.items() if not isinstance(value, list | tuple | dict)}
    legs: tuple[LegRecord, ...] = facts.get("legs", ())
    status = values.get("status", "")
    values |= {
        "id": values["call_id"],
        "caller": values["from"],
        "callee": values["to"],
        "called": values["to"],
        "receiver": values["to"],
        "callerid": values["bridge"],
        "dialstatus": status,
        "obdstatus": status,
        "status1": _leg_word(legs, 1),
        "status2": _leg_word(legs, 2),
        "starttime": _epoch(facts.get("started_at")),
        "answertime": _epoch(facts.get("answered_at")),
        "endtime": _epoch(facts.get("ended_at")),
        "duration": _seconds(facts.get("duration_s")),
        "billsec": _seconds(facts.get("talk_s")),
        "recording": values.get("recording_id", ""),
        "recordpath": values.get("recording_id", ""),
        "direction": "inbound" if values["kind"] == "incoming" else "outbound",
    }
    return values


def with_query(url: str, values: Mapping[str, str]) -> str:
    """Add the common facts to a URL's query."""
    parts = urlsplit(url)
    query = urlencode([(name, values[name]) for name in _QUERY_NAMES if values.get(name)])
    return urlunsplit(parts._replace(query="&".join(filter(None, (parts.query, query)))))


def _leg_word(legs: tuple[LegRecord, ...], number: int) -> str:
    result = next((leg.result for leg in legs if leg.leg == number), None)
    return "" if result is None else result.value.upper()


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _epoch(at: datetime | None) -> str:
    return "" if at is None else str(int(at.timestamp()))


def _seconds(value: float | None) -> str:
    return "" if value is None else str(round(value))
