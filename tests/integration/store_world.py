"""Calls to write, and a PostgreSQL of the tests' own."""

import itertools
import os
import pwd
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ringback.model.account import Account
from ringback.model.call import CallRequest
from ringback.model.final import FinalRecord, LegRecord
from ringback.model.ids import AccountSid, CallId, make_id
from ringback.model.journal import Entry, EntryKind, Verdict
from ringback.model.status import HangupBy, Kind, LegResult, Status
from ringback.store.writes import AcceptCalls, Finish, OutboxEvent
from ringback.webhook.events import announcement

NOW = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
OURS = AccountSid("acc_ours")
THEIRS = AccountSid("acc_theirs")

_counter = itertools.count(1)


def call_id() -> CallId:
    """Return an id no other call has, later ones sorting after earlier ones."""
    return CallId(make_id("call", at_ms=1_700_000_000_000 + next(_counter), entropy=os.urandom(10)))


def a_request(**changes: Any) -> CallRequest:
    """Return an outbound call of ours."""
    facts: dict[str, Any] = {
        "id": call_id(),
        "account": OURS,
        "kind": Kind.OUTBOUND,
        "from_": "+4930123456",
        "to": "+4989987654",
        "bridge": "+4930123456",
        "accepted_at": NOW,
    }
    return CallRequest(**facts | changes)


def an_entry(call: CallRequest, seq: int = 1, kind: EntryKind = EntryKind.ACCEPTED, **data: Any) -> Entry:
    """Return a journal entry."""
    return Entry(call_id=call.id, seq=seq, at=NOW + timedelta(microseconds=seq), kind=kind, data=data)


def accept(*calls: CallRequest, **more: Any) -> AcceptCalls:
    """Return the write that makes calls."""
    return AcceptCalls(requests=calls, entries=tuple(an_entry(call, request=call) for call in calls), **more)


def a_record(call: CallRequest, status: Status = Status.ANSWER, **changes: Any) -> FinalRecord:
    """Return the final record of a call that one leg was dialled for."""
    leg = LegRecord(
        leg=1, party=call.to, direction="out", result=LegResult.ANSWERED, trunk="trunk_a", started_at=NOW, sip_code=200
    )
    facts: dict[str, Any] = {
        "id": call.id,
        "account": call.account,
        "kind": call.kind,
        "attempt": call.attempt,
        "parent_id": call.parent_id,
        "from_": call.from_,
        "to": call.to,
        "bridge": call.bridge,
        "verdict": Verdict(
            status=status, reason="answered", rule="r1", table="t1", evidence=(2,), hangup_by=HangupBy.CALLEE
        ),
        "explanation": "It was answered.",
        "started_at": NOW,
        "ringing_at": None,
        "answered_at": NOW + timedelta(seconds=2),
        "ended_at": NOW + timedelta(seconds=62),
        "duration_s": 62.0,
        "talk_s": 60.0,
        "sip_code": 200,
        "sip_reason": "OK",
        "q850_cause": 16,
        "legs": (leg,),
        "custom": call.custom,
    }
    return FinalRecord(**facts | changes)


def finish(call: CallRequest, status: Status = Status.ANSWER, **more: Any) -> Finish:
    """Return the write that ends a call."""
    return Finish(record=a_record(call, status), entries=(an_entry(call, 2, EntryKind.FINAL),), **more)


def an_account(sid: AccountSid = OURS, **changes: Any) -> Account:
    """Return an account."""
    return Account(sid=sid, name=f"Account {sid}", **changes)


def events(name: str, call: CallRequest, account: Account, sequence: int = 1, **more: Any) -> tuple[OutboxEvent, ...]:
    """Return webhook events of a call."""
    return announcement(name, request=call, account=account, sequence=sequence, at=NOW, **more)


class Postgres:
    """A PostgreSQL cluster on a free port of loopback, for tests only."""

    def __init__(self, binaries: Path, folder: Path) -> None:
        self._binaries = binaries
        self._folder = folder
        self._databases = itertools.count(1)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        # The server refuses to run as root; Debian's package brings a user for it.
        self._user = "postgres" if os.geteuid() == 0 else None
        if self._user is not None:
            shutil.chown(folder, self._user)
        self._run("initdb", "-D", self._data, "-A", "trust", "-U", "ringback", "--no-sync")

    @property
    def _data(self) -> str:
        return str(self._folder / "data")

    def start(self) -> None:
        """Start the server; returns when it answers."""
        options = f"-p {self.port} -h 127.0.0.1 -k '' -c max_connections=50 -c fsync=off"
        self._run("pg_ctl", "-D", self._data, "-o", options, "-l", str(self._folder / "log"), "-w", "start")

    def stop(self) -> None:
        """Stop the server at once; clients see their connections break."""
        self._run("pg_ctl", "-D", self._data, "-m", "immediate", "-w", "stop")

    def new_database(self) -> str:
        """Create an empty database and return its URL."""
        name = f"test{next(self._databases)}"
        self._run("createdb", "-h", "127.0.0.1", "-p", str(self.port), "-U", "ringback", name)
        return f"postgresql://ringback@127.0.0.1:{self.port}/{name}"

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._binaries / program), *arguments]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, user=self._user, cwd=self._folder)


@contextmanager
def a_postgres() -> Iterator[Postgres]:
    """Run a PostgreSQL. Without its programs the test is skipped, in CI (where they are installed) it fails."""
    installed = [str(folder) for folder in Path("/usr/lib/postgresql").glob("*/bin")]
    binaries = sorted(installed) or [str(Path(shutil.which("initdb") or "").parent)]
    if not (Path(binaries[-1]) / "initdb").exists():
        explain = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        explain("PostgreSQL is not installed: install the Debian package `postgresql`")
    if os.geteuid() == 0 and "postgres" not in [user.pw_name for user in pwd.getpwall()]:
        pytest.skip("PostgreSQL does not run as root, and there is no user `postgres`")
    # Not pytest's own folder: its parents are closed to the other user.
    folder = Path(subprocess.check_output(["mktemp", "-d", "/tmp/ringback-pg-XXXXXX"], text=True).strip())
    folder.chmod(0o755)
    server = Postgres(Path(binaries[-1]), folder)
    try:
        server.start()
        yield server
        server.stop()
    finally:
        # In the background: hundreds of megabytes can take longer than a test may on a busy disk.
        subprocess.run(["sh", "-c", 'rm -rf "$1" &', "sh", str(folder)], check=True)
