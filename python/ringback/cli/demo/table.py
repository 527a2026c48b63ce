"""Shows what came of the demo as a table."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, TextIO

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from ringback.cli.demo.run import Row

_WIDTH = 150


def show_rows(rows: Sequence["Row"], *, right: int, audit: str, seconds: float, out: TextIO) -> None:
    """Print one line for each scenario, and the sum."""
    console = Console(file=out, width=None if out.isatty() else _WIDTH)
    table = Table(title="Every call ends with exactly one of 28 final statuses", title_justify="left")
    for name in ("", "status", "kind", "what was done", "reason", "SIP evidence", "webhook"):
        table.add_column(name, no_wrap=name in {"", "status"})
    for row in rows:
        mark = "[green]✓[/green]" if row.is_right else "[red]✗[/red]"
        status = row.status if row.status == row.expected else f"{row.status or '-'} (not {row.expected})"
        table.add_row(mark, status, row.kind, row.what, row.reason or row.problem, row.sip, row.webhook)
    console.print(table)
    console.print(f"{right} of {len(rows)} statuses by real calls in {seconds:.0f} s. {audit}")
