"""Channels are counted exactly: all or nothing, never above the limit, never below zero."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringback.live.call_parts.holdings import Holdings
from ringback.live.capacity import Capacity, Pool, Want


def _want(pool: Pool = Pool.ACCOUNT, key: str = "a", count: int = 1, most: int | None = None) -> Want:
    return Want(pool=pool, key=key, count=count, most=most)


def test_reservation_up_to_the_limit() -> None:
    capacity = Capacity()

    assert capacity.reserve([_want(count=2, most=3)]) is None
    assert capacity.reserve([_want(count=2, most=3)]) == _want(count=2, most=3)
    assert capacity.reserve([_want(count=1, most=3)]) is None
    assert capacity.taken(Pool.ACCOUNT, "a") == 3


def test_what_is_full_is_named_and_nothing_is_taken() -> None:
    capacity = Capacity()
    full = _want(Pool.TRUNK, "t", most=0)

    assert capacity.reserve([_want(most=5), _want(Pool.NUMBER, "n", most=5), full]) == full
    assert [capacity.total(pool) for pool in Pool] == [0, 0, 0]


def test_wants_of_one_pool_add_up() -> None:
    capacity = Capacity()
    slot = _want(Pool.TRUNK, "t", most=1)

    assert capacity.reserve([slot, slot]) == slot
    assert capacity.taken(Pool.TRUNK, "t") == 0


def test_lowered_limit_holds_for_the_next_reservation() -> None:
    capacity = Capacity()
    capacity.reserve([_want(count=5, most=10)])

    assert capacity.reserve([_want(most=3)]) is not None
    capacity.release(Pool.ACCOUNT, "a", 3)
    assert capacity.reserve([_want(most=3)]) is None


def test_channel_given_back_twice_is_a_fault() -> None:
    capacity = Capacity()
    capacity.reserve([_want()])
    capacity.release(Pool.ACCOUNT, "a")

    with pytest.raises(ValueError, match="given back"):
        capacity.release(Pool.ACCOUNT, "a")


@given(st.lists(st.tuples(st.integers(1, 4), st.integers(1, 4)), max_size=40), st.integers(0, 8), st.integers(0, 8))
def test_limits_hold_whatever_is_reserved(wanted: list[tuple[int, int]], most_a: int, most_b: int) -> None:
    capacity = Capacity()
    granted = []
    for a, b in wanted:
        both = [_want(count=a, most=most_a), _want(Pool.NUMBER, "n", count=b, most=most_b)]
        if capacity.reserve(both) is None:
            granted.append((a, b))
        assert capacity.taken(Pool.ACCOUNT, "a") == sum(a for a, _ in granted) <= most_a
        assert capacity.taken(Pool.NUMBER, "n") == sum(b for _, b in granted) <= most_b
    for a, b in granted:
        capacity.release(Pool.ACCOUNT, "a", a)
        capacity.release(Pool.NUMBER, "n", b)
    assert [capacity.total(pool) for pool in Pool] == [0, 0, 0]


def test_slot_reserved_for_a_leg_is_used_by_its_invite() -> None:
    capacity = Capacity()
    holdings = Holdings(capacity)
    capacity.reserve([_want(Pool.TRUNK, "t1", most=1)])
    holdings.keep((), {1: "t1"})

    assert holdings.use_slot(1, "t1", most=1)
    holdings.release()

    assert capacity.taken(Pool.TRUNK, "t1") == 1, "it is the leg's now"


def test_next_try_over_another_trunk_gives_the_reserved_slot_back() -> None:
    capacity = Capacity()
    holdings = Holdings(capacity)
    capacity.reserve([_want(Pool.TRUNK, "t1", most=1)])
    holdings.keep((), {1: "t1"})

    assert holdings.use_slot(1, "t2", most=None)

    assert (capacity.taken(Pool.TRUNK, "t1"), capacity.taken(Pool.TRUNK, "t2")) == (0, 1)


def test_full_trunk_has_no_slot_for_a_later_try() -> None:
    capacity = Capacity()
    capacity.reserve([_want(Pool.TRUNK, "t2", most=1)])

    assert not Holdings(capacity).use_slot(1, "t2", most=1)


def test_everything_goes_back_once() -> None:
    capacity = Capacity()
    holdings = Holdings(capacity)
    wants = [_want(count=2), _want(Pool.NUMBER, "n", count=2)]
    for keep in (holdings.keep, holdings.keep_for_connect):
        capacity.reserve(wants)
        keep(wants)
    assert holdings.channels == 4

    holdings.connect_over()
    assert holdings.channels == 2
    holdings.release()
    holdings.release()

    assert [capacity.total(pool) for pool in Pool] == [0, 0, 0]
