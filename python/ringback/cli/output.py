"""What the commands share towards people: consoles, errors, progress."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

out = Console(highlight=False, soft_wrap=True)
"""For results."""

err = Console(stderr=True, highlight=False, soft_wrap=True)
"""For errors and progress: results stay clean in a pipe."""


class CliError(Exception):
    """A command cannot go on. The message says what was wrong and what to do."""


def show_error(message: str) -> None:
    """Tell an error to the person at the terminal."""
    err.print(f"[bold red]error:[/] {escape(message)}")


@contextmanager
def waiting(what: str) -> Iterator[None]:
    """Show that something takes a while; nothing when stderr is not a terminal."""
    if not err.is_terminal:
        yield
        return
    with err.status(escape(what)):
        yield


def progress() -> Progress:
    """Return a progress bar for counted work, on stderr, gone when done."""
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=err,
        transient=True,
        disable=not err.is_terminal,
    )
