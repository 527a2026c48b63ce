"""Nothing escapes from background work, and nothing is left of it."""

import asyncio

from ringback.live.supervisor import Supervisor


async def test_failure_is_told_and_does_not_escape() -> None:
    supervisor = Supervisor()
    told: list[Exception] = []

    async def fails() -> None:
        raise RuntimeError("no")

    await supervisor.start(fails(), name="fails", failed=told.append)

    assert [str(error) for error in told] == ["no"]
    assert len(supervisor) == 0


async def test_failure_that_nobody_wants_to_hear_of_is_no_failure_of_the_task() -> None:
    async def fails() -> None:
        raise RuntimeError("no")

    task = Supervisor().start(fails(), name="fails")
    await task

    assert task.exception() is None


async def test_stop_ends_what_runs_and_what_has_not_begun() -> None:
    supervisor = Supervisor()
    begun = asyncio.Event()

    async def waits() -> None:
        begun.set()
        await asyncio.Event().wait()

    supervisor.start(waits(), name="waits")
    await begun.wait()
    supervisor.start(waits(), name="not begun")
    await supervisor.stop()

    assert len(supervisor) == 0
