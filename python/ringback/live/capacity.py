"""Channels: how many are taken of what each account, number and trunk may have. Pure counting; all or nothing."""

from collections.abc import Iterable
from enum import StrEnum

from msgspec import Struct


class Pool(StrEnum):
    """What has channels."""

    ACCOUNT = "account"
    NUMBER = "number"
    TRUNK = "trunk"


class Want(Struct, frozen=True, kw_only=True):
    """Channels of one pool. `most` is the pool's limit now, None for no limit."""

    pool: Pool
    key: str
    count: int = 1
    most: int | None = None


class Capacity:
    """The counters of this node. Limits come with each reservation, so that a changed one holds from then on."""

    def __init__(self) -> None:
        self._taken: dict[tuple[Pool, str], int] = {}

    def reserve(self, wants: Iterable[Want]) -> Want | None:
        """Take all the channels wanted, or none.

        Returns:
            None when they are taken, else the first want that cannot be met. Wants of one pool add up.
        """
        together: dict[tuple[Pool, str], int] = {}
        for want in wants:
            key = (want.pool, want.key)
            count = together.get(key, self._taken.get(key, 0)) + want.count
            if want.most is not None and count > want.most:
                return want
            together[key] = count
        self._taken.update(together)
        return None

    def release(self, pool: Pool, key: str, count: int = 1) -> None:
        """Give channels back.

        Raises:
            ValueError: more than are taken; a channel was given back twice.
        """
        left = self._taken.get((pool, key), 0) - count
        if left < 0:
            raise ValueError(f"{count} channels of {pool} {key} given back, {left + count} are taken")
        if left:
            self._taken[pool, key] = left
        else:
            self._taken.pop((pool, key), None)

    def taken(self, pool: Pool, key: str) -> int:
        """Return how many channels are taken."""
        return self._taken.get((pool, key), 0)

    def total(self, pool: Pool) -> int:
        """Return how many channels of all pools of a kind are taken."""
        return sum(count for (kind, _), count in self._taken.items() if kind is pool)
