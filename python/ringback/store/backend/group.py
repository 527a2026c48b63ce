"""Applies a group of writes in one transaction; if that is refused, one by one, so that only the culprit is."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ringback.store.backend.rows import Prepared
from ringback.store.backend.session import Session
from ringback.store.backend.statements import Op, Row
from ringback.store.writes import Written

Work = Callable[[Any], Any]
Outcome = Any | Exception
"""`Written` for a write, whatever it returned for work, or the exception that refused it."""

_WRITTEN = Written()


def commit_group(session: Session, items: Sequence[Prepared | Work]) -> list[Outcome]:
    """Write a group and commit it; return one outcome for each item.

    Raises:
        Exception: A temporary one (`session.is_temporary`): nothing was written, or `session.was_committed` tells.
    """
    try:
        return _transaction(session, lambda: _apply_together(session, items))
    except Exception as error:
        session.rollback()
        if session.is_temporary(error):
            raise
    return _one_by_one(session, items)


def _one_by_one(session: Session, items: Sequence[Prepared | Work]) -> list[Outcome]:
    try:
        return _transaction(session, lambda: [_apply_alone(session, item) for item in items])
    except BaseException:
        session.rollback()
        raise


def _transaction(session: Session, work: Callable[[], list[Outcome]]) -> list[Outcome]:
    session.begin()
    outcomes = work()
    session.commit()
    return outcomes


def _apply_together(session: Session, items: Sequence[Prepared | Work]) -> list[Outcome]:
    outcomes: list[Outcome] = [_WRITTEN] * len(items)
    prepared: list[Prepared] = []
    for at, item in enumerate(items):
        if not isinstance(item, Prepared):
            continue
        existing = None if item.idempotency is None else session.claim(item.idempotency)
        if existing is None:
            prepared.append(item)
        else:
            outcomes[at] = Written(existing=existing)
    _write_all(session, prepared)
    for at, item in enumerate(items):
        if not isinstance(item, Prepared):
            outcomes[at] = _apply_alone(session, item)
    return outcomes


def _apply_alone(session: Session, item: Prepared | Work) -> Outcome:
    try:
        return session.try_alone(lambda: _apply(session, item))
    except Exception as error:
        if session.is_temporary(error):
            raise
        return error


def _apply(session: Session, item: Prepared | Work) -> Outcome:
    if not isinstance(item, Prepared):
        return item(session.connection)
    existing = None if item.idempotency is None else session.claim(item.idempotency)
    if existing is not None:
        return Written(existing=existing)
    _write_all(session, (item,))
    return _WRITTEN


def _write_all(session: Session, writes: Iterable[Prepared]) -> None:
    by_op: list[list[Row]] = [[] for _ in Op]
    progress: dict[Any, Row] = {}
    deliveries: dict[Any, Row] = {}
    for write in writes:
        for op, row in write.rows:
            if op is Op.DELIVERY:
                deliveries[row[0]] = row
            else:
                by_op[op].append(row)
        if write.progress is not None:
            key = write.progress[0]
            progress[key] = _later(progress.get(key), write.progress)
    by_op[Op.PROGRESS] = list(progress.values())
    by_op[Op.DELIVERY] = list(deliveries.values())
    for op in Op:
        if by_op[op]:
            session.write(op, by_op[op])


def _later(before: Row | None, row: Row) -> Row:
    """Let a later change win, value by value: one UPDATE may not meet the same call twice."""
    if before is None:
        return row
    return tuple(old if new is None else new for old, new in zip(before, row, strict=True))
