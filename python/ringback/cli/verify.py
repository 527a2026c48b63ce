"""`verify`: audit every call in the database."""

from typing import Annotated

import msgspec
from cyclopts import Parameter
from rich.markup import escape
from rich.table import Table

from ringback.api.verification import Verification
from ringback.api.verification import verify as audit_all
from ringback.cli.database import DatabaseUrl, with_database
from ringback.cli.output import CliError, out, progress
from ringback.model.ids import AccountSid
from ringback.store.database import Database

SHOWN = 100


def verify(
    *,
    account: Annotated[str | None, Parameter(help="Only this account's calls (SID).")] = None,
    as_json: Annotated[bool, Parameter(name="--json", help="Print JSON.", negative="")] = False,
    database: DatabaseUrl = None,
) -> int:
    """Audit every call in the database against the invariants of docs/statuses.md.

    Each final call must have one final entry, evidence, a status that its journal gives again, no channel left, and
    so on. Exit code 0: nothing found; 1: violations, which are listed.
    """

    async def work(opened: Database) -> Verification:
        sid = None if account is None else AccountSid(account)
        if sid is not None and await opened.repositories.accounts.get(sid) is None:
            raise CliError(f"There is no account {sid}; `ringback accounts list` shows all.")
        with progress() as bar:
            task = bar.add_task("Auditing calls", total=None)
            return await audit_all(opened.repositories, sid, on_progress=lambda done: bar.update(task, completed=done))

    result = with_database(database, work)
    if as_json:
        out.print_json(msgspec.json.encode(result).decode())
    else:
        _show(result)
    return 1 if result.violations else 0


def _show(result: Verification) -> None:
    if result.by_status:
        table = Table("Status", "Calls")
        for status, count in sorted(result.by_status.items()):
            table.add_row(status, str(count))
        out.print(table)
    out.print(f"{result.final} final calls audited, {result.open} still open.")
    for violation in result.violations[:SHOWN]:
        out.print(f"[red]{escape(violation.call_id)}[/] invariant {violation.invariant}: {escape(violation.detail)}")
    if len(result.violations) > SHOWN:
        out.print(f"... and {len(result.violations) - SHOWN} more (--json lists all)")
    if result.violations:
        out.print(f"[bold red]{len(result.violations)} violations.[/]")
    else:
        out.print("[bold green]No violation.[/]")
