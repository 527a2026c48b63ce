"""`simulate`: run the carrier simulator, a process of its own that speaks SIP like any carrier."""

import os
import re
import sys
from typing import Annotated

from cyclopts import Parameter

from ringback.cli.output import CliError

_ADDRESS = re.compile(r"\S+:\d{1,5}")


def simulate(
    *,
    listen: Annotated[str, Parameter(help="SIP address of its well-behaved side, host:port.")] = "127.0.0.1:5070",
    raw_listen: Annotated[str, Parameter(help="SIP address of its misbehaving side, host:port.")] = "127.0.0.1:5071",
    target: Annotated[str, Parameter(help="SIP address of Ringback, host:port.")] = "127.0.0.1:5060",
) -> None:
    """Run the carrier simulator until standard input ends or Ctrl-C.

    Point a trunk's gateway at --listen: calls to +999 numbers then do what the digits say (`docs/test-numbers.md`). It
    takes commands as JSON lines on standard input and reports what happens on standard output.
    """
    for name, address in (("--listen", listen), ("--raw-listen", raw_listen), ("--target", target)):
        if not _ADDRESS.fullmatch(address):
            raise CliError(f"{name} must be host:port, as 127.0.0.1:5070; `{address}` is not.")
    command = [sys.executable, "-m", "ringback.simulator", "--listen", listen, "--raw-listen", raw_listen]
    # The simulator takes this process' place: it is a carrier, not a part of Ringback, and gets the signals itself.
    os.execv(sys.executable, [*command, "--target", target])  # noqa: S606  our own interpreter, arguments checked above
