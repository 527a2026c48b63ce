"""Does a finished call keep its promises? The invariants of docs/statuses.md that stored rows can show."""

from collections.abc import Callable, Iterator, Sequence

from msgspec import Struct

from ringback.call.catalogue import family_of
from ringback.call.evidence import trace_leg
from ringback.call.outcome import OutcomeTable
from ringback.call.outcome_table import EndedBy
from ringback.call.status import TABLES, Tables, content_hash, decide, decide_with, load_tables
from ringback.model.call import CallRequest
from ringback.model.final import FinalRecord
from ringback.model.journal import Entry, EntryKind
from ringback.model.status import Family, Kind, LegResult, Status

# Rows 8, 9 and 10 of the leg results: the network itself said so, an INVITE was sent.
_SAID_BY_NETWORK = frozenset({LegResult.RESTRICTED, LegResult.NO_ROUTE, LegResult.NO_CHANNEL})
_ANSWERED = frozenset({Status.ANSWER, Status.FLOW_ANSWER})


class Violation(Struct, frozen=True, kw_only=True):
    """A broken promise: the invariant's number on docs/statuses.md and what was found."""

    invariant: int
    detail: str


def audit_call(
    request: CallRequest,
    entries: Sequence[Entry],
    record: FinalRecord,
    events: Sequence[str],
    *,
    tables: str | None = None,
) -> list[Violation]:
    """Check one finished call.

    Args:
        request: The call.
        entries: Its whole journal, in order.
        record: Its final record.
        events: Names of its webhook events in order; empty where nobody listens (then they are not checked).
        tables: The recorded tables (JSON) that decided it; None: the current ones.
    """
    return [
        Violation(invariant=number, detail=detail)
        for number, check in _CHECKS
        for detail in check(request, entries, record)
    ] + [
        *(Violation(invariant=4, detail=detail) for detail in _events(request, entries, record, events)),
        *(Violation(invariant=5, detail=detail) for detail in _decided_again(request, entries, record, tables)),
    ]


def _order(request: CallRequest, entries: Sequence[Entry], record: FinalRecord) -> Iterator[str]:
    del record
    for expected, entry in enumerate(entries, start=1):
        if entry.seq != expected or entry.call_id != request.id:
            yield f"entry {entry.seq} of {entry.call_id} stands where entry {expected} of {request.id} should"
            return


def _one_final(request: CallRequest, entries: Sequence[Entry], record: FinalRecord) -> Iterator[str]:
    finals = [entry for entry in entries if entry.kind is EntryKind.FINAL]
    if len(finals) != 1:
        yield f"{len(finals)} final entries, there must be one"
        return
    if finals[0].data.get("status") != record.verdict.status or record.id != request.id:
        yield f"the final entry says {finals[0].data.get('status')}, the record {record.verdict.status}"
    for entry in entries:
        if entry.seq > finals[0].seq and entry.kind is not EntryKind.AFTER_FINAL:
            yield f"entry {entry.seq} ({entry.kind}) came after the final one"


def _invites(request: CallRequest, entries: Sequence[Entry], record: FinalRecord) -> Iterator[str]:
    if request.kind is Kind.INCOMING:
        return
    status = record.verdict.status
    dialed = {entry.data["leg"] for entry in entries if entry.kind is EntryKind.DIALING}
    results = {
        entry.data["leg"]: LegResult(entry.data["result"]) for entry in entries if entry.kind is EntryKind.LEG_RESULT
    }
    if family_of(status) is Family.NOT_PLACED and dialed and results.get(1) not in _SAID_BY_NETWORK:
        yield f"{status} though an INVITE was sent"
    if status.endswith("_CHANNEL1") and 2 in dialed:  # noqa: PLR2004  (leg 2)
        yield f"{status} though leg 2 was dialed"
    if status.endswith("_CHANNEL2") and results.get(1) is not LegResult.ANSWERED:
        yield f"{status} though leg 1 never answered"


def _leg_results(request: CallRequest, entries: Sequence[Entry], record: FinalRecord) -> Iterator[str]:
    """Every leg has one result at most, and a dialled leg has one unless the crash rule decided."""
    del request
    seen: set[int] = set()
    for entry in entries:
        if entry.kind is EntryKind.LEG_RESULT:
            if entry.data["leg"] in seen:
                yield f"leg {entry.data['leg']} has two results"
            seen.add(entry.data["leg"])
    if any(entry.kind is EntryKind.CRASH_RULE for entry in entries):
        return
    for entry in entries:
        if entry.kind is EntryKind.DIALING and entry.data["leg"] not in seen:
            yield f"leg {entry.data['leg']} was dialed and has no result ({record.verdict.status})"
            return


def _events(
    request: CallRequest, entries: Sequence[Entry], record: FinalRecord, events: Sequence[str]
) -> Iterator[str]:
    if not events:
        return
    expected = [event for event, must_be in _expected_events(request, entries, record) if must_be]
    for event in {*events, *expected}:
        if events.count(event) != expected.count(event):
            yield f"{event} was announced {events.count(event)} times for {record.verdict.status}"
            return
    if list(events) != expected:
        yield f"the events came as {', '.join(events)}, their order is {', '.join(expected)}"


def _expected_events(request: CallRequest, entries: Sequence[Entry], record: FinalRecord) -> Iterator[tuple[str, bool]]:
    """Yield every event that such a call can have, in order, and whether this one must have had it."""
    is_pair = request.kind is Kind.CLICK_TO_CALL
    is_answered = record.verdict.status in _ANSWERED
    dialed = {entry.data["leg"] for entry in entries if entry.kind is EntryKind.DIALING}
    if request.kind is Kind.INCOMING:
        yield "call_start", any(entry.kind is EntryKind.ADMITTED for entry in entries)
    else:
        yield "call_start", 1 in dialed
    yield "from_call_start", is_pair and 1 in dialed
    yield (
        "from_call_answer",
        is_pair and any(entry.kind is EntryKind.LEG_ANSWERED and entry.data["leg"] == 1 for entry in entries),
    )
    yield "to_call_start", is_pair and 2 in dialed  # noqa: PLR2004  (leg 2)
    yield "to_call_answer", is_pair and is_answered
    yield "call_answer", is_answered
    yield "call_end", True


def _decided_again(
    request: CallRequest, entries: Sequence[Entry], record: FinalRecord, tables: str | None
) -> Iterator[str]:
    verdict = record.verdict
    known = {entry.seq for entry in entries}
    if not verdict.evidence or not known.issuperset(verdict.evidence):
        yield f"the evidence {verdict.evidence} is empty or not in the journal"
    if tables is not None and content_hash(tables) != verdict.table:
        yield f"the tables recorded as {verdict.table} are not those given"
        return
    before_final = [entry for entry in entries if entry.kind not in (EntryKind.FINAL, EntryKind.AFTER_FINAL)]
    if not before_final:
        yield "the journal is empty"
        return
    again = decide(request.kind, before_final) if tables is None else decide_with(tables, request.kind, before_final)
    if (again.status, again.reason, again.rule) != (verdict.status, verdict.reason, verdict.rule):
        yield (
            f"deciding again gives {again.status} ({again.reason}, {again.rule}), "
            f"recorded is {verdict.status} ({verdict.reason}, {verdict.rule})"
        )
    yield from _read_again(before_final, TABLES if tables is None else load_tables(tables))


def _read_again(entries: Sequence[Entry], tables: Tables) -> Iterator[str]:
    """Read each leg again from the raw evidence."""
    table = OutcomeTable(tables.outcome, tables.limit_texts)
    for entry in entries:
        if entry.kind is not EntryKind.LEG_RESULT or entry.data["result"] == LegResult.CANCELLED:
            continue
        trace = trace_leg([item for item in entries if item.seq <= entry.seq], entry.data["leg"])
        evidence = trace.evidence()
        if evidence is None or evidence.ended_by is EndedBy.API:
            yield f"leg {entry.data['leg']} has the result {entry.data['result']} without evidence"
            continue
        again = table.read(evidence)
        if (again.result, again.rule) != (entry.data["result"], entry.data["rule"]):
            yield (
                f"reading leg {entry.data['leg']} again gives {again.result} ({again.rule}), "
                f"recorded is {entry.data['result']} ({entry.data['rule']})"
            )


_Check = Callable[[CallRequest, Sequence[Entry], FinalRecord], Iterator[str]]
_CHECKS: tuple[tuple[int, _Check], ...] = ((1, _order), (1, _one_final), (3, _invites), (5, _leg_results))
