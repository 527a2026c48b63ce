"""rtpengine: a media relay that a proxy puts between the parties. It forwards packets in user space."""

from pathlib import Path
from typing import Self

from tests.interop.peers.program import Program, own_address

_CONTROL_PORT = 2223


class Rtpengine:
    """A running rtpengine; all media come from and go to `address`, ports 30000 to 30100."""

    def __init__(self, address: str, program: Program) -> None:
        self.address = address
        self.program = program

    @classmethod
    async def start(cls, folder: Path) -> Self:
        """Start it and wait until it takes commands."""
        folder.mkdir()
        address = own_address()
        program = await Program.start(
            "rtpengine",
            *(
                "rtpengine",
                "--config-file=none",
                "--foreground",
                "--log-stderr",
                "--log-level=6",
                "--no-log-timestamps",
            ),
            *(f"--interface={address}", f"--listen-ng={address}:{_CONTROL_PORT}"),
            *("--port-min=30000", "--port-max=30100", "--num-threads=1", "--delete-delay=0"),
            folder=folder,
        )
        try:
            await program.said("Startup complete")
        except BaseException:
            await program.stop()
            raise
        return cls(address, program)

    @property
    def control(self) -> str:
        """`host:port` of its control socket."""
        return f"{self.address}:{_CONTROL_PORT}"

    async def stop(self) -> None:
        """End it."""
        await self.program.stop()
