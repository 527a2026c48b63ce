"""`serve --demo`: the demo's world on fixed addresses, kept up to play with."""

import asyncio
import signal
import tempfile
from pathlib import Path

from rich.console import Console

from ringback.cli.demo.settings_file import BRIDGE, SID
from ringback.cli.demo.world import World

HTTP = "127.0.0.1:8080"
SIP = "127.0.0.1:5060"
KEY = "demo-key-for-loopback-only"
"""Known to everybody, so it is for loopback: the demo listens nowhere else."""

_TEXT = f"""\
Ringback, a carrier simulator and a webhook receiver are running on loopback. Ctrl-C stops them.

  export API=http://{HTTP}/v1/{SID} KEY={KEY}
  curl -s -H "api-key: $KEY" $API/voice/click-to-call -d from=+999102 -d to=+999048610 -d bridge={BRIDGE}
  curl -s -H "api-key: $KEY" $API/calls

The numbers' digits say what the far end does: docs/test-numbers.md. OpenAPI: http://{HTTP}/schema/openapi.json
"""


async def keep_world() -> None:
    """Run until SIGINT or SIGTERM."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    console = Console()
    with tempfile.TemporaryDirectory(prefix="ringback-demo-") as folder:
        console.print("Starting Ringback, a carrier simulator and a webhook receiver ...")
        async with World(Path(folder), http=HTTP, sip=SIP, api_key=KEY):
            console.print(_TEXT, highlight=False, soft_wrap=True)
            await stop.wait()
            console.print("Stopping ...")
