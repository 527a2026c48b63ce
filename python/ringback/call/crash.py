"""Calls whose task is gone: after a crash, or after a fault so bad that the machine cannot step.

A deciding fact that is in the journal already decides; only without one does the crash rule. A call that never had a
leg or an INVITE is none of this module's: it simply goes on.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct

from ringback.call.evidence import result_data, trace_leg
from ringback.call.outcome import leg_result
from ringback.call.status import CURRENT, TABLE_VERSION
from ringback.model.call import CallRequest
from ringback.model.errors import LocalError
from ringback.model.journal import Entry, EntryKind, Verdict
from ringback.model.status import Kind

RECOVERED = "recovered_after_crash"
SHUTDOWN = "shutdown"
INTERNAL_ERROR = "internal_error"
CRASH_REASONS = frozenset({RECOVERED, SHUTDOWN, INTERNAL_ERROR})

_MAIN_LEGS = {Kind.OUTBOUND: (1,), Kind.CLICK_TO_CALL: (1, 2), Kind.INCOMING: ()}


class AlreadyFinalError(LocalError):
    """The call has its final record; nothing may decide it again."""

    slug = "already-final"


class Recovery(Struct, frozen=True, kw_only=True):
    """What to add to the journal (the `final` entry is the last), and the verdict."""

    entries: tuple[Entry, ...]
    verdict: Verdict


def recover(
    request: CallRequest, entries: Sequence[Entry], *, why: str, at: datetime, detail: str = ""
) -> Recovery | None:
    """Bring a call to its end out of its journal alone.

    Args:
        request: The call.
        entries: Its whole journal, in order.
        why: `recovered_after_crash`, `shutdown` or `internal_error`.
        at: Now.
        detail: For people.

    Returns:
        None for an outbound call or click-to-call of which no INVITE was sent and that nothing has decided: it is
        scheduled or queued still, and goes on.

    Raises:
        AlreadyFinalError: the journal has its `final` entry.
        EmptyJournalError: it has none at all.
    """
    if any(entry.kind is EntryKind.FINAL for entry in entries):
        raise AlreadyFinalError(f"{request.id} has a final entry already")
    journal = list(entries)
    if not CURRENT.read(request.kind, journal).decided_at:
        _add_missing_results(request, journal)
    decided = CURRENT.read(request.kind, journal).decided_at
    if not decided and request.kind is not Kind.INCOMING and not any(e.kind is EntryKind.DIALING for e in journal):
        return None
    _add(request, journal, at, EntryKind.CRASH_RULE, {"why": why, "detail": detail} if detail else {"why": why})
    verdict = CURRENT.decide(request.kind, journal)
    _add(request, journal, at, EntryKind.FINAL, final_data(verdict))
    return Recovery(entries=tuple(journal[len(entries) :]), verdict=verdict)


def final_data(verdict: Verdict) -> dict[str, Any]:
    """Return the data of the `final` entry."""
    return {
        "status": verdict.status.value,
        "reason": verdict.reason,
        "rule": verdict.rule,
        "table": verdict.table,
        "evidence": list(verdict.evidence),
        "hangup_by": verdict.hangup_by.value,
    }


def open_dialogs(entries: Sequence[Entry]) -> tuple[str, ...]:
    """Return the dialogs that may still exist, in the form of the engine's `end_dialog`.

    An INVITE without an answer is given by what was journalled before it left; its `peer` is the gateway as dialled.
    """
    dialogs: dict[tuple[int, int], str] = {}
    for entry in entries:
        data = entry.data
        key = (data.get("leg", 1), data.get("try", 0))
        match entry.kind:
            case EntryKind.ACCEPTED | EntryKind.LEG_ANSWERED if data.get("dialog"):
                dialogs[key] = data["dialog"]
            case EntryKind.DIALING:
                dialogs[key] = _early_dialog(data)
            case EntryKind.LEG_ENDED:
                dialogs.pop(key, None)
            case EntryKind.TRY_FAILED if data["cause"]["cause"] != "first_response":
                dialogs.pop(key, None)
            case _:
                pass
    return tuple(dialogs.values())


def _early_dialog(data: dict[str, Any]) -> str:
    return msgspec.json.encode(
        {
            "role": "uac",
            "call_id": data["call_id"],
            "local_tag": data["local_tag"],
            "local_uri": data["from"],
            "remote_uri": data["to"],
            "remote_target": data["to"],
            "peer": data["gateway"],
            "transport": data.get("transport", "udp"),
        }
    ).decode()


def _add_missing_results(request: CallRequest, journal: list[Entry]) -> None:
    """Write the leg results that the journal's raw facts imply (with their moment): the crash came between the two."""
    known = {entry.data["leg"] for entry in journal if entry.kind is EntryKind.LEG_RESULT}
    for leg in _MAIN_LEGS[request.kind]:
        if leg in known:
            continue
        trace = trace_leg(journal, leg)
        evidence = trace.evidence()
        if evidence is not None and trace.seqs:
            data = result_data(
                leg_result(evidence),
                leg=leg,
                party=trace.party,
                evidence=trace.seqs,
                cause=trace.cause,
                table=TABLE_VERSION,
            )
            at = next(entry.at for entry in journal if entry.seq == trace.seqs[-1])
            _add(request, journal, at, EntryKind.LEG_RESULT, data)


def _add(request: CallRequest, journal: list[Entry], at: datetime, kind: EntryKind, data: dict[str, Any]) -> None:
    seq = journal[-1].seq + 1 if journal else 1
    journal.append(Entry(call_id=request.id, seq=seq, at=at, kind=kind, data=data))
