"""`accounts`: make and list accounts, directly in the database."""

import json
import re
import secrets
from typing import Annotated

from cyclopts import Parameter
from rich.markup import escape
from rich.table import Table

from ringback.cli.database import DatabaseUrl, with_database
from ringback.cli.keys import DEFAULT_SCOPES, show_secret
from ringback.cli.output import CliError, out
from ringback.model.account import Account
from ringback.model.ids import AccountSid
from ringback.store.database import Database

_SID = re.compile(r"[A-Za-z0-9_.-]{3,80}")

AsJson = Annotated[bool, Parameter(name="--json", help="Print JSON.", negative="")]


def create(
    name: Annotated[str, Parameter(help="What people call it.")],
    /,
    *,
    sid: Annotated[str | None, Parameter(help="SID to use; made up when left out.")] = None,
    channels: Annotated[int, Parameter(help="Calls (legs) at once.")] = 100,
    test: Annotated[bool, Parameter(help="A test account: +999 numbers go to the simulator.", negative="")] = False,
    as_json: AsJson = False,
    database: DatabaseUrl = None,
) -> None:
    """Make an account and its first key, which may call, read and configure. The key is shown this once.

    A server that is running knows the account from the first request with its key.
    """
    if not 1 <= channels <= 100_000:  # noqa: PLR2004
        raise CliError("--channels must be 1 to 100,000.")
    if not 1 <= len(name) <= 200:  # noqa: PLR2004
        raise CliError("The name must have 1 to 200 characters.")
    if sid is not None and not _SID.fullmatch(sid):
        raise CliError("--sid must be 3 to 80 letters, digits, `_`, `-` or `.`.")
    account = Account(sid=AccountSid(sid or _make_sid()), name=name, channels=channels, is_test=test)

    async def work(opened: Database) -> tuple[Account, str]:
        if await opened.repositories.accounts.get(account.sid) is not None:
            raise CliError(f"There is an account {account.sid} already; `ringback keys create` makes keys for it.")
        saved = await opened.repositories.accounts.save(account)
        _, secret = await opened.repositories.api_keys.create(saved.sid, "first key", DEFAULT_SCOPES)
        return saved, secret

    saved, secret = with_database(database, work, create=True)
    if as_json:
        out.print_json(json.dumps({"sid": saved.sid, "name": saved.name, "key": secret}))
        return
    out.print(f"Account [bold]{escape(saved.sid)}[/] ({escape(saved.name)}) is made.")
    show_secret(saved.sid, secret)


def _make_sid() -> str:
    return "AC" + secrets.token_hex(8).upper()


def list_all(*, as_json: AsJson = False, database: DatabaseUrl = None) -> None:
    """List the accounts."""

    async def work(opened: Database) -> tuple[Account, ...]:
        return await opened.repositories.accounts.all()

    found = with_database(database, work)
    if as_json:
        rows = [{"sid": a.sid, "name": a.name, "channels": a.channels, "is_test": a.is_test} for a in found]
        out.print_json(json.dumps(rows))
        return
    if not found:
        out.print('There is no account yet; `ringback accounts create "My company"` makes one.')
        return
    table = Table("SID", "Name", "Channels", "Test")
    for account in found:
        table.add_row(account.sid, escape(account.name), str(account.channels), "yes" if account.is_test else "")
    out.print(table)
