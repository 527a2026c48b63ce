"""`call` and `c2c`: place a call through a running server, and if wanted follow it to its final status."""

import json
import time
from typing import Annotated, Any

from cyclopts import Parameter
from rich.markup import escape

from ringback.cli.client import Server, connect
from ringback.cli.output import CliError, out, waiting

POLL_S = 0.5
REACHED = {"ANSWER", "FLOW_ANSWER", "FLOW_EXECUTED", "MISS_CALL"}

Url = Annotated[str | None, Parameter(name="--url", help="Server, else RINGBACK_URL, else http://127.0.0.1:8080.")]
Key = Annotated[str | None, Parameter(name="--key", help="API key, else RINGBACK_API_KEY.")]
Sid = Annotated[str | None, Parameter(name="--sid", help="Account SID, else RINGBACK_SID.")]
Bridge = Annotated[str, Parameter(help="The account's number over which the call is placed.")]
Wait = Annotated[bool, Parameter(help="Wait for the final status; exit code 1 if nobody was reached.", negative="")]
Timeout = Annotated[int | None, Parameter(help="Seconds a party may ring, 5 to 180.")]
AsJson = Annotated[bool, Parameter(name="--json", help="Print JSON.", negative="")]


def call(
    to: Annotated[str, Parameter(help="Number to call, or several separated by commas.")],
    /,
    *,
    bridge: Bridge,
    flow: Annotated[str | None, Parameter(help="Flow to run on answer.")] = None,
    say: Annotated[str | None, Parameter(help="Text to speak on answer.")] = None,
    sound: Annotated[str | None, Parameter(help="Sound to play on answer.")] = None,
    timeout: Timeout = None,
    wait: Wait = False,
    as_json: AsJson = False,
    url: Url = None,
    key: Key = None,
    sid: Sid = None,
) -> int:
    """Place a call through a running server.

    Exactly one of --flow, --say and --sound says what happens when the callee answers.
    """
    targets: list[dict[str, Any]] = []
    if flow is not None:
        targets.append({"flow": {"id": flow}})
    if say is not None:
        targets.append({"message": {"text": say}})
    if sound is not None:
        targets.append({"sound": {"id": sound}})
    if len(targets) != 1:
        raise CliError('Say what happens on answer: give exactly one of --flow ID, --say "text" and --sound ID.')
    server = connect(url, key, sid)
    body = {"to": to, "bridge": bridge, "target": targets} | ({"timeout": timeout} if timeout is not None else {})
    return _place(server, "/voice/outbound", body, wait=wait, as_json=as_json)


def c2c(
    from_: Annotated[str, Parameter(name="FROM", help="Number that is called first.")],
    to: Annotated[str, Parameter(name="TO", help="Number that is called when the first has answered.")],
    /,
    *,
    bridge: Bridge,
    timeout: Timeout = None,
    wait: Wait = False,
    as_json: AsJson = False,
    url: Url = None,
    key: Key = None,
    sid: Sid = None,
) -> int:
    """Join two phones through a running server: FROM is called first, then TO."""
    server = connect(url, key, sid)
    body = {"from": from_, "to": to, "bridge": bridge} | ({"timeout": timeout} if timeout is not None else {})
    return _place(server, "/voice/click-to-call", body, wait=wait, as_json=as_json)


def _place(server: Server, path: str, body: dict[str, Any], *, wait: bool, as_json: bool) -> int:
    answer = server.post(path, body)
    placed = answer["data"]["calls"]
    if not wait:
        if as_json:
            out.print_json(json.dumps(answer))
        else:
            for one in placed:
                out.print(f"{one['id']}  to {escape(one['to'])}  accepted")
        return 0
    finals = [_follow(server, one["id"], one["to"]) for one in placed]
    if as_json:
        out.print_json(json.dumps(finals))
    else:
        for final in finals:
            _show(final)
    return 0 if all(final["status"] in REACHED for final in finals) else 1


def _follow(server: Server, call_id: str, to: str) -> dict[str, Any]:
    """Ask until the call is final: a scheduled call may take long, so there is no limit but Ctrl-C."""
    with waiting(f"Calling {to} ..."):
        while True:
            found: dict[str, Any] = server.get(f"/calls/{call_id}")
            if found.get("status"):
                return found
            time.sleep(POLL_S)


def _show(final: dict[str, Any]) -> None:
    color = "green" if final["status"] in REACHED else "yellow"
    reason = escape(final.get("reason") or "")
    out.print(f"{final['id']}  to {escape(str(final['to']))}  [bold {color}]{final['status']}[/]  {reason}")
    if final.get("explanation"):
        out.print(f"  {escape(str(final['explanation']))}")
