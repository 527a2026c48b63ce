"""Operations on legs: each ends exactly once, with the result that fits. One suite for the fake and the real engine."""

import wave

import pytest
from tests.contract.pair import Pair

from ringback import _engine as en
from ringback.model.tones import TONE_COUNTRIES


async def test_prompt_is_done_when_its_files_are_over(pair: Pair) -> None:
    ours, _ = await pair.talk()

    op = pair.a.engine.play(ours, [pair.prompt(100), pair.prompt(60)])

    assert (await pair.a.next(en.OpDone, op=op)).result == "done"


async def test_missing_file_fails_and_says_which(pair: Pair) -> None:
    ours, _ = await pair.talk()

    op = pair.a.engine.play(ours, ["/nowhere/missing.wav"])
    done = await pair.a.next(en.OpDone, op=op)

    assert done.result == "failed"
    assert "missing.wav" in done.detail


async def test_second_prompt_replaces_the_first(pair: Pair) -> None:
    ours, _ = await pair.talk()

    first = pair.a.engine.play(ours, [pair.prompt(5000)], loop=0)
    second = pair.a.engine.play(ours, [pair.prompt(60)])

    assert (await pair.a.next(en.OpDone, op=first)).result == "replaced"
    assert (await pair.a.next(en.OpDone, op=second)).result == "done"


async def test_stopped_operation_says_so_once(pair: Pair) -> None:
    ours, _ = await pair.talk()

    op = pair.a.engine.tone(ours, "ringback")
    pair.a.engine.stop_op(op)
    done = await pair.a.next(en.OpDone, op=op)
    pair.a.engine.stop_op(op)
    pair.a.engine.hangup(ours)
    await pair.a.next(en.Ended, leg=ours)

    assert done.result == "stopped"
    assert [event.op for event in pair.a.of(en.OpDone)] == [op]


async def test_operations_end_with_their_leg(pair: Pair) -> None:
    ours, _ = await pair.talk()
    play = pair.a.engine.play(ours, [pair.prompt(5000)], loop=0)
    recording = pair.a.engine.record(ours, str(pair.folder / "call.wav"))

    pair.a.engine.hangup(ours)
    await pair.a.next(en.Ended, leg=ours)

    assert {event.op: event.result for event in pair.a.of(en.OpDone)} == {
        play: "leg_ended",
        recording: "leg_ended",
    }


async def test_keys_are_heard_and_gathered(pair: Pair) -> None:
    ours, theirs = await pair.talk()
    op = pair.b.engine.gather(theirs, max_digits=4, terminators="#")

    pair.a.engine.send_dtmf(ours, "12#")
    gathered = await pair.b.next(en.GatherDone, op=op)

    assert (gathered.digits, gathered.result, gathered.terminator) == ("12", "match", "#")
    assert [event.digit for event in pair.b.of(en.Dtmf)] == ["1", "2", "#"]


async def test_keys_typed_ahead_count(pair: Pair) -> None:
    ours, theirs = await pair.talk()
    pair.a.engine.send_dtmf(ours, "7")
    await pair.b.next(en.Dtmf, digit="7")

    op = pair.b.engine.gather(theirs, max_digits=1)

    assert (await pair.b.next(en.GatherDone, op=op)).digits == "7"


async def test_gather_without_keys_has_no_input(pair: Pair) -> None:
    _, theirs = await pair.talk()

    op = pair.b.engine.gather(theirs, first_timeout_ms=150)

    assert (await pair.b.next(en.GatherDone, op=op)).result == "no_input"


async def test_gather_with_too_few_keys_says_so(pair: Pair) -> None:
    ours, theirs = await pair.talk()
    op = pair.b.engine.gather(theirs, min_digits=3, max_digits=3, inter_timeout_ms=300)

    pair.a.engine.send_dtmf(ours, "1")
    gathered = await pair.b.next(en.GatherDone, op=op)

    assert (gathered.digits, gathered.result) == ("1", "too_few")


async def test_gather_whose_prompt_is_missing_fails_and_says_which(pair: Pair) -> None:
    _, theirs = await pair.talk()

    op = pair.b.engine.gather(theirs, files=["/nowhere/missing.wav"])
    gathered = await pair.b.next(en.GatherDone, op=op)

    assert (gathered.digits, gathered.result) == ("", "failed")
    assert "missing.wav" in gathered.detail


async def test_gather_on_an_unknown_leg_fails_and_says_so(pair: Pair) -> None:
    op = pair.a.engine.gather(99)
    gathered = await pair.a.next(en.GatherDone, op=op)

    assert gathered.result == "failed"
    assert gathered.detail


async def test_key_stops_a_prompt_that_allows_it(pair: Pair) -> None:
    ours, theirs = await pair.talk()
    op = pair.b.engine.play(theirs, [pair.prompt(5000)], loop=0, barge_in=True)

    pair.a.engine.send_dtmf(ours, "5")

    assert (await pair.b.next(en.OpDone, op=op)).result == "digit"


async def test_recording_is_a_readable_file(pair: Pair) -> None:
    ours, _ = await pair.talk()
    path = pair.folder / "call.wav"
    op = pair.a.engine.record(ours, str(path), stereo=True)

    pair.a.engine.stop_op(op)
    done = await pair.a.next(en.OpDone, op=op)

    assert done.result == "stopped"
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (2, 2, 8000)


async def test_join_ends_when_one_leg_ends_and_replaced_what_was_playing(pair: Pair) -> None:
    first, _ = await pair.talk()
    second, _ = await pair.talk()
    tone = pair.a.engine.tone(first, "ringback")

    join = pair.a.engine.join(first, second)
    assert (await pair.a.next(en.OpDone, op=tone)).result == "replaced"
    pair.a.engine.hangup(second)
    joined = await pair.a.next(en.OpDone, op=join)

    assert joined.result == "leg_ended"


async def test_operation_on_an_unknown_leg_fails_as_an_event(pair: Pair) -> None:
    op = pair.a.engine.play(123_456, [pair.prompt(60)])

    assert (await pair.a.next(en.OpDone, op=op)).result == "failed"


async def test_tones_of_a_country_are_played_and_unknown_ones_refused(pair: Pair) -> None:
    ours, _ = await pair.talk()

    for country in TONE_COUNTRIES:
        op = pair.a.engine.tone(ours, "special_information", country=country, duration_ms=20)
        assert (await pair.a.next(en.OpDone, op=op)).result == "done"
    with pytest.raises(en.InvalidArgument, match="are not known"):
        pair.a.engine.tone(ours, "dial", country="xx")


async def test_a_detection_of_machines_tells_silence_and_ends_once(pair: Pair) -> None:
    ours, _ = await pair.talk()

    first = pair.a.engine.detect_machine(ours, initial_silence_ms=500)
    second = pair.a.engine.detect_machine(ours, initial_silence_ms=500)

    assert (await pair.a.next(en.OpDone, op=first)).result == "replaced"
    found = await pair.a.next(en.Machine, op=second)
    assert (found.verdict, found.why) == ("unsure", "initial_silence")
    assert (await pair.a.next(en.OpDone, op=second)).result == "done"
    with pytest.raises(en.InvalidArgument, match="greeting_ms"):
        pair.a.engine.detect_machine(ours, greeting_ms=10)


async def test_unknown_tone_is_refused(pair: Pair) -> None:
    ours, _ = await pair.talk()

    with pytest.raises(en.InvalidArgument, match="name"):
        pair.a.engine.tone(ours, "silence")


async def test_members_leave_a_room_that_is_closed_full_or_left(pair: Pair) -> None:
    engine = pair.a.engine
    first, _ = await pair.talk()
    second, _ = await pair.talk()
    room = engine.room(max_members=1)

    inside = engine.join_room(room, first)
    outside = engine.join_room(room, second, role="listener")
    assert (await pair.a.next(en.OpDone, op=outside)).result == "failed"
    engine.mute(inside, True)
    engine.set_role(inside, "coached")
    engine.set_gain(inside, -6.0)
    engine.close_room(room)
    assert (await pair.a.next(en.OpDone, op=inside)).result == "done"

    nowhere = engine.join_room(room, first)
    assert (await pair.a.next(en.OpDone, op=nowhere)).result == "failed"
    other = engine.join_room(engine.room(), first)
    engine.stop_op(other)
    assert (await pair.a.next(en.OpDone, op=other)).result == "stopped"


async def test_a_tap_ends_with_the_join_it_listens_to(pair: Pair) -> None:
    engine = pair.a.engine
    first, _ = await pair.talk()
    second, _ = await pair.talk()
    supervisor, _ = await pair.talk()
    join = engine.join(first, second)

    tap = engine.tap(join, supervisor)
    engine.set_tap(tap, "whisper", to=first)
    engine.stop_op(join)

    assert (await pair.a.next(en.OpDone, op=join)).result == "stopped"
    assert (await pair.a.next(en.OpDone, op=tap)).result == "done"
    late = engine.tap(join, supervisor)
    assert (await pair.a.next(en.OpDone, op=late)).result == "failed"


async def test_roles_and_modes_that_do_not_exist_are_refused(pair: Pair) -> None:
    ours, _ = await pair.talk()

    with pytest.raises(en.InvalidArgument, match="role"):
        pair.a.engine.join_room(pair.a.engine.room(), ours, role="boss")
    with pytest.raises(en.InvalidArgument, match="mode"):
        pair.a.engine.tap(1, ours, mode="shout")
    with pytest.raises(en.InvalidArgument, match="to"):
        pair.a.engine.tap(1, ours, mode="whisper")


async def test_a_recording_goes_on_after_a_pause(pair: Pair) -> None:
    ours, _ = await pair.talk()
    op = pair.a.engine.record(ours, str(pair.folder / "paused.wav"))

    pair.a.engine.pause_recording(op)
    pair.a.engine.resume_recording(op)
    pair.a.engine.stop_op(op)

    assert (await pair.a.next(en.OpDone, op=op)).result == "stopped"


async def test_a_stream_to_nowhere_or_of_an_odd_kind_is_refused(pair: Pair) -> None:
    ours, _ = await pair.talk()

    for wrong, name in [
        ({"url": "http://192.0.2.1/"}, "url"),
        ({"url": "ws://127.0.0.1/", "private_ok": True, "rate": 44100}, "rate"),
        ({"url": "ws://127.0.0.1/", "private_ok": True, "direction": "up"}, "direction"),
    ]:
        with pytest.raises(en.InvalidArgument, match=name):
            pair.a.engine.stream(ours, **wrong)
