"""Run the simulator as a process: commands as JSON lines on standard input, reports as JSON lines on standard output.

Commands (`docs/test-numbers.md` lists them): `{"do": "call", "id": "a", "to": "+49...", "from_": null, ...}`
(see `CallScript`), `{"do": "call_without_ack", "to": "+49...", "from_": "+49..."}`, `{"do": "stats"}`.
End of input stops it.
"""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path
from typing import Any

import msgspec

from ringback._engine import EngineError
from ringback.simulator.audio import write_voice
from ringback.simulator.carrier import CallScript, Carrier
from ringback.simulator.misbehaving import MisbehavingCarrier


def report(event: dict[str, Any]) -> None:
    """Write one report."""
    sys.stdout.write(msgspec.json.encode(event).decode() + "\n")
    sys.stdout.flush()


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is not host:port")
    return host, int(port)


async def _commands() -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    return reader


def _carry_out(line: bytes, carrier: Carrier, broken: MisbehavingCarrier, target: tuple[str, int]) -> None:
    try:
        command = msgspec.json.decode(line, type=dict[str, Any])
        match command.pop("do", None):
            case "call":
                carrier.call(msgspec.convert(command, CallScript))
            case "call_without_ack":
                call_id = broken.call_without_ack(target, to=command["to"], from_=command["from_"])
                report({"event": "calling", "id": command.get("id"), "call_id": call_id})
            case "stats":
                report({"event": "stats", **carrier.stats()})
            case other:
                report({"event": "error", "message": f"unknown command {other!r}: use call, call_without_ack or stats"})
    except (msgspec.MsgspecError, KeyError) as error:
        report({"event": "error", "message": f"command not understood: {error}"})


async def run(
    *,
    listen: str,
    raw_listen: tuple[str, int],
    target: tuple[str, int],
    report_invites: bool = False,
    record_folder: Path | None = None,
) -> None:
    """Serve until standard input ends."""
    with tempfile.TemporaryDirectory(prefix="ringback-simulator-") as folder:
        voices = write_voice(Path(folder, "caller.wav")), write_voice(Path(folder, "callee.wav"), upwards=False)
        carrier = Carrier(
            listen=listen,
            target=f"{target[0]}:{target[1]}",
            voices=voices,
            report=report,
            report_invites=report_invites,
            record_folder=record_folder,
        )
        carrier.start()
        broken = MisbehavingCarrier(report)
        await asyncio.get_running_loop().create_datagram_endpoint(lambda: broken, local_addr=raw_listen)
        report({"event": "ready", "sip": carrier.address, "raw": "{}:{}".format(*broken.address)})
        try:
            commands = await _commands()
            while line := await commands.readline():
                _carry_out(line, carrier, broken, target)
        finally:
            carrier.close()
            broken.close()


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(prog="ringback simulate", description="A carrier that does what the digits say.")
    parser.add_argument("--listen", default="127.0.0.1:0", help="SIP address of the well-behaved side")
    parser.add_argument(
        "--raw-listen", type=_address, default=("127.0.0.1", 0), help="SIP address of the misbehaving side"
    )
    parser.add_argument("--target", type=_address, default=("127.0.0.1", 5060), help="Ringback's SIP address")
    parser.add_argument("--report-invites", action="store_true", help="report every call that comes in, and its end")
    parser.add_argument("--record-folder", type=Path, help="record each answered test number there, <number>.wav")
    options = parser.parse_args()
    serving = run(
        listen=options.listen,
        raw_listen=options.raw_listen,
        target=options.target,
        report_invites=options.report_invites,
        record_folder=options.record_folder,
    )
    try:
        asyncio.run(serving)
    except (EngineError, OSError) as error:
        parser.exit(1, f"error: {error} Choose other addresses with --listen and --raw-listen.\n")


if __name__ == "__main__":
    main()
