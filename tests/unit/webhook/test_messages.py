"""The pipe between parent and delivery process."""

import asyncio

import pytest

from ringback.webhook.messages import LONGEST_MESSAGE, Job, Result, frame, frames, from_child, to_child

JOB = Job(id="evt_1", method="POST", url="https://a/ä", body='{"a":"ä"}', secret="s", allow_private=False)
RESULT = Result(id="evt_1", status_code=None, error="x", retry_after_s=3, duration_ms=5)


async def heard(*pieces: bytes) -> list[bytes]:
    reader = asyncio.StreamReader()
    for piece in pieces:
        reader.feed_data(piece)
    reader.feed_eof()
    return [body async for body in frames(reader)]


async def test_messages_come_out_as_they_went_in_however_they_are_cut() -> None:
    sent = frame(JOB) + frame(RESULT)

    first, second = await heard(*(sent[at : at + 1] for at in range(len(sent))))

    assert to_child.decode(first) == JOB
    assert from_child.decode(second) == RESULT


async def test_half_a_message_at_the_end_is_dropped() -> None:
    assert len(await heard(frame(JOB), frame(JOB)[:-1])) == 1


async def test_message_of_absurd_length_is_a_fault() -> None:
    with pytest.raises(ValueError, match="bytes came through the pipe"):
        await heard((LONGEST_MESSAGE + 1).to_bytes(4))
