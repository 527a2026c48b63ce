"""Whole-call recordings: leg 1 in stereo, what it said left, what it heard right."""

from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from ringback.call.events import AnswerWasConfirmed, TryAnswered
from ringback.model.ids import make_id

if TYPE_CHECKING:
    from ringback.live.task import CallTask

_log = structlog.get_logger(__name__)

_LONGEST_MS = 14_400_000


class Recording:
    """The recording of one call. `id` is set once it runs; the file is `<folder>/<id>.wav`."""

    def __init__(self, task: "CallTask", folder: Path) -> None:
        self.id: str | None = None
        self._op: int | None = None
        self._task = task
        self._folder = folder

    def start_if_due(self, event: TryAnswered | AnswerWasConfirmed) -> None:
        """Start when leg 1 is answered (incoming: has our answer for sure). A status never waits for a recording."""
        task = self._task
        if self.id is not None or (isinstance(event, TryAnswered) and event.leg != 1):
            return
        recording_id = make_id("rec", at_ms=int(event.at.timestamp() * 1000), entropy=task.parts.entropy(10))
        path = self._folder / f"{recording_id}.wav"
        longest = min(task.request.max_duration_ms, _LONGEST_MS)
        try:
            self._op = task.parts.engine.record(task.engine_leg(1), str(path), stereo=True, max_ms=longest)
        except Exception:  # noqa: BLE001  the call goes on without
            _log.exception("recording_not_started", call_id=task.request.id)
            return
        self.id = recording_id

    def op_done(self, op: int, result: str, detail: str | None) -> None:
        """The engine ended an operation; a recording that failed is none."""
        if op == self._op and result == "failed":
            _log.warning("recording_failed", call_id=self._task.request.id, error=detail)
            self.id = None
