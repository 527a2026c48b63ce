"""The call machine under random events: legal and illegal, crossing each other, at every moment.

Invariants of docs/statuses.md: one final status, recomputable from the journal; effects that fit the state; a crash
at any point leads to one verdict that the contract allows.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringback.call import events as ev
from ringback.call.admission import Check
from ringback.call.audit import audit_call
from ringback.call.catalogue import BY_STATUS, family_of
from ringback.call.crash import recover
from ringback.call.effects import Answer, Dial, Finish, Hangup, JoinLegs, Record, Reject, StartFlow
from ringback.call.record import final_record
from ringback.call.retry import next_attempt
from ringback.call.states import TRANSITIONS, IllegalEvent, State
from ringback.call.status import decide
from ringback.model.cause import Cause
from ringback.model.ids import CallId
from ringback.model.journal import Entry, EntryKind
from ringback.model.status import Family, Kind, LegResult, Status
from ringback.model.trunk import OutcomeOverride
from ringback.testing.script import Script, make_leg, make_request

CODES = (100, 180, 183, 200, 302, 404, 408, 480, 486, 487, 500, 503, 603)
WORDS = (
    *(
        "response",
        "cancelled",
        "bye",
        "timeout",
        "transport",
        "dns",
        "no_common_codec",
        "no_ack",
        "no_prack",
        "session_expired",
        "overload",
    ),
    *("no_media_port", "stopped", "fault", "no_channel"),
)
ANSWERED = {Status.ANSWER, Status.FLOW_ANSWER}
legs = st.integers(1, 4)
tries = st.integers(0, 3)
causes = st.builds(
    Cause,
    cause=st.sampled_from(WORDS),
    side=st.sampled_from(("remote", "local", "network")),
    code=st.none() | st.sampled_from(CODES),
    phrase=st.none() | st.sampled_from(("Busy Here", "Channel limit exceeded", "")),
    q850=st.none() | st.sampled_from((3, 16, 17, 18, 21, 34, 52)),
)
plans = st.builds(
    make_leg,
    st.just("+4930222"),
    tries=st.sampled_from((0, 1, 1, 1, 2, 2, 3)),
    from_request=st.booleans(),
    blocked=st.sampled_from(((), ("trunk_9",))),
    overrides=st.sampled_from(((), (OutcomeOverride(id="r", sip=480, result=LegResult.BUSY),))),
)


# ruff: noqa: E501  (a table of events: one line each)
@cache
def happenings(kind: Kind) -> st.SearchStrategy[Any]:
    """Any event at all, as (class, fields without `at`)."""

    def of(event: type, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[type, dict[str, Any]]]:
        return st.tuples(st.just(event), st.fixed_dictionaries(fields))

    main = 2 if kind is Kind.CLICK_TO_CALL else 1
    plan = st.builds(ev.DialPlan, legs=st.lists(plans, min_size=main, max_size=main).map(tuple))
    common = [
        of(ev.TryProgressed, leg=legs, try_=tries, code=st.sampled_from((100, 180, 183)), phrase=st.just("x"), early_media=st.booleans()),
        of(ev.TryAnswered, leg=legs, try_=tries, code=st.just(200)),
        of(ev.LateAnswered, leg=legs, try_=tries, code=st.just(200)),
        of(ev.LegEnded, leg=legs, try_=tries, cause=causes),
        of(ev.MediaWasLost, leg=legs),
        of(ev.StatsReported, leg=legs, codec=st.just("PCMA"), packets_sent=st.just(1), packets_received=st.just(1), packets_lost=st.just(0), jitter_ms=st.just(0.5)),
        of(ev.TimerFired, name=st.sampled_from(ev.TimerName), leg=legs, try_=tries),
        of(ev.HangupRequested),
        of(ev.FlowFinished, outcome=st.sampled_from(("end", "hangup", "failed")), sip_code=st.sampled_from((None, 486))),
        of(ev.ConnectRequested, legs=st.lists(plans, max_size=3).map(tuple), at_once=st.booleans()),
        of(ev.Noted, kind=st.sampled_from((EntryKind.FLOW_STEP, EntryKind.FINAL))),
        of(ev.FaultHappened, detail=st.just("bug")),
        of(ev.ShutDown),
        of(ev.QueueTimedOut, why=st.sampled_from(("waited", "missed_schedule"))),
        of(ev.AdmissionRefused, check=st.sampled_from(Check), sip_code=st.sampled_from((None, 480))),
        of(ev.AnswerWasConfirmed, how=st.just("ack")),
        of(ev.FlowNeededAnswer, node=st.just("n")),
        of(ev.IncomingAdmitted, ring_ms=st.just(45000), miss_call_ms=st.sampled_from((None, None, 5000))),
        of(ev.Admitted, plan=plan),
    ]  # fmt: skip
    return st.one_of(common)


def expected(script: Script) -> list[tuple[type, dict[str, Any]]]:
    """Events that the running side could really deliver now: what drives a random call deep into its life."""
    state = script.state
    found: list[tuple[type, dict[str, Any]]] = []
    for leg in state.legs:
        for try_ in leg.open_tries + leg.leaving_tries:
            at = {"leg": leg.leg, "try_": try_}
            is_called = leg.plan is not None and leg.result is None
            found += [(ev.LegEnded, {**at, "cause": cause}) for cause in (_CAUSES if is_called else _ENDS)]
            if is_called:
                found += [
                    (ev.TryProgressed, {**at, "code": 180, "phrase": "Ringing"}),
                    (ev.TryProgressed, {**at, "code": 183, "phrase": "Progress", "early_media": True}),
                    *[(ev.TryAnswered, {**at, "code": 200})] * 5,
                    (ev.TimerFired, {"name": ev.TimerName.RING, "leg": leg.leg}),
                    (ev.TimerFired, {"name": ev.TimerName.FIRST_RESPONSE, **at}),
                ]
    if state.timer:
        found.append((ev.TimerFired, {"name": ev.TimerName(state.timer)}))
    found += _OWN.get(state.state, [])
    return found


_CONNECT = [
    (ev.ConnectRequested, {"legs": (make_leg(tries=2), make_leg()), "at_once": at_once}) for at_once in (True, False)
]
_OWN: dict[State, list[tuple[type, dict[str, Any]]]] = {
    State.RINGING: [(ev.FlowNeededAnswer, {"node": "n"})] * 6 + [(ev.FlowFinished, {"outcome": "end"})],
    State.ANSWERING: [(ev.AnswerWasConfirmed, {"how": "ack"})] * 6,
    State.TALKING: [*_CONNECT, *_CONNECT, (ev.FlowFinished, {"outcome": "end"}), (ev.HangupRequested, {})],
    State.DIALING_SECOND: [(ev.MediaWasLost, {"leg": 1}), (ev.HangupRequested, {})],
}
_ENDS = (
    Cause(cause="bye", side="remote"),
    Cause(cause="transport", side="network"),
)
_CAUSES = (
    Cause(cause="bye", side="remote"),
    Cause(cause="response", side="remote", code=486),
    Cause(cause="response", side="remote", code=503),
    Cause(cause="response", side="remote", code=480),
    Cause(cause="cancelled", side="local", code=487),
)


class Watch:
    """Drives a script and checks every step's effects against the state before and after."""

    def __init__(self, kind: Kind, *, retries_left: int = 0) -> None:
        self.script = Script(make_request(kind, retries_left=retries_left))
        self.refused = 0
        self.prefixes = [1]

    def happen(self, event: type, fields: dict[str, Any]) -> None:
        script = self.script
        before = script.state
        try:
            script.feed(event(at=script.now(), **fields))
        except IllegalEvent:
            assert script.state is before
            self.refused += 1
            return
        self.prefixes.append(len(script.entries))
        self._table_was_kept(before.state, event)
        self._effects_fit(before.state)

    def _table_was_kept(self, before: State, event: type) -> None:
        transition = TRANSITIONS[self.script.request.kind][before][event]
        after = self.script.state.state
        assert after in transition.to or (after is before and not self.script.last), (before, event, after)

    def _effects_fit(self, before: State) -> None:
        script = self.script
        durable = False
        for effect in script.last:
            match effect:
                case Record():
                    durable = effect.durable or (durable and effect.kind is not EntryKind.DIALING)
                case Dial():
                    assert before not in (State.ENDING, State.FINAL)
                    assert durable, "an INVITE must be journalled first"
                case Answer():
                    assert before is State.RINGING
                    assert durable, "an answer must be journalled first"
                case Reject():
                    assert before in (State.NEW, State.RINGING)
                case JoinLegs():
                    assert before not in (State.ENDING, State.FINAL)
                    assert effect.a == 1
                case StartFlow():
                    assert before not in (State.ENDING, State.FINAL)
                case Finish():
                    assert effect is script.last[-1]
                case _:
                    pass

    def finish(self) -> None:
        """Let everything that must come come: each leg ends, or the last timer fires."""
        for _ in range(60):
            if self.script.state.is_final:
                return
            if self.script.state.state is State.ENDING:
                self.happen(ev.TimerFired, {"name": ev.TimerName.WIND_DOWN})
            else:
                self.happen(ev.ShutDown, {})
        raise AssertionError(f"the call did not end: {self.script.state}")


@st.composite
def lives(draw: st.DrawFn) -> Watch:
    """A call that has lived through random events, most of them such as could really come next, perhaps to its end."""
    kind = draw(st.sampled_from(Kind))
    watch = Watch(kind, retries_left=draw(st.integers(0, 1)))
    anything = happenings(kind)
    if draw(st.integers(0, 5)):
        _admit(watch, draw)
    for _ in range(draw(st.integers(0, 25))):
        likely = expected(watch.script)
        if likely and draw(st.integers(0, 5)):
            watch.happen(*draw(st.sampled_from(likely)))
        else:
            watch.happen(*draw(anything))
        if watch.script.state.is_final:
            break
    return watch


def _admit(watch: Watch, draw: st.DrawFn) -> None:
    kind = watch.script.request.kind
    if kind is Kind.INCOMING:
        watch.happen(
            ev.IncomingAdmitted, {"ring_ms": 45_000, "miss_call_ms": draw(st.sampled_from((None,) * 4 + (5,)))}
        )
        return
    count = 2 if kind is Kind.CLICK_TO_CALL else 1
    watch.happen(ev.Admitted, {"plan": ev.DialPlan(legs=tuple(draw(plans) for _ in range(count)))})


@given(lives())
def test_every_call_ends_once_with_a_status_that_its_journal_gives_again(watch: Watch) -> None:
    watch.finish()
    call = watch.script
    verdict = call.final

    assert decide(call.request.kind, call.entries) == verdict
    stored = msgspec.json.decode(msgspec.json.encode(call.entries), type=list[Entry])
    assert decide(call.request.kind, stored) == verdict
    assert call.request.kind in BY_STATUS[verdict.status].kinds
    assert not verdict.rule.startswith("default-")
    assert [entry.seq for entry in call.entries] == list(range(1, len(call.entries) + 1))


@given(lives())
def test_the_audit_finds_nothing_in_any_call(watch: Watch) -> None:
    watch.finish()
    call = watch.script
    record = final_record(call.request, call.entries, call.final)

    assert audit_call(call.request, call.entries, record, [*call.announced, "call_end"]) == []


@given(lives())
def test_statuses_and_invites_fit(watch: Watch) -> None:
    watch.finish()
    call = watch.script
    status = call.final.status
    results = {e.data["leg"]: e.data["result"] for e in call.entries if e.kind is EntryKind.LEG_RESULT}
    dialed = {leg for leg, _ in call.dialed}

    if family_of(status) is Family.NOT_PLACED and call.request.kind is not Kind.INCOMING and dialed:
        assert results[1] in {LegResult.RESTRICTED, LegResult.NO_ROUTE, LegResult.NO_CHANNEL}
    if status.endswith("_CHANNEL1"):
        assert 2 not in dialed
    if status.endswith("_CHANNEL2"):
        assert results[1] == LegResult.ANSWERED
    assert ("call_answer" in call.announced) is (status in ANSWERED)
    started = EntryKind.ADMITTED if call.request.kind is Kind.INCOMING else EntryKind.DIALING
    assert ("call_start" in call.announced) is (started in call.kinds)
    assert len(set(call.announced)) == len(call.announced)


@given(lives())
def test_every_try_is_told_to_end_or_ended_before_the_final_record(watch: Watch) -> None:
    watch.finish()
    call = watch.script
    gone = {
        (e.data["leg"], e.data["try"]) for e in call.entries if e.kind in (EntryKind.LEG_ENDED, EntryKind.TRY_FAILED)
    }
    told = {(e.leg, e.try_) for e in call.effects if isinstance(e, Hangup)}

    assert set(call.dialed) <= gone | told
    assert all(not leg.open_tries for leg in call.state.legs)


@given(lives())
def test_leg_timers_that_were_started_are_stopped_or_fired(watch: Watch) -> None:
    watch.finish()

    assert watch.script.state.timer == ""
    assert all(leg.result is not None for leg in watch.script.state.legs if leg.plan is not None)


@given(lives())
def test_news_after_the_end_decides_nothing(watch: Watch) -> None:
    watch.finish()
    verdict = watch.script.final
    count = len(watch.script.entries)

    for event, fields in _afterwards():
        watch.happen(event, fields)

    assert watch.script.final == verdict
    assert decide(watch.script.request.kind, watch.script.entries) == verdict
    assert all(entry.kind is EntryKind.AFTER_FINAL for entry in watch.script.entries[count:])


def _afterwards() -> Iterator[tuple[type, dict[str, Any]]]:
    yield ev.TryAnswered, {"leg": 1, "try_": 1, "code": 200}
    yield ev.LateAnswered, {"leg": 1, "try_": 1, "code": 200}
    yield ev.LegEnded, {"leg": 1, "try_": 1, "cause": _CAUSES[0]}
    yield ev.HangupRequested, {}
    yield ev.AnswerWasConfirmed, {"how": "ack"}
    yield ev.TimerFired, {"name": ev.TimerName.WIND_DOWN}
    yield ev.FaultHappened, {"detail": "bug"}
    yield ev.ShutDown, {}


@given(lives())
def test_a_crash_at_any_entry_leads_to_one_verdict_that_the_contract_allows(watch: Watch) -> None:
    watch.finish()
    call = watch.script
    kind = call.request.kind
    end = call.entry(EntryKind.FINAL).seq

    for cut in range(1, end):
        journal = call.entries[:cut]
        recovery = recover(call.request, journal, why="recovered_after_crash", at=call.at)
        if recovery is None:
            assert kind is not Kind.INCOMING
            assert all(entry.kind is not EntryKind.DIALING for entry in journal)
            continue
        whole = [*journal, *recovery.entries]
        assert decide(kind, whole) == recovery.verdict
        assert [entry.seq for entry in whole] == list(range(1, len(whole) + 1))
        assert recovery.verdict.status in _allowed_after_crash(journal, kind, call.final.status)
        record = final_record(call.request, whole, recovery.verdict)
        assert audit_call(call.request, whole, record, []) == []
        retry = next_attempt(record, call.request, whole, now=call.at, new_id=CallId("call_2"))
        if recovery.verdict.reason == "recovered_after_crash":
            assert retry is None


def _allowed_after_crash(journal: list[Entry], kind: Kind, final: Status) -> set[Status]:
    """What was decided stays (the whole call's status); without a decision the crash rule by what was going on."""
    answered = {e.data["leg"] for e in journal if e.kind is EntryKind.LEG_ANSWERED}
    if kind is Kind.OUTBOUND:
        return {final, Status.ANSWER if 1 in answered else Status.FAILED}
    if kind is Kind.CLICK_TO_CALL:
        if 2 in answered:
            return {final, Status.ANSWER}
        return {final, Status.FAILED_CHANNEL2 if 1 in answered else Status.FAILED_CHANNEL1}
    if any(e.kind is EntryKind.ANSWER_CONFIRMED for e in journal):
        return {final}
    miss_call = any(e.kind is EntryKind.ADMITTED and e.data.get("miss_call_ms") for e in journal)
    return {final, Status.MISS_CALL if miss_call else Status.INCOMING_DISCONNECTED}


@given(lives())
def test_a_crash_between_two_events_keeps_what_was_decided(watch: Watch) -> None:
    """Groups are committed whole: a journal that ends with an event's last entry and holds a decision keeps it."""
    watch.finish()
    call = watch.script
    end = call.entry(EntryKind.FINAL).seq

    for cut in watch.prefixes:
        journal = call.entries[: min(cut, end - 1)]
        verdict = decide(call.request.kind, journal)
        if verdict.rule.startswith("default-"):
            continue
        recovery = recover(call.request, journal, why="recovered_after_crash", at=call.at)
        assert recovery is not None
        assert recovery.verdict.status is verdict.status is call.final.status
        assert recovery.verdict.rule == call.final.rule


@given(lives(), st.data())
@settings(max_examples=30)
def test_every_illegal_event_leaves_no_trace(watch: Watch, data: st.DataObject) -> None:
    before, count = watch.script.state, len(watch.script.entries)
    event, fields = data.draw(happenings(watch.script.request.kind))
    refused = watch.refused
    watch.happen(event, fields)

    if watch.refused > refused:
        assert watch.script.state is before
        assert len(watch.script.entries) == count


@pytest.mark.parametrize("kind", list(Kind))
def test_every_state_of_the_table_knows_faults_and_the_end_of_the_process(kind: Kind) -> None:
    for state, row in TRANSITIONS[kind].items():
        assert {ev.FaultHappened, ev.ShutDown, ev.Noted} <= set(row), state
        assert ev.HangupRequested in row, state
