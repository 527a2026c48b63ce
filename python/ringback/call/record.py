"""The final record out of the journal: legs, times, codes, who hung up, and the explanation."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from msgspec.structs import replace

from ringback.call.crash import RECOVERED
from ringback.call.explain import explain
from ringback.call.outcome import is_ringing
from ringback.call.status import CURRENT, Reading
from ringback.call.status_table import Stage
from ringback.model.call import CallRequest, FlowTarget
from ringback.model.final import FinalRecord, LegRecord
from ringback.model.journal import Entry, EntryKind, Verdict
from ringback.model.status import Kind, LegResult

_STATS = ("codec", "packets_sent", "packets_received", "packets_lost", "jitter_ms", "round_trip_ms")


def final_record(request: CallRequest, entries: Sequence[Entry], verdict: Verdict) -> FinalRecord:
    """Build the record that call logs, webhooks and reports show.

    Args:
        request: The call.
        entries: Its whole journal, in order; the `final` entry may be missing still.
        verdict: What was decided.

    Retries are added by `ringback.call.retry.with_retry`; the recording's id by the running side.
    """
    reading = CURRENT.read(request.kind, entries)
    by_seq = {entry.seq: entry for entry in entries}
    decided = by_seq.get(reading.decided_at, entries[-1])
    legs = _legs(request, entries)
    started_at = _started_at(request, entries, decided)
    ended_at = max(started_at, _ended_at(reading, entries, decided))
    answered_at = decided.at if reading.stage is Stage.ANSWERED else None
    code, phrase, q850 = _codes(decided, legs)
    return FinalRecord(
        id=request.id,
        account=request.account,
        kind=request.kind,
        attempt=request.attempt,
        parent_id=request.parent_id,
        from_=request.from_,
        to=request.to,
        bridge=request.bridge,
        verdict=verdict,
        explanation=explain(request.kind, entries, verdict).text,
        started_at=started_at,
        ringing_at=next((leg.ringing_at for leg in legs if leg.ringing_at), None),
        answered_at=answered_at,
        ended_at=ended_at,
        duration_s=_seconds(started_at, ended_at),
        talk_s=_seconds(answered_at, ended_at) if answered_at else 0.0,
        sip_code=code,
        sip_reason=phrase,
        q850_cause=q850,
        legs=tuple(leg if leg.ended_at or not leg.started_at else replace(leg, ended_at=ended_at) for leg in legs),
        custom=request.custom,
        flow_id=_flow_id(request, entries),
        reached=_reached(request, legs),
        retries_left=request.retries_left,
    )


def _legs(request: CallRequest, entries: Sequence[Entry]) -> list[LegRecord]:
    legs: dict[int, LegRecord] = {}
    if request.kind is Kind.INCOMING:
        legs[1] = LegRecord(leg=1, party=request.from_, direction="incoming")
    for entry in entries:
        number = entry.data.get("leg", 1)
        before = legs.get(number) or LegRecord(leg=number, party=entry.data.get("party", ""), direction="outgoing")
        changes = _changes(before, entry)
        if changes:
            legs[number] = replace(before, **changes)
    return [legs[number] for number in sorted(legs)]


def _changes(leg: LegRecord, entry: Entry) -> dict[str, Any]:  # noqa: PLR0911  (one case for each entry kind)
    data = entry.data
    match entry.kind:
        case EntryKind.ACCEPTED if leg.direction == "incoming":
            return {"started_at": entry.at, "trunk": data.get("trunk"), "sip_call_id": data.get("sip_call_id")}
        case EntryKind.DIALING:
            return {
                "started_at": leg.started_at or entry.at,
                "trunk": data["trunk"],
                "tries": data["try"],
                "sip_call_id": data["call_id"],
            }
        case EntryKind.PROGRESS if is_ringing(data["code"]):
            return {"ringing_at": leg.ringing_at or entry.at}
        case EntryKind.RINGING:
            return {"ringing_at": entry.at}
        case EntryKind.LEG_ANSWERED:
            return {"answered_at": entry.at, "codec": data.get("codec") or None}
        case EntryKind.ANSWER_CONFIRMED:
            return {"answered_at": entry.at, "codec": data.get("codec") or None, "result": LegResult.ANSWERED}
        case EntryKind.LEG_RESULT:
            return _result(leg, entry)
        case EntryKind.LEG_ENDED if data["try"] == leg.tries:
            return _ended(leg, entry)
        case EntryKind.LEG_STATS:
            return {name: data[name] for name in _STATS if data.get(name) not in (None, "")}
        case _:
            return {}


def _result(leg: LegRecord, entry: Entry) -> dict[str, Any]:
    data = entry.data
    result = LegResult(data["result"])
    return {
        "party": data.get("party") or leg.party,
        "result": result,
        "reason": data["reason"],
        "sip_code": data.get("sip_code"),
        "sip_reason": data.get("sip_reason"),
        "q850_cause": data.get("q850_cause"),
        "ended_at": None if result is LegResult.ANSWERED else entry.at,
    }


def _ended(leg: LegRecord, entry: Entry) -> dict[str, Any]:
    cause = entry.data["cause"]
    changes: dict[str, Any] = {"ended_at": leg.ended_at or entry.at}
    if leg.sip_code is None:
        changes |= {"sip_code": cause.get("code"), "sip_reason": cause.get("phrase")}
    if leg.q850_cause is None:
        changes["q850_cause"] = cause.get("q850")
    return changes


def _started_at(request: CallRequest, entries: Sequence[Entry], decided: Entry) -> datetime:
    """Our first INVITE or the caller's; where there was none, the moment of the decision."""
    first = EntryKind.ACCEPTED if request.kind is Kind.INCOMING else EntryKind.DIALING
    return next((entry.at for entry in entries if entry.kind is first), decided.at)


def _ended_at(reading: Reading, entries: Sequence[Entry], decided: Entry) -> datetime:
    """The end of an answered call, else the decision. After a crash: the last that is known of the call."""
    seq = reading.ended_at or decided.seq
    for index, entry in enumerate(entries):
        if entry.seq == seq:
            is_recovery = entry.kind is EntryKind.CRASH_RULE and entry.data.get("why") == RECOVERED
            return entries[max(0, index - 1)].at if is_recovery else entry.at
    return entries[-1].at


def _codes(decided: Entry, legs: Sequence[LegRecord]) -> tuple[int | None, str | None, int | None]:
    """Return code, phrase and Q.850 cause of the leg that decided, as received."""
    number = decided.data.get("leg", 1)
    leg = next((leg for leg in legs if leg.leg == number), None)
    if leg is None or (leg.sip_code is None and "sip_code" in decided.data):
        return decided.data.get("sip_code"), decided.data.get("sip_reason"), decided.data.get("q850_cause")
    return leg.sip_code, leg.sip_reason, leg.q850_cause


def _flow_id(request: CallRequest, entries: Sequence[Entry]) -> str | None:
    for entry in entries:
        if entry.kind in (EntryKind.ADMITTED, EntryKind.FLOW_STARTED) and entry.data.get("flow_id"):
            return str(entry.data["flow_id"])
    return request.target.flow_id if isinstance(request.target, FlowTarget) else None


def _reached(request: CallRequest, legs: Sequence[LegRecord]) -> str | None:
    """Return the party that a connect node reached last."""
    if request.kind is Kind.CLICK_TO_CALL:
        return None
    connected = [leg.party for leg in legs if leg.leg > 1 and leg.result is LegResult.ANSWERED]
    return connected[-1] if connected else None


def _seconds(start: datetime, end: datetime) -> float:
    return max(0.0, round((end - start).total_seconds(), 3))
