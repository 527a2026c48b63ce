"""Which of the 28 a call ended with: a fold over its journal, so that anybody can decide it again.

The first deciding entry fixes status and reason; for ANSWER and FLOW_ANSWER the first ending entry after it says how
the call ended. The machine folds each entry as it writes it, `decide` folds a stored journal: both by `observe`.
"""

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from ringback.call.outcome_table import LIMIT_TEXTS, OUTCOME_ROWS, OutcomeRow
from ringback.call.status_table import ENDING_ROWS, STATUS_ROWS, EndingRow, Scalar, Stage, StatusRow
from ringback.model.errors import LocalError
from ringback.model.journal import Entry, EntryKind, Verdict
from ringback.model.status import HangupBy, Kind, LegResult, Status


class EmptyJournalError(LocalError):
    """A journal without any entry cannot be decided."""

    slug = "empty-journal"


class Tables(Struct, frozen=True, kw_only=True):
    """All decision tables, as stored beside the calls they decided."""

    outcome: tuple[OutcomeRow, ...]
    limit_texts: tuple[str, ...]
    status: tuple[StatusRow, ...]
    ending: tuple[EndingRow, ...]


class Reading(Struct, frozen=True, kw_only=True):
    """What the journal says so far: the state of the fold.

    Attributes:
        stage: How far the call has come.
        row: Id of the deciding row, "" while undecided.
        decided_at: `seq` of the deciding entry, 0 while undecided.
        evidence: The deciding entry and those it rests on.
        ended_at: `seq` of the entry that ended an answered call, 0 before.
    """

    stage: Stage = Stage.ADMISSION
    row: str = ""
    status: Status | None = None
    reason: str = ""
    hangup_by: str = ""
    decided_at: int = 0
    evidence: tuple[int, ...] = ()
    ended_at: int = 0
    ending: str = ""


NOTHING_YET = Reading()
_ANSWERED = frozenset({Status.ANSWER, Status.FLOW_ANSWER})
_PARTIES = frozenset(party.value for party in HangupBy)
_R = TypeVar("_R", StatusRow, EndingRow)
_Condition = tuple[tuple[str, ...], frozenset[Scalar]]


class Decider:
    """The status tables made ready for use."""

    __slots__ = ("_default", "_ending", "_status", "version")

    def __init__(self, tables: Tables, version: str) -> None:
        self.version = version
        self._status = _by_entry(tables.status)
        self._ending = _by_entry(tables.ending)
        self._default = [row for row in tables.status if row.entry is None]

    def observe(self, reading: Reading, kind: Kind, entry: EntryKind, seq: int, data: dict[str, Any]) -> Reading:
        """Fold one more entry. Returns the same object when the entry changes nothing."""
        if reading.decided_at:
            if reading.ended_at or reading.status not in _ANSWERED:
                return reading
            return self._observe_ending(reading, kind, entry, seq, data)
        for row, conditions in self._status.get((kind, entry), ()):
            if (not row.stages or reading.stage in row.stages) and _fits(conditions, data):
                return _decided(reading, row, seq, data)
        stage = _next_stage(reading.stage, kind, entry, data)
        return reading if stage is reading.stage else Reading(stage=stage)

    def verdict(self, reading: Reading, kind: Kind, last_seq: int) -> Verdict:
        """Return what the fold decided; without a deciding entry the conservative default on the last one."""
        if not reading.decided_at or reading.status is None:
            row = next(r for r in self._default if kind in r.kinds and (not r.stages or reading.stage in r.stages))
            reading = _decided(reading, row, last_seq, {})
        return Verdict(
            status=reading.status,  # type: ignore[arg-type]  # a decided reading has a status
            reason=reading.reason,
            rule=reading.row,
            table=self.version,
            evidence=reading.evidence,
            hangup_by=HangupBy(reading.hangup_by),
        )

    def decide(self, kind: Kind, entries: Sequence[Entry]) -> Verdict:
        """Decide a journal, given in the order of `seq`."""
        if not entries:
            raise EmptyJournalError("a call without journal entries cannot be decided")
        return self.verdict(self.read(kind, entries), kind, entries[-1].seq)

    def read(self, kind: Kind, entries: Sequence[Entry]) -> Reading:
        """Fold a whole journal."""
        reading = NOTHING_YET
        for entry in entries:
            reading = self.observe(reading, kind, entry.kind, entry.seq, entry.data)
        return reading

    def _observe_ending(
        self, reading: Reading, kind: Kind, entry: EntryKind, seq: int, data: dict[str, Any]
    ) -> Reading:
        for row, conditions in self._ending.get((kind, entry), ()):
            if _fits(conditions, data):
                return msgspec.structs.replace(
                    reading,
                    reason=_value(row.reason, data),
                    hangup_by=_value(row.hangup_by, data),
                    ended_at=seq,
                    ending=row.id,
                    evidence=(*reading.evidence, seq),
                )
        return reading


def _by_entry(rows: Sequence[_R]) -> dict[tuple[Kind, EntryKind], list[tuple[_R, tuple[_Condition, ...]]]]:
    table: dict[tuple[Kind, EntryKind], list[tuple[_R, tuple[_Condition, ...]]]] = {}
    for row in rows:
        if row.entry is None:
            continue
        conditions = tuple((tuple(path.split(".")), frozenset(allowed)) for path, allowed in row.where.items())
        for kind in row.kinds:
            table.setdefault((kind, row.entry), []).append((row, conditions))
    return table


def _fits(conditions: tuple[_Condition, ...], data: dict[str, Any]) -> bool:
    for path, allowed in conditions:
        value: Any = data
        for name in path:
            value = value.get(name) if isinstance(value, dict) else None
        if value not in allowed:
            return False
    return True


def _value(text: str, data: dict[str, Any]) -> str:
    return str(data.get(text[1:], "unknown")) if text.startswith("$") else text


def _decided(reading: Reading, row: StatusRow, seq: int, data: dict[str, Any]) -> Reading:
    by = _value(row.hangup_by, data)
    return Reading(
        stage=Stage.ANSWERED if row.status in _ANSWERED else reading.stage,
        row=row.id,
        status=row.status,
        reason=_value(row.reason, data),
        hangup_by=by if by in _PARTIES else HangupBy.PLATFORM.value,
        decided_at=seq,
        evidence=(*(item for item in data.get("evidence", ()) if item != seq), seq),
    )


def _next_stage(stage: Stage, kind: Kind, entry: EntryKind, data: dict[str, Any]) -> Stage:
    match entry:
        case EntryKind.DIALING if stage is Stage.ADMISSION and kind is not Kind.INCOMING:
            return Stage.DIALING
        case EntryKind.LEG_RESULT if (
            kind is Kind.CLICK_TO_CALL and data.get("leg") == 1 and data.get("result") == LegResult.ANSWERED
        ):
            return Stage.SECOND
        case EntryKind.ADMITTED if kind is Kind.INCOMING:
            return Stage.MISS_CALL if data.get("miss_call_ms") is not None else Stage.RINGING
        case EntryKind.ANSWERING if stage is Stage.RINGING:
            return Stage.ANSWERING
        case _:
            return stage


def load_tables(tables_json: str) -> Tables:
    """Read recorded tables.

    Raises:
        msgspec.DecodeError: it is not what `tables_json` returned.
    """
    return msgspec.json.decode(tables_json, type=Tables)


def _load(tables_json: str) -> Decider:
    return Decider(load_tables(tables_json), content_hash(tables_json))


def content_hash(tables_json: str) -> str:
    """Return the version of tables: the beginning of their SHA-256, hexadecimal."""
    return hashlib.sha256(tables_json.encode()).hexdigest()[:16]


TABLES = Tables(outcome=OUTCOME_ROWS, limit_texts=LIMIT_TEXTS, status=STATUS_ROWS, ending=ENDING_ROWS)
_TABLES_JSON = msgspec.json.encode(TABLES, order="sorted").decode()
TABLE_VERSION = content_hash(_TABLES_JSON)
CURRENT = Decider(TABLES, TABLE_VERSION)
recorded = lru_cache(maxsize=8)(_load)


def tables_json() -> str:
    """Return the current tables as JSON, to be stored under `TABLE_VERSION`."""
    return _TABLES_JSON


def decide(kind: Kind, entries: Sequence[Entry]) -> Verdict:
    """Decide a journal with the current tables.

    Args:
        kind: The call's kind.
        entries: The whole journal or its beginning, in the order of `seq`.

    Raises:
        EmptyJournalError: there are no entries.
    """
    return CURRENT.decide(kind, entries)


def decide_with(tables: str, kind: Kind, entries: Sequence[Entry]) -> Verdict:
    """Decide a journal with recorded tables (the text of `tables_json` at that time).

    Raises:
        EmptyJournalError: there are no entries.
        msgspec.DecodeError: `tables` is not what `tables_json` returned.
    """
    return recorded(tables).decide(kind, entries)
