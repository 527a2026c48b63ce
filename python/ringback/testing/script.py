"""A scripted call: drives the call machine alone, as the running side would, and keeps everything it did.

For tests of decisions: no loop, no engine, no clock. `Script.outbound().admit().rings().refused(486).final` reads like
the call it describes.
"""

from datetime import UTC, datetime, timedelta
from typing import Any, Self

from ringback.call import states
from ringback.call.effects import Announce, CallEffect, Dial, Finish, Record
from ringback.call.events import (
    AdmissionRefused,
    Admitted,
    AnswerWasConfirmed,
    CallEvent,
    ConnectRequested,
    DialPlan,
    FlowFinished,
    FlowNeededAnswer,
    HangupRequested,
    IncomingAdmitted,
    LegEnded,
    LegPlan,
    MediaWasLost,
    TimerFired,
    TimerName,
    TryAnswered,
    TryPlan,
    TryProgressed,
)
from ringback.model.call import CallRequest
from ringback.model.cause import Cause
from ringback.model.ids import AccountSid, CallId
from ringback.model.journal import Entry, EntryKind, Verdict
from ringback.model.status import HangupBy, Kind
from ringback.model.trunk import OutcomeOverride

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
CALLER, CALLEE, BRIDGE = "+4930111", "+4930222", "+4930333"
_CALL_ID = CallId("call_01JD8QTEST0000000000000000")


def make_request(kind: Kind, **fields: Any) -> CallRequest:
    """Return a complete request; `fields` replace what matters to the test."""
    known: dict[str, Any] = {
        "id": _CALL_ID,
        "account": AccountSid("AC1"),
        "kind": kind,
        "from_": BRIDGE if kind is Kind.OUTBOUND else CALLER,
        "to": BRIDGE if kind is Kind.INCOMING else CALLEE,
        "bridge": BRIDGE,
        "accepted_at": START,
    }
    return CallRequest(**(known | fields))


def make_leg(
    party: str = CALLEE,
    *,
    tries: int = 1,
    ring_ms: int = 45_000,
    from_request: bool = False,
    blocked: tuple[str, ...] = (),
    overrides: tuple[OutcomeOverride, ...] = (),
) -> LegPlan:
    """Return the plan of a leg with as many tries over trunks `trunk_1`, `trunk_2` ..."""
    return LegPlan(
        party=party,
        ring_ms=ring_ms,
        ring_from_request=from_request,
        blocked=blocked,
        tries=tuple(
            TryPlan(
                trunk_id=f"trunk_{number}",
                engine_trunk=number,
                gateway=f"192.0.2.{number}:5060",
                to_uri=f"sip:{party}@192.0.2.{number}",
                from_uri=f"sip:{BRIDGE}@192.0.2.{number}",
                overrides=overrides,
            )
            for number in range(1, tries + 1)
        ),
    )


class _Core:
    """The machine at work, and what it did.

    Attributes:
        state: The machine's state.
        entries: The journal so far.
        effects: Everything asked for so far, in order.
        last: What the last event asked for.
    """

    def __init__(self, request: CallRequest) -> None:
        self.request = request
        self.state = states.initial(request)
        self.at = request.accepted_at
        self.effects: list[CallEffect] = []
        self.last: tuple[CallEffect, ...] = ()
        self.entries = [Entry(call_id=request.id, seq=1, at=self.at, kind=EntryKind.ACCEPTED, data={})]

    def feed(self, event: CallEvent) -> Self:
        """Let an event happen."""
        self.state, self.last = states.step(self.state, event)
        self.effects += self.last
        self.entries += [
            Entry(call_id=self.request.id, seq=effect.seq, at=event.at, kind=effect.kind, data=effect.data)
            for effect in self.last
            if isinstance(effect, Record)
        ]
        return self

    def now(self, *, after_s: float = 1.0) -> datetime:
        """Let time pass and return the moment."""
        self.at += timedelta(seconds=after_s)
        return self.at

    def entry(self, kind: EntryKind) -> Entry:
        """Return the first entry of a kind."""
        return next(entry for entry in self.entries if entry.kind is kind)

    @property
    def final(self) -> Verdict:
        """The verdict of the one `Finish`.

        Raises:
            AssertionError: there is none, or more than one.
        """
        finishes = [effect for effect in self.effects if isinstance(effect, Finish)]
        if len(finishes) != 1:
            raise AssertionError(f"{len(finishes)} Finish effects in state {self.state.state}")
        return finishes[0].verdict

    @property
    def announced(self) -> list[str]:
        """Names of the webhook events announced so far."""
        return [effect.event for effect in self.effects if isinstance(effect, Announce)]

    @property
    def dialed(self) -> list[tuple[int, int]]:
        """Legs and tries whose INVITE was sent."""
        return [(effect.leg, effect.try_) for effect in self.effects if isinstance(effect, Dial)]

    @property
    def kinds(self) -> list[EntryKind]:
        """Kinds of the journal's entries."""
        return [entry.kind for entry in self.entries]


class _Network(_Core):
    """What the network says."""

    def progress(self, code: int, *, leg: int = 1, try_: int = 1, early_media: bool = False) -> Self:
        """A provisional response."""
        return self.feed(
            TryProgressed(at=self.now(), leg=leg, try_=try_, code=code, phrase="Progress", early_media=early_media)
        )

    def rings(self, *, leg: int = 1, try_: int = 1) -> Self:
        """180."""
        return self.progress(180, leg=leg, try_=try_)

    def answered(self, *, leg: int = 1, try_: int = 1) -> Self:
        """A 2xx with usable SDP."""
        return self.feed(TryAnswered(at=self.now(), leg=leg, try_=try_, code=200, codec="PCMA", dialog="{}"))

    def refused(
        self, code: int, phrase: str = "Refused", *, q850: int | None = None, leg: int = 1, try_: int = 1
    ) -> Self:
        """A final response that is none of ours."""
        return self.ends("response", "remote", code=code, phrase=phrase, q850=q850, leg=leg, try_=try_)

    def ends(self, cause: str, side: str = "network", *, leg: int = 1, try_: int | None = None, **fields: Any) -> Self:
        """The engine says that a leg is over; `fields` are those of `Cause`."""
        number = try_ if try_ is not None else (0 if leg == 1 and self.request.kind is Kind.INCOMING else 1)
        known = Cause(cause=cause, side=side, **fields)
        return self.feed(LegEnded(at=self.now(), leg=leg, try_=number, cause=known))

    def hung_up(self, *, leg: int = 1, try_: int | None = None) -> Self:
        """The far end sends BYE."""
        return self.ends("bye", "remote", leg=leg, try_=try_)

    def media_lost(self, *, leg: int = 1) -> Self:
        """Nothing is heard from a leg any more."""
        return self.feed(MediaWasLost(at=self.now(), leg=leg))

    def confirmed(self, how: str = "ack") -> Self:
        """The caller has our 200."""
        return self.feed(AnswerWasConfirmed(at=self.now(), how=how, codec="PCMA"))

    def all_gone(self) -> Self:
        """The engine reports the end of everything that we told to go."""
        for leg in self.state.legs:
            for try_ in leg.leaving_tries:
                self.ends("bye", "local", leg=leg.leg, try_=try_)
        return self


class _Ours(_Network):
    """What happens on our side: admission, timers, the flow, the API."""

    def admit(self, *legs: LegPlan, **leg: Any) -> Self:
        """Outbound, click-to-call: admission passed. Without legs: plain ones, `leg` says how the last is."""
        if not legs and self.request.kind is Kind.CLICK_TO_CALL:
            legs = (make_leg(CALLER), make_leg(**leg))
        return self.feed(Admitted(at=self.now(), plan=DialPlan(legs=legs or (make_leg(**leg),))))

    def let_in(self, *, miss_call_ms: int | None = None) -> Self:
        """Incoming: admission passed."""
        return self.feed(IncomingAdmitted(at=self.now(), ring_ms=45_000, miss_call_ms=miss_call_ms, flow_id="flow_1"))

    def refuse(self, check: str, sip_code: int | None = None) -> Self:
        """Admission said no."""
        return self.feed(AdmissionRefused(at=self.now(), check=check, sip_code=sip_code))

    def timer(self, name: TimerName, *, leg: int = 0, try_: int = 0) -> Self:
        """A timer of ours is up."""
        return self.feed(TimerFired(at=self.now(), name=name, leg=leg, try_=try_))

    def ring_time_is_up(self, *, leg: int = 1) -> Self:
        """The ring timer of a dialled leg is up."""
        return self.timer(TimerName.RING, leg=leg)

    def api_hangup(self, by: HangupBy = HangupBy.API) -> Self:
        """Somebody asks to withdraw or end the call."""
        return self.feed(HangupRequested(at=self.now(), by=by))

    def flow_needs_answer(self) -> Self:
        """The flow reaches a telephony widget."""
        return self.feed(FlowNeededAnswer(at=self.now(), node="greeting"))

    def flow_ends(self, outcome: str = "end", *, sip_code: int | None = None) -> Self:
        """The flow is over."""
        return self.feed(FlowFinished(at=self.now(), outcome=outcome, sip_code=sip_code, detail="why"))

    def connect(self, *parties: LegPlan, at_once: bool = False) -> Self:
        """The flow wants other parties on the line."""
        return self.feed(ConnectRequested(at=self.now(), legs=parties, at_once=at_once))


class Script(_Ours):
    """One call under script. Every event is a method: it happens a second after the last, and returns the script.

    In layers only because it has one method for each thing that can happen to a call.
    """

    @classmethod
    def outbound(cls, **fields: Any) -> Self:
        """Begin an outbound call."""
        return cls(make_request(Kind.OUTBOUND, **fields))

    @classmethod
    def click_to_call(cls, **fields: Any) -> Self:
        """Begin a click-to-call."""
        return cls(make_request(Kind.CLICK_TO_CALL, **fields))

    @classmethod
    def incoming(cls, **fields: Any) -> Self:
        """Begin an incoming call."""
        return cls(make_request(Kind.INCOMING, **fields))
