"""How calls and their journals are shown. Names follow `FinalRecord`; times are ISO 8601 with zone."""

from datetime import datetime
from typing import Any

import msgspec
from msgspec import UNSET, Struct, UnsetType, field

from ringback.api.masking import mask_data, mask_text
from ringback.model.final import LegRecord
from ringback.model.journal import Entry, EntryKind
from ringback.model.sip.facts import SipFacts
from ringback.model.status import HangupBy, Kind, Status
from ringback.store.calls import CallRow


class EventView(Struct, frozen=True, kw_only=True):
    """One entry of a call's journal. `is_evidence`: it is among those that decided the status."""

    seq: int
    at: datetime
    kind: EntryKind
    data: dict[str, Any]
    is_evidence: bool = False


class CallView(Struct, frozen=True, kw_only=True):
    """A call. `status` and all about its end are null until it is final; until then `state` says where it stands.

    Attributes:
        due_at: When a scheduled or queued call is looked at next.
        rule: The row of the decision table that decided; `table` is the content hash of the tables.
        evidence: Numbers (`seq`) of the journal entries that decided.
        talk_s: Seconds from answer to end.
        evidence_entries: Those entries themselves; like `trail` and `attempts` only where one call is asked for.
        anonymous: The calling number was withheld from those called.
        facts: Incoming: what the INVITE said beside the numbers.
        trail: The way through the flow.
        attempts: Ids of all attempts, in order.
    """

    id: str
    kind: Kind
    state: str
    status: Status | None
    reason: str | None
    explanation: str | None
    hangup_by: HangupBy | None
    from_: str = field(name="from")
    to: str
    bridge: str
    attempt: int
    parent_id: str | None
    retries_left: int
    next_attempt_at: datetime | None
    accepted_at: datetime
    due_at: datetime | None
    started_at: datetime | None
    ringing_at: datetime | None
    answered_at: datetime | None
    ended_at: datetime | None
    duration_s: float | None
    talk_s: float | None
    sip_code: int | None
    sip_reason: str | None
    q850_cause: int | None
    rule: str | None
    table: str | None
    evidence: tuple[int, ...]
    legs: tuple[LegRecord, ...]
    custom: str | None
    flow_id: str | None
    answered_by: str | None
    reached: str | None
    recording_id: str | None
    channels: int
    anonymous: bool
    facts: SipFacts | None
    evidence_entries: tuple[EventView, ...] | UnsetType = UNSET
    trail: tuple[EventView, ...] | UnsetType = UNSET
    attempts: tuple[str, ...] | UnsetType = UNSET


def view_call(row: CallRow, *, masked: bool = False) -> CallView:
    """Show a call; `masked` hides the parties' numbers."""
    request, record = row.request, row.record
    verdict = record.verdict if record else None
    view = CallView(
        id=request.id,
        kind=request.kind,
        state=row.state,
        status=verdict.status if verdict else None,
        reason=verdict.reason if verdict else None,
        explanation=record.explanation if record else None,
        hangup_by=verdict.hangup_by if verdict else None,
        from_=request.from_,
        to=request.to,
        bridge=request.bridge,
        attempt=request.attempt,
        parent_id=request.parent_id,
        retries_left=record.retries_left if record else request.retries_left,
        next_attempt_at=record.next_attempt_at if record else None,
        accepted_at=request.accepted_at,
        due_at=row.due_at,
        started_at=record.started_at if record else None,
        ringing_at=record.ringing_at if record else None,
        answered_at=record.answered_at if record else None,
        ended_at=record.ended_at if record else None,
        duration_s=record.duration_s if record else None,
        talk_s=record.talk_s if record else None,
        sip_code=record.sip_code if record else None,
        sip_reason=record.sip_reason if record else None,
        q850_cause=record.q850_cause if record else None,
        rule=verdict.rule if verdict else None,
        table=verdict.table if verdict else None,
        evidence=verdict.evidence if verdict else (),
        legs=record.legs if record else (),
        custom=request.custom,
        flow_id=record.flow_id if record else None,
        answered_by=record.answered_by if record else None,
        reached=record.reached if record else None,
        recording_id=record.recording_id if record else None,
        channels=row.channels,
        anonymous=request.anonymous,
        facts=request.facts,
    )
    return _mask(view) if masked else view


def _mask(view: CallView) -> CallView:
    legs = tuple(msgspec.structs.replace(leg, party=mask_text(leg.party)) for leg in view.legs)
    return msgspec.structs.replace(
        view,
        from_=mask_text(view.from_),
        to=mask_text(view.to),
        explanation=mask_text(view.explanation or "") or None,
        reached=mask_text(view.reached or "") or None,
        answered_by=mask_text(view.answered_by or "") or None,
        legs=legs,
        facts=None if view.facts is None else _mask_facts(view.facts),
    )


def _mask_facts(facts: SipFacts) -> SipFacts:
    """Signed tokens and free text go: a number in them could not be masked."""
    shown = msgspec.structs.replace(facts, display_name=None, identity=())
    return msgspec.convert(mask_data(msgspec.to_builtins(shown)), SipFacts)


def view_event(entry: Entry, evidence: tuple[int, ...], *, masked: bool = False) -> EventView:
    """Show a journal entry."""
    data = mask_data(entry.data) if masked else entry.data
    return EventView(seq=entry.seq, at=entry.at, kind=entry.kind, data=data, is_evidence=entry.seq in evidence)


def view_detail(row: CallRow, entries: tuple[Entry, ...], attempts: tuple[str, ...], *, masked: bool) -> CallView:
    """Show a call with what decided it, its way through the flow and its attempts."""
    call = view_call(row, masked=masked)
    events = [view_event(entry, call.evidence, masked=masked) for entry in entries]
    return msgspec.structs.replace(
        call,
        evidence_entries=tuple(event for event in events if event.is_evidence),
        trail=tuple(event for event in events if event.kind is EntryKind.FLOW_STEP),
        attempts=attempts,
    )
