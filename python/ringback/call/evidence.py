"""What a journal shows of one dialled leg: read back for crash recovery and audit, and written by the machine."""

from collections.abc import Sequence
from typing import Any

import msgspec

from ringback.call.outcome import LegEvidence, LegVerdict, TryEvidence, is_ringing
from ringback.call.outcome_table import EndedBy
from ringback.model.cause import Cause
from ringback.model.journal import Entry, EntryKind
from ringback.model.trunk import OutcomeOverride

_TIMERS = {"request": EndedBy.REQUEST_TIMER, "default": EndedBy.RING_TIMER}


class LegTrace(msgspec.Struct, kw_only=True):
    """What was journalled of a leg. `ended_by` None: nothing has ended the attempt yet."""

    party: str = ""
    ended_by: EndedBy | None = None
    rang: bool = False
    tries: list[TryEvidence] = []
    blocked: tuple[str, ...] = ()
    overrides: tuple[OutcomeOverride, ...] = ()
    cause: Cause | None = None
    seqs: list[int] = []

    def evidence(self) -> LegEvidence | None:
        """Return it in the form that the table reads; None while nothing has ended the attempt."""
        if self.ended_by is None:
            return None
        return LegEvidence(
            ended_by=self.ended_by,
            rang=self.rang,
            tries=tuple(self.tries),
            blocked=self.blocked,
            overrides=self.overrides,
        )


def trace_leg(entries: Sequence[Entry], leg: int) -> LegTrace:
    """Read what a journal shows of a leg, up to what ended the attempt to reach it."""
    trace = LegTrace()
    for entry in entries:
        if trace.ended_by is not None:
            break
        if entry.data.get("leg") == leg:
            _read(trace, entry)
        elif entry.kind is EntryKind.CANCEL_ACCEPTED and trace.party:
            trace.ended_by = EndedBy.API
            trace.seqs.append(entry.seq)
    return trace


def cause_data(cause: Cause) -> dict[str, Any]:
    """Return a cause for the journal: what is None is left out."""
    data: dict[str, Any] = {"cause": cause.cause, "side": cause.side}
    if cause.code is not None:
        data["code"] = cause.code
    if cause.phrase is not None:
        data["phrase"] = cause.phrase
    if cause.reason is not None:
        data["reason"] = cause.reason
    if cause.q850 is not None:
        data["q850"] = cause.q850
    return data


def cause_of(data: dict[str, Any]) -> Cause:
    """Read a cause back."""
    return msgspec.convert(data, Cause)


def result_data(
    verdict: LegVerdict, *, leg: int, party: str, evidence: Sequence[int], cause: Cause | None, table: str
) -> dict[str, Any]:
    """Return the data of a `leg_result` entry."""
    data: dict[str, Any] = {
        "leg": leg,
        "party": party,
        "result": verdict.result.value,
        "reason": verdict.reason,
        "rule": verdict.rule,
        "by": verdict.hangup_by.value,
        "table": table,
        "evidence": list(evidence),
    }
    if cause is not None:
        data["sip_code"], data["sip_reason"], data["q850_cause"] = cause.code, cause.phrase, cause.q850
    return data


def _read(trace: LegTrace, entry: Entry) -> None:
    data = entry.data
    match entry.kind:
        case EntryKind.DIALING:
            trace.party = data["party"]
            trace.blocked = tuple(data.get("blocked", ()))
        case EntryKind.PROGRESS if is_ringing(data["code"]) and not trace.rang:
            trace.rang = True
            trace.seqs.append(entry.seq)
        case EntryKind.TRY_FAILED:
            trace.cause = cause_of(data["cause"])
            trace.tries.append(TryEvidence(trunk=data["trunk"], cause=trace.cause))
            trace.overrides = tuple(msgspec.convert(data.get("overrides", []), list[OutcomeOverride]))
            trace.seqs.append(entry.seq)
            trace.ended_by = EndedBy.NETWORK if data.get("next") is None else None
        case EntryKind.LEG_ANSWERED:
            trace.cause = Cause(cause="response", side="remote", code=data.get("code"), phrase=data.get("phrase"))
            trace.ended_by = EndedBy.ANSWER
            trace.seqs.append(entry.seq)
        case EntryKind.RING_TIMED_OUT if data["which"] in _TIMERS:
            trace.cause = None
            trace.ended_by = _TIMERS[data["which"]]
            trace.seqs.append(entry.seq)
        case EntryKind.LEG_RESULT if not trace.party:
            trace.party = data["party"]
            trace.blocked = tuple(data.get("blocked", ()))
            trace.ended_by = EndedBy.NOT_DIALED
        case _:
            pass
