"""linphone's console client: a telephone on belle-sip and mediastreamer, ordered about over its standard input."""

import asyncio
import os
from pathlib import Path
from typing import Self

import numpy as np
from tests.integration.listening import Samples
from tests.interop.peers.phone import Phone
from tests.interop.peers.program import SIP_PORT, Program, own_address
from tests.interop.peers.trace import Message, read_belle
from tests.interop.sound import read_sound, write_sound


class Linphone(Phone):
    """A running linphonec with all codecs it has. It speaks RTP from its own address, ports 10000 to 10100."""

    @classmethod
    async def start(cls, folder: Path, *, user: str, seed: int, settings: str = "") -> Self:
        """Start it.

        Args:
            folder: Where its configuration, logs and recordings go.
            user: The number or name that it is called by.
            seed: Of the song that it says.
            settings: Further sections of its configuration.
        """
        folder.mkdir()
        phone = cls(folder, own_address(), user, seed)
        write_sound(folder / "said.wav", phone.said)
        (folder / "linphonerc").write_text(_config(phone.address, user) + settings)
        (folder / ".local/share/linphone").mkdir(parents=True)
        phone.program = await Program.start(
            "linphonec",
            *("stdbuf", "-oL", "-eL", "linphonec", "-c", str(folder / "linphonerc"), "-d", "5"),
            folder=folder,
            env={**os.environ, "HOME": str(folder)},
        )
        try:
            await phone.program.said("video is disabled in linphonec")
            await phone.do("soundcard use files")
            await phone.do(f"play {folder}/said.wav")
            await phone.do(f"record {folder}/heard.wav")
        except BaseException:
            await phone.program.stop()
            raise
        return phone

    async def do(self, command: str) -> None:
        """Give a command, as somebody at the console would."""
        await self.program.tell(command)

    async def is_in(self, state: str, *, count: int = 1) -> None:
        """Wait until a call got into this state of liblinphone, or got there for the n-th time."""
        await self.program.said_often(rf"moving from state LinphoneCall\w+ to LinphoneCall{state}\b", count)

    async def dial(self, uri: str) -> None:
        await self.do(f"call {uri}")

    async def accept(self) -> None:
        await self.do("answer")

    async def hang_up(self) -> None:
        await self.do("terminate")

    async def hold(self) -> None:
        await self.do("pause")
        await self.is_in("Paused")

    async def resume(self) -> None:
        await self.do("resume")
        await self.is_in("StreamsRunning", count=2)

    async def press(self, digits: str) -> None:
        for digit in digits:
            since = len(self.program.lines)
            await self.do(digit)
            await self.program.said("Finished sending RFC2833 dtmf", since=since)

    async def rings(self) -> None:
        await self.is_in("IncomingReceived")

    async def hears_ringing(self) -> None:
        await self.is_in("OutgoingRinging")

    async def talks(self) -> None:
        await self.is_in("StreamsRunning")

    async def is_free(self) -> None:
        await self.is_in("Released")

    async def hears(self, seconds: float) -> None:
        """Let it listen so long; its file grows by the page, too coarsely to be watched."""
        await asyncio.sleep(seconds + 0.5)

    def heard(self) -> Samples:
        file = self.folder / "heard.wav"
        return read_sound(file) if file.exists() else np.zeros(0)

    def messages(self) -> list[Message]:
        return read_belle(self.program.lines)

    async def stop(self) -> None:
        await self.program.stop()


def _config(address: str, user: str) -> str:
    return f"""
[sip]
bind_address={address}
sip_port={SIP_PORT}
sip_tcp_port=0
sip_tls_port=0
guess_hostname=0
contact=sip:{user}@{address}
use_ipv6=0
inc_timeout=60
[rtp]
bind_address={address}
audio_rtp_port=10000-10100
[video]
enabled=0
display=0
capture=0
[sound]
echocancellation=0
"""
