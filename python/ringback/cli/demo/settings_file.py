"""The demo's settings: one test account, its numbers, and two trunks to the simulator."""

import json
from pathlib import Path

from msgspec import Struct

from ringback.model.access import Scope

SID = "HXDEMO01"
BRIDGE = "+49309990001"
INACTIVE_BRIDGE = "+49309990002"
INCOMING_ONLY_BRIDGE = "+49309990003"
SINGLE_CHANNEL_BRIDGE = "+49309990004"
IVR_LINE = "+49309990010"
HOUR_LINE = "+49309990011"
SLOW_LINE = "+49309990012"
MISS_CALL_LINE = "+49309990013"
ANONYMOUS_LINE = "+49309990014"
PAUSED_LINE = "+49309990015"

RING_MS = 5_000
QUEUE_MS = 2_000


class Endpoints(Struct, frozen=True, kw_only=True):
    """Where everybody listens: `host:port` each, `webhook` a URL (empty for none), `also` further SIP listeners."""

    http: str
    sip: str
    carrier: str
    broken_carrier: str
    webhook: str = ""
    also: tuple[str, ...] = ()


def _text(value: object) -> str:
    """Write a TOML value; JSON's texts, numbers, booleans and lists are TOML's."""
    return json.dumps(value)


def _table(header: str, /, **values: object) -> str:
    lines = [f"{key} = {_text(value)}" for key, value in values.items()]
    return "\n".join([header if header.startswith("[") else f"[{header}]", *lines]) + "\n"


def settings_text(
    folder: Path, at: Endpoints, *, api_key: str, webhook_secret: str, t1_ms: int = 500, extra: str = ""
) -> str:
    """Write the TOML of a server for the demo; `extra` is appended as it is."""
    parts = [
        _table("http", listen=at.http, requests_per_s=1000, burst=10_000),
        _table("sip", listen=[at.sip, *at.also] if at.also else at.sip, t1_ms=t1_ms, trace=True),
        _table("media", first_port=20_000, last_port=39_998),
        _table(
            "[[account]]",
            sid=SID,
            name="Demo",
            is_test=True,
            channels=1_000,
            webhook_url=at.webhook or None,
            webhook_secret=webhook_secret,
            allow_private_webhooks=True,
        ).replace("webhook_url = null\n", ""),
        _table("account.defaults", ring_ms=RING_MS, incoming_ring_ms=RING_MS, queue_ms=QUEUE_MS),
        _table("[[api_key]]", account=SID, secret=api_key, scopes=[*Scope]),
        _table(
            "[[trunk]]",
            id="trunk_simulator",
            name="Carrier simulator",
            gateways=[at.carrier],
            sources=[at.carrier],
            test_only=True,
        ),
        _table(
            "[[trunk]]",
            id="trunk_broken",
            name="Misbehaving carrier",
            gateways=[at.broken_carrier],
            sources=[at.broken_carrier],
            test_only=True,
        ),
        _table("[[route]]", id="route_test", prefix="+999", trunks=["trunk_simulator"]),
        _table("[[route]]", id="route_broken", prefix="+9998", trunks=["trunk_broken"]),
    ]
    top = f"data_dir = {_text(str(folder))}\ngrace_s = 2.0\n"
    return "\n".join([top, *parts, *_numbers(), extra])


def _numbers() -> list[str]:
    plain = (BRIDGE, IVR_LINE, HOUR_LINE, MISS_CALL_LINE, ANONYMOUS_LINE, PAUSED_LINE)
    return [
        *(_table("[[number]]", number=number, account=SID) for number in plain),
        _table("[[number]]", number=INACTIVE_BRIDGE, account=SID, number_status="Inactive"),
        _table("[[number]]", number=INCOMING_ONLY_BRIDGE, account=SID, voice_out=False),
        _table("[[number]]", number=SINGLE_CHANNEL_BRIDGE, account=SID, channels=1),
        _table("[[number]]", number=SLOW_LINE, account=SID, ring_ms=2_000),
    ]
