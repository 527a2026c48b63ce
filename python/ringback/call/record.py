"""The final record out of the journal: legs, times, codes, who hung up, and the explanation."""

from collections.abc import Callable, Sequence
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
from ringback.model.sip.reason import parse_reasons
from ringback.model.status import Kind, LegResult

_Fields = dict[str, Any]
_STATS = (
    "codec",
    "packets_sent",
    "packets_received",
    "packets_lost",
    "jitter_ms",
    "round_trip_ms",
    "packets_late",
    "concealed_ms",
    "jitter_max_ms",
    "loss_percent",
    "remote_loss_percent",
    "mos",
)


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
    legs: dict[int, _Fields] = {}
    if request.kind is Kind.INCOMING:
        legs[1] = {"leg": 1, "party": request.from_, "direction": "incoming"}
    for entry in entries:
        read = _READERS.get(entry.kind)
        if read is not None:
            number = entry.data.get("leg", 1)
            leg = legs.get(number)
            if leg is None:
                if entry.kind not in _FIRST:
                    continue
                leg = legs[number] = {"leg": number, "party": entry.data.get("party", ""), "direction": "outgoing"}
            read(leg, entry)
    return [LegRecord(**legs[number]) for number in sorted(legs)]


def _accepted(leg: _Fields, entry: Entry) -> None:
    leg["started_at"] = entry.at
    leg["trunk"] = entry.data.get("trunk")
    leg["sip_call_id"] = entry.data.get("sip_call_id")


def _dialing(leg: _Fields, entry: Entry) -> None:
    leg.setdefault("started_at", entry.at)
    leg["trunk"] = entry.data["trunk"]
    leg["tries"] = entry.data["try"]
    leg["sip_call_id"] = entry.data["call_id"]


def _progress(leg: _Fields, entry: Entry) -> None:
    if is_ringing(entry.data["code"]):
        leg.setdefault("ringing_at", entry.at)


def _ringing(leg: _Fields, entry: Entry) -> None:
    leg["ringing_at"] = entry.at


def _leg_answered(leg: _Fields, entry: Entry) -> None:
    leg["answered_at"] = entry.at
    leg["codec"] = entry.data.get("codec") or None


def _answer_confirmed(leg: _Fields, entry: Entry) -> None:
    _leg_answered(leg, entry)
    leg["result"] = LegResult.ANSWERED


def _result(leg: _Fields, entry: Entry) -> None:
    data = entry.data
    leg["party"] = data.get("party") or leg["party"]
    leg["result"] = LegResult(data["result"])
    leg["reason"] = data["reason"]
    leg["sip_code"] = data.get("sip_code")
    leg["sip_reason"] = data.get("sip_reason")
    leg["q850_cause"] = data.get("q850_cause")
    if leg["result"] is not LegResult.ANSWERED:
        leg["ended_at"] = entry.at


def _try_failed(leg: _Fields, entry: Entry) -> None:
    leg["reasons"] = parse_reasons(entry.data["cause"].get("reason") or "")


def _ended(leg: _Fields, entry: Entry) -> None:
    """Only of the last try: how those before it ended is in the journal."""
    if entry.data["try"] != leg.get("tries", 0):
        return
    cause = entry.data["cause"]
    leg.setdefault("ended_at", entry.at)
    if leg.get("sip_code") is None:
        leg["sip_code"], leg["sip_reason"] = cause.get("code"), cause.get("phrase")
    leg["reasons"] = parse_reasons(cause.get("reason") or "")
    if leg.get("q850_cause") is None:
        leg["q850_cause"] = cause.get("q850")


def _stats(leg: _Fields, entry: Entry) -> None:
    leg.update({name: entry.data[name] for name in _STATS if entry.data.get(name) not in (None, "")})


_FIRST = frozenset({EntryKind.DIALING, EntryKind.LEG_RESULT})
_READERS: dict[EntryKind, Callable[[_Fields, Entry], None]] = {
    EntryKind.ACCEPTED: _accepted,
    EntryKind.DIALING: _dialing,
    EntryKind.PROGRESS: _progress,
    EntryKind.RINGING: _ringing,
    EntryKind.LEG_ANSWERED: _leg_answered,
    EntryKind.ANSWER_CONFIRMED: _answer_confirmed,
    EntryKind.TRY_FAILED: _try_failed,
    EntryKind.LEG_RESULT: _result,
    EntryKind.LEG_ENDED: _ended,
    EntryKind.LEG_STATS: _stats,
}


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
