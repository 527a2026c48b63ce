"""Every row of the table of leg results, by id; and what decides between them."""

import pytest

from ringback.call.outcome import LegEvidence, TryEvidence, leg_result, should_fail_over
from ringback.call.outcome_table import LIMIT_TEXTS, OUTCOME_ROWS, EndedBy
from ringback.model.cause import Cause
from ringback.model.status import LegResult
from ringback.model.trunk import OutcomeOverride


def said(code: int, phrase: str = "", **fields: object) -> Cause:
    return Cause(cause="response", side="remote", code=code, phrase=phrase, **fields)


def network(*causes: Cause, rang: bool = False, **fields: object) -> LegEvidence:
    tries = tuple(TryEvidence(trunk=f"t{index}", cause=cause) for index, cause in enumerate(causes))
    return LegEvidence(ended_by=EndedBy.NETWORK, tries=tries, rang=rang, **fields)


def word(cause: str) -> LegEvidence:
    return network(Cause(cause=cause, side="network"))


LIMIT = said(503, "Channel limit exceeded")

# Row id -> evidence that it reads.
CASES: dict[str, list[LegEvidence]] = {
    "leg-1-answer": [LegEvidence(ended_by=EndedBy.ANSWER), LegEvidence(ended_by=EndedBy.ANSWER, rang=True)],
    "leg-2-caller-left": [LegEvidence(ended_by=EndedBy.CALLER_LEFT)],
    "leg-2-api": [LegEvidence(ended_by=EndedBy.API)],
    "leg-2-answered-elsewhere": [LegEvidence(ended_by=EndedBy.ANSWERED_ELSEWHERE)],
    "leg-2-call-ended": [LegEvidence(ended_by=EndedBy.CALL_ENDED)],
    "leg-3-request-timeout": [LegEvidence(ended_by=EndedBy.REQUEST_TIMER, rang=True)],
    "leg-4-ring-timeout": [LegEvidence(ended_by=EndedBy.RING_TIMER)],
    "leg-5-busy-q850": [network(said(503, q850=17)), network(said(480, q850=17))],
    "leg-5-busy-sip": [network(said(486)), network(said(600)), network(said(486, q850=16))],
    "leg-6-rejected-q850": [network(said(403, q850=21)), network(said(486, q850=21))],
    "leg-6-rejected-sip": [network(said(603)), network(said(607)), network(said(608)), network(said(603, q850=31))],
    "leg-7-no-answer-q850": [network(said(500, q850=18)), network(said(404, q850=19)), network(said(487, q850=20))],
    "leg-7-unavailable": [network(said(480)), network(said(480, q850=16)), network(said(480), rang=True)],
    "leg-7-timeout-after-ringing": [network(said(408), rang=True)],
    "leg-7-terminated-by-network": [network(said(487)), network(said(487), rang=True)],
    "leg-7-cancelled-by-network": [word("cancelled")],
    "leg-8-restricted-q850": [network(said(403, q850=52)), network(said(403, q850=57))],
    "leg-9-no-route-q850": [network(said(404, q850=2)), network(said(604, q850=3)), network(said(500, q850=3))],
    "leg-10-carrier-limit": [
        network(LIMIT),
        network(said(503, "CPS limit exceeded", q850=34)),
        network(said(500, reason='Q.850;cause=42;text="max concurrent calls"')),
        network(LIMIT, LIMIT),
        network(LIMIT, blocked=("t9",)),
        network(Cause(cause="no_channel", side="local"), LIMIT),
    ],
    "leg-10-trunk-slots": [word("no_channel"), network(Cause(cause="no_channel", side="local"), blocked=("t9",))],
    "leg-10-no-slots": [LegEvidence(ended_by=EndedBy.NOT_DIALED, blocked=("t1",))],
    "leg-11-not-dialed": [LegEvidence(ended_by=EndedBy.NOT_DIALED)],
    "leg-11-trunk-full": [network(said(503), Cause(cause="no_channel", side="local"))],
    "leg-11-congestion": [network(said(503, q850=34)), network(said(500, q850=42)), network(said(400, q850=44))],
    "leg-11-first-response": [word("first_response"), word("timeout")],
    "leg-11-dns": [word("dns")],
    "leg-11-transport": [word("transport")],
    "leg-11-no-common-codec": [network(Cause(cause="no_common_codec", side="local", code=200))],
    "leg-11-no-srtp": [word("no_srtp")],
    "leg-11-no-media-port": [word("no_media_port")],
    "leg-11-stopped": [word("stopped")],
    "leg-11-fault": [word("fault")],
    "leg-11-redirect": [network(said(302)), network(said(380))],
    "leg-11-not-found": [network(said(404)), network(said(604)), network(said(404, q850=1))],
    "leg-11-gone": [network(said(410))],
    "leg-11-incomplete": [network(said(484, q850=28))],
    "leg-11-not-acceptable": [network(said(488)), network(said(606)), network(said(415))],
    "leg-11-credentials": [network(said(401)), network(said(407))],
    "leg-11-forbidden": [network(said(403))],
    "leg-11-timeout": [network(said(408))],
    "leg-11-client-error": [network(said(400)), network(said(499))],
    "leg-11-server-error": [
        network(said(500)),
        network(said(503, "Service Unavailable")),
        network(said(599, q850=127)),
        network(LIMIT, said(503, "Service Unavailable")),  # not from every trunk tried
        network(said(500), LIMIT),
    ],
    "leg-11-global-failure": [network(said(601)), network(said(699))],
    "leg-11-unknown": [word("bye"), word("a word of the future"), network(said(700))],
}


@pytest.mark.parametrize("row", [row.id for row in OUTCOME_ROWS])
def test_row_reads_its_evidence(row: str) -> None:
    for evidence in CASES[row]:
        assert leg_result(evidence).rule == row, evidence


def test_every_row_has_a_case() -> None:
    assert {row for row, cases in CASES.items() if cases} == {row.id for row in OUTCOME_ROWS}


def test_every_row_cites_a_source_and_speaks_in_a_sentence() -> None:
    for row in OUTCOME_ROWS:
        assert row.source
        assert row.sentence.endswith(".")


@pytest.mark.parametrize("code", range(300, 700))
def test_every_final_code_has_a_reading(code: int) -> None:
    assert leg_result(network(said(code))).rule != "leg-11-unknown"


@pytest.mark.parametrize("q850", sorted(set(range(1, 128)) - {2, 3, 17, 18, 19, 20, 21, 52, 57}))
def test_only_the_causes_of_rows_5_to_9_beat_the_sip_code(q850: int) -> None:
    assert leg_result(network(said(486, q850=q850))).rule == "leg-5-busy-sip"
    assert leg_result(network(said(603, q850=q850))).rule == "leg-6-rejected-sip"


@pytest.mark.parametrize(
    "phrase",
    [
        "CPS limit exceeded",
        "Calls per second limit reached",
        "Concurrent call limit exceeded",
        "Channel limit exceeded",
        "Maximum number of concurrent calls reached",
        "Max channels reached",
        "Too many calls",
        "Too many concurrent sessions",
        "Session limit",
        "No free channels",
        "Call rate limit exceeded",
    ],
)
def test_texts_that_name_our_limit(phrase: str) -> None:
    assert leg_result(network(said(503, phrase))).result is LegResult.NO_CHANNEL


@pytest.mark.parametrize(
    "phrase",
    ["Service Unavailable", "Server capacity", "Limit", "Maximum forwards", "Overloaded", "Gateway limitation", ""],
)
def test_texts_that_name_no_limit_of_ours(phrase: str) -> None:
    assert leg_result(network(said(503, phrase))).result is LegResult.FAILED


def test_limit_text_counts_only_in_a_5xx() -> None:
    assert leg_result(network(said(486, "Channel limit exceeded"))).result is LegResult.BUSY
    assert leg_result(network(said(403, "Channel limit exceeded"))).reason == "forbidden"


def test_limit_texts_are_small_enough_to_be_read() -> None:
    assert len(LIMIT_TEXTS) <= 10


def test_trunk_row_comes_before_the_common_table_and_is_named() -> None:
    row = OutcomeOverride(id="busy-says-480", sip=480, result=LegResult.BUSY)

    verdict = leg_result(network(said(480, q850=20), overrides=(row,)))

    assert (verdict.result, verdict.rule) == (LegResult.BUSY, "trunk:busy-says-480")


def test_trunk_row_by_q850_cause() -> None:
    row = OutcomeOverride(id="r", q850=31, result=LegResult.REJECTED)

    assert leg_result(network(said(500, q850=31), overrides=(row,))).result is LegResult.REJECTED
    assert leg_result(network(said(500, q850=16), overrides=(row,))).result is LegResult.FAILED


@pytest.mark.parametrize("ended_by", [EndedBy.ANSWER, EndedBy.API, EndedBy.RING_TIMER, EndedBy.REQUEST_TIMER])
def test_trunk_row_never_beats_what_we_did_ourselves(ended_by: EndedBy) -> None:
    row = OutcomeOverride(id="r", sip=487, result=LegResult.BUSY)
    tries = (TryEvidence(trunk="t", cause=said(487)),)

    verdict = leg_result(LegEvidence(ended_by=ended_by, tries=tries, overrides=(row,)))

    assert verdict.result is not LegResult.BUSY


@pytest.mark.parametrize(
    "cause",
    [said(500), said(503), LIMIT, said(503, q850=34), said(502, q850=3)]
    + [Cause(cause=item, side="network") for item in ("transport", "dns", "no_channel", "first_response", "timeout")],
)
def test_fails_over(cause: Cause) -> None:
    assert should_fail_over(network(cause))


@pytest.mark.parametrize(
    "cause",
    [
        said(404),
        said(486),
        said(480),
        said(408),
        said(302),
        said(403),
        said(603),
        said(503, q850=17),
        said(500, q850=21),
    ]
    + [Cause(cause=item, side="local") for item in ("no_common_codec", "no_media_port", "fault", "stopped")],
)
def test_does_not_fail_over(cause: Cause) -> None:
    assert not should_fail_over(network(cause))


def test_does_not_fail_over_once_it_rang() -> None:
    assert not should_fail_over(network(said(503), rang=True))


def test_does_not_fail_over_when_a_trunk_row_reads_the_answer() -> None:
    row = OutcomeOverride(id="r", sip=503, result=LegResult.BUSY)

    assert not should_fail_over(network(said(503), overrides=(row,)))
