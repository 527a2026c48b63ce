"""`serve`: run Ringback."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
from cyclopts import Parameter
from msgspec import to_builtins

from ringback.cli.output import CliError, err, out

if TYPE_CHECKING:
    from ringback.service.main import Ready

DEFAULT_FILE = Path("ringback.toml")


def serve(
    *,
    config: Annotated[
        Path | None, Parameter(help="Settings, TOML (`docs/settings.md`). Default: ringback.toml if it is there.")
    ] = None,
    demo: Annotated[
        bool, Parameter(help="Run the demo world: a carrier simulator, a test account, numbers, flows.", negative="")
    ] = False,
    ready: Annotated[
        bool, Parameter(help="Say that it is ready as one JSON line on standard output, for programs.", negative="")
    ] = False,
) -> None:
    """Run Ringback until Ctrl-C or SIGTERM; calls in progress may then go on for `grace_s`."""
    if demo:
        if config is not None:
            raise CliError("--demo brings its own settings; leave out --config.")
        from ringback.cli.demo import serve_demo  # noqa: PLC0415  the demo is loaded only when it is wanted

        serve_demo()
        return
    if config is None and DEFAULT_FILE.exists():
        config = DEFAULT_FILE
    # The whole server with its engine: `ringback --help` reads this module, too, and shall not load them.
    from ringback.service.loop import run_in_loop  # noqa: PLC0415
    from ringback.service.main import run  # noqa: PLC0415
    from ringback.service.settings import load  # noqa: PLC0415

    settings = load(config)
    if config is None:
        err.print("No ringback.toml here: running with the defaults (`ringback serve --config FILE` reads another).")
    folder = config.parent if config is not None else None
    run_in_loop(run(settings, ready=_tell_program if ready else _tell, folder=folder))


def _tell(ready: "Ready") -> None:
    if ready.recovered:
        out.print(f"Ended {ready.recovered} calls that an earlier run had left open.")
    out.print(f"Ready. API {ready.http}   SIP {ready.sip}   OpenAPI {ready.http}/schema/openapi.json")


def _tell_program(ready: "Ready") -> None:
    sys.stdout.write(msgspec.json.encode({"event": "ready", **to_builtins(ready)}).decode() + "\n")
    sys.stdout.flush()
