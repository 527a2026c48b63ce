"""`statuses`: explain the 28 final statuses."""

from difflib import get_close_matches
from typing import Annotated

import msgspec
from cyclopts import Parameter
from rich.markup import escape
from rich.table import Table

from ringback.call.catalogue import BY_STATUS, CATALOGUE, StatusInfo
from ringback.cli.output import CliError, out
from ringback.model.status import Status


def statuses(
    name: Annotated[str | None, Parameter(help="One of them, as NOANSWER; all when left out.")] = None,
    /,
    *,
    as_json: Annotated[bool, Parameter(name="--json", help="Print JSON.", negative="")] = False,
) -> None:
    """Explain the 28 final statuses, or one of them. Needs neither server nor database."""
    found = CATALOGUE if name is None else (_find(name),)
    if as_json:
        shown = found if name is None else found[0]
        out.print_json(msgspec.json.encode(shown).decode())
    elif name is None:
        table = Table("Status", "Family", "Meaning")
        for info in found:
            table.add_row(info.status, info.family.replace("_", " "), escape(info.meaning))
        out.print(table)
    else:
        _show(found[0])


def _find(name: str) -> StatusInfo:
    try:
        return BY_STATUS[Status(name.upper())]
    except ValueError:
        close = get_close_matches(name.upper(), [status.value for status in Status], n=1)
        hint = f" Did you mean {close[0]}?" if close else " `ringback statuses` lists them."
        raise CliError(f"`{name}` is none of the 28 final statuses.{hint}") from None


def _show(info: StatusInfo) -> None:
    out.print(f"[bold]{info.status}[/]: {escape(info.meaning)}")
    out.print(
        f"  Family: {info.family.replace('_', ' ')}. Kinds: {', '.join(kind.replace('_', ' ') for kind in info.kinds)}."
    )
    out.print(f"  {escape(info.not_instead)}")
    out.print(f"  What to do: {escape(info.next_step)}")
    out.print(f"  Tried again by itself: {'yes, while attempts are left' if info.is_retried else 'no'}.")
    out.print(f"  Rules of the decision table: {', '.join(info.rules)}.")
