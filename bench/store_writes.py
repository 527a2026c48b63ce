"""How many finished calls a second the store takes, and what a commit costs.

`python -m bench.store_writes [calls] [url]`. Each call: accepted durably, ten entries and four changes of state behind,
finished durably with one leg and one webhook. All in one process, one loop, as in service. "alone" is one call after
another: the latency of a commit.
"""

import asyncio
import json
import resource
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from ringback.model.account import Account
from ringback.model.call import CallRequest
from ringback.model.final import FinalRecord, LegRecord
from ringback.model.ids import AccountSid, CallId
from ringback.model.journal import Entry, EntryKind, Verdict
from ringback.model.status import HangupBy, Kind, LegResult, Status
from ringback.store.database import Database
from ringback.store.writes import AcceptCalls, Append, Finish
from ringback.webhook.events import announcement

ACCOUNT = Account(sid=AccountSid("acc_bench"), name="Bench", webhook_url="https://example.com/hook")
AT_ONCE = 200
STEPS = (
    (EntryKind.ADMITTED, "dialing"),
    (EntryKind.DIALING, None),
    (EntryKind.PROGRESS, None),
    (EntryKind.PROGRESS, "ringing"),
    (EntryKind.LEG_ANSWERED, "answered"),
    (EntryKind.LEG_RESULT, None),
    (EntryKind.FLOW_STARTED, None),
    (EntryKind.FLOW_STEP, None),
    (EntryKind.LEG_STATS, None),
    (EntryKind.LEG_ENDED, "ending"),
)


def entry(request: CallRequest, seq: int, kind: EntryKind) -> Entry:
    data = {
        "leg": 1,
        "try": 1,
        "trunk": "trunk_01JD8Q",
        "gateway": "203.0.113.7:5060",
        "code": 180,
        "phrase": "Ringing",
    }
    return Entry(call_id=request.id, seq=seq, at=datetime.now(UTC), kind=kind, data=data)


def final(request: CallRequest) -> FinalRecord:
    now = datetime.now(UTC)
    leg = LegRecord(leg=1, party=request.to, direction="out", result=LegResult.ANSWERED, trunk="trunk_01JD8Q")
    return FinalRecord(
        id=request.id,
        account=request.account,
        kind=request.kind,
        attempt=1,
        parent_id=None,
        from_=request.from_,
        to=request.to,
        bridge=request.bridge,
        verdict=Verdict(
            status=Status.ANSWER,
            reason="answered",
            rule="ob-answered",
            table="0" * 64,
            evidence=(6,),
            hangup_by=HangupBy.CALLEE,
        ),
        explanation="The callee answered.",
        started_at=request.accepted_at,
        ringing_at=now,
        answered_at=now,
        ended_at=now,
        duration_s=1.0,
        talk_s=0.5,
        sip_code=200,
        sip_reason="OK",
        q850_cause=16,
        legs=(leg,),
    )


async def one_call(database: Database, number: int, commits_ms: list[float]) -> None:
    now = datetime.now(UTC)
    request = CallRequest(
        id=CallId(f"call_{time.time_ns():020}{number:06}"),
        account=ACCOUNT.sid,
        kind=Kind.OUTBOUND,
        from_="+4930123456",
        to="+4989987654",
        bridge="+4930123456",
        accepted_at=now,
    )
    begun = time.perf_counter()
    await database.writer.durable(AcceptCalls(requests=(request,), entries=(entry(request, 1, EntryKind.ACCEPTED),)))
    commits_ms.append((time.perf_counter() - begun) * 1000)
    for seq, (kind, state) in enumerate(STEPS, start=2):
        database.writer.submit(Append(call_id=request.id, entries=(entry(request, seq, kind),), state=state))
        await asyncio.sleep(0)
    record = final(request)
    told = announcement("call_end", request=request, account=ACCOUNT, sequence=1, at=now, record=record)
    begun = time.perf_counter()
    await database.writer.durable(
        Finish(record=record, entries=(entry(request, len(STEPS) + 2, EntryKind.FINAL),), announcements=told)
    )
    commits_ms.append((time.perf_counter() - begun) * 1000)


async def at_once(database: Database, calls: int) -> list[float]:
    commits_ms: list[float] = []
    numbers = iter(range(calls))

    async def worker() -> None:
        for number in numbers:
            await one_call(database, number, commits_ms)

    await asyncio.gather(*(worker() for _ in range(AT_ONCE)))
    return commits_ms


def cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def quantile(values: list[float], share: float) -> float:
    return round(sorted(values)[int(share * (len(values) - 1))], 2)


async def main() -> None:
    calls = int(sys.argv[1]) if len(sys.argv) > 1 else 5_000
    with tempfile.TemporaryDirectory() as folder:
        url = sys.argv[2] if len(sys.argv) > 2 else f"sqlite:///{folder}/bench.db"
        database = await Database.open(url, key_file=Path(folder) / "key")
        alone: list[float] = []
        for number in range(200):
            await one_call(database, 900_000 + number, alone)
        wall, cpu = time.perf_counter(), cpu_s()
        crowd = await at_once(database, calls)
        wall, cpu = time.perf_counter() - wall, cpu_s() - cpu
        health = database.writer.health()
        await database.close()
    figures = {
        "calls": calls,
        "calls_per_s": round(calls / wall),
        "cpu_us_per_call": round(cpu / calls * 1e6),
        "commit_alone_ms": {"p50": quantile(alone, 0.5), "p99": quantile(alone, 0.99)},
        "commit_at_full_load_ms": {"p50": quantile(crowd, 0.5), "p99": quantile(crowd, 0.99)},
        "groups": health.groups,
        "refused": health.refused,
    }
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    asyncio.run(main())
