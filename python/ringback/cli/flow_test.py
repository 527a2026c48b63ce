"""`flow test`: run the calls of a test file against its flow."""

from pathlib import Path
from typing import Annotated

import msgspec
from cyclopts import Parameter
from rich.markup import escape

from ringback.cli.flow import AsJson
from ringback.cli.output import CliError, out
from ringback.testing.flow_files import TestResult, run_test_file


def run_tests(
    files: Annotated[list[Path], Parameter(name="FILE", help="Test file, JSON; several may be given.")],
    /,
    *,
    as_json: AsJson = False,
) -> int:
    """Run flow tests: scripted callers, no server, no waiting. Exit code 0: all passed; 1: one failed."""
    found = {str(file): _run(file) for file in files}
    failed = sum(bool(result.failure) for results in found.values() for result in results)
    if as_json:
        out.print_json(msgspec.json.encode({"ok": not failed, "files": found}).decode())
        return 1 if failed else 0
    for file, results in found.items():
        out.print(escape(file))
        for result in results:
            if result.failure:
                out.print(f"  [red]failed[/]  {escape(result.name)}\n          {escape(result.failure)}")
            else:
                out.print(f"  [green]passed[/]  {escape(result.name)}")
    total = sum(len(results) for results in found.values())
    out.print(f"{total - failed} of {total} passed.")
    return 1 if failed else 0


def _run(file: Path) -> list[TestResult]:
    try:
        return run_test_file(file)
    except OSError as error:
        raise CliError(f"Cannot read {error.filename or file}: {error.strerror or error}.") from None
    except (ValueError, AssertionError) as error:
        raise CliError(str(error)) from None
