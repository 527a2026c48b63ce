"""Background work of calls: nothing escapes from it, nothing is forgotten, and all of it can be stopped."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import structlog

_log = structlog.get_logger(__name__)


class Supervisor:
    """Owns the tasks that calls start. A failure is logged once and told to whoever started the task."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def start(
        self, work: Coroutine[Any, Any, None], *, name: str, failed: Callable[[Exception], object] | None = None
    ) -> asyncio.Task[None]:
        """Run `work` beside everything else; `failed` is told if it raises, and decides what that means."""
        task = asyncio.get_running_loop().create_task(self._guard(work, name, failed), name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda _: work.close())  # cancelled before its first step it would be left unstarted
        return task

    async def stop(self) -> None:
        """Cancel what still runs and wait for its end."""
        while self._tasks:
            tasks = tuple(self._tasks)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def __len__(self) -> int:
        return len(self._tasks)

    @staticmethod
    async def _guard(work: Coroutine[Any, Any, None], name: str, failed: Callable[[Exception], object] | None) -> None:
        try:
            await work
        except Exception as error:  # noqa: BLE001  that is its purpose
            _log.exception("background_work_failed", work=name)
            if failed is not None:
                failed(error)
