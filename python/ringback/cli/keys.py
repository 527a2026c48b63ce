"""`keys`: make, list and revoke API keys, directly in the database."""

import json
from ipaddress import ip_network
from typing import Annotated

from cyclopts import Parameter
from rich.markup import escape
from rich.table import Column, Table

from ringback.cli.database import DatabaseUrl, with_database
from ringback.cli.output import CliError, out
from ringback.model.access import ApiKey, Scope
from ringback.model.ids import AccountSid
from ringback.store.database import Database

DEFAULT_SCOPES = frozenset({Scope.CALL, Scope.READ, Scope.CONFIGURE})

AsJson = Annotated[bool, Parameter(name="--json", help="Print JSON.", negative="")]


def create(
    sid: Annotated[str, Parameter(name="SID", help="Account the key is for.")],
    /,
    *,
    name: Annotated[str, Parameter(help="What the key is for.")] = "made on the command line",
    scope: Annotated[
        list[Scope] | None,
        Parameter(help="What it may do; repeatable. Default: call, read, configure."),
    ] = None,
    network: Annotated[
        list[str] | None, Parameter(help="Network it may be used from, as 192.0.2.0/24; repeatable.")
    ] = None,
    as_json: AsJson = False,
    database: DatabaseUrl = None,
) -> None:
    """Make a key. It is shown this once; only its hash is kept."""
    networks = tuple(network or ())
    for text in networks:
        try:
            ip_network(text, strict=False)
        except ValueError:
            raise CliError(f"`{text}` is not a network. Give one like 192.0.2.0/24 or 2001:db8::/32.") from None
    scopes = frozenset(scope) if scope else DEFAULT_SCOPES

    async def work(opened: Database) -> tuple[ApiKey, str]:
        await _require(opened, sid)
        return await opened.repositories.api_keys.create(AccountSid(sid), name, scopes, networks=networks)

    key, secret = with_database(database, work)
    if as_json:
        shown = {"id": key.id, "sid": sid, "key": secret, "scopes": sorted(key.scopes), "networks": list(networks)}
        out.print_json(json.dumps(shown))
        return
    out.print(f"Key [bold]{escape(key.id)}[/] may: {', '.join(sorted(key.scopes))}.")
    show_secret(sid, secret)


def list_all(
    sid: Annotated[str, Parameter(name="SID", help="Account whose keys are listed.")],
    /,
    *,
    as_json: AsJson = False,
    database: DatabaseUrl = None,
) -> None:
    """List an account's keys, revoked ones too. The keys themselves cannot be read back."""

    async def work(opened: Database) -> tuple[ApiKey, ...]:
        await _require(opened, sid)
        return await opened.repositories.api_keys.list(AccountSid(sid))

    found = with_database(database, work)
    if as_json:
        out.print_json(json.dumps([_as_row(key) for key in found]))
        return
    table = Table(Column("Id", no_wrap=True), "Begins with", "Name", "May", "From", "Made", "Revoked")
    for key in found:
        revoked = f"{key.revoked_at:%Y-%m-%d %H:%M}" if key.revoked_at else ""
        where = ", ".join(key.networks) or "anywhere"
        made = f"{key.created_at:%Y-%m-%d %H:%M}"
        table.add_row(key.id, escape(key.prefix), escape(key.name), ", ".join(sorted(key.scopes)), where, made, revoked)
    out.print(table)


def revoke(
    sid: Annotated[str, Parameter(name="SID", help="Account the key belongs to.")],
    key_id: Annotated[str, Parameter(name="KEY-ID", help="Id of the key, as `ringback keys list` shows it.")],
    /,
    *,
    database: DatabaseUrl = None,
) -> None:
    """Revoke a key for good. Requests with it are refused from now on, also by a running server."""

    async def work(opened: Database) -> ApiKey | None:
        return await opened.repositories.api_keys.revoke(AccountSid(sid), key_id)

    if with_database(database, work) is None:
        raise CliError(f"Account {sid} has no key {key_id}; `ringback keys list {sid}` shows its keys.")
    out.print(f"Key {escape(key_id)} is revoked.")


def show_secret(sid: str, secret: str) -> None:
    """Show a new key and how to use it."""
    out.print(f"  API key: [bold]{escape(secret)}[/]   (shown this once; keep it safe)")
    out.print("  To use it on this command line:")
    out.print(f"    export RINGBACK_SID={escape(sid)} RINGBACK_API_KEY={escape(secret)}")


async def _require(opened: Database, sid: str) -> None:
    if await opened.repositories.accounts.get(AccountSid(sid)) is None:
        raise CliError(f"There is no account {sid}; `ringback accounts list` shows all.")


def _as_row(key: ApiKey) -> dict[str, object]:
    return {
        "id": key.id,
        "prefix": key.prefix,
        "name": key.name,
        "scopes": sorted(key.scopes),
        "networks": list(key.networks),
        "created_at": key.created_at.isoformat(),
        "revoked_at": key.revoked_at.isoformat() if key.revoked_at else None,
    }
