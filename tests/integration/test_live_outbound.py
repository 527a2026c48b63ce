"""Outbound calls and click-to-call through the whole running side: admission, engine, flow, journal."""

from pathlib import Path

import pytest
from tests.integration.live_world import BRIDGE, CALLEE, FLOW, SECOND, LiveWorld, flow

from ringback import _engine as en
from ringback.live.calls import NoMoreCalls
from ringback.model.call import FlowTarget, MessageTarget, SoundTarget
from ringback.model.ids import RouteId, TrunkId
from ringback.model.journal import EntryKind
from ringback.model.status import HangupBy, Status
from ringback.model.trunk import Route, Trunk


async def test_answered_call_runs_its_flow_and_ends_when_the_callee_hangs_up(live: LiveWorld) -> None:
    call_id = await live.place()
    invite = await live.invite()
    await live.answers(invite)
    await live.until(lambda: live.engine.stats()["ops"])
    live.clock.advance(1)  # the prompt
    await live.until(lambda: len(live.prompts.asked) == 2)

    live.carrier.hangup(invite.leg)
    record = await live.ended(call_id)

    assert (record.verdict.status, record.verdict.hangup_by) == (Status.ANSWER, HangupBy.CALLEE)
    assert (record.flow_id, record.talk_s) == (FLOW, 1.0)
    assert [prompt.text for prompt in live.prompts.asked] == ["Hello.", "Press one."]
    assert await live.kinds(call_id) == [
        EntryKind.ACCEPTED,
        EntryKind.ADMITTED,
        EntryKind.DIALING,
        EntryKind.PROGRESS,
        EntryKind.LEG_ANSWERED,
        EntryKind.LEG_RESULT,
        EntryKind.FLOW_STARTED,
        EntryKind.FLOW_INPUT,
        EntryKind.FLOW_INPUT,
        EntryKind.FLOW_STEP,
        EntryKind.LEG_STATS,
        EntryKind.LEG_ENDED,
        EntryKind.FINAL,
    ]


async def test_call_hangs_up_by_itself_when_its_flow_is_over(live: LiveWorld) -> None:
    call_id = await live.place()
    invite = await live.invite()
    await live.answers(invite)
    await live.until(lambda: live.engine.stats()["ops"])
    live.clock.advance(1)
    await live.until(lambda: len(live.prompts.asked) == 2 and live.engine.stats()["ops"])

    live.carrier.send_dtmf(invite.leg, "1")
    record = await live.ended(call_id)

    assert (record.verdict.status, record.verdict.reason) == (Status.ANSWER, "flow_ended")
    assert (await live.hears(en.Ended, leg=invite.leg)).cause == "bye"


@pytest.mark.parametrize(
    ("code", "status"), [(486, Status.BUSY), (603, Status.REJECTED), (404, Status.FAILED), (480, Status.NOANSWER)]
)
async def test_refusal_decides(live: LiveWorld, code: int, status: Status) -> None:
    call_id = await live.place()
    invite = await live.invite()

    live.carrier.reject(invite.leg, code)

    assert await live.status(call_id) is status


async def test_dialing_is_committed_before_the_invite_leaves(live: LiveWorld) -> None:
    call_id = await live.place()

    await live.invite()

    kinds = await live.kinds(call_id)
    assert kinds[-1] is EntryKind.DIALING
    row = await live.database.repositories.calls.get("AC1", call_id)
    assert (row.state, row.channels) == ("dialing", 1)
    await live.exchange.calls.hangup("AC1", call_id)


async def test_ring_time_of_the_request_is_up(live: LiveWorld) -> None:
    call_id = await live.place(ring_ms=20_000)
    invite = await live.invite()
    live.carrier.ring(invite.leg)
    await live.until(lambda: live.exchange.parts.calls[call_id].state.legs[0].rang)

    live.clock.advance(20)

    assert await live.status(call_id) is Status.OBD_TIMEOUT
    assert (await live.hears(en.Ended, leg=invite.leg)).cause == "cancelled"


async def test_silent_gateway_is_left_for_the_next_one(live: LiveWorld) -> None:
    other = live._engine("127.0.0.1:5071")
    other.start()
    other.set_access([en.AccessRule(network="127.0.0.1", trunk=1)])
    await live.change_trunk(gateways=("127.0.0.1:5099", "127.0.0.1:5071"))  # nobody listens at the first

    call_id = await live.place()
    await live.until(lambda: other.waiting)
    (invite,) = other.drain()
    other.reject(invite.leg, 486)
    record = await live.ended(call_id)

    assert record.verdict.status is Status.BUSY
    assert record.legs[0].tries == 2
    other.stop()
    other.close()


async def test_withdrawn_while_ringing(live: LiveWorld) -> None:
    call_id = await live.place()
    invite = await live.invite()
    live.carrier.ring(invite.leg)

    row = await live.exchange.calls.hangup("AC1", call_id)
    record = await live.ended(call_id)
    again = await live.exchange.calls.hangup("AC1", call_id)

    assert row is not None
    assert EntryKind.CANCEL_ACCEPTED in await live.kinds(call_id)
    assert (record.verdict.status, record.verdict.hangup_by) == (Status.CANCEL, HangupBy.API)
    assert again is not None
    assert again.record == record
    assert (await live.hears(en.Ended, leg=invite.leg)).cause == "cancelled"


async def test_call_of_another_account_cannot_be_hung_up(live: LiveWorld) -> None:
    call_id = await live.place()
    await live.invite()

    assert await live.exchange.calls.hangup("AC2", call_id) is None
    assert live.state_of(call_id) == "dialing"
    await live.exchange.calls.hangup("AC1", call_id)


@pytest.mark.parametrize("to", ["+15550100", "+33100000"])
async def test_no_route_sends_no_invite(live: LiveWorld, to: str) -> None:
    call_id = await live.place(to)

    assert await live.status(call_id) is Status.NOROUTE
    assert live.invites == []


async def test_message_is_spoken_and_the_call_ends(live: LiveWorld) -> None:
    call_id = await live.place(target=MessageTarget(text="Your parcel is here.", language="en-GB", speed="slow"))
    await live.answers(await live.invite())
    await live.until(lambda: live.engine.stats()["ops"])

    live.clock.advance(1)

    assert (await live.ended(call_id)).verdict.reason == "flow_ended"
    (prompt,) = live.prompts.asked
    assert (prompt.text, prompt.language, prompt.rate) == ("Your parcel is here.", "en-GB", 130)


async def test_sound_is_played_by_its_id(live: LiveWorld) -> None:
    call_id = await live.place(target=SoundTarget(sound_id="snd_1"))
    await live.answers(await live.invite())
    await live.until(lambda: live.engine.stats()["ops"])

    live.clock.advance(1)
    await live.ended(call_id)

    assert [prompt.sound_id for prompt in live.prompts.asked] == ["snd_1"]


async def test_flow_is_pinned_at_admission(live: LiveWorld) -> None:
    call_id = await live.place()
    invite = await live.invite()
    await live.database.repositories.flows.delete("AC1", FLOW)
    await live.exchange.directory.refresh()

    await live.answers(invite)
    await live.until(lambda: live.prompts.asked)
    live.carrier.hangup(invite.leg)

    assert await live.status(call_id) is Status.ANSWER


async def test_click_to_call_joins_both(live: LiveWorld) -> None:
    call_id = await live.pair()
    first = await live.invite(1)
    await live.answers(first)
    second = await live.invite(2)
    assert ("join",) not in [command[:1] for command in live.engine.commands]
    await live.answers(second)
    await live.until(lambda: any(command[0] == "join" for command in live.engine.commands))

    live.carrier.hangup(first.leg)
    record = await live.ended(call_id)

    assert (record.verdict.status, record.verdict.hangup_by) == (Status.ANSWER, HangupBy.CALLER)
    assert [(leg.party, leg.result) for leg in record.legs] == [(CALLEE, "answered"), (SECOND, "answered")]
    assert (await live.hears(en.Ended, leg=second.leg)).cause == "bye"


async def test_click_to_call_second_party_busy(live: LiveWorld) -> None:
    call_id = await live.pair()
    await live.answers(await live.invite(1))

    live.carrier.reject((await live.invite(2)).leg, 486)

    assert await live.status(call_id) is Status.BUSY_CHANNEL2


async def test_recording_of_an_answered_call_is_named_in_the_record(live: LiveWorld) -> None:
    call_id = await live.place(record=True)
    invite = await live.invite()
    assert not list(Path(live.folder, "recordings").iterdir())
    await live.answers(invite)
    await live.until(lambda: list(Path(live.folder, "recordings").iterdir()))
    live.carrier.hangup(invite.leg)

    record = await live.ended(call_id)

    assert record.recording_id is not None
    assert Path(live.folder, "recordings", f"{record.recording_id}.wav").is_file()


async def test_longest_talk_ends_the_call(live: LiveWorld) -> None:
    flow_id = await live.use_flow(flow(hold={"type": "play", "prompt": {"text": "Hold."}, "loop": 0}))
    call_id = await live.place(target=FlowTarget(flow_id=flow_id), max_duration_ms=60_000)
    await live.answers(await live.invite())
    await live.until(lambda: live.state_of(call_id) == "talking")

    live.clock.advance(60)

    assert (await live.ended(call_id)).verdict.reason == "max_duration"


async def test_repeated_idempotency_key_places_nothing(live: LiveWorld) -> None:
    from ringback.store.writes import IdempotencyRecord

    record = IdempotencyRecord(account="AC1", key="k", body_hash="h", answer="{}", created_at=live.clock.now())
    first = live.request("+15550100")
    assert await live.exchange.calls.place((first,), record) is None

    found = await live.exchange.calls.place((live.request(),), record)

    assert found is not None
    assert found.answer == "{}"
    assert await live.status(first.id) is Status.NOROUTE
    assert live.invites == []


async def test_too_many_open_calls_are_refused_as_a_whole(live: LiveWorld) -> None:
    object.__setattr__(live.exchange, "settings", type(live.exchange.settings)(recordings=live.folder, open_calls=1))

    with pytest.raises(NoMoreCalls, match="at most 1"):
        await live.exchange.calls.place((live.request(), live.request()))
    assert await live.database.repositories.calls.open_count() == 0


async def test_answers_of_a_trunk_are_read_by_its_own_rows(live: LiveWorld) -> None:
    from ringback.model.status import LegResult
    from ringback.model.trunk import OutcomeOverride

    await live.change_trunk(overrides=(OutcomeOverride(id="o1", result=LegResult.BUSY, sip=480),))
    call_id = await live.place()

    live.carrier.reject((await live.invite()).leg, 480)

    assert (await live.ended(call_id)).legs[0].reason == "trunk_rule"


async def test_route_of_the_account_beats_the_operators(live: LiveWorld) -> None:
    other = live._engine("127.0.0.1:5071")
    other.start()
    other.set_access([en.AccessRule(network="127.0.0.1", trunk=1)])
    stored = live.database.repositories
    await stored.trunks.save(
        Trunk(id=TrunkId("t2"), engine_id=0, name="Own", account="AC1", gateways=("127.0.0.1:5071",))
    )
    await stored.routes.save(Route(id=RouteId("r2"), account="AC1", prefix="+49170", trunks=(TrunkId("t2"),)))
    await live.exchange.directory.refresh()

    call_id = await live.place()
    await live.until(lambda: other.waiting)
    (invite,) = other.drain()
    other.reject(invite.leg, 486)

    assert (await live.ended(call_id)).legs[0].trunk == "t2"
    assert BRIDGE in invite.from_uri
    other.stop()
    other.close()


async def test_recording_that_failed_is_not_named(live: LiveWorld) -> None:
    Path(live.folder, "recordings").rmdir()
    call_id = await live.place(record=True)
    invite = await live.invite()
    await live.answers(invite)
    await live.until(lambda: live.prompts.asked)

    live.carrier.hangup(invite.leg)

    assert (await live.ended(call_id)).recording_id is None
