"""`flow`: work on flow documents."""

import sys
from pathlib import Path
from typing import Annotated

import msgspec
from cyclopts import Parameter
from rich.markup import escape

from ringback.cli.output import CliError, out
from ringback.flow import limits
from ringback.flow.check import check as check_document
from ringback.flow.problems import Problem, Severity

AsJson = Annotated[bool, Parameter(name="--json", help="Print JSON.", negative="")]


def check(
    file: Annotated[Path, Parameter(help="Flow document, JSON; `-` reads standard input.", allow_leading_hyphen=True)],
    /,
    *,
    as_json: AsJson = False,
) -> int:
    """List every problem of a flow document. Exit code 0: it may be published (warnings may remain); 1: it may not."""
    data = read_file(file, limit_bytes=limits.DOCUMENT_BYTES)
    result = check_document(data)
    if as_json:
        out.print_json(msgspec.json.encode({"ok": result.is_ok, "problems": result.problems}).decode())
        return 0 if result.is_ok else 1
    for problem in result.problems:
        _show(problem)
    errors = sum(problem.severity is Severity.ERROR for problem in result.problems)
    warnings = len(result.problems) - errors
    if result.is_ok:
        out.print(f"[green]{escape(str(file))} may be published[/]" + (f" ({warnings} warnings)." if warnings else "."))
        return 0
    out.print(f"[red]{escape(str(file))} has {errors} error{'s' if errors != 1 else ''}[/] and {warnings} warnings.")
    return 1


def _show(problem: Problem) -> None:
    color = "red" if problem.severity is Severity.ERROR else "yellow"
    where = f" (node {escape(problem.node)})" if problem.node else ""
    out.print(
        f"[{color}]{problem.severity}[/] {escape(problem.path)}{where}: {escape(problem.message)} \\[{problem.slug}]"
    )


def read_file(path: Path, *, limit_bytes: int) -> bytes:
    """Read a whole small file, or standard input for `-`.

    Raises:
        CliError: it cannot be read, or is larger than `limit_bytes`.
    """
    try:
        if str(path) == "-":
            data = sys.stdin.buffer.read(limit_bytes + 1)
        else:
            with path.open("rb") as stream:
                data = stream.read(limit_bytes + 1)
    except OSError as error:
        raise CliError(f"Cannot read {path}: {error.strerror or error}.") from None
    if len(data) > limit_bytes:
        raise CliError(f"{path} is larger than {limit_bytes:,} bytes.")
    return data
