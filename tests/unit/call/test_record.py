"""The final record out of the journal."""

import msgspec

from ringback.call.events import LegEnded, StatsReported, TimerName
from ringback.call.record import final_record
from ringback.model.cause import Cause
from ringback.model.final import FinalRecord
from ringback.model.journal import EntryKind
from ringback.model.sip.reason import Reason
from ringback.model.status import LegResult, Status
from ringback.testing.script import CALLEE, CALLER, Script, make_leg


def record_of(call: Script) -> FinalRecord:
    return final_record(call.request, call.entries, call.final)


def test_times_of_an_answered_call() -> None:
    call = Script.outbound().admit().rings().answered()
    call.now(after_s=29)
    record = record_of(call.hung_up())

    assert record.started_at == call.entry(EntryKind.DIALING).at
    assert record.ringing_at == call.entry(EntryKind.PROGRESS).at
    assert record.answered_at == call.entry(EntryKind.LEG_ANSWERED).at
    assert (record.duration_s, record.talk_s) == (32.0, 30.0)


def test_codes_of_the_deciding_leg() -> None:
    record = record_of(Script.outbound().admit().refused(503, "Go Away", q850=17))

    assert (record.sip_code, record.sip_reason, record.q850_cause) == (503, "Go Away", 17)
    assert record.legs[0].result is LegResult.BUSY


def test_reasons_of_a_leg_are_read_out_of_its_end() -> None:
    call = Script.outbound().admit()
    cause = Cause(
        cause="response", side="remote", code=486, reason='SIP;cause=486;text="Busy", Q.850;cause=17', q850=17
    )

    record = record_of(call.feed(LegEnded(at=call.at, leg=1, try_=1, cause=cause)))

    assert record.legs[0].reasons == (
        Reason(protocol="SIP", cause=486, text="Busy"),
        Reason(protocol="Q.850", cause=17),
    )


def test_refused_call_has_no_legs_and_no_duration() -> None:
    record = record_of(Script.outbound().refuse("no_route"))

    assert record.legs == ()
    assert (record.duration_s, record.talk_s, record.sip_code) == (0.0, 0.0, None)


def test_scheduled_call_starts_when_it_is_placed() -> None:
    call = Script.outbound()
    call.now(after_s=3600)

    record = record_of(call.refuse("no_route"))

    assert record.started_at == call.at


def test_tries_of_a_leg() -> None:
    leg = record_of(Script.outbound().admit(tries=2).refused(503).refused(486, try_=2)).legs[0]

    assert (leg.tries, leg.trunk, leg.sip_code) == (2, "trunk_2", 486)
    assert leg.sip_call_id is not None
    assert leg.sip_call_id.endswith("-1-2")


def test_both_legs_of_a_click_to_call() -> None:
    call = Script.click_to_call().admit().rings().answered().rings(leg=2).refused(486, leg=2).all_gone()
    record = record_of(call)

    assert [(leg.leg, leg.party, leg.result) for leg in record.legs] == [
        (1, CALLER, LegResult.ANSWERED),
        (2, CALLEE, LegResult.BUSY),
    ]
    assert (record.verdict.status, record.sip_code) == (Status.BUSY_CHANNEL2, 486)
    assert (record.answered_at, record.talk_s) == (None, 0.0)
    assert record.legs[0].ended_at is not None


def test_incoming_call() -> None:
    call = Script.incoming().let_in().flow_needs_answer().confirmed().hung_up()
    record = record_of(call)
    leg = record.legs[0]

    assert (leg.direction, leg.party, leg.result) == ("incoming", CALLER, LegResult.ANSWERED)
    assert (record.started_at, record.talk_s) == (call.entries[0].at, 1.0)
    assert record.flow_id == "flow_1"


def test_code_we_refused_an_incoming_call_with() -> None:
    call = Script.incoming().refuse("blocked", 603)

    assert record_of(call.timer(TimerName.WIND_DOWN)).sip_code == 603


def test_party_that_the_flow_reached() -> None:
    call = Script.incoming().let_in().flow_needs_answer().confirmed()
    call.connect(make_leg("+49301"), make_leg("+49302")).refused(486, leg=2).answered(leg=3).hung_up(leg=3)
    record = record_of(call.hung_up())

    assert record.reached == "+49302"
    assert [leg.party for leg in record.legs] == [CALLER, "+49301", "+49302"]


def test_media_figures_of_a_leg() -> None:
    call = Script.outbound().admit().answered()
    call.feed(
        StatsReported(
            at=call.now(), leg=1, codec="PCMA", packets_sent=50, packets_received=49, packets_lost=1, jitter_ms=2.5
        )
    )
    leg = record_of(call.hung_up()).legs[0]

    assert (leg.codec, leg.packets_sent, leg.packets_lost, leg.jitter_ms) == ("PCMA", 50, 1, 2.5)


def test_leg_that_wind_down_did_not_wait_for_ends_with_the_call() -> None:
    record = record_of(Script.click_to_call().admit().answered().api_hangup().timer(TimerName.WIND_DOWN))

    assert all(leg.ended_at is not None for leg in record.legs)


def test_after_final_changes_nothing() -> None:
    call = Script.outbound().admit().rings().ring_time_is_up().timer(TimerName.WIND_DOWN)
    before = record_of(call)

    assert record_of(call.answered()) == before


def test_record_survives_json() -> None:
    record = record_of(Script.click_to_call().admit().rings().answered().answered(leg=2).hung_up().all_gone())

    assert msgspec.json.decode(msgspec.json.encode(record), type=FinalRecord) == record
