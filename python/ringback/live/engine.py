"""The engine as the running side uses it: `ringback._engine.Engine`, or `ringback.testing.FakeEngine`."""

# ruff: noqa: D102  (`_engine.pyi` documents every method)

from typing import Any, Protocol


class Signaling(Protocol):
    """Legs: dialing, answering, ending. Events are those of `_engine`, or look like them."""

    def fileno(self) -> int: ...
    def drain(self, max_events: int = 256) -> list[Any]: ...
    def local_address(self) -> str: ...
    def local_addresses(self) -> list[str]: ...
    def reload_tls(self) -> None: ...
    def set_trunks(self, trunks: list[Any]) -> None: ...
    def set_access(self, rules: list[Any]) -> None: ...
    def set_accepting(self, accepting: bool) -> None: ...  # noqa: FBT001  (the engine's signature)
    def dial(
        self,
        *,
        trunk: int,
        gateway: str,
        to: str,
        from_: str,
        call_id: str,
        local_tag: str,
        display_name: str | None = None,
        headers: list[tuple[str, str]] = ...,
    ) -> int: ...
    def ring(self, leg: int) -> None: ...
    def answer(self, leg: int) -> None: ...
    def reject(self, leg: int, code: int, *, reason: str | None = None) -> None: ...
    def hangup(self, leg: int, *, q850: int | None = 16, reason: str | None = None) -> None: ...
    def end_dialog(self, dialog: str) -> None: ...
    def stats(self) -> dict[str, int]: ...


class Dialogs(Protocol):
    """Changes of calls in progress."""

    def hold(self, leg: int, on: bool) -> None: ...  # noqa: FBT001  (the engine's signature)


class Defense(Protocol):
    """Who is not listened to."""

    def set_defense(self, defense: Any) -> None: ...
    def bans(self) -> list[tuple[str, int]]: ...
    def ban(self, source: str, *, seconds: int) -> None: ...
    def lift_ban(self, source: str) -> None: ...
    def refer(self, leg: int, to: str, *, replaces: int | None = None, referred_by: str | None = None) -> None: ...
    def accept_transfer(self, leg: int) -> None: ...
    def reject_transfer(self, leg: int, code: int = 603) -> None: ...
    def notify_transfer(self, leg: int, code: int) -> None: ...


class Media(Protocol):
    """Operations on legs."""

    def play(
        self, leg: int, files: list[str], *, loop: int = 1, barge_in: bool = False, gain_db: float = 0.0
    ) -> int: ...
    def gather(
        self,
        leg: int,
        *,
        files: list[str] = ...,
        min_digits: int = 1,
        max_digits: int = 1,
        terminators: str = "#",
        first_timeout_ms: int = 5000,
        inter_timeout_ms: int = 3000,
        barge_in: bool = True,
    ) -> int: ...
    def record(
        self, leg: int, path: str, *, stereo: bool = True, max_ms: int = 3_600_000, silence_stop_ms: int = 0
    ) -> int: ...
    def tone(self, leg: int, name: str, *, duration_ms: int = 0, country: str | None = None) -> int: ...
    def send_dtmf(self, leg: int, digits: str, *, tone_ms: int = 100, gap_ms: int = 60) -> int: ...
    def detect_machine(
        self,
        leg: int,
        *,
        initial_silence_ms: int = 4000,
        greeting_ms: int = 1800,
        after_silence_ms: int = 800,
        max_words: int = 6,
        total_ms: int = 8000,
        beep_timeout_ms: int = 30000,
    ) -> int: ...
    def join(self, a: int, b: int) -> int: ...
    def stop_op(self, op: int) -> None: ...


class Talks(Protocol):
    """Rooms, taps, and changes of what is under way."""

    def room(self, *, max_members: int = 100) -> int: ...
    def close_room(self, room: int) -> None: ...
    def join_room(
        self, room: int, leg: int, *, role: str = "talker", mute: bool = False, gain_db: float = 0.0
    ) -> int: ...
    def mute(self, op: int, on: bool) -> None: ...  # noqa: FBT001  (the engine's signature)
    def set_role(self, op: int, role: str) -> None: ...
    def set_gain(self, op: int, gain_db: float) -> None: ...
    def tap(self, join: int, leg: int, *, mode: str = "monitor", to: int | None = None) -> int: ...
    def set_tap(self, op: int, mode: str, *, to: int | None = None) -> None: ...
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
    ) -> int: ...
    def pause_recording(self, op: int, *, silence: bool = False) -> None: ...
    def resume_recording(self, op: int) -> None: ...


class Registrar(Protocol):
    """Phones that register here."""

    def set_phones(
        self,
        phones: list[Any],
        *,
        min_expires_s: int = 60,
        max_expires_s: int = 3600,
        max_contacts: int = 50000,
        max_contacts_per_source: int = 1000,
        max_registers_per_s: int = 100,
        keepalive_s: int = 30,
    ) -> None: ...


class VoiceEngine(Registrar, Signaling, Dialogs, Defense, Media, Talks, Protocol):
    """The whole engine."""
