"""A running exchange with a real database, and a carrier at the other end of a wire in memory. Time stands still."""

import asyncio
import itertools
import wave
from collections.abc import Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

from msgspec.structs import replace

from ringback import _engine as en
from ringback.flow.effects import Prompt
from ringback.live.capacity import Pool
from ringback.live.exchange import Exchange, ExchangeSettings
from ringback.model.account import Account
from ringback.model.call import CallRequest, FlowTarget, Target
from ringback.model.final import FinalRecord
from ringback.model.flow import FlowState, FlowVersion, StoredFlow
from ringback.model.ids import AccountSid, CallId, FlowId, NumberId, RouteId, TrunkId
from ringback.model.journal import Entry, EntryKind
from ringback.model.number import Number
from ringback.model.status import Kind, Status
from ringback.model.trunk import Route, Trunk
from ringback.store.database import Database
from ringback.testing.fake_clock import FakeClock
from ringback.testing.fake_engine import FakeEngine, FakeNetwork

ACCOUNT = AccountSid("AC1")
BRIDGE, CALLEE, SECOND, CALLER = "+4930111", "+491702222", "+491703333", "+491704444"
FLOW = FlowId("flow_menu")
_WAIT_S = 20


class SilentPrompts:
    """Every prompt is a second of silence."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "prompt.wav"
        with wave.open(str(self._path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(8000)
            file.writeframes(bytes(16_000))
        self.asked: list[Prompt] = []

    async def resolve(self, prompts: Sequence[Prompt], account: AccountSid) -> list[Path]:
        self.asked += prompts
        return [self._path for _ in prompts]


class LiveWorld:
    """One exchange. `carrier` is the far end: what it is sent stands in `invites`, and the test says what it does."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = FakeClock()
        self.network = FakeNetwork()
        self.carrier = self._engine("127.0.0.1:5070")
        self.invites: list[en.Incoming] = []
        self.heard: list[Any] = []
        self.engine: FakeEngine
        self.exchange: Exchange
        self.database: Database
        self.prompts = SilentPrompts(folder)
        self._ids = itertools.count(1)

    def _engine(self, listen: str) -> FakeEngine:
        return FakeEngine(en.EngineConfig(listen=listen), network=self.network, clock=self.clock)

    # Life.

    async def open(self) -> Self:
        self.carrier.start()
        self.carrier.set_trunks([en.TrunkConfig(id=1)])
        self.carrier.set_access([en.AccessRule(network="127.0.0.1", trunk=1)])
        await self.open_database()
        await self.furnish()
        await self.start()
        return self

    async def open_database(self) -> None:
        self.database = await Database.open(f"sqlite:///{self.folder}/ringback.db", key_file=self.folder / "key")

    async def furnish(self) -> None:
        stored = self.database.repositories
        await stored.accounts.save(Account(sid=ACCOUNT, name="One"))
        await stored.trunks.save(Trunk(id=TrunkId("t1"), engine_id=0, name="Carrier", gateways=("127.0.0.1:5070",)))
        await stored.routes.save(Route(id=RouteId("r1"), prefix="+49170", trunks=(TrunkId("t1"),)))
        await self.save_flow(FLOW, menu())
        await stored.numbers.save(Number(id=NumberId("n1"), account=ACCOUNT, number=BRIDGE, flow_id=FLOW))

    async def start(self, *, journal: Any = None, engine: Any = None) -> int:
        self.engine = engine or self._engine("127.0.0.1:5060")
        self.engine.start()
        self.exchange = Exchange(
            engine=self.engine,
            journal=journal or self.database.writer,
            repositories=self.database.repositories,
            clock=self.clock,
            prompts=self.prompts,
            settings=ExchangeSettings(recordings=self.folder / "recordings", allow_private=True),
        )
        return await self.exchange.start()

    async def stop(self) -> None:
        """End in an orderly way."""
        await self.exchange.stop(0)
        self.engine.stop()
        await self.exchange.close()
        self.engine.close()

    async def crash(self) -> None:
        """What was committed is all that is left: nobody says goodbye, the carrier hears nothing."""
        self.exchange.pump.stop()
        self.exchange.schedule.stop()
        self.exchange.outbound.queue.stop()
        await self.exchange.parts.supervisor.stop()
        await self.exchange.web.close()
        self.engine.crash()
        for task in tuple(self.exchange.parts.calls.values()):
            for timer in task.timers.values():
                timer.cancel()
            if task._commit is not None:
                task._commit.cancel()  # what was handed to the database is written; what was to follow is not done
        await self.written()

    async def close(self) -> None:
        await self.stop()
        self.nothing_is_left()
        await self.database.close()
        self.carrier.stop()
        self.carrier.close()

    def nothing_is_left(self) -> None:
        """No open call, no channel taken, no dialog, no timer, no task."""
        parts = self.exchange.parts
        in_line = {call_id for call_id, task in parts.calls.items() if task.state.state in {"new", "queued"}}
        assert set(parts.calls) == in_line, "calls are open"
        assert not parts.legs
        assert {pool: parts.capacity.total(pool) for pool in Pool} == dict.fromkeys(Pool, 0)
        figures = self.engine.stats()
        assert (figures["legs"], figures["dialogs"], figures["media_ports"], figures["ops"]) == (0, 0, 0, 0)
        assert len(parts.supervisor) == 0
        assert self.clock.waiting == 0, "timers are running"
        faults = {name: getattr(parts.counters, name) for name in ("faults", "pump_faults", "machine_refused")}
        assert faults == dict.fromkeys(faults, 0)

    # What a test does.

    def request(self, to: str = CALLEE, **changes: Any) -> CallRequest:
        call_id = CallId(f"call_{next(self._ids):026}")
        values: dict[str, Any] = {
            "id": call_id,
            "account": ACCOUNT,
            "kind": Kind.OUTBOUND,
            "from_": BRIDGE,
            "to": to,
            "bridge": BRIDGE,
            "target": FlowTarget(flow_id=FLOW),
            "accepted_at": self.clock.now(),
        }
        return CallRequest(**(values | changes))

    async def place(self, to: str = CALLEE, **changes: Any) -> CallId:
        request = self.request(to, **changes)
        await self.exchange.calls.place((request,))
        return request.id

    async def pair(self, **changes: Any) -> CallId:
        return await self.place(SECOND, kind=Kind.CLICK_TO_CALL, from_=CALLEE, target=None, **changes)

    async def call_in(self, to: str = BRIDGE, from_: str | None = CALLER) -> int:
        """Let the carrier call us; return the carrier's leg."""
        uri = f"sip:{from_}@127.0.0.1" if from_ else "sip:anonymous@anonymous.invalid"
        number = next(self._ids)
        return self.carrier.dial(
            trunk=1,
            gateway="127.0.0.1:5060",
            to=f"sip:{to}@127.0.0.1",
            from_=uri,
            call_id=f"in-{number}",
            local_tag=f"tag-{number}",
        )

    def listen(self) -> None:
        """Take in what the carrier hears."""
        for event in self.carrier.drain(10_000):
            self.heard.append(event)
            if type(event) is en.Incoming:
                self.invites.append(event)

    async def until(self, condition: Callable[[], Any]) -> Any:
        """Let everything run, timers that are due included, until something is the case."""
        async with asyncio.timeout(_WAIT_S):
            while True:
                self.clock.advance(0)
                self.listen()
                found = condition()
                if found:
                    return found
                await asyncio.sleep(0.0005)  # commits happen in a thread; there is no event that covers every condition

    async def invite(self, number: int = 1) -> en.Incoming:
        """Return the carrier's nth INVITE."""
        await self.until(lambda: len(self.invites) >= number)
        return self.invites[number - 1]

    async def hears(self, kind: type, **wanted: Any) -> Any:
        """Return the first event of a kind at the carrier that has these values."""

        def found() -> Any:
            return next(
                (
                    event
                    for event in self.heard
                    if type(event) is kind and all(getattr(event, name) == value for name, value in wanted.items())
                ),
                None,
            )

        return await self.until(found)

    async def ended(self, call_id: CallId) -> FinalRecord:
        """Wait for the final record."""
        await self.until(lambda: call_id not in self.exchange.parts.calls)
        return await self.record(call_id)

    async def written(self) -> None:
        """Wait until everything submitted is committed."""
        await self.until(lambda: self.database.writer.health().waiting == 0)

    async def record(self, call_id: CallId) -> FinalRecord:
        row = await self.database.repositories.calls.get(ACCOUNT, call_id)
        assert row is not None
        assert row.record is not None, f"{call_id} has no final record"
        return row.record

    async def status(self, call_id: CallId) -> Status:
        return (await self.ended(call_id)).verdict.status

    async def entries(self, call_id: CallId) -> tuple[Entry, ...]:
        return await self.database.repositories.calls.entries(ACCOUNT, call_id)

    async def kinds(self, call_id: CallId) -> list[EntryKind]:
        return [entry.kind for entry in await self.entries(call_id)]

    def state_of(self, call_id: CallId) -> str:
        task = self.exchange.parts.calls.get(call_id)
        return "final" if task is None else task.state.state.value

    def only_call(self) -> CallId:
        """Return the one call that is open."""
        (call_id,) = self.exchange.parts.calls
        return call_id

    async def answers(self, invite: en.Incoming) -> None:
        self.carrier.ring(invite.leg)
        self.carrier.answer(invite.leg)
        await self.hears(en.AnswerConfirmed, leg=invite.leg)

    async def change_account(self, **changes: Any) -> None:
        stored = self.database.repositories.accounts
        account = await stored.get(ACCOUNT)
        assert account is not None
        await stored.save(replace(account, **changes))
        await self.exchange.directory.refresh()

    async def change_number(self, **changes: Any) -> None:
        stored = self.database.repositories.numbers
        number = await stored.find(BRIDGE)
        assert number is not None
        await stored.save(replace(number, **changes))
        await self.exchange.directory.refresh()

    async def change_trunk(self, **changes: Any) -> None:
        stored = self.database.repositories.trunks
        (trunk,) = [trunk for trunk in await stored.all() if trunk.id == "t1"]
        await stored.delete(trunk.account, trunk.id)  # the owner of a trunk never changes: it is another one
        await stored.save(replace(trunk, **changes))
        await self.exchange.directory.refresh()

    async def save_flow(self, flow_id: FlowId, document: dict[str, Any], *, published: bool = True) -> None:
        now = datetime.now(UTC)
        flow = StoredFlow(
            id=flow_id,
            account=ACCOUNT,
            name=flow_id,
            draft=document,
            flow_state=FlowState.PUBLISHED if published else FlowState.DRAFT,
            published_version=1 if published else None,
            versions=1 if published else 0,
            created_at=now,
            updated_at=now,
        )
        version = FlowVersion(flow_id=flow_id, version=1, document=document, digest="0", published_at=now)
        await self.database.repositories.flows.save(flow, publish=version if published else None)

    async def use_flow(self, document: dict[str, Any]) -> FlowId:
        """Publish a flow of one's own and let it answer the number."""
        flow_id = FlowId(f"flow_{next(self._ids)}")
        await self.save_flow(flow_id, document)
        await self.change_number(flow_id=flow_id)
        return flow_id

    def in_(self, seconds: float) -> datetime:
        return self.clock.now() + timedelta(seconds=seconds)


@asynccontextmanager
async def a_live_world(folder: Path) -> Any:
    world = await LiveWorld(folder).open()
    try:
        yield world
    finally:
        await world.close()


def flow(**nodes: dict[str, Any]) -> dict[str, Any]:
    """Write a flow document that begins with its first node."""
    return {"name": "test", "start": next(iter(nodes)), "nodes": nodes}


def menu() -> dict[str, Any]:
    """Say something, take one key, hang up."""
    return flow(
        hello={"type": "play", "prompt": {"text": "Hello."}, "exits": {"next": "key"}},
        key={"type": "gather", "prompt": {"text": "Press one."}, "max_digits": 1, "exits": {}},
    )


def target(kind: type[Target], **fields: Any) -> Target:
    return kind(**fields)
