"""The demo: Ringback, a carrier and a webhook receiver on one machine; real calls until all 28 statuses happened."""

import asyncio
import sys
import tempfile
from pathlib import Path


def serve_demo() -> None:
    """Keep the demo's world up on its fixed addresses until Ctrl-C."""
    from ringback.cli.demo.keep import keep_world  # noqa: PLC0415  (other commands need none of it)

    asyncio.run(keep_world())


def demo(*, json: bool = False, keep: Path | None = None) -> int:
    """Make each of the 28 statuses happen over real SIP, and show them.

    Args:
        json: Print one JSON document instead of the table.
        keep: Keep database and logs in this folder.
    """
    from ringback.cli.demo.run import run_demo  # noqa: PLC0415  (other commands need none of it)

    if keep is not None:
        return asyncio.run(run_demo(keep, as_json=json, out=sys.stdout))
    with tempfile.TemporaryDirectory(prefix="ringback-demo-") as folder:
        return asyncio.run(run_demo(Path(folder), as_json=json, out=sys.stdout))
