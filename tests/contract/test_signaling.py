"""Legs: what a caller's engine and a called engine report. One suite for the fake and the real engine."""

import pytest
from tests.contract.pair import TRUNK, Pair

from ringback import _engine as en
from ringback.model.sip.reason import ELSEWHERE


async def test_incoming_tells_who_calls_whom(pair: Pair) -> None:
    pair.dial(call_id="the-call", headers=[("P-Asserted-Identity", "<sip:+49303@here>")])

    invite = await pair.b.next(en.Incoming)

    assert (invite.trunk, invite.call_id, invite.codec_ok) == (TRUNK, "the-call", True)
    assert (invite.request_uri, invite.to_uri, invite.from_uri) == (
        "sip:+49301@there",
        "sip:+49301@there",
        "sip:+49302@here",
    )
    assert ("P-Asserted-Identity", "<sip:+49303@here>") in invite.headers
    assert invite.source == pair.a.engine.local_address()


async def test_ringing_and_early_media_are_reported_as_progress(pair: Pair) -> None:
    ours, theirs = await pair.call()

    pair.b.engine.ring(theirs)
    ringing = await pair.a.next(en.Progress, leg=ours, code=180)
    pair.b.engine.early_media(theirs)
    early = await pair.a.next(en.Progress, leg=ours, code=183)

    assert (ringing.phrase, ringing.early_media, early.early_media) == ("Ringing", False, True)


async def test_answer_is_reported_to_both(pair: Pair) -> None:
    ours, theirs = await pair.call()

    pair.b.engine.answer(theirs)
    answered = await pair.a.next(en.Answered, leg=ours)
    confirmed = await pair.b.next(en.AnswerConfirmed, leg=theirs)

    assert (answered.code, answered.phrase, answered.codec) == (200, "OK", "PCMA")
    assert '"call_id"' in answered.dialog
    assert confirmed.how in {"ack", "rtp"}


@pytest.mark.parametrize("code", [404, 480, 486, 503, 603])
async def test_refusal_ends_both_legs_with_its_code(pair: Pair, code: int) -> None:
    ours, theirs = await pair.call()

    pair.b.engine.reject(theirs, code, reason="Q.850;cause=17")
    at_caller = await pair.a.next(en.Ended, leg=ours)
    at_called = await pair.b.next(en.Ended, leg=theirs)

    assert (at_caller.cause, at_caller.side, at_caller.code, at_caller.q850) == ("response", "remote", code, 17)
    assert (at_called.cause, at_called.side, at_called.code) == ("response", "local", code)


async def test_hanging_up_a_ringing_call_cancels_it(pair: Pair) -> None:
    ours, theirs = await pair.call()
    pair.b.engine.ring(theirs)
    await pair.a.next(en.Progress, code=180)

    pair.a.engine.hangup(ours)
    at_caller = await pair.a.next(en.Ended, leg=ours)
    at_called = await pair.b.next(en.Ended, leg=theirs)

    assert (at_caller.cause, at_caller.side) == ("cancelled", "local")
    assert (at_called.cause, at_called.side, at_called.q850) == ("cancelled", "remote", 16)


async def test_a_hang_up_may_give_reasons_of_other_protocols(pair: Pair) -> None:
    ours, theirs = await pair.call()
    pair.b.engine.ring(theirs)
    await pair.a.next(en.Progress, code=180)

    pair.a.engine.hangup(ours, q850=26, reason=ELSEWHERE)
    at_called = await pair.b.next(en.Ended, leg=theirs)

    assert (at_called.reason, at_called.q850) == (f"{ELSEWHERE}, Q.850;cause=26", 26)


async def test_an_identity_token_arrives_as_it_was_given(pair: Pair) -> None:
    token = "eyJhbGciOiJFUzI1NiJ9." * 380 + ";info=<https://cert.example/a.pem>"

    pair.dial(headers=[("Identity", token)])

    assert ("Identity", token) in (await pair.b.next(en.Incoming)).headers


async def test_hanging_up_an_incoming_call_that_rings_answers_480(pair: Pair) -> None:
    ours, theirs = await pair.call()

    pair.b.engine.hangup(theirs)

    assert (await pair.a.next(en.Ended, leg=ours)).code == 480
    assert (await pair.b.next(en.Ended, leg=theirs)).code == 480


@pytest.mark.parametrize("caller_leaves", [True, False])
async def test_bye_says_who_left_and_why(pair: Pair, *, caller_leaves: bool) -> None:
    ours, theirs = await pair.talk()
    here, there = (pair.a, pair.b) if caller_leaves else (pair.b, pair.a)
    left, stayed = (ours, theirs) if caller_leaves else (theirs, ours)

    here.engine.hangup(left, q850=21)
    who_left = await here.next(en.Ended, leg=left)
    who_stayed = await there.next(en.Ended, leg=stayed)

    assert (who_left.cause, who_left.side) == ("bye", "local")
    assert (who_stayed.cause, who_stayed.side, who_stayed.q850) == ("bye", "remote", 21)


async def test_figures_come_just_before_the_end_of_an_answered_leg(pair: Pair) -> None:
    ours, _ = await pair.talk()

    pair.a.engine.hangup(ours)
    await pair.a.next(en.Ended, leg=ours)

    assert [type(event) for event in pair.a.seen if event.leg == ours][-2:] == [en.LegStats, en.Ended]


async def test_nobody_at_the_gateway_is_a_network_failure(pair: Pair) -> None:
    nobody = pair.make("127.0.0.1:0")
    nobody.start()
    address = nobody.local_address()
    nobody.stop()
    if hasattr(nobody, "close"):
        nobody.close()

    ours = pair.dial(gateway=address)
    ended = await pair.a.next(en.Ended, leg=ours)

    assert (ended.cause in {"timeout", "transport"}, ended.side, ended.code) == (True, "network", None)


async def test_unknown_source_gets_403_and_no_event(pair: Pair) -> None:
    pair.b.engine.set_access([])

    ours = pair.dial()
    ended = await pair.a.next(en.Ended, leg=ours)

    assert (ended.cause, ended.code) == ("response", 403)
    assert pair.b.engine.drain(10) == []
    assert pair.b.engine.stats()["refused_unknown_source"] == 1


async def test_rule_with_the_port_beats_one_without(pair: Pair) -> None:
    port = int(pair.a.engine.local_address().rpartition(":")[2])
    pair.b.engine.set_trunks([en.TrunkConfig(id=TRUNK), en.TrunkConfig(id=9)])
    pair.b.engine.set_access(
        [
            en.AccessRule(network="127.0.0.1", trunk=TRUNK),
            en.AccessRule(network="127.0.0.1", port=port, trunk=9),
        ]
    )

    pair.dial()

    assert (await pair.b.next(en.Incoming)).trunk == 9


async def test_engine_that_does_not_accept_answers_503(pair: Pair) -> None:
    pair.b.engine.set_accepting(False)

    ours = pair.dial()

    assert (await pair.a.next(en.Ended, leg=ours)).code == 503


async def test_commands_to_a_leg_that_is_over_do_nothing_and_are_counted(pair: Pair) -> None:
    ours, theirs = await pair.talk()
    pair.a.engine.hangup(ours)
    await pair.a.next(en.Ended, leg=ours)
    await pair.b.next(en.Ended, leg=theirs)

    for command in (pair.b.engine.ring, pair.b.engine.answer, pair.b.engine.hangup):
        command(theirs)
    pair.b.engine.reject(theirs, 486)
    ours, theirs = await pair.call()  # the commands went before this INVITE: they are carried out by now
    pair.b.engine.reject(theirs, 486)
    await pair.a.next(en.Ended, leg=ours)

    assert pair.b.engine.stats()["stale_commands"] == 4


@pytest.mark.parametrize(
    "changes",
    [
        {"trunk": 99},
        {"to": "+49301"},
        {"from_": "tel:+49301"},
        {"headers": [("Via", "x")]},
        {"headers": [("X-A", "b\r\nc")]},
        {"headers": [(f"X-{number}", "x") for number in range(21)]},
    ],
    ids=["trunk", "to", "from", "own-header", "line-break", "many-headers"],
)
async def test_arguments_out_of_range_are_refused_by_name(pair: Pair, changes: dict[str, object]) -> None:
    with pytest.raises(en.InvalidArgument, match=next(iter(changes))):
        pair.dial(**changes)


async def test_refusals_are_400_to_699(pair: Pair) -> None:
    _, theirs = await pair.call()

    with pytest.raises(en.InvalidArgument, match="code"):
        pair.b.engine.reject(theirs, 200)


async def test_an_engine_must_run(pair: Pair) -> None:
    fresh = pair.make("127.0.0.1:0")
    try:
        with pytest.raises(en.NotRunning):
            fresh.ring(1)
        fresh.start()
        fresh.stop()
        with pytest.raises(en.NotRunning):
            fresh.ring(1)
        fresh.stop()
    finally:
        if hasattr(fresh, "close"):
            fresh.close()


async def test_address_in_use_is_told(pair: Pair) -> None:
    second = pair.make(pair.a.engine.local_address())
    try:
        with pytest.raises(en.BindFailed, match=r"127.0.0.1"):
            second.start()
    finally:
        if hasattr(second, "close"):
            second.close()


async def test_stop_ends_every_leg_at_both_ends(pair: Pair) -> None:
    talking, _ = await pair.talk()
    ringing, _ = await pair.call()

    pair.a.engine.stop(grace_ms=1000)
    ends = {event.leg: event for event in pair.a.engine.drain(1000) if type(event) is en.Ended}

    assert set(ends) == {talking, ringing}
    assert {event.side for event in ends.values()} == {"local"}
    for _ in range(2):
        assert (await pair.b.next(en.Ended)).side == "remote"


async def test_dialog_known_from_a_journal_is_ended_at_the_far_end(pair: Pair) -> None:
    ours, theirs = await pair.call()
    pair.b.engine.answer(theirs)
    dialog = (await pair.a.next(en.Answered, leg=ours)).dialog
    await pair.b.next(en.AnswerConfirmed)
    other = pair.make("127.0.0.1:0")
    other.start()
    try:
        other.end_dialog(dialog)
        ended = await pair.b.next(en.Ended, leg=theirs)
    finally:
        other.stop()
        if hasattr(other, "close"):
            other.close()

    assert (ended.cause, ended.side) == ("bye", "remote")
    pair.a.engine.hangup(ours)
    await pair.a.next(en.Ended, leg=ours)


async def test_a_ban_made_by_hand_is_listed_until_it_is_lifted(pair: Pair) -> None:
    pair.b.engine.ban("2001:db8::7", seconds=3600)
    await pair.call()  # commands are carried out in order: by now it is
    banned = pair.b.engine.bans()
    pair.b.engine.lift_ban("2001:db8::7")
    await pair.call()

    assert [(source.startswith("2001:db8::"), 3590 < left <= 3600) for source, left in banned] == [(True, True)]
    assert pair.b.engine.bans() == []
    with pytest.raises(en.InvalidArgument, match="source"):
        pair.b.engine.ban("nobody", seconds=1)
