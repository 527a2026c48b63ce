"""Rate limits, masks, locks of idempotency keys."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringback.api.idempotency import KeyLocks
from ringback.api.masking import mask_data, mask_text
from ringback.api.rate_limits import RateLimits


class Clock:
    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def limits(clock: Clock, *, per_s: float = 2.0, burst: int = 3, max_keys: int = 10) -> RateLimits:
    return RateLimits(per_s=per_s, burst=burst, max_keys=max_keys, clock=clock)


class TestRateLimits:
    def test_burst_then_refusal_with_the_time_to_wait(self) -> None:
        found = limits(Clock())

        taken = [found.take("k") for _ in range(4)]

        assert [allowance.remaining for allowance in taken] == [2, 1, 0, 0]
        assert [allowance.retry_after_s for allowance in taken] == [0, 0, 0, 1]
        assert taken[3].headers()["Retry-After"] == "1"
        assert "Retry-After" not in taken[2].headers()

    def test_waiting_as_long_as_told_is_enough(self) -> None:
        clock = Clock()
        found = limits(clock, per_s=0.1, burst=1)
        found.take("k")
        wait_s = found.take("k").retry_after_s

        clock.now_s += wait_s

        assert wait_s == 10
        assert found.take("k").retry_after_s == 0

    def test_keys_do_not_share(self) -> None:
        found = limits(Clock(), burst=1)
        found.take("a")

        assert found.take("b").retry_after_s == 0
        assert found.take("a").retry_after_s > 0

    def test_number_of_buckets_is_bounded_and_the_oldest_goes(self) -> None:
        found = limits(Clock(), burst=1, max_keys=2)
        for key in ("a", "b", "a", "c"):
            found.take(key)

        assert len(found._buckets) == 2
        assert found.take("a").retry_after_s > 0  # used after b, so it was kept
        assert found.take("b").retry_after_s == 0  # forgotten, so full again

    def test_clock_that_goes_back_gives_nothing(self) -> None:
        clock = Clock()
        found = limits(clock, burst=1)
        found.take("k")
        clock.now_s -= 50

        assert found.take("k").retry_after_s > 0

    @given(steps=st.lists(st.floats(0, 5), min_size=1, max_size=60))
    def test_never_more_than_burst_and_rate_allow(self, steps: list[float]) -> None:
        clock = Clock()
        found = limits(clock, per_s=2.0, burst=3)
        passed = 0
        for step in steps:
            clock.now_s += step
            passed += found.take("k").retry_after_s == 0
        assert passed <= 3 + 2.0 * sum(steps) + 1e-6


class TestMasks:
    @pytest.mark.parametrize(
        ("text", "masked"),
        [
            ("+4930901820", "*******1820"),
            ("sip:+4930901820@10.0.0.1:5060", "sip:*******1820@10.0.0.1:5060"),
            ("call_01M8560W8AFV0551234567890", "call_01M8560W8AFV0551234567890"),
            ("2026-11-23T21:47:02", "2026-11-23T21:47:02"),
            ("123456", "123456"),
            ("", ""),
        ],
    )
    def test_numbers_lose_all_but_the_last_four(self, text: str, masked: str) -> None:
        assert mask_text(text) == masked

    def test_data_is_masked_at_every_depth(self) -> None:
        assert mask_data({"to": "+4930901820", "l": [{"x": "4930901820"}], "n": 4930901820}) == {
            "to": "*******1820",
            "l": [{"x": "******1820"}],
            "n": 4930901820,
        }


async def test_key_locks_let_one_pass_at_a_time_and_leave_nothing() -> None:
    locks = KeyLocks()
    inside = 0
    most = 0

    async def work(key: str) -> None:
        nonlocal inside, most
        async with locks.hold("AC1", key):
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0)
            inside -= 1

    await asyncio.gather(*(work("k") for _ in range(20)))

    assert most == 1
    assert len(locks) == 0
