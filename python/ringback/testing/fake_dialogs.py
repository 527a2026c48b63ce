"""Changes of calls in progress, on the wire of the fake engine: hold, transfer."""

from ringback import _engine as en
from ringback.testing.fake_signaling import FakeLeg, FakeSignaling

_FIRST_FINAL = 200


class FakeDialogs(FakeSignaling):
    """What the far end does at once: it agrees to be held, and hands up what it is asked."""

    def hold(self, leg: int, on: bool) -> None:  # noqa: FBT001  (the engine's signature)
        """Put the far end on hold or take it back."""
        ours = self._command("hold", leg)
        far = _far(ours)
        if ours is None or far is None:
            return
        engine, theirs = far
        if ours.holds != on:
            ours.holds = on
            engine.emit(en.Held(leg=theirs.id, at_ns=engine.now_ns(), on=on))
        self.emit(en.HoldDone(leg=leg, at_ns=self.now_ns(), on=on, code=200))

    def refer(self, leg: int, to: str, *, replaces: int | None = None, referred_by: str | None = None) -> None:
        """Ask the far end to call somebody else. Every trunk of a fake allows it."""
        far = _far(self._command("refer", leg))
        if far is None or (replaces is not None and self.leg(replaces) is None):
            self._progress(leg, 481, is_final=True)
            return
        engine, theirs = far
        theirs.transfer = "asked"
        engine.emit(
            en.TransferRequested(
                leg=theirs.id,
                at_ns=engine.now_ns(),
                target=to,
                has_replaces=replaces is not None,
                referred_by=referred_by,
            )
        )

    def accept_transfer(self, leg: int) -> None:
        """Let a transfer go ahead."""
        ours = self._command("accept_transfer", leg)
        far = _far(ours)
        if ours is None or far is None or ours.transfer != "asked":
            return
        ours.transfer = "accepted"
        far[0]._progress(far[1].id, 202, is_final=False)  # noqa: SLF001  (its own kind)
        far[0]._progress(far[1].id, 100, is_final=False)  # noqa: SLF001

    def reject_transfer(self, leg: int, code: int = 603) -> None:
        """Decline a transfer."""
        ours = self._command("reject_transfer", leg)
        far = _far(ours)
        if ours is None or far is None or ours.transfer != "asked":
            return
        ours.transfer = ""
        far[0]._progress(far[1].id, code, is_final=True)  # noqa: SLF001

    def notify_transfer(self, leg: int, code: int) -> None:
        """Tell the far end how the call to its target goes."""
        ours = self._command("notify_transfer", leg)
        far = _far(ours)
        if ours is None or far is None or ours.transfer != "accepted":
            return
        is_final = code >= _FIRST_FINAL
        if is_final:
            ours.transfer = ""
        far[0]._progress(far[1].id, code, is_final=is_final)  # noqa: SLF001

    def _progress(self, leg: int, code: int, *, is_final: bool) -> None:
        self.emit(en.TransferProgress(leg=leg, at_ns=self.now_ns(), code=code, phrase="Transfer", is_final=is_final))


def _far(ours: FakeLeg | None) -> "tuple[FakeDialogs, FakeLeg] | None":
    if ours is None or ours.state != "answered" or ours.peer is None:
        return None
    engine, theirs = ours.peer
    assert isinstance(engine, FakeDialogs)  # noqa: S101  every engine of a fake network is one
    return engine, theirs
