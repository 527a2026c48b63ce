"""Configuration comes back as it was, secrets are not readable in the database, and no account sees another's."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace
from sqlalchemy import select
from tests.integration.store_world import NOW, OURS, THEIRS, a_request, accept, an_account

from ringback.model.access import Scope
from ringback.model.flow import FlowState, FlowVersion, StoredFlow
from ringback.model.ids import AccountSid, FlowId, NumberId, RouteId, SoundId, TrunkId
from ringback.model.number import Number, NumberStatus
from ringback.model.sound import BlockedNumber, Sound
from ringback.model.trunk import Route, Trunk
from ringback.store import tables
from ringback.store.database import Database
from ringback.store.errors import ConflictError, UnknownError
from ringback.store.writes import IdempotencyRecord, SaveSipTrace, TraceMessage


def a_flow(account: AccountSid = OURS, flow_id: str = "flow_1", **changes: Any) -> StoredFlow:
    facts: dict[str, Any] = {
        "id": FlowId(flow_id),
        "account": account,
        "name": "Welcome",
        "draft": {"nodes": [{"id": "start", "weight": 1.5}]},
        "created_at": NOW,
        "updated_at": NOW,
    }
    return StoredFlow(**facts | changes)


def a_version(flow: StoredFlow, version: int) -> FlowVersion:
    return FlowVersion(
        flow_id=flow.id, version=version, document={"v": version}, digest=f"digest{version}", published_at=NOW
    )


def a_number(number: str = "+4930123456", number_id: str = "num_1", **changes: Any) -> Number:
    return Number(id=NumberId(number_id), account=OURS, number=number, **changes)


async def everything_in(database: Database) -> str:
    """Return the text of all tables of configuration."""

    def work(connection: Any) -> Sequence[Any]:
        return [row for table in tables.metadata.sorted_tables for row in connection.execute(select(table)).all()]

    return repr(await database.writer.run(work))


async def test_account_gets_a_secret_once_and_keeps_it_unreadable(database: Database) -> None:
    accounts = database.repositories.accounts
    saved = await accounts.save(an_account(channels=7))
    changed = await accounts.save(an_account(channels=9))
    given = await accounts.save(an_account(THEIRS, webhook_secret="whsec_Z2l2ZW4="))

    assert saved.webhook_secret.startswith("whsec_")
    assert changed.webhook_secret == saved.webhook_secret
    assert await accounts.get(OURS) == replace(saved, channels=9)
    assert await accounts.all() == (changed, given)
    assert await accounts.get(AccountSid("acc_none")) is None
    kept = await everything_in(database)
    assert "whsec_" not in kept
    assert saved.webhook_secret.removeprefix("whsec_") not in kept


async def test_api_key_is_found_by_its_secret_only_and_can_be_revoked(database: Database) -> None:
    keys = database.repositories.api_keys
    await database.repositories.accounts.save(an_account())
    await database.repositories.accounts.save(an_account(THEIRS))

    key, secret = await keys.create(OURS, "CI", frozenset({Scope.CALL, Scope.READ}), networks=("10.0.0.0/8",))
    assert await keys.find(secret) == key
    assert await keys.find(secret + "x") is None
    assert secret not in await everything_in(database)
    assert await keys.list(OURS) == (key,)
    assert await keys.list(THEIRS) == ()
    assert await keys.revoke(THEIRS, key.id) is None
    assert await keys.find(secret) == key

    revoked = await keys.revoke(OURS, key.id)
    assert revoked is not None
    assert revoked.revoked_at is not None
    assert await keys.revoke(OURS, key.id) == revoked
    assert await keys.find(secret) == revoked


async def test_api_key_needs_its_account_and_an_imported_one_is_kept_once(database: Database) -> None:
    keys = database.repositories.api_keys
    secret = "a-long-enough-imported-secret"
    with pytest.raises(UnknownError, match="no account"):
        await keys.create(OURS, "x", frozenset())
    await database.repositories.accounts.save(an_account())
    await database.repositories.accounts.save(an_account(THEIRS))

    first = await keys.import_key(OURS, "file", frozenset({Scope.READ}), secret)
    assert await keys.import_key(OURS, "file", frozenset({Scope.READ}), secret) == first
    with pytest.raises(ConflictError, match="another account"):
        await keys.import_key(THEIRS, "file", frozenset({Scope.READ}), secret)
    with pytest.raises(ValueError, match="24 characters"):
        await keys.import_key(OURS, "file", frozenset({Scope.READ}), "short")


async def test_number_exists_once_in_the_installation(database: Database) -> None:
    numbers = database.repositories.numbers
    ours = await numbers.save(a_number(channels=3, number_status=NumberStatus.INACTIVE, accept_anonymous=True))

    with pytest.raises(ConflictError):
        await numbers.save(replace(a_number(number_id="num_2"), account=THEIRS))
    with pytest.raises(UnknownError):
        await numbers.save(replace(ours, account=THEIRS))

    assert await numbers.find("+4930123456") == ours
    assert await numbers.get(OURS, ours.id) == ours
    assert await numbers.get(THEIRS, ours.id) is None
    assert await numbers.all() == (ours,)
    assert not await numbers.delete(THEIRS, ours.id)
    assert await numbers.delete(OURS, ours.id)
    assert await numbers.find("+4930123456") is None


async def test_assigning_a_number_moves_it_and_says_where_it_was(database: Database) -> None:
    numbers, flows = database.repositories.numbers, database.repositories.flows
    await flows.save(a_flow())
    await flows.save(a_flow(flow_id="flow_2"))
    await flows.save(a_flow(THEIRS, "flow_theirs"))
    held = await numbers.save(a_number())

    assert await numbers.assign(OURS, held.id, FlowId("flow_1")) is None
    assert await numbers.assign(OURS, held.id, FlowId("flow_1")) is None
    assert await numbers.assign(OURS, held.id, FlowId("flow_2")) == "flow_1"
    moved = await numbers.get(OURS, held.id)
    assert moved is not None
    assert moved.flow_id == "flow_2"
    for account, number_id, flow_id in (
        (OURS, held.id, FlowId("flow_theirs")),
        (OURS, NumberId("num_none"), FlowId("flow_1")),
        (THEIRS, held.id, FlowId("flow_theirs")),
    ):
        with pytest.raises(UnknownError):
            await numbers.assign(account, number_id, flow_id)
    with pytest.raises(UnknownError):
        await numbers.save(replace(held, flow_id=FlowId("flow_theirs")))
    assert await numbers.assign(OURS, held.id, None) == "flow_2"


async def test_lists_go_on_after_the_last_id(database: Database) -> None:
    numbers = database.repositories.numbers
    for at in range(5):
        await numbers.save(a_number(f"+4930{at}", f"num_{at}"))

    first = await numbers.list(OURS, limit=3)
    second = await numbers.list(OURS, limit=3, after=first[-1].id)

    assert [held.id for held in first + second] == [f"num_{at}" for at in range(5)]
    assert await numbers.list(THEIRS) == ()


async def test_trunk_password_is_sealed_and_engine_id_never_changes(database: Database) -> None:
    trunks = database.repositories.trunks
    first = await trunks.save(
        Trunk(id=TrunkId("trunk_1"), engine_id=0, name="One", username="u", password="s3cret-pw", gateways=("a:5060",))
    )
    second = await trunks.save(Trunk(id=TrunkId("trunk_2"), engine_id=0, name="Two", account=OURS))
    again = await trunks.save(replace(first, engine_id=0, name="Uno"))

    assert (first.engine_id, second.engine_id, again.engine_id) == (1, 2, 1)
    assert await trunks.all() == (again, second)
    assert again.password == "s3cret-pw"
    assert "s3cret-pw" not in await everything_in(database)
    assert await trunks.list(None) == (again,)
    assert await trunks.list(OURS) == (second,)
    assert await trunks.get(THEIRS, second.id) is None
    with pytest.raises(UnknownError):
        await trunks.save(replace(second, account=THEIRS))
    assert not await trunks.delete(THEIRS, second.id)
    assert await trunks.delete(None, first.id)


async def test_route_belongs_to_its_account_or_the_operator(database: Database) -> None:
    routes = database.repositories.routes
    common = await routes.save(Route(id=RouteId("route_1"), prefix="", trunks=(TrunkId("trunk_1"),)))
    ours = await routes.save(Route(id=RouteId("route_2"), account=OURS, prefix="+49", trunks=(), strip=2))

    assert await routes.all() == (common, ours)
    assert await routes.list(OURS) == (ours,)
    assert await routes.list(None) == (common,)
    assert await routes.get(OURS, common.id) is None
    assert await routes.get(OURS, ours.id) == ours
    with pytest.raises(UnknownError):
        await routes.save(replace(common, account=OURS))
    assert not await routes.delete(OURS, common.id)
    assert await routes.delete(None, common.id)


async def test_publishing_keeps_the_version_in_one_step(database: Database) -> None:
    flows = database.repositories.flows
    draft = await flows.save(a_flow())
    published = replace(draft, flow_state=FlowState.PUBLISHED, published_version=1, versions=1)

    await flows.save(published, publish=a_version(draft, 1))
    with pytest.raises(ConflictError, match="somebody else"):
        await flows.save(replace(published, name="Lost"), publish=a_version(draft, 1))
    await flows.save(replace(published, published_version=2, versions=2), publish=a_version(draft, 2))

    assert await flows.get(OURS, draft.id) == replace(published, published_version=2, versions=2)
    assert await flows.versions(OURS, draft.id) == (a_version(draft, 2), a_version(draft, 1))
    assert await flows.version(OURS, draft.id, 1) == a_version(draft, 1)
    assert await flows.published() == (a_version(draft, 2),)
    assert await flows.get(THEIRS, draft.id) is None
    assert await flows.version(THEIRS, draft.id, 1) is None
    assert await flows.versions(THEIRS, draft.id) == ()
    with pytest.raises(UnknownError):
        await flows.save(replace(draft, account=THEIRS))


async def test_deleted_flow_leaves_its_numbers_and_keeps_its_versions(database: Database) -> None:
    flows, numbers = database.repositories.flows, database.repositories.numbers
    flow = await flows.save(a_flow(versions=1, published_version=1), publish=a_version(a_flow(), 1))
    held = await numbers.save(a_number(flow_id=flow.id))

    assert not await flows.delete(THEIRS, flow.id)
    assert await flows.delete(OURS, flow.id)

    assert await numbers.all() == (replace(held, flow_id=None),)
    assert await flows.all() == ()
    assert await flows.version(OURS, flow.id, 1) is not None


async def test_sounds_and_blocked_numbers_are_the_accounts_own(database: Database) -> None:
    sounds, blocked = database.repositories.sounds, database.repositories.blocked
    sound = Sound(
        id=SoundId("sound_1"),
        account=OURS,
        name="Hello",
        path="a/b.wav",
        duration_ms=1200,
        size_bytes=19_244,
        digest="d",
        created_at=NOW,
    )
    await sounds.save(sound)
    await blocked.save(BlockedNumber(account=OURS, number="+491", incoming=False, created_at=NOW))
    changed = await blocked.save(BlockedNumber(account=OURS, number="+491", note="asked us", created_at=NOW))
    theirs = await blocked.save(BlockedNumber(account=THEIRS, number="+491", created_at=NOW))

    assert await sounds.list(OURS) == (sound,)
    assert await sounds.get(OURS, sound.id) == sound
    assert await sounds.get(THEIRS, sound.id) is None
    with pytest.raises(UnknownError):
        await sounds.save(replace(sound, account=THEIRS))
    assert not await sounds.delete(THEIRS, sound.id)
    assert await sounds.delete(OURS, sound.id)
    assert set(await blocked.all()) == {changed, theirs}
    assert await blocked.list(OURS) == (changed,)
    assert await blocked.delete(OURS, "+491")
    assert await blocked.list(THEIRS) == (theirs,)


async def test_idempotency_key_is_claimed_once_and_forgotten_after_a_day(database: Database) -> None:
    keys = database.repositories.idempotency
    records = [
        IdempotencyRecord(account=OURS, key="k", body_hash=str(at), answer="{}", created_at=NOW) for at in range(10)
    ]

    outcomes = await asyncio.gather(*map(keys.claim, records))

    (winner,) = [at for at, outcome in enumerate(outcomes) if outcome is None]
    assert set(outcomes) - {None} == {records[winner]}
    assert await keys.get(OURS, "k", NOW) == records[winner]
    assert await keys.get(THEIRS, "k", NOW) is None
    assert await keys.get(OURS, "k", NOW + timedelta(hours=25)) is None
    assert await keys.purge(NOW + timedelta(hours=23)) == 0
    assert await keys.purge(NOW + timedelta(hours=25)) == 1
    await keys.claim(records[0])
    await keys.release(OURS, "k")
    assert await keys.claim(records[1]) is None


async def test_sip_trace_is_shown_to_its_account_and_purged_by_age(database: Database) -> None:
    call = a_request()
    messages = tuple(
        TraceMessage(at=NOW + timedelta(seconds=at), leg=1, outgoing=at % 2 == 0, peer="a:5060", text=f"INVITE {at}")
        for at in range(3)
    )
    await database.writer.durable(accept(call))
    await database.writer.durable(SaveSipTrace(call_id=call.id, account=OURS, messages=messages))

    traces = database.repositories.traces
    assert await traces.messages(OURS, call.id) == messages
    assert await traces.messages(THEIRS, call.id) == ()
    assert await traces.purge(NOW + timedelta(seconds=2)) == 2
    assert await traces.messages(OURS, call.id) == messages[2:]
