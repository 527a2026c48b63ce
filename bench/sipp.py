"""Runs SIPp (Debian: sip-tester) as the carrier of a benchmark."""

import asyncio
import csv
import time
from dataclasses import dataclass
from math import nan
from pathlib import Path
from statistics import median

SCENARIOS = Path(__file__).parent / "scenarios"


@dataclass
class Outcome:
    """What SIPp counted. `rate`: calls it really began a second, the median over the seconds; NaN if too short."""

    calls: int
    failed: int
    retransmissions: int
    rate: float


async def run_sipp(folder: Path, scenario: str, port: int, calls: int, *arguments: str) -> Outcome:
    """Run one scenario until it has made or taken `calls` calls, 90 s at most.

    Args:
        folder: Where SIPp leaves its statistics.
        scenario: Name of a file in `bench/scenarios`.
        port: SIPp's own SIP port on 127.0.0.1.
        calls: How many.
        arguments: More of SIPp's options; for a caller ends with whom to call.
    """
    stats = folder / f"{scenario}-{time.monotonic_ns()}.csv"
    command = ["sipp", "-sf", str(SCENARIOS / f"{scenario}.xml"), "-i", "127.0.0.1", "-p", str(port), "-m", str(calls)]
    command += ["-nostdin", "-trace_stat", "-stf", str(stats), "-fd", "1"]
    command += ["-recv_timeout", "20000", "-timeout", "90", "-l", "20000", *arguments]
    child = await asyncio.create_subprocess_exec(
        *command, cwd=folder, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        await child.wait()
    except asyncio.CancelledError:
        child.kill()
        raise
    with stats.open() as file:
        rows = list(csv.DictReader(file, delimiter=";"))
    last = rows[-1]
    seconds = [float(row["CallRate(P)"]) for row in rows[2:-1] if int(row["OutgoingCall(C)"]) < calls]
    failed = int(last["FailedCall(C)"])
    return Outcome(
        int(last["SuccessfulCall(C)"]) + failed,
        failed,
        int(last["Retransmissions(C)"]),
        median(seconds) if seconds else nan,
    )
