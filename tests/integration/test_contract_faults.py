"""When the journal cannot commit: new calls are refused, finals wait in memory, and nothing is lost or changed."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection
from tests.integration.live_world import ACCOUNT, LiveWorld

from ringback import _engine as en
from ringback.live.capacity import Pool
from ringback.model.status import HangupBy, Status
from ringback.store.errors import StoreUnavailableError
from ringback.store.writes import SaveSipTrace, TraceMessage


class FullDisk:
    """Bounds the file of the world's database: beyond it SQLite says SQLITE_FULL, as on a full disk."""

    def __init__(self, live: LiveWorld) -> None:
        self._live = live
        self._connection: Any = None

    async def fill(self) -> None:
        """Let the next write be one too many."""

        def bound(connection: Connection) -> None:
            self._connection = connection.connection.driver_connection
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
            connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")

        live = self._live
        await live.database.writer.run(bound)
        message = TraceMessage(at=live.clock.now(), leg=1, outgoing=True, peer="", text="x" * 1_000_000)
        live.database.writer.submit(SaveSipTrace(call_id=live.only_call(), account=ACCOUNT, messages=(message,)))
        await live.until(lambda: not live.database.writer.health().is_ready)

    def make_room(self) -> None:
        """Take the bound away."""
        self._connection.execute("PRAGMA max_page_count = 1000000")


async def test_final_waits_in_memory_until_there_is_room(live: LiveWorld) -> None:
    call_id = await live.place()
    invite = await live.invite()
    await live.answers(invite)
    await live.until(lambda: live.state_of(call_id) == "talking")
    await live.written()
    disk = FullDisk(live)
    await disk.fill()

    live.carrier.hangup(invite.leg)
    hung_up_at = live.clock.now()
    await live.until(lambda: not live.exchange.parts.legs)
    with pytest.raises(StoreUnavailableError, match="full"):
        await live.place()
    refused = await live.call_in()
    assert (await live.hears(en.Ended, leg=refused)).code == 503
    live.clock.advance(100)
    row = await live.database.repositories.calls.get(ACCOUNT, call_id)
    assert (row.state, row.record) == ("talking", None)
    assert live.exchange.parts.capacity.total(Pool.ACCOUNT) == 1, "released with the final record, not before"
    disk.make_room()
    record = await live.ended(call_id)

    assert (record.verdict.status, record.verdict.reason) == (Status.ANSWER, "callee_hung_up")
    assert record.verdict.hangup_by is HangupBy.CALLEE
    assert record.ended_at == hung_up_at < live.clock.now() - timedelta(seconds=99)
    assert live.exchange.parts.capacity.total(Pool.ACCOUNT) == 0


async def test_what_comes_while_the_final_waits_changes_nothing(live: LiveWorld) -> None:
    call_id = await live.place(retries_left=2)
    invite = await live.invite()
    live.carrier.ring(invite.leg)
    await live.until(lambda: live.state_of(call_id) == "dialing")
    await live.written()
    disk = FullDisk(live)
    await disk.fill()
    task = live.exchange.parts.calls[call_id]

    live.carrier.reject(invite.leg, 486)
    await live.until(lambda: task.has_ended)
    live.clock.advance(50)  # every timer of the call that could still run
    assert not task.is_final
    disk.make_room()
    record = await live.ended(call_id)

    assert record.verdict.status is Status.BUSY
    assert record.retries_left == 2
    await live.exchange.calls.hangup(ACCOUNT, call_id)  # the next attempt goes with it
    attempts = await live.database.repositories.calls.attempts(ACCOUNT, call_id)
    assert [row.record.verdict.status for row in attempts] == [Status.BUSY, Status.CANCEL]
    assert len(live.invites) == 1
