"""The statements of the journal writer: one for each operation, writing any number of rows in a single step.

Why not `executemany`: SQLite's driver gives up the interpreter lock for every row, and gets it back only when the
loop thread lets go: with a busy loop that is up to 5 ms a row, 1.2 s for 600 rows, against 11 ms in one step. So rows
are padded with NULLs to a power of two (a handful of prepared statements for each operation) and the padding is left
out by `column1 IS NOT NULL`. Both databases name the columns of VALUES `column1`, `column2` ...; the casts are for
PostgreSQL.
"""

from collections.abc import Iterator, Sequence
from enum import IntEnum
from functools import cache
from typing import Any

from sqlalchemy import Table

from ringback.store import tables

MOST_ROWS = 512
"""Rows of one statement. Times the widest row (18 columns) it stays below SQLite's 32,766 parameters."""

Row = tuple[Any, ...]


class Op(IntEnum):
    """What is done to the tables, in the order it is done within a group."""

    SAVE_TABLES = 0
    NEW_CALL = 1
    PROGRESS = 2
    JOURNAL = 3
    FINISH = 4
    LEG = 5
    OUTBOX = 6
    TRACE = 7
    DELIVERY = 8
    DELIVERY_ATTEMPT = 9
    STOP_ENDPOINT = 10


_INSERTS: dict[Op, tuple[Table, tuple[str, ...], str]] = {
    Op.SAVE_TABLES: (tables.decision_tables, ("hash", "tables", "created_at"), "ON CONFLICT DO NOTHING"),
    Op.NEW_CALL: (
        tables.call,
        (
            "id",
            "account",
            "kind",
            "attempt",
            "parent_id",
            "from_number",
            "to_number",
            "bridge",
            "state",
            "channels",
            "due_at",
            "accepted_at",
            "request",
            "node",
        ),
        "",
    ),
    Op.JOURNAL: (tables.journal, ("call_id", "seq", "at", "node", "kind", "data"), ""),
    Op.LEG: (
        tables.leg,
        ("call_id", "leg", "account", "trunk", "result", "started_at", "answered_at", "ended_at", "sip_code"),
        "",
    ),
    Op.OUTBOX: (
        tables.outbox,
        (
            "id",
            "call_id",
            "account",
            "sequence",
            "event",
            "endpoint",
            "method",
            "url",
            "origin",
            "payload",
            "state",
            "attempts",
            "next_at",
            "give_up_at",
            "is_replay",
            "last_error",
            "created_at",
        ),
        "",
    ),
    Op.TRACE: (tables.sip_trace, ("call_id", "account", "at", "leg", "outgoing", "peer", "text"), ""),
    Op.DELIVERY_ATTEMPT: (
        tables.delivery_attempt,
        ("event_id", "attempt", "at", "status_code", "error", "duration_ms"),
        "ON CONFLICT DO NOTHING",
    ),
    Op.STOP_ENDPOINT: (tables.stopped_endpoint, ("account", "endpoint", "stopped_at"), "ON CONFLICT DO NOTHING"),
}

# The columns each update gets its rows in, and what it does with them (`v` is the row).
_UPDATES: dict[Op, tuple[Table, int, str]] = {
    Op.PROGRESS: (
        tables.call,
        4,  # id, state, channels, due_at
        """SET state = coalesce(v.column2, "call".state),
               channels = coalesce(CAST(v.column3 AS INTEGER), "call".channels),
               due_at = coalesce(CAST(v.column4 AS BIGINT), "call".due_at)
           {source} WHERE "call".id = v.column1""",
    ),
    Op.FINISH: (
        tables.call,
        5,  # id, status, reason, ended_at, record
        """SET state = 'final', channels = 0, due_at = NULL, status = v.column2, reason = v.column3,
               ended_at = CAST(v.column4 AS BIGINT), record = v.column5
           {source} WHERE "call".id = v.column1 AND "call".status IS NULL""",
    ),
    Op.DELIVERY: (
        tables.outbox,
        6,  # id, state, attempts, next_at, last_error, delivered_at
        """SET state = v.column2, attempts = CAST(v.column3 AS INTEGER), next_at = CAST(v.column4 AS BIGINT),
               last_error = v.column5, delivered_at = CAST(v.column6 AS BIGINT)
           {source} WHERE outbox.id = v.column1""",
    ),
}

MUST_MATCH = frozenset({Op.PROGRESS, Op.FINISH})
"""Updates in which every row must find its call; one that does not is refused."""


def chunks(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    """Cut rows into pieces of at most `MOST_ROWS`."""
    for start in range(0, len(rows), MOST_ROWS):
        yield rows[start : start + MOST_ROWS]


def parameters(op: Op, rows: Sequence[Row]) -> tuple[int, list[Any]]:
    """Return the padded number of rows, and all their values in one list."""
    padded = 1 << (len(rows) - 1).bit_length()
    values = [value for row in rows for value in row]
    values += [None] * ((padded - len(rows)) * width(op))
    return padded, values


def width(op: Op) -> int:
    """Return how many values a row of this operation has."""
    return len(_INSERTS[op][1]) if op in _INSERTS else _UPDATES[op][1]


@cache
def sql(op: Op, rows: int, placeholder: str) -> str:
    """Return the statement that writes so many rows. `placeholder`: `?` or `%s`."""
    row = "(" + ", ".join([placeholder] * width(op)) + ")"
    values = "(VALUES " + ", ".join([row] * rows) + ") AS v"
    if op in _UPDATES:
        table, _, action = _UPDATES[op]
        return f'UPDATE "{table.name}" ' + action.format(source=f"FROM {values}")
    table, names, conflict = _INSERTS[op]
    columns = ", ".join(f'"{name}"' for name in names)
    casts = ", ".join(f"CAST(column{at} AS {_type(table, name)})" for at, name in enumerate(names, start=1))
    into = f'INSERT INTO "{table.name}" ({columns})'
    return f"{into} SELECT {casts} FROM {values} WHERE column1 IS NOT NULL {conflict}"  # noqa: S608  names are ours


def _type(table: Table, name: str) -> str:
    return table.c[name].type.compile()
