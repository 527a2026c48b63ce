"""Incoming calls at the door: who is called, by whom, may they come in."""

from msgspec.structs import replace

from ringback._engine import Incoming as IncomingInvite
from ringback.call.admission import (
    FlowFacts,
    IncomingFacts,
    NeedsChannel,
    Refuse,
    admit_incoming,
    admit_incoming_flow,
    incoming_without_channel,
)
from ringback.call.events import AdmissionRefused, IncomingAdmitted
from ringback.flow.document import start_node
from ringback.live.call_parts.journal import CallJournal, accepted_entry
from ringback.live.call_parts.legs import Leg
from ringback.live.call_parts.targets import wants_recording
from ringback.live.capacity import Pool, Want
from ringback.live.flow_driver import FlowSource
from ringback.live.parts import Parts
from ringback.live.task import CallTask
from ringback.model.account import Account
from ringback.model.call import CallRequest
from ringback.model.ids import AccountSid, CallId, TrunkId, make_id
from ringback.model.number import Number
from ringback.model.status import Kind
from ringback.model.trunk import Trunk
from ringback.routing.incoming import Invite, Parties, read_invite
from ringback.store.writes import AcceptCalls

OPERATOR = Account(sid=AccountSid("operator"), name="Operator", channels=0, queues=False)
"""Whose calls those are that come over the operator's trunk to a number of nobody."""

_NEW = "new"


class IncomingCalls:
    """Takes INVITEs, synchronously: each is a call, or refused, before the next one is looked at."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self.is_closed = False

    def take(self, invite: IncomingInvite) -> None:
        """Make a call of an INVITE; if no call can be taken now answer 503, which is counted and no call."""
        trunk = self._trunk(invite)
        problem = self._problem(trunk)
        if problem or trunk is None:
            self._parts.counters.count_turned_away(problem)
            self._parts.engine.reject(invite.leg, 503)
            return
        parties = self._parties(invite, trunk)
        number = self._number(trunk, parties.called)
        task = self._accept(invite, trunk, parties, number)
        with task.guarded():
            self._admit(task, invite, trunk, parties, number)

    def _trunk(self, invite: IncomingInvite) -> Trunk | None:
        """Return whose call it is. A phone's counts as one over a trunk of its account that has no carrier.

        So it leads to the account's own numbers only, and to nobody else: no phone can place a call at our expense.
        """
        directory = self._parts.directory
        phone = None if invite.phone is None else directory.phone(invite.phone)
        if invite.phone is None:
            return directory.trunk(invite.trunk)
        if phone is None:
            return None
        return Trunk(id=TrunkId(phone.id), engine_id=0, name=phone.name, account=phone.account, calling_from=())

    def _parties(self, invite: IncomingInvite, trunk: Trunk) -> Parties:
        """Read who calls whom. A phone calls from the number that its account gave it, whatever it says."""
        parties = read_invite(trunk, _read(invite))
        phone = None if invite.phone is None else self._parts.directory.phone(invite.phone)
        return parties if phone is None else replace(parties, calling=phone.number)

    def _problem(self, trunk: Trunk | None) -> str:
        if self.is_closed:
            return "stopping"
        if trunk is None:
            return "unknown_trunk"  # deleted a moment ago
        return "" if self._parts.journal.health().is_ready else "store_unavailable"

    def _number(self, trunk: Trunk, called: str | None) -> Number | None:
        """Return the number called; an account's own trunk leads to that account's numbers only."""
        number = self._parts.directory.number(called) if called else None
        if number is None or trunk.account not in (None, number.account):
            return None
        return number

    def _accept(self, invite: IncomingInvite, trunk: Trunk, parties: Parties, number: Number | None) -> CallTask:
        """Begin the call. Its journal is committed with the first thing that must be."""
        parts = self._parts
        at = parts.clock.moment(invite.at_ns)
        account = self._account(trunk, number)
        call_id = make_id("call", at_ms=int(at.timestamp() * 1000), entropy=parts.entropy(10))
        request = CallRequest(
            id=CallId(call_id),
            account=account.sid,
            kind=Kind.INCOMING,
            from_=parties.calling or "",
            to=parties.called or "",
            bridge=number.number if number else parties.called or "",
            facts=parties.facts,
            queues=False,
            max_duration_ms=account.defaults.max_duration_ms,
            accepted_at=at,
        )
        entry = accepted_entry(
            request, trunk=trunk.id, source=invite.source, sip_call_id=invite.call_id, dialog=invite.dialog
        )
        parts.journal.submit(AcceptCalls(requests=(request,), entries=(entry,), state=_NEW))
        parts.counters.count_accepted(Kind.INCOMING)
        task = CallTask(parts, request, account, CallJournal(request, (entry,), row_state=_NEW))
        task.add_leg(Leg(task, engine_leg=invite.leg, leg=1, try_=0, trunk=None))
        parts.calls[request.id] = task
        return task

    def _account(self, trunk: Trunk, number: Number | None) -> Account:
        sid = number.account if number is not None else trunk.account
        return (self._parts.directory.account(sid) if sid is not None else None) or OPERATOR

    def _admit(
        self, task: CallTask, invite: IncomingInvite, trunk: Trunk, parties: Parties, number: Number | None
    ) -> None:
        calling = parties.calling
        flow, source = self._flow(number)
        facts = IncomingFacts(
            called=parties.called,
            calling=calling,
            number=number,
            caller_is_blocked=bool(number and calling)
            and self._parts.directory.is_blocked(task.request.account, calling or "", incoming=True),
            flow=flow,
            has_common_codec=invite.codec_ok,
        )
        answer: object = admit_incoming(facts)
        if isinstance(answer, NeedsChannel) and number is not None:
            answer = self._reserve(task, trunk, number) or admit_incoming_flow(facts)
        at = task.request.accepted_at
        if isinstance(answer, Refuse):
            task.deliver(AdmissionRefused(at=at, check=answer.check, detail=answer.detail, sip_code=answer.sip_code))
        elif number is not None and source is not None:
            self._let_in(task, number, source)

    def _flow(self, number: Number | None) -> tuple[FlowFacts | None, FlowSource | None]:
        if number is None or number.flow_id is None:
            return None, None
        return self._parts.directory.flow_in_force(number.account, number.flow_id)

    def _reserve(self, task: CallTask, trunk: Trunk, number: Number) -> Refuse | None:
        wants = [
            Want(pool=Pool.NUMBER, key=number.number, most=number.channels),
            Want(pool=Pool.ACCOUNT, key=task.account.sid, most=task.account.channels),
        ]
        slot = Want(pool=Pool.TRUNK, key=trunk.id, most=trunk.channels)
        full = self._parts.capacity.reserve([*wants, slot])
        if full is not None:
            return incoming_without_channel(full.pool.value)
        task.holdings.keep(wants)
        task.journal.channels = task.holdings.channels
        task.legs[1, 0].trunk = trunk.id
        return None

    def _let_in(self, task: CallTask, number: Number, source: FlowSource) -> None:
        start = start_node(source.document)
        task.source = source
        if wants_recording(task.request, source):
            task.record()
        task.deliver(
            IncomingAdmitted(
                at=task.request.accepted_at,
                ring_ms=number.ring_ms or task.account.defaults.incoming_ring_ms,
                miss_call_ms=None if start.miss_call_s is None else start.miss_call_s * 1000,
                flow_id=source.flow_id,
                flow_version=source.version,
                max_duration_ms=task.request.max_duration_ms,
            )
        )


def _read(invite: IncomingInvite) -> Invite:
    return Invite(
        request_uri=invite.request_uri,
        to_uri=invite.to_uri,
        from_uri=invite.from_uri,
        headers=tuple(invite.headers),
        sip_call_id=invite.call_id,
    )
