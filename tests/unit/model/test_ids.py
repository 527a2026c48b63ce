"""Ids sort by time and explain themselves."""

import pytest

from ringback.model.ids import make_id


def test_prefix_and_26_characters() -> None:
    made = make_id("call", at_ms=1_700_000_000_000, entropy=bytes(10))

    assert made.startswith("call_01H")
    assert len(made) == len("call_") + 26


def test_later_ids_sort_after() -> None:
    made = [make_id("call", at_ms=at, entropy=b"\xff" * 10) for at in (0, 1, 31, 32, 2**40, 2**48 - 1)]

    assert made == sorted(made)


def test_entropy_tells_ids_of_the_same_moment_apart() -> None:
    assert make_id("call", at_ms=5, entropy=bytes(9) + b"\x01") != make_id("call", at_ms=5, entropy=bytes(10))


@pytest.mark.parametrize(("at_ms", "entropy"), [(-1, bytes(10)), (2**48, bytes(10)), (0, bytes(9)), (0, bytes(11))])
def test_what_does_not_fit_is_refused(at_ms: int, entropy: bytes) -> None:
    with pytest.raises(ValueError, match=r"48 bits|10 bytes"):
        make_id("call", at_ms=at_ms, entropy=entropy)
