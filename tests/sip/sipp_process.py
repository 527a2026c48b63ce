"""Runs one SIPp scenario as a process: the peer in these tests that we did not write."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

from ringback.cli.demo.world import free_port

SCENARIOS = Path(__file__).parent / "scenarios"


@dataclass
class Sipp:
    """A running SIPp. `await finished()` returns after its one call; it fails with its log if that went wrong."""

    process: asyncio.subprocess.Process
    port: int
    scenario: str
    folder: Path

    async def finished(self, *, timeout_s: float = 20.0) -> None:
        """Wait for the end and check that SIPp saw exactly what its scenario expects."""
        output = b""
        try:
            async with asyncio.timeout(timeout_s):
                output, _ = await self.process.communicate()
        except TimeoutError:
            await self.stop()
            raise AssertionError(f"SIPp {self.scenario} did not finish within {timeout_s} s") from None
        assert self.process.returncode == 0, self._complaint(output)

    def _complaint(self, output: bytes) -> str:
        logs = "\n".join(path.read_text(errors="replace")[-4000:] for path in sorted(self.folder.glob("*.log")))
        said = output.decode(errors="replace")[-1500:]
        return f"SIPp {self.scenario} ended with {self.process.returncode}\n{logs}\n{said}"

    async def stop(self) -> None:
        """End it if it still runs."""
        if self.process.returncode is None:
            self.process.kill()
            await self.process.wait()


async def start_sipp(
    scenario: str,
    folder: Path,
    *,
    remote: str | None = None,
    service: str = "test",
    port: int | None = None,
    tcp: bool = False,
    **keys: object,
) -> Sipp:
    """Start SIPp for one call.

    Args:
        scenario: Name of a file under `scenarios/`.
        folder: Where it may write its logs.
        remote: `host:port` to call; None waits for a call.
        service: The called number.
        tcp: Over TCP, one connection, instead of UDP.
        keys: Values for `[name]` in the scenario.
    """
    port = port or free_port()
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{scenario}.xml"
    file.write_text(_filled(scenario, keys))
    command = ["sipp", "-sf", str(file), "-m", "1", "-l", "1", "-r", "1", "-nostdin"]
    command += ["-i", "127.0.0.1", "-p", str(port), "-mi", "127.0.0.1", "-mp", str(free_port()), "-s", service]
    command += [
        "-trace_err",
        "-error_file",
        str(folder / "errors.log"),
        "-trace_msg",
        "-message_file",
        str(folder / "messages.log"),
    ]
    command += ["-recv_timeout", "15000", "-timeout", "25", "-timeout_error"]
    if tcp:
        command += ["-t", "t1"]
    if remote is not None:
        command.append(remote)
    process = await asyncio.create_subprocess_exec(
        *command, cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    if remote is None:
        await _listening(port, process, "tcp" if tcp else "udp")
    return Sipp(process, port, scenario, folder)


def _filled(scenario: str, keys: dict[str, object]) -> str:
    """Return the scenario with `[name]` filled in. SIPp's own -key cannot stand for a status code."""
    text = (SCENARIOS / f"{scenario}.xml").read_text()
    for name, value in keys.items():
        text = text.replace(f"[{name}]", str(value))
    return text


async def _listening(port: int, process: asyncio.subprocess.Process, table: str) -> None:
    """Wait until somebody has bound the port: its line appears in the kernel's table of sockets."""
    wanted = f"0100007F:{port:04X}"
    async with asyncio.timeout(10):
        while wanted not in Path(f"/proc/net/{table}").read_text():
            assert process.returncode is None, "SIPp did not start"
            await asyncio.sleep(0.01)
