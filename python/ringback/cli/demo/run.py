"""Runs the scenarios side by side, collects what came of each, and audits the database at the end."""

import asyncio
import sys
import time
from pathlib import Path
from typing import Any, TextIO

import msgspec
from msgspec import Struct
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from ringback.cli.demo.receiver import Delivery
from ringback.cli.demo.scenarios import SCENARIOS, Scenario
from ringback.cli.demo.table import show_rows
from ringback.cli.demo.world import World
from ringback.model.errors import RingbackError
from ringback.model.status import Status

_SCENARIO_S = 60


class Row(Struct, frozen=True, kw_only=True):
    """What came of one scenario. `webhook`: `signed`, `bad signature` or `missing`."""

    kind: str
    what: str
    expected: str
    status: str
    reason: str = ""
    sip: str = ""
    rule: str = ""
    webhook: str = "missing"
    call_id: str = ""
    problem: str = ""

    @property
    def is_right(self) -> bool:
        """The status came, and its webhook with a right signature."""
        return self.status == self.expected and self.webhook == "signed"


async def run_demo(folder: Path, *, as_json: bool, out: TextIO) -> int:
    """Run the demo in a folder and return the exit code: 0 when 28 of 28 happened and the audit found nothing."""
    started = time.monotonic()
    console = Console(stderr=True)
    try:
        console.print("Starting Ringback, a carrier simulator and a webhook receiver on loopback ...")
        async with World(folder) as world:
            rows = await _play_all(world, console)
        violations, audit = await _verify(world)
    except RingbackError as error:
        console.print(f"[red]{error}[/red]")
        return 1
    seconds = time.monotonic() - started
    right = sum(row.is_right for row in rows)
    if as_json:
        document = {"rows": rows, "right": right, "of": len(rows), "verify": audit, "seconds": round(seconds, 1)}
        out.write(msgspec.json.format(msgspec.json.encode(document)).decode() + "\n")
    else:
        show_rows(rows, right=right, audit=audit, seconds=seconds, out=out)
    return 0 if right == len(rows) and violations == 0 else 1


async def _play_all(world: World, console: Console) -> list[Row]:
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task("Placing and receiving calls", total=len(SCENARIOS))

        async def one(scenario: Scenario) -> Row:
            row = await _play(world, scenario)
            progress.advance(bar)
            if not progress.console.is_terminal:
                progress.console.print(f"  {row.status or row.problem:22} {row.what}")
            return row

        return await asyncio.gather(*(one(scenario) for scenario in SCENARIOS))


async def _play(world: World, scenario: Scenario) -> Row:
    row = Row(kind=scenario.kind, what=scenario.what, expected=scenario.expected, status="")
    try:
        async with asyncio.timeout(_SCENARIO_S):
            call_id = await scenario.play(world)
            delivery = await world.receiver.wait_end(call_id)
            call = await world.call(call_id)
    except TimeoutError:
        return msgspec.structs.replace(row, problem=f"nothing after {_SCENARIO_S} s")
    except RingbackError as error:
        return msgspec.structs.replace(row, problem=str(error))
    return _row(row, call, delivery)


def _row(row: Row, call: dict[str, Any], delivery: Delivery) -> Row:
    told = delivery.payload.get("data", delivery.payload).get("status")
    webhook = "signed" if delivery.is_signed else "bad signature"
    return msgspec.structs.replace(
        row,
        status=call["status"] or "",
        reason=call["reason"] or "",
        sip=_sip(call),
        rule=call["rule"] or "",
        webhook=webhook if told == call["status"] else f"says {told}",
        call_id=call["id"],
    )


def _sip(call: dict[str, Any]) -> str:
    """Word the network's evidence: the deciding leg's code, or what was on the wire instead."""
    if call["sip_code"] is not None:
        cause = f", Q.850 {call['q850_cause']}" if call["q850_cause"] else ""
        return f"{call['sip_code']} {call['sip_reason'] or ''}".strip() + cause
    if call["status"] == Status.FLOW_ANSWER:
        return "our 200, confirmed by ACK"
    return "no INVITE sent" if not any(leg["sip_call_id"] for leg in call["legs"]) else "our timer, CANCEL"


async def _verify(world: World) -> tuple[int, str]:
    """Run `ringback verify` on the database the server left, as its own process."""
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "ringback.cli",
        "verify",
        "--database",
        world.database,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await child.communicate()
    lines = output.decode(errors="replace").strip().splitlines()
    return child.returncode or 0, lines[-1] if lines else "verify said nothing"
