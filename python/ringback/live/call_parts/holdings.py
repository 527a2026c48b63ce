"""Channels that one call has reserved, and when each goes back."""

from collections.abc import Mapping, Sequence

from ringback.live.capacity import Capacity, Pool, Want


class Holdings:
    """What a call holds.

    Channels of account and number go back with the final record; those of a connect node when it is over; a trunk's
    slot is the call's until an INVITE uses it, and then the leg's until its dialog is over.
    """

    __slots__ = ("_capacity", "_for_connect", "_kept", "_slots")

    def __init__(self, capacity: Capacity) -> None:
        self._capacity = capacity
        self._kept: list[Want] = []
        self._for_connect: list[Want] = []
        self._slots: dict[int, str] = {}  # leg -> trunk whose slot is reserved but not used yet

    @property
    def channels(self) -> int:
        """Channels of the account that the call occupies."""
        return sum(want.count for want in (*self._kept, *self._for_connect) if want.pool is Pool.ACCOUNT)

    def keep(self, wants: Sequence[Want], slots: Mapping[int, str] | None = None) -> None:
        """Take over what was reserved: account and number, and trunk slots by leg."""
        self._kept += wants
        self._slots.update(slots or {})

    def keep_for_connect(self, wants: Sequence[Want]) -> None:
        """Take over what was reserved for the parties of a connect node."""
        self._for_connect += wants

    def connect_over(self) -> None:
        """Give back what was reserved for the parties of a connect node."""
        self._give_back(self._for_connect)

    def use_slot(self, leg: int, trunk: str, *, most: int | None) -> bool:
        """Use the slot reserved for a leg, or take one now; False if the trunk has none free."""
        reserved = self._slots.pop(leg, None)
        if reserved == trunk:
            return True
        if reserved is not None:
            self._capacity.release(Pool.TRUNK, reserved)
        return self._capacity.reserve((Want(pool=Pool.TRUNK, key=trunk, most=most),)) is None

    def release(self) -> None:
        """Give everything back. Slots that INVITEs use are not among it."""
        self._give_back(self._kept)
        self._give_back(self._for_connect)
        for trunk in self._slots.values():
            self._capacity.release(Pool.TRUNK, trunk)
        self._slots.clear()

    def _give_back(self, wants: list[Want]) -> None:
        for want in wants:
            self._capacity.release(want.pool, want.key, want.count)
        wants.clear()
