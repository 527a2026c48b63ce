"""Counting how long final statuses take."""

import pytest

from ringback.live.counters import FINAL_BOUNDS_S, Counters


@pytest.mark.parametrize(
    ("seconds", "bucket"),
    [(0.0, 0), (0.001, 0), (0.0011, 1), (0.05, 9), (5.0, len(FINAL_BOUNDS_S) - 1), (60.0, len(FINAL_BOUNDS_S))],
)
def test_time_falls_into_the_bucket_whose_bound_it_does_not_exceed(seconds: float, bucket: int) -> None:
    counters = Counters()

    counters.time_final(seconds)

    assert [number for number, count in enumerate(counters.finals) if count] == [bucket]
    assert (sum(counters.finals), counters.final_s) == (1, seconds)
