"""What the settings file says of accounts, keys, trunks, routes, flows and numbers is put into the database at start.

Things that the file does not name stay as they are; taking something out of the file deletes nothing.
"""

import hashlib
import secrets
import time
from collections.abc import Awaitable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import asdict, replace

from ringback.flow.check import Facts, check
from ringback.flow.problems import Severity
from ringback.model.account import Account
from ringback.model.errors import RingbackError
from ringback.model.flow import FlowState, FlowVersion, StoredFlow
from ringback.model.ids import AccountSid, FlowId, NumberId, PhoneId, RouteId, TrunkId, make_id
from ringback.model.number import Number, NumberStatus
from ringback.model.phone import Phone, hash_password
from ringback.model.trunk import Route, Trunk
from ringback.routing.trunk_check import identity_faults
from ringback.service.setting_types import (
    ApiKeySeed,
    FlowSeed,
    NumberSeed,
    PhoneSeed,
    RouteSeed,
    Settings,
    SettingsError,
    TrunkSeed,
)
from ringback.store.repositories import Repositories


async def seed(settings: Settings, stored: Repositories, *, folder: Path, facts: Facts) -> None:
    """Put everything the settings name into the database.

    Args:
        settings: What to keep.
        stored: Where to keep it.
        folder: Where `file` of a flow is looked for.
        facts: What the flow checker has to know.

    Raises:
        SettingsError: Something cannot be kept; the message names it.
    """
    for account in settings.account:
        values = {**asdict(account), "name": account.name or account.sid, "sid": AccountSid(account.sid)}
        await _kept(f"[[account]] {account.sid}", stored.accounts.save(await _account(values, stored)))
    for key in settings.api_key:
        await _kept(f"[[api_key]] of {key.account}", _api_key(key, stored))
    for trunk in settings.trunk:
        await _kept(f"[[trunk]] {trunk.id}", _trunk(trunk, stored))
    for phone in settings.phone:
        await _kept(f"[[phone]] {phone.id}", _phone(phone, stored))
    for route in settings.route:
        await _kept(f"[[route]] {route.id}", stored.routes.save(_route(route)))
    for flow in settings.flow:
        await _kept(f"[[flow]] {flow.id}", _flow(flow, stored, folder, facts))
    for number in settings.number:
        await _kept(f"[[number]] {number.number}", _number(number, stored))


async def _kept(what: str, work: Awaitable[object]) -> None:
    try:
        await work
    except (RingbackError, ValueError) as error:
        raise SettingsError(f"{what} cannot be kept: {error}") from error


async def _account(values: dict[str, Any], stored: Repositories) -> Account:
    """Make the account; without a webhook secret in the file it keeps the one it has."""
    before = await stored.accounts.get(values["sid"])
    if before is not None and not values["webhook_secret"]:
        values["webhook_secret"] = before.webhook_secret
    return Account(**values)


async def _api_key(key: ApiKeySeed, stored: Repositories) -> None:
    account = AccountSid(key.account)
    if await stored.accounts.get(account) is None:
        raise SettingsError(f"there is no account {key.account}; add it as [[account]]")
    await stored.api_keys.import_key(account, key.name, frozenset(key.scopes), key.secret)


async def _trunk(trunk: TrunkSeed, stored: Repositories) -> None:
    values = {**asdict(trunk), "id": TrunkId(trunk.id), "name": trunk.name or trunk.id, "engine_id": 0}
    before = next((item for item in await stored.trunks.all() if item.id == trunk.id), None)
    if before is not None:
        values["engine_id"] = before.engine_id
    made = Trunk(**values)
    fault = next(identity_faults(made), None)
    if fault is not None:
        raise SettingsError(f"{fault[0]} {fault[1]}")
    await stored.trunks.save(made)


async def _phone(phone: PhoneSeed, stored: Repositories) -> None:
    account = AccountSid(phone.account)
    if await stored.accounts.get(account) is None:
        raise SettingsError(f"there is no account {phone.account}; add it as [[account]]")
    values = asdict(phone)
    md5, sha256 = hash_password(phone.username, phone.realm, values.pop("password"))
    values |= {"id": PhoneId(phone.id), "account": account}
    await stored.phones.save(Phone(**values, ha1_md5=md5, ha1_sha256=sha256))


def _route(route: RouteSeed) -> Route:
    return Route(**{**asdict(route), "id": RouteId(route.id), "trunks": tuple(TrunkId(item) for item in route.trunks)})


async def _number(number: NumberSeed, stored: Repositories) -> None:
    """Create or change a number; a flow assigned over the API stays unless the file names one."""
    before = await stored.numbers.find(number.number)
    if before is not None and before.account != number.account:
        raise SettingsError(f"it belongs to account {before.account} already")
    values: dict[str, Any] = {**asdict(number), "number_status": NumberStatus(number.number_status)}
    if values["flow_id"] is None and before is not None:
        values["flow_id"] = before.flow_id
    new_id = make_id("num", at_ms=time.time_ns() // 1_000_000, entropy=secrets.token_bytes(10))
    await stored.numbers.save(Number(**values, id=before.id if before is not None else NumberId(new_id)))


async def _flow(seed: FlowSeed, stored: Repositories, folder: Path, facts: Facts) -> None:
    """Check the document and publish it, if it is not the one in force already."""
    try:
        content = (folder / seed.file).read_bytes()
    except OSError as error:
        raise SettingsError(f"{folder / seed.file} cannot be read: {error.strerror}") from error
    result = check(content, facts)
    if not result.is_ok:
        first = next(item for item in result.problems if item.severity is Severity.ERROR)
        raise SettingsError(f"{seed.file} is not sound: {first.path}: {first.message}")
    document = msgspec.json.decode(content, type=dict[str, Any])
    digest = hashlib.sha256(msgspec.json.encode(document, order="sorted")).hexdigest()
    flow = await stored.flows.get(AccountSid(seed.account), FlowId(seed.id))
    now = datetime.now(UTC)
    if flow is None:
        flow = StoredFlow(
            id=FlowId(seed.id),
            account=AccountSid(seed.account),
            name=seed.name or str(document.get("name", seed.id)),
            draft=document,
            created_at=now,
            updated_at=now,
        )
    elif flow.published_version is not None:
        in_force = await stored.flows.version(flow.account, flow.id, flow.published_version)
        if in_force is not None and in_force.digest == digest:
            return
    number = flow.versions + 1
    published = replace(
        flow,
        draft=document,
        flow_state=FlowState.PUBLISHED,
        published_version=number,
        versions=number,
        updated_at=now,
    )
    version = FlowVersion(flow_id=flow.id, version=number, document=document, digest=digest, published_at=now)
    await stored.flows.save(published, publish=version)
