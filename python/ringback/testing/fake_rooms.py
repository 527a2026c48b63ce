"""Rooms, taps and paused recordings of the fake engine: who takes part is kept, nothing is heard."""

import itertools
from typing import TYPE_CHECKING

from ringback import _engine as en

if TYPE_CHECKING:
    from ringback.testing.fake_media import FakeMedia

_FIRST_ROOM = 1 << 60
_MEMBERS = range(1, 201)
_ROLES = {"talker", "listener", "coached", "whisper"}
_GAIN_DB = (-40.0, 12.0)
_RATES = {8000, 16000}


class FakeRooms:
    """Mixed into the fake engine."""

    _media: "FakeMedia"

    def __init__(self) -> None:
        self._rooms: dict[int, int] = {}
        self._room_ids = itertools.count(_FIRST_ROOM)

    def _check_running(self) -> None:
        raise NotImplementedError

    def room(self, *, max_members: int = 100) -> int:
        """Open a room."""
        self._check_running()
        if max_members not in _MEMBERS:
            raise en.InvalidArgument(f"max_members: {max_members} is outside 1 to 200")
        room = next(self._room_ids)
        self._rooms[room] = max_members
        return room

    def close_room(self, room: int) -> None:
        """Close a room."""
        self._check_running()
        if self._rooms.pop(room, None) is not None:
            self._media.end_kind("room", room, "done", "the room was closed")

    def join_room(self, room: int, leg: int, *, role: str = "talker", mute: bool = False, gain_db: float = 0.0) -> int:
        """Let a leg in."""
        del mute
        self._check_running()
        _check_role(role)
        _check_gain(gain_db)
        full = self._media.count_kind("room", room) >= self._rooms.get(room, 0)
        why = None if room in self._rooms else "there is no such room"
        return self._media.talk(leg, "room", room, why or ("the room is full" if full else None))

    def mute(self, op: int, on: bool) -> None:  # noqa: FBT001  (the engine's signature)
        """Change nothing."""
        del op, on
        self._check_running()

    def set_role(self, op: int, role: str) -> None:
        """Change nothing."""
        del op
        self._check_running()
        _check_role(role)

    def set_gain(self, op: int, gain_db: float) -> None:
        """Change nothing."""
        del op
        self._check_running()
        _check_gain(gain_db)

    def tap(self, join: int, leg: int, *, mode: str = "monitor", to: int | None = None) -> int:
        """Let a supervisor listen; ends with the join."""
        self._check_running()
        _check_tap(mode, to)
        why = None if self._media.runs(join, "join") else "what was to be tapped is over, or no join"
        return self._media.talk(leg, "tap", join, why)

    def set_tap(self, op: int, mode: str, *, to: int | None = None) -> None:
        """Change nothing."""
        del op
        self._check_running()
        _check_tap(mode, to)

    def stream(
        self,
        leg: int,
        *,
        url: str,
        address: str | None = None,
        private_ok: bool = False,
        rate: int = 8000,
        direction: str = "both",
        metadata: str = "{}",
        connect_timeout_ms: int = 5000,
    ) -> int:
        """Begin a stream that carries nothing, until it is stopped."""
        del address, private_ok, metadata, connect_timeout_ms
        self._check_running()
        if not url.startswith(("ws://", "wss://")):
            raise en.InvalidArgument(f"url: {url!r} is no ws:// or wss:// URL")
        if rate not in _RATES:
            raise en.InvalidArgument(f"rate: {rate} is neither 8000 nor 16000")
        if direction not in {"in", "out", "both"}:
            raise en.InvalidArgument(f"direction: {direction!r} is not one of in, out, both")
        return self._media.stream(leg)

    def pause_recording(self, op: int, *, silence: bool = False) -> None:
        """Change nothing."""
        del op, silence
        self._check_running()

    def resume_recording(self, op: int) -> None:
        """Change nothing."""
        del op
        self._check_running()


def _check_role(role: str) -> None:
    if role not in _ROLES:
        raise en.InvalidArgument(f"role: {role!r} is not one of talker, listener, coached, whisper")


def _check_gain(gain_db: float) -> None:
    low, high = _GAIN_DB
    if not low <= gain_db <= high:
        raise en.InvalidArgument(f"gain_db: {gain_db} is outside -40 to 12")


def _check_tap(mode: str, to: int | None) -> None:
    if mode not in {"monitor", "whisper", "barge"}:
        raise en.InvalidArgument(f"mode: {mode!r} is not one of monitor, whisper, barge")
    if (mode == "whisper") != (to is not None):
        raise en.InvalidArgument("to: whisper needs the leg that hears it, and nothing else does")
